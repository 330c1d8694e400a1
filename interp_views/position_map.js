// One number per row and position. Pointing reads it, clicking selects it.

class PositionMap {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint, selected: null, pointed: null, write: null });
    this.cells = new PositionMapCells();
    this.title = el("span", { class: "hs-title" });
    this.writeSwitch = el("span", { class: "hs-push" });
    this.readout = el("div", { class: "hs-posmap-readout", "data-testid": "position-map-readout", "aria-live": "polite" });
    this.scale = el("div", { class: "hs-posmap-scale" });
    this.plot = el("div", { class: "hs-posmap-plot" }, this.cells.canvas);
    this.scroller = el("div", { class: "hs-posmap-scroller", role: "application", tabindex: 0, "data-testid": "position-map" }, this.plot);
    this.tip = el("div", { class: "hs-posmap-tip", "aria-hidden": "true", "data-testid": "position-map-tip" });
    this.tip.hidden = true;
    root.append(el("div", { class: "hs-bar" }, this.title, this.writeSwitch), this.scale, this.readout,
      el("div", { class: "hs-posmap-frame" }, this.scroller, this.tip));
    this.signal = signal;
    this.listen(signal);
  }

  listen(signal) {
    const on = (type, act) => this.scroller.addEventListener(type, act, { signal });
    on("pointermove", (event) => this.point(this.cells.cellUnder(event)));
    on("pointerleave", () => this.point(null));
    on("blur", () => this.point(null));
    on("scroll", this.repaint);
    on("click", (event) => {
      const cell = this.cells.cellUnder(event);
      if (cell) this.open(cell);
    });
    const asGrid = (cell) => cell && { row: cell.row ?? 0, column: cell.pos };
    cellKeys(this.scroller, signal, {
      size: () => ({ rows: this.header.rows.length, columns: this.header.tokens.length }),
      at: () => asGrid(this.pointed ?? this.selected),
      move: ({ row, column }) => this.reach({ row, pos: column }),
      act: ({ row, column }) => this.open({ row, pos: column }),
    });
  }

  update(header, arrays) {
    if (header.about !== this.header?.about) this.selected = null;
    Object.assign(this, { header, arrays, pointed: null });
    this.title.textContent = header.name;
    const size = `${header.rows.length} rows (${header.row_name}) down, ${header.tokens.length} positions across`;
    this.scroller.setAttribute("aria-label", `${header.name}, ${header.unit}: ${size}. Arrows move, Enter selects a cell.`);
    this.offerWriting();
    this.more = el("span", {}, `${header.tokens.length} columns: scroll sideways for the rest ↔`);
    this.scale.replaceChildren(this.legend(), ...this.notes(), this.more);
  }

  // What stands in the cells: words where there are some, unless the reader has chosen otherwise.
  offerWriting() {
    const ways = [...(this.header.words ? [["words", "Tokens"]] : []), ["values", "Values"], ["none", "Colours"]];
    if (!ways.some(([way]) => way === this.write)) this.write = null;
    const first = this.header.written === "values" || this.header.words ? this.header.written : "none";
    this.chosen = this.write ?? (this.header.tokens.length <= 64 ? first : "none");
    const options = ways.map(([way, text]) => [way, text, `position-map-write-${way}`]);
    const { node, show } = buttonSwitch("In the cells", options, this.signal, (way) => {
      this.write = this.chosen = way;
      show(way);
      this.repaint();
    });
    show(this.chosen);
    this.writeSwitch.replaceChildren(node);
  }

  receive(part, { row, pos }) {
    if (part !== "selection") return;
    const exists = pos !== null && pos < this.header.tokens.length && (row === null || row < this.header.rows.length);
    this.selected = exists ? { row, pos } : null;
    this.mustShow = exists && { row, pos };
    this.repaint();
  }

  legend() {
    const { low, high, signed, unit, decimals, log } = this.header;
    const end = (value) => signedNumber(value, decimals);
    return rangeScale(signed ? "signed" : "attention", end(low), end(high), `${unit}, ${log ? "colours by log(1 + value)" : "linear"}`);
  }

  notes() {
    const { low, high, missing } = this.header;
    const count = (holds) => this.arrays.values.reduce((sum, value) => sum + (holds(value) ? 1 : 0), 0);
    const [absent, above, below] = [count(Number.isNaN), count((value) => value > high), count((value) => value < low)];
    const notes = [];
    if (absent) notes.push(el("span", {}, el("i", { class: "hs-posmap-hatch" }), `${missing} (${absent})`));
    if (above) notes.push(el("span", {}, `▲ beyond the last colour: ${above}`));
    if (below) notes.push(el("span", {}, `▼ below the first colour: ${below}`));
    return notes;
  }

  point(cell) {
    if (cell?.row === this.pointed?.row && cell?.pos === this.pointed?.pos) return;
    this.pointed = cell;
    this.repaint();
  }

  // By keyboard: the cell must come into view.
  reach(cell) {
    this.scrollTo(cell);
    this.point(cell);
  }

  scrollTo({ pos }) {
    const { left, cellWidth } = this.cells;
    const start = pos * cellWidth;
    const room = this.scroller.clientWidth - left - cellWidth;
    this.scroller.scrollLeft = Math.min(start, Math.max(this.scroller.scrollLeft, start - room));
  }

  open(cell) {
    this.selected = cell;
    this.send("open", { row: cell.row, pos: cell.pos });
    this.repaint();
  }

  paint(colours) {
    this.cells.measure(this.header, this.root.clientWidth, this.chosen);
    Object.assign(this.plot.style, { width: `${this.cells.width}px`, height: `${this.cells.height}px` });
    this.more.hidden = this.cells.width <= this.root.clientWidth;
    if (this.mustShow) this.scrollTo(this.mustShow);
    this.mustShow = null;
    const marks = [[this.selected, colours.selected], [this.pointed, colours.ink]];
    this.cells.draw(this.arrays, this.scroller.scrollLeft, colours, marks);
    const shown = this.pointed ?? (this.selected?.row === null ? null : this.selected);
    this.readout.classList.toggle("is-empty", !shown);
    this.readout.replaceChildren(...(shown ? this.inWords(shown) : ["Point at a cell for its value; click to select it."]));
    this.showTip();
  }

  inWords(cell) {
    const words = this.wordsOf(cell);
    const list = words.flatMap(([word, value], i) => [i ? ", " : " · ", code(word), ` ${value}`]);
    return [...this.nameOf(cell), ` · ${this.valueOf(cell)}`, ...list];
  }

  nameOf({ row, pos }) {
    return [`${this.header.row_name} ${this.header.rows[row]} · `, code(this.cells.columnName(pos))];
  }

  valueOf({ row, pos }) {
    const value = this.arrays.values[this.cells.at(row, pos)];
    return Number.isNaN(value) ? this.header.missing : `${signedNumber(value, this.header.decimals)} ${this.header.unit}`;
  }

  wordsOf({ row, pos }) {
    const { words, n_words: count } = this.header;
    if (!words || Number.isNaN(this.arrays.values[this.cells.at(row, pos)])) return [];
    const first = this.cells.at(row, pos) * count;
    return Array.from({ length: count }, (_, i) => {
      const value = this.arrays.word_values[first + i];
      return [words[this.arrays.word_places[first + i]], signedNumber(value, 3)];
    });
  }

  // Beside the cell, on the side where there is room.
  showTip() {
    const { tip, pointed } = this;
    tip.hidden = pointed === null;
    if (tip.hidden) return;
    const rows = this.wordsOf(pointed).map(([word, value]) => el("tr", {}, el("td", {}, code(word)), el("td", {}, value)));
    const table = rows.length ? [el("table", {}, ...rows), el("span", { class: "hs-note" }, this.header.word_unit)] : [];
    tip.replaceChildren(el("strong", {}, ...this.nameOf(pointed)), this.valueOf(pointed), ...table);
    const { x, y, width } = this.cells.box(pointed);
    const room = this.scroller.clientWidth;
    const isLeft = x + width / 2 > room / 2;
    Object.assign(tip.style, {
      top: `${Math.max(0, Math.min(y - 4, this.cells.height - tip.offsetHeight))}px`,
      left: isLeft ? "auto" : `${x + width + 8}px`,
      right: isLeft ? `${this.root.clientWidth - x + 8}px` : "auto",
    });
  }
}

export default function render(component) {
  return mount(component, PositionMap);
}
