// The examples of one feature: groups of lines of tokens, each line in one row with its peak below the others'.

const FIRST_SHOWN = [10, 5];
const MORE_SHOWN = 20;
const PEAK_PLACE = 0.42;
// An effect of a smaller share than this would be a line in the colour of the paper.
const LEAST_LINE = 0.02;

class FeatureExamples {
  // `actions` are { point({ example, pos, node } | null), open(example) }; `unfolded` maps a group's title to how many are shown.
  constructor(feature, { compact, unfolded, effect, actions, signal }) {
    Object.assign(this, { feature, compact, unfolded, effect, actions, lines: [], chosen: null });
    this.node = el("div", { class: "hs-fd-examples", "data-testid": "feature-examples" });
    this.listen(signal);
    this.write();
  }

  listen(signal) {
    const on = (type, act) => this.node.addEventListener(type, act, { signal });
    on("pointerover", (event) => this.actions.point(this.placeOf(event.target)));
    on("pointerleave", () => this.actions.point(null));
    on("focusin", (event) => event.target.matches(":focus-visible") && this.actions.point(this.placeOf(event.target)));
    on("focusout", () => this.actions.point(null));
    on("click", (event) => this.click(event.target));
    on("keydown", (event) => this.key(event));
    this.node.addEventListener("scroll", (event) => this.cut(event.target), { signal, capture: true });
  }

  write() {
    const { groups } = this.feature;
    const shown = this.compact ? groups.slice(0, 1) : groups;
    this.lines = [];
    const none = this.feature.activations ? "No examples are stored for this feature." : "No examples: no activation was seen.";
    const sections = shown.map((group, i) => this.section(group, i));
    this.node.replaceChildren(...(sections.length ? sections : [el("p", { class: "hs-note" }, none)]));
    this.ramps = null;
  }

  section(group, index) {
    const first = index && !this.compact ? FIRST_SHOWN[1] : FIRST_SHOWN[0];
    const shown = this.compact ? first : this.unfolded.get(`${index} ${group.title}`) ?? first;
    const rest = this.compact ? 0 : group.examples.length - shown;
    const lines = group.examples.slice(0, shown).map((example) => this.line(example));
    const more = el("button", { type: "button", class: "hs-fd-more", "data-more": index, "data-shown": shown }, `Show ${Math.min(rest, MORE_SHOWN)} more of ${group.examples.length}`);
    const empty = group.examples.length ? [] : [el("p", { class: "hs-note" }, "No examples in this group.")];
    return el("section", { "data-testid": "feature-group" },
      el("div", { class: "hs-fd-heading" }, el("h3", {}, group.title), el("span", { class: "hs-fd-aside" }, group.note)),
      ...lines, ...empty, ...(rest > 0 ? [more] : []));
  }

  line(example) {
    const at = this.lines.length;
    const strongest = example.sources ? strongestSource(example.sources) : -1;
    const spans = example.tokens.map((token, pos) => {
      const span = tokenText("span", { class: "hs-fd-token", role: "button", tabindex: pos === example.peak ? 0 : -1, "data-pos": pos }, token.text);
      span.setAttribute("aria-label", `${token.text}, ${activationText(example.values[pos])}`);
      if (pos === example.peak) span.classList.add("is-peak");
      if (pos === strongest) span.classList.add("is-source");
      return span;
    });
    const scroller = el("div", { class: "hs-fd-scroller" }, el("div", { class: "hs-fd-run" }, ...spans));
    const value = el("span", { class: "hs-fd-value" }, signedNumber(example.activation, 2));
    const node = el("div", {
      class: "hs-fd-example", role: "group", "aria-label": `${example.place}, activation ${signedNumber(example.activation, 2)}`,
      "data-line": at, "data-testid": `feature-example-${example.number}`,
    }, value, scroller);
    this.lines.push({ example, node, scroller, spans });
    return node;
  }

  placeOf(target) {
    const span = target.closest("[data-pos]");
    if (!span) return null;
    const { example } = this.lines[Number(span.closest("[data-line]").dataset.line)];
    return { example, pos: Number(span.dataset.pos), node: span };
  }

  click(target) {
    const more = target.closest("[data-more]");
    if (more) return this.unfold(Number(more.dataset.more), Number(more.dataset.shown));
    const line = target.closest("[data-line]");
    if (line) this.open(Number(line.dataset.line));
  }

