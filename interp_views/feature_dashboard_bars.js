// A histogram, with a line that can be put at a value.

const BARS_LEFT = 38;
const BARS_RIGHT = 8;
const BARS_TOP = 16;
const BARS_BOTTOM = 18;
// Put together here, because a page that stands alone is checked to hold no address.
const SVG_NAMES = ["http:", "", "www.w3.org", "2000", "svg"].join("/");
const shortCount = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

function svgNode(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG_NAMES, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

class FeatureBars {
  // `texts` are { title, axis, counted, testid }; `colour(value, ramps)` is the fill of the bar around a value.
  constructor(texts, bars, height, colour, signal) {
    Object.assign(this, { texts, bars, height, colour, most: bars.counts.reduce((a, b) => Math.max(a, b), 0) });
    this.readout = el("span", { class: "hs-fd-aside", "data-testid": `${texts.testid}-readout` });
    this.drawing = svgNode("svg", { height, role: "img", "aria-label": this.inWords(), "data-testid": texts.testid });
    const axis = `${texts.axis}${bars.log ? ", log2 axis" : ""}`;
    this.node = el("figure", { class: "hs-fd-bars" },
      el("figcaption", { class: "hs-fd-heading" }, el("h3", {}, texts.title), this.readout), this.drawing, el("div", { class: "hs-fd-axis" }, axis));
    this.line = svgNode("g", { class: "hs-fd-line", "data-testid": `${texts.testid}-line`, visibility: "hidden" }, svgNode("line"), svgNode("text"));
    this.drawing.addEventListener("pointermove", (event) => this.read(event), { signal });
    this.drawing.addEventListener("pointerleave", () => this.readout.replaceChildren(), { signal });
  }

  inWords() {
    const { counts, edges } = this.bars;
    const total = counts.reduce((a, b) => a + b, 0);
    const highest = counts.indexOf(this.most);
    const range = `from ${featureNumber(edges[0])} to ${featureNumber(edges[counts.length])}`;
    return `${this.texts.title}: ${total.toLocaleString("en")} ${this.texts.counted} in ${counts.length} bins ${range}; highest bin ${this.bin(highest)}`;
  }

  bin(i) {
    const { counts, edges } = this.bars;
    return `${featureNumber(edges[i])} to ${featureNumber(edges[i + 1])}: ${counts[i].toLocaleString("en")} ${this.texts.counted}`;
  }

  place(value) {
    const at = (edge) => (this.bars.log ? Math.log2(edge) : edge);
    const { edges } = this.bars;
    const [low, high] = [at(edges[0]), at(edges[edges.length - 1])];
    const share = (at(Math.max(value, this.bars.log ? Number.MIN_VALUE : -Infinity)) - low) / (high - low);
    return BARS_LEFT + share * (this.width - BARS_LEFT - BARS_RIGHT);
  }

  paint(ramps, colours) {
    const width = this.node.clientWidth;
    if (!width || (width === this.width && ramps === this.ramps)) return;
    Object.assign(this, { width, ramps });
    this.drawing.setAttribute("width", width);
    this.drawing.replaceChildren(...this.grid(colours), ...this.columns(ramps), ...this.ticks(colours), this.line);
    const [line, text] = this.line.children;
    line.setAttribute("stroke", colours.ink);
    text.setAttribute("fill", colours.ink);
    this.mark(this.marked ?? null);
  }

  grid({ border, muted }) {
    const bottom = this.height - BARS_BOTTOM;
    return [0.5, 1].flatMap((share) => {
      const y = bottom - share * (bottom - BARS_TOP);
      const count = shortCount.format(share * this.most);
      return [
        svgNode("line", { x1: BARS_LEFT, x2: this.width - BARS_RIGHT, y1: y, y2: y, stroke: border, "stroke-width": 0.5 }),
        svgNode("text", { x: BARS_LEFT - 4, y: y + 3, fill: muted, "text-anchor": "end" }, this.most > 1 || share === 1 ? count : ""),
      ];
    });
  }

  columns(ramps) {
    const { counts, edges } = this.bars;
    const bottom = this.height - BARS_BOTTOM;
    return Array.from(counts, (count, i) => {
      const [left, right] = [this.place(edges[i]), this.place(edges[i + 1])];
      // What is there is seen, however small beside the highest bin.
      const height = count ? Math.max(1, (count / this.most) * (bottom - BARS_TOP)) : 0;
      const { fill, stroke } = this.colour(edges[i], edges[i + 1], ramps);
      const gap = right - left > 3 ? 0.5 : 0;
      return svgNode("rect", { x: left, y: bottom - height, width: Math.max(0.5, right - left - gap), height, fill, stroke, "stroke-width": height ? 0.5 : 0 });
    });
  }

  ticks({ border, muted }) {
    const bottom = this.height - BARS_BOTTOM;
    const base = svgNode("line", { x1: BARS_LEFT, x2: this.width - BARS_RIGHT, y1: bottom, y2: bottom, stroke: border });
    const { edges, log } = this.bars;
    const values = (log ? powerTicks : evenTicks)(edges[0], edges[edges.length - 1], Math.max(2, Math.floor(this.width / 56)));
    return [base, ...values.flatMap((value) => {
      const x = this.place(value);
      return [
        svgNode("line", { x1: x, x2: x, y1: bottom, y2: bottom + 3, stroke: muted }),
        svgNode("text", { x, y: bottom + 14, fill: muted, "text-anchor": "middle" }, signedTick(value)),
      ];
    })];
  }

  // Put the line at a value, or take it away (null). A value outside of the axis stands at its end.
  mark(value) {
    this.marked = value;
    const shown = value !== null && !Number.isNaN(value) && !(this.bars.log && value <= 0) && Boolean(this.width);
    this.line.setAttribute("visibility", shown ? "visible" : "hidden");
    if (!shown) return;
    const x = Math.min(this.width - BARS_RIGHT, Math.max(BARS_LEFT, this.place(value)));
    const [line, text] = this.line.children;
    for (const [name, at] of Object.entries({ x1: x, x2: x, y1: BARS_TOP - 3, y2: this.height - BARS_BOTTOM })) line.setAttribute(name, at);
    text.setAttribute("x", Math.min(this.width - 24, Math.max(BARS_LEFT, x)));
    text.setAttribute("y", BARS_TOP - 6);
    text.setAttribute("text-anchor", "middle");
    text.textContent = featureNumber(value);
  }

  read(event) {
    const x = event.clientX - this.drawing.getBoundingClientRect().left;
    const { counts, edges } = this.bars;
    const i = counts.findIndex((_, at) => x >= this.place(edges[at]) && x < this.place(edges[at + 1]));
    this.readout.textContent = i < 0 ? "" : this.bin(i);
  }
}

const signedTick = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

// Round values at even distances between two ends, about `count` of them.
function evenTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

// Powers of two between two ends, at most `count` of them.
function powerTicks(low, high, count) {
  const [first, last] = [Math.ceil(Math.log2(low) - 1e-6), Math.floor(Math.log2(high) + 1e-6)];
  const step = Math.max(1, Math.ceil((last - first + 1) / count));
  return Array.from({ length: Math.max(0, Math.floor((last - first) / step) + 1) }, (_, i) => 2 ** (first + i * step));
}
