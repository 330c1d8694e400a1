// One head of the grid, large, with its values under the pointer.

class LargeHead {
  constructor(signal, repaint, rescale) {
    Object.assign(this, { repaint, window: null, cell: null });
    const change = (window) => {
      this.window = window;
      repaint();
    };
    this.grid = new AttentionGrid(signal, {
      hover: (cell) => this.point(cell),
      choose() {},
      zoom: change,
    });
    this.legend = new AttentionLegend(signal, {
      zoomIn: () => this.grid.gestures.by(1 / 1.5),
      zoomOut: () => this.grid.gestures.by(1.5),
      resetZoom: () => change(null),
      savePng: () => savePng(this.figure()),
      saveSvg: () => saveSvg(this.figure()),
      rescale,
    });
    this.title = el("span", { class: "hs-title" });
    this.readout = el("span", { class: "hs-readout", "data-testid": "attention-readout", "aria-live": "polite" });
    this.node = el("div", { class: "hs-plot", hidden: "" }, el("div", { class: "hs-bar" }, this.title, this.readout), this.grid.node, this.legend.node);
  }

  // New data: another pattern and other tokens.
  update(pattern, header) {
    Object.assign(this, { pattern, unit: header.unit, cell: null });
    this.window = this.window && fitWindow(pattern, this.window);
    this.labels = header.tokens.map((token, at) => `${at}: ${[...token.slice(0, 80)].slice(0, 40).join("")}`);
    this.tokens = { name: (pos) => code(`${pos}: ${header.tokens[pos]}`) };
  }

  point(cell) {
    this.cell = cell;
    this.repaint();
  }

  draw(index, name, scale, colours) {
    this.node.hidden = index === null;
    if (index === null) return;
    if (this.colours !== colours) [this.colours, this.hues] = [colours, new HeadHues(1, colours)];
    const { pattern, window, labels, hues, cell, unit } = this;
    this.name = name;
    this.grid.draw({ pattern, focus: null, head: index, hues, window, scale, name, labels, room: this.node.clientWidth, colours });
    this.grid.mark(cell, null);
    this.title.textContent = name;
    this.readout.replaceChildren(...(cell
      ? cellWords(pattern, [index], hues, () => name, this.tokens, cell)
      : [el("span", { class: "hs-note" }, "Point at a cell for its value.")]));
    const { grain, pool } = this.grid.layout.part;
    this.legend.show({ pattern, unit, isMixed: false, hues, colours, pooled: grain * pool, isZoomed: window !== null, scale, stretch: this.grid.stretch });
  }

  figure() {
    const { stops, hint, unit, end } = this.legend;
    return {
      grid: this.grid, title: `Attention, ${this.name}`, stops, end: end.textContent, unit: unit.textContent, hint: hint.textContent,
      heads: [], filename: `attention-${this.name}`,
    };
  }
}
