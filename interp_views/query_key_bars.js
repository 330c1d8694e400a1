// One key in full: the strips q, k and their product one below the other, and the products as bars.

const PAIR = { label: 56, strip: 18, gap: 6, bars: 150, barsTop: 14, right: 8 };

class QueryKeyPair {
  constructor(signal, repaint) {
    this.strips = el("canvas", { role: "img", "data-testid": "query-key-strips" });
    this.bars = el("canvas", { role: "img", "data-testid": "query-key-bars" });
    this.readout = el("div", { class: "hs-pair-readout", "data-testid": "query-key-readout", "aria-live": "polite" });
    this.node = el("div", {}, this.strips, this.bars, this.readout);
    this.pointed = null;
    const point = (found) => {
      if (JSON.stringify(found) === JSON.stringify(this.pointed)) return;
      this.pointed = found;
      repaint();
    };
    for (const canvas of [this.strips, this.bars]) {
      canvas.addEventListener("pointermove", (event) => point(this.under(canvas, event)), { signal });
      canvas.addEventListener("pointerleave", () => point(null), { signal });
    }
  }

  draw(products, key, grouping, order, width, colours) {
    Object.assign(this, { products, key, width, colours, order });
    this.shown = products.bars(key, grouping, order);
    this.plotWidth = Math.max(40, width - PAIR.label - PAIR.right);
    this.drawStrips();
    this.drawBars();
    this.say();
  }

  lines() {
    const { products, key } = this;
    const k = products.k.subarray(key * products.dHead, (key + 1) * products.dHead);
    return [["q", products.q, products.largestQ], ["k", k, products.largestK], ["q × k", products.row(key), products.largest]];
  }

  drawStrips() {
    const context = sizedContext(this.strips, this.width, 3 * (PAIR.strip + PAIR.gap));
    this.strips.setAttribute("aria-label", `The query, the key ${this.key} and their scaled products, ${this.products.dHead} dimensions each.`);
    this.lines().forEach(([name, values, largest], line) => {
      const y = line * (PAIR.strip + PAIR.gap);
      drawStrip(context, values, largest, { x: PAIR.label, y, width: this.plotWidth, height: PAIR.strip }, this.colours.signed);
      this.write(context, name, PAIR.label - 8, y + PAIR.strip / 2, "right");
      context.strokeStyle = this.colours.border;
      context.strokeRect(PAIR.label - 0.5, y - 0.5, this.plotWidth + 1, PAIR.strip + 1);
    });
    const pitch = this.plotWidth / this.products.dHead;
    context.strokeStyle = this.colours.ink;
    for (const dim of this.pointed?.dims ?? [])
      context.strokeRect(PAIR.label + dim * pitch - 0.5, 0.5, Math.max(2, pitch) + 1, 3 * (PAIR.strip + PAIR.gap) - PAIR.gap - 1);
  }

  drawBars() {
    const context = sizedContext(this.bars, this.width, PAIR.bars);
    const most = largestSize(this.shown.map(({ product }) => product)) || 1;
    const middle = PAIR.barsTop + (PAIR.bars - 2 * PAIR.barsTop) / 2;
    const half = middle - PAIR.barsTop;
    const pitch = this.plotWidth / this.shown.length;
    const thick = Math.max(1, pitch - (pitch > 4 ? 1 : 0));
    this.bars.setAttribute("aria-label", `${this.shown.length} products as bars, the largest ${most.toFixed(4)}.`);
    this.shown.forEach(({ dims, product }, i) => {
      const isPointed = this.pointed?.dims.some((dim) => dims.includes(dim));
      context.fillStyle = isPointed ? this.colours.ink : this.colours.signed.at(product < 0 ? -0.62 : 0.62);
      const height = (Math.abs(product) / most) * half;
      context.fillRect(PAIR.label + i * pitch, product < 0 ? middle : middle - height, thick, height);
    });
    context.fillStyle = this.colours.border;
    context.fillRect(PAIR.label, middle - 0.5, this.plotWidth, 1);
    this.write(context, `scaled products, ${this.order === "size" ? "largest first" : "in order of dimension"}`, this.width - PAIR.right, 6, "right");
    for (const [value, y] of [[most, PAIR.barsTop], [0, middle], [-most, PAIR.bars - PAIR.barsTop]])
      this.write(context, value === 0 ? "0" : signedNumber(value, 3), PAIR.label - 8, y, "right");
  }

  write(context, text, x, y, align) {
    context.font = `11px ${this.colours.font}`;
    context.fillStyle = this.colours.muted;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(text, x, y);
  }

  under(canvas, event) {
    if (!this.shown) return null;
    const share = (event.clientX - canvas.getBoundingClientRect().left - PAIR.label) / this.plotWidth;
    if (share < 0 || share >= 1) return null;
    if (canvas === this.strips) return { dims: [Math.floor(share * this.products.dHead)], bar: null };
    const bar = Math.floor(share * this.shown.length);
    return { dims: this.shown[bar].dims, bar };
  }

  say() {
    if (!this.pointed) return this.readout.replaceChildren(el("span", { class: "hs-note" }, "Point at a cell or a bar for its numbers."));
    const { dims, bar } = this.pointed;
    const total = dims.reduce((sum, dim) => sum + this.products.at(this.key, dim), 0);
    const terms = dims.map((dim) => this.term(dim));
    const pair = dims.length > 1 ? ` · together ${signedNumber(total, 4)}` : "";
    const rank = bar !== null && this.order === "size" ? ` · the ${bar + 1} largest sum to ${signedNumber(this.sumOfFirst(bar + 1), 4)}` : "";
    this.readout.textContent = `${terms.join(" · ")}${pair}${rank}`;
  }

  term(dim) {
    const { q, k, dHead, scale } = this.products;
    const [one, other] = [q[dim], k[this.key * dHead + dim]].map((value) => signedNumber(value, 4));
    return `dim ${dim}: q ${one} × k ${other} × ${shortNumber(scale)} = ${signedNumber(this.products.at(this.key, dim), 4)}`;
  }

  sumOfFirst(count) {
    return this.shown.slice(0, count).reduce((sum, { product }) => sum + product, 0);
  }
}
