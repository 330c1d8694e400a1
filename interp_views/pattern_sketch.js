// Drawing the pattern to look for. Cells are kept as query * n + key.

class PatternSketch {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint, cells: new Set(), pointed: null, mode: "draw", isFull: false, unanswered: new Set() });
    this.grid = new SketchGrid(signal, {
      hover: (cell) => this.point(cell),
      begin: (cell) => this.paintCells([cell]),
      drag: (from, to) => this.paintCells(cellsBetween(from, to)),
      end: () => this.report(),
    });
    const modes = [["draw", "Draw", "sketch-draw"], ["erase", "Erase", "sketch-erase"]];
    this.modes = buttonSwitch("What a drag does", modes, signal, (mode) => this.set({ mode }));
    const clear = el("button", { type: "button", class: "hs-button", "data-testid": "sketch-clear" }, "Clear");
    clear.addEventListener("click", () => this.clear(), { signal });
    this.readout = el("span", { "data-testid": "sketch-readout", "aria-live": "polite" });
    this.count = el("span", { class: "hs-note hs-push", "data-testid": "sketch-count" });
    this.full = el("p", { class: "hs-sketch-full", role: "status", "data-testid": "sketch-full" });
    const hint = el("p", { class: "hs-note" }, "Drag to draw. By keyboard: arrows move, Space or Enter draws or erases a cell.");
    root.append(el("div", { class: "hs-bar" }, this.modes.node, clear, this.readout, this.count), this.full,
      el("div", { class: "hs-sketch-scroller" }, this.grid.node), hint);
    cellKeys(this.grid.node, signal, {
      size: () => ({ rows: this.n, columns: this.n }),
      at: () => this.pointed,
      // Above the diagonal there is nothing: a step there goes along it.
      move: ({ row, column }) => this.point({ row, column: Math.min(row, column) }),
      act: (cell) => this.toggle(cell),
    });
  }

  update(header, { cells }) {
    const isNew = header.about !== this.header?.about;
    Object.assign(this, { header, n: header.tokens.length });
    this.labels = header.tokens.map((token, pos) => `${pos}: ${token}`);
    this.grid.node.setAttribute("aria-label", `Sketch of a pattern, ${this.n} queries down, ${this.n} keys across. Arrows move, Space draws.`);
    const incoming = Array.from({ length: cells.length / 2 }, (_, i) => cells[2 * i] * this.n + cells[2 * i + 1]);
    if (isNew) Object.assign(this, { pointed: null, isFull: false });
    if (isNew || !this.isOvertaken(incoming)) this.cells = new Set(incoming);
  }

  // The host answers a sketch with the same sketch, and the reader may have drawn on meanwhile.
  isOvertaken(incoming) {
    const answer = sketchName(incoming);
    const isNewest = answer === sketchName(this.cells);
    const isOlder = !isNewest && this.unanswered.has(answer);
    if (isNewest) this.unanswered.clear();
    return isOlder || this.grid.last !== null;
  }

  set(change) {
    Object.assign(this, change);
    this.repaint();
  }

  point(cell) {
    if (cell?.row === this.pointed?.row && cell?.column === this.pointed?.column) return;
    this.set({ pointed: cell });
  }

  paintCells(cells) {
    for (const { row, column } of cells)
      // A straight line between two cells of the triangle stays in it.
      this.put(row * this.n + column, this.mode === "draw");
    this.repaint();
  }

  put(cell, isDrawn) {
    if (!isDrawn) this.cells.delete(cell);
    else if (this.cells.size < this.header.max_cells) this.cells.add(cell);
    this.isFull = isDrawn && (this.isFull || !this.cells.has(cell));
  }

  toggle({ row, column }) {
    const cell = row * this.n + column;
    this.put(cell, !this.cells.has(cell));
    this.report();
  }

  clear() {
    this.cells.clear();
    this.isFull = false;
    this.report();
  }

  report() {
    const cells = [...this.cells].sort((a, b) => a - b);
    this.unanswered.add(sketchName(cells));
    this.send("sketch", { cells: cells.map((cell) => [Math.floor(cell / this.n), cell % this.n]) });
    this.repaint();
  }

  paint(colours) {
    const has = (row, column) => this.cells.has(row * this.n + column);
    this.grid.draw(this.labels, has, this.pointed, this.root.clientWidth, colours);
    this.modes.show(this.mode);
    const { max_cells: most } = this.header;
    this.count.textContent = `${this.cells.size} ${this.cells.size === 1 ? "cell" : "cells"} drawn`;
    this.full.textContent = this.isFull ? `A sketch holds at most ${most} cells: further ones are not drawn. Erase some first.` : "";
    if (!this.pointed) return this.readout.replaceChildren(el("span", { class: "hs-note" }, "Point at a cell for its tokens."));
    const [query, key] = [this.pointed.row, this.pointed.column].map((pos) => code(this.labels[pos]));
    this.readout.replaceChildren("query ", query, " → key ", key);
  }
}

const sketchName = (cells) => [...cells].sort((a, b) => a - b).join(" ");

export default function render(component) {
  return mount(component, PatternSketch);
}