  unfold(index, shown) {
    this.unfolded.set(`${index} ${this.feature.groups[index].title}`, shown + MORE_SHOWN);
    this.write();
    this.actions.rewritten();
    // The first line that was hidden: where the reader goes on.
    const group = this.node.children[index].querySelectorAll(".is-peak");
    group[shown]?.focus({ preventScroll: true });
  }

  open(at) {
    this.choose(this.lines[at].example.number);
    this.actions.open(this.lines[at].example);
  }

  // Mark the example of that number, and no other.
  choose(number) {
    this.chosen = number;
    for (const { node, example } of this.lines) node.classList.toggle("is-chosen", example.number === number);
  }

  key(event) {
    const place = this.placeOf(event.target);
    if (!place || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Number(place.node.closest("[data-line]").dataset.line);
    const last = place.example.tokens.length - 1;
    const pos = { ArrowLeft: place.pos - 1, ArrowRight: place.pos + 1, Home: 0, End: last }[event.key];
    const line = { ArrowUp: at - 1, ArrowDown: at + 1 }[event.key];
    if (pos !== undefined) moveTabStop(this.lines[at].spans, within(pos, last + 1)).focus();
    else if (line !== undefined) this.lines[within(line, this.lines.length)].spans.find((span) => span.tabIndex === 0).focus();
    else if (event.key === "Enter" || event.key === " ") this.open(at);
    else return;
    event.preventDefault();
  }

  paint(ramps, isWrapped) {
    this.node.classList.toggle("is-wrapped", isWrapped);
    if (this.ramps !== ramps) for (const line of this.lines) this.shade(line, ramps);
    this.ramps = ramps;
    this.align(isWrapped);
  }

  shade({ example, spans }, { shade, swing }) {
    const { values, losses } = example;
    spans.forEach((span, pos) => {
      tint(span, shade, values[pos] > 0 ? values[pos] / (this.feature.largest || 1) : 0);
      if (!(values[pos] > 0)) span.style.backgroundColor = "";
      span.classList.toggle("is-left-out", Number.isNaN(values[pos]));
      const share = losses && this.effect ? losses.exact[pos] / this.effect : NaN;
      span.style.borderBottomColor = Math.abs(share) > LEAST_LINE ? swing.at(share) : "transparent";
    });
  }

  // Each run of tokens is scrolled (or set in) so that all peaks begin at the same place.
  align(isWrapped) {
    const measured = this.lines.map(({ scroller, spans, example }) => {
      const run = scroller.firstElementChild;
      const first = spans[0].offsetLeft;
      return { scroller, run, room: scroller.clientWidth, before: spans[example.peak].offsetLeft - first, length: lastEdge(spans) - first };
    });
    if (!measured.length) return;
    const place = Math.min(PEAK_PLACE * measured[0].room, Math.max(...measured.map(({ before }) => before)));
    for (const { run, room, before, length } of measured) {
      const [lead, tail] = isWrapped ? [0, 0] : [Math.max(0, place - before), Math.max(0, room - place - (length - before))];
      Object.assign(run.style, { paddingLeft: `${lead}px`, paddingRight: `${tail}px` });
    }
    for (const { scroller, before } of measured) scroller.scrollLeft = isWrapped ? 0 : Math.max(0, before - place);
    for (const { scroller } of measured) this.cut(scroller);
  }

  // What goes on beyond an end fades out there.
  cut(scroller) {
    if (!scroller.classList?.contains("hs-fd-scroller")) return;
    const { scrollLeft, clientWidth, scrollWidth } = scroller;
    scroller.classList.toggle("is-cut-left", scrollLeft > 1);
    scroller.classList.toggle("is-cut-right", scrollLeft + clientWidth < scrollWidth - 1);
  }
}

const lastEdge = (spans) => spans[spans.length - 1].offsetLeft + spans[spans.length - 1].offsetWidth;

const activationText = (value) => (Number.isNaN(value) ? "left out of the harvest" : `activation ${featureNumber(value)}`);

// Where the largest of the sources stands, -1 if none is above 0.
const strongestSource = (sources) => sources.reduce((best, value, pos) => (value > (best < 0 ? 0 : sources[best]) ? pos : best), -1);
