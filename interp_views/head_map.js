// One number per head. Pointing reads it, clicking opens the head.

class HeadMap {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint, selected: null, pointed: null });
    this.cells = new HeadMapCells();
    this.title = el("span", { class: "hs-title" });
    this.readout = el("span", { "data-testid": "head-map-readout", "aria-live": "polite" });
    this.scale = el("div", { class: "hs-map-scale" });
    this.boxes = { selected: el("i", { class: "hs-map-box is-selected" }), pointed: el("i", { class: "hs-map-box is-pointed" }) };
    this.plot = el("div", { class: "hs-map-plot", role: "application", tabindex: 0, "data-testid": "head-map" },
      this.cells.canvas, this.boxes.selected, this.boxes.pointed);
    this.scroller = el("div", { class: "hs-map-scroller" }, this.plot);
    this.tip = el("div", { class: "hs-map-tip", "aria-hidden": "true", "data-testid": "head-map-tip" });
    root.append(el("div", { class: "hs-bar" }, this.title, this.readout), this.scale,
      el("div", { class: "hs-map-frame" }, this.scroller, this.tip));
    this.listen(signal);
  }

  listen(signal) {
    const on = (type, act) => this.plot.addEventListener(type, act, { signal });
    on("pointermove", (event) => this.point(this.cells.cellUnder(event)));
    on("pointerleave", () => this.point(null));
    on("blur", () => this.point(null));
    on("click", (event) => {
      const cell = this.cells.cellUnder(event);
      if (cell) this.open(cell);
    });
    cellKeys(this.plot, signal, {
      size: () => ({ rows: this.header.n_layers, columns: this.header.n_columns }),
      at: () => this.pointed ?? this.selected,
      move: (cell) => this.point(cell),
      act: (cell) => this.open(cell),
    });
    this.scroller.addEventListener("scroll", this.repaint, { signal });
  }

  update(header, { values }) {
    if (header.about !== this.header?.about) this.selected = null;
    Object.assign(this, { header, values, pointed: null });
    this.title.textContent = header.name;
    const shape = `${header.n_layers} layers down, ${header.n_heads} heads${header.n_columns > header.n_heads ? " and the MLP" : ""} across`;
    this.plot.setAttribute("aria-label", `${header.name}, ${header.unit}: ${shape}. Arrows move, Enter opens a head.`);
    this.scale.replaceChildren(this.legend(), ...this.notes());
  }

  receive(part, { layer, head, mlp }) {
    if (part !== "selection") return;
    const { n_layers, n_heads, n_columns } = this.header;
    const column = mlp ? n_heads : head;
    const exists = layer !== null && layer < n_layers && column < (mlp ? n_columns : n_heads);
    this.selected = exists ? { row: layer, column } : null;
    this.repaint();
  }

  legend() {
    const { low, high, signed, unit, decimals } = this.header;
    return rangeScale(signed ? "signed" : "attention", signedNumber(low, decimals), signedNumber(high, decimals), `${unit}, linear`);
  }

  notes() {
    const { low, high } = this.header;
    const count = (holds) => this.values.filter(holds).length;
    const [missing, above, below] = [count(Number.isNaN), count((value) => value > high), count((value) => value < low)];
    const notes = [];
    if (missing) notes.push(el("span", {}, el("i", { class: "hs-map-hatch" }), `${this.header.missing} (${missing})`));
    if (above) notes.push(el("span", {}, `▲ beyond the last colour: ${above}`));
    if (below) notes.push(el("span", {}, `▼ below the first colour: ${below}`));
    return notes;
  }

  point(cell) {
    if (cell?.row === this.pointed?.row && cell?.column === this.pointed?.column) return;
    this.pointed = cell;
    this.repaint();
  }

  open(cell) {
    this.selected = cell;
    this.send("open", this.isMlp(cell) ? { layer: cell.row, mlp: true } : { layer: cell.row, head: cell.column });
    this.repaint();
  }

  isMlp({ column }) {
    return column === this.header.n_heads;
  }

  paint(colours) {
    this.cells.draw(this.header, this.values, this.root.clientWidth, colours);
    for (const [name, box] of Object.entries(this.boxes)) this.place(box, this[name]);
    const shown = this.pointed ?? this.selected;
    const sentence = shown ? this.inWords(shown) : "Point at a cell for its value.";
    this.readout.className = shown ? "hs-map-readout" : "hs-note";
    this.readout.textContent = sentence;
    this.showTip();
  }

  inWords(cell) {
    const { row, column } = cell;
    const value = this.values[row * this.header.n_columns + column];
    const text = Number.isNaN(value) ? this.header.missing : signedNumber(value, this.header.decimals);
    return this.isMlp(cell) ? `MLP of layer ${row} ${text}` : `L${row}H${column} ${text}`;
  }

  place(box, cell) {
    box.hidden = cell === null;
    if (!cell) return;
    const { x, y, width, height } = this.cells.box(cell);
    Object.assign(box.style, { left: `${x - 2}px`, top: `${y - 2}px`, width: `${width + 3}px`, height: `${height + 3}px` });
  }

  // Beside the cell, on the side where there is room. Where cells hold their numbers, it would only hide some.
  showTip() {
    const { tip, pointed } = this;
    tip.hidden = pointed === null || this.cells.isWritten;
    if (tip.hidden) return;
    tip.textContent = this.inWords(pointed);
    const { x, y, width } = this.cells.box(pointed);
    const left = x - this.scroller.scrollLeft;
    const isLeft = left + width + 220 > this.root.clientWidth;
    Object.assign(tip.style, {
      top: `${y - 4}px`,
      left: isLeft ? "auto" : `${left + width + 6}px`,
      right: isLeft ? `${this.root.clientWidth - left + 6}px` : "auto",
    });
  }
}

export default function render(component) {
  return mount(component, HeadMap);
}
