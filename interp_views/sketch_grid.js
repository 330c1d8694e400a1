// The triangle on which a pattern is drawn: query positions down, key positions across.

const SKETCH = { side: 600, roomyCell: 3, widest: 34, labelledCell: 12, label: 110, numbers: 50, tick: 26 };

class SketchGrid {
  // `actions` are { hover(cell | null), begin(cell), drag(from, to), end() }; cells are { row, column }.
  constructor(signal, actions) {
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.node = el("div", { class: "hs-sketch-grid", role: "application", tabindex: 0, "data-testid": "sketch" }, this.canvas);
    this.last = null;
    const on = (type, act) => this.canvas.addEventListener(type, act, { signal });
    on("pointerdown", (event) => {
      const cell = this.cellUnder(event);
      if (!cell || event.button !== 0) return;
      // The stroke goes on, and its end is heard, outside the canvas too.
      this.canvas.setPointerCapture(event.pointerId);
      this.last = cell;
      actions.begin(cell);
    });
    on("pointermove", (event) => {
      const cell = this.cellUnder(event);
      actions.hover(cell);
      if (!this.last || !cell) return;
      actions.drag(this.last, cell);
      this.last = cell;
    });
    const end = () => {
      if (!this.last) return;
      this.last = null;
      actions.end();
    };
    on("pointerup", end);
    on("pointercancel", end);
    on("pointerleave", () => actions.hover(null));
  }

  // `has(row, column)` says which cells are drawn.
  draw(labels, has, pointed, room, colours) {
    Object.assign(this, { labels, colours, n: labels.length });
    this.measure(room);
    this.context = sizedContext(this.canvas, this.width, this.height);
    this.drawCells(has);
    this.drawAxes();
    if (pointed) this.drawPointed(pointed);
  }

  measure(room) {
    const wanted = Math.max(SKETCH.side, SKETCH.roomyCell * this.n);
    const cellBeside = (margin) => Math.floor(Math.min(wanted, room - margin - 2) / this.n);
    this.isLabelled = cellBeside(SKETCH.label) >= SKETCH.labelledCell;
    this.margin = this.isLabelled ? SKETCH.label : SKETCH.numbers;
    // Whole pixels, so that all cells are alike; two pixels still take a pointer.
    this.cell = Math.max(2, Math.min(SKETCH.widest, cellBeside(this.margin)));
    this.side = this.cell * this.n;
    this.width = this.margin + this.side + 1;
    this.height = this.margin + this.side + 1;
  }

  drawCells(has) {
    const { context, n, cell, margin, colours } = this;
    const gap = cell >= 6 ? 1 : 0;
    for (let row = 0; row < n; row++) {
      context.fillStyle = colours.attention.at(0);
      if (gap) for (let column = 0; column <= row; column++) context.fillRect(margin + column * cell, margin + row * cell, cell - 1, cell - 1);
      else context.fillRect(margin, margin + row * cell, (row + 1) * cell, cell);
      context.fillStyle = colours.selected;
      for (let column = 0; column <= row; column++)
        if (has(row, column)) context.fillRect(margin + column * cell, margin + row * cell, cell - gap, cell - gap);
    }
    context.strokeStyle = colours.border;
    context.beginPath();
    context.moveTo(margin - 0.5, margin - 0.5);
    context.lineTo(margin - 0.5, margin + this.side + 0.5);
    context.lineTo(margin + this.side + 0.5, margin + this.side + 0.5);
    context.stroke();
  }

  drawAxes() {
    const { context, colours } = this;
    context.fillStyle = colours.muted;
    const every = this.isLabelled ? 1 : [5, 10, 20, 50].find((step) => step * this.cell >= SKETCH.tick) ?? 100;
    for (let pos = 0; pos < this.n; pos += every) {
      this.write("query", pos, colours.muted);
      this.write("key", pos, colours.muted);
    }
    context.font = `11px ${colours.font}`;
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    context.fillText("key →", this.margin - 8, this.margin - 22);
    context.fillText("query ↓", this.margin - 8, this.margin - 8);
  }

  // Queries to the left of their row, keys turned upright above their column.
  write(axis, pos, colour) {
    const { context, margin } = this;
    context.save();
    context.translate(margin, margin);
    if (axis === "key") context.rotate(-Math.PI / 2);
    context.translate(axis === "key" ? 6 : -6, (pos + 0.5) * this.cell);
    context.font = this.isLabelled ? `11px ${this.colours.codeFont}` : `11px ${this.colours.font}`;
    context.fillStyle = colour;
    context.direction = "ltr";
    context.textAlign = axis === "key" ? "left" : "right";
    context.textBaseline = "middle";
    context.fillText(this.isLabelled ? shortened(context, this.labels[pos], margin - 10) : pos, 0, 0);
    context.restore();
  }

  drawPointed({ row, column }) {
    const { context, cell, margin, colours } = this;
    context.strokeStyle = colours.ink;
    context.lineWidth = 1;
    context.strokeRect(margin - 0.5, margin + row * cell - 0.5, (row + 1) * cell, cell + 1);
    context.strokeRect(margin + column * cell - 0.5, margin + column * cell - 0.5, cell + 1, (this.n - column) * cell);
    context.lineWidth = 2;
    context.strokeRect(margin + column * cell - 1, margin + row * cell - 1, cell + 1, cell + 1);
    if (!this.isLabelled) return;
    this.write("query", row, colours.ink);
    this.write("key", column, colours.ink);
  }

  // A cell of the triangle, or null.
  cellUnder(event) {
    if (!this.labels) return null;
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - this.margin) / this.cell);
    const column = Math.floor((event.clientX - box.left - this.margin) / this.cell);
    return column >= 0 && column <= row && row < this.n ? { row, column } : null;
  }
}

// Every cell on the straight line between two cells: a fast pointer skips some.
function cellsBetween(from, to) {
  const steps = Math.max(Math.abs(to.row - from.row), Math.abs(to.column - from.column), 1);
  return Array.from({ length: steps + 1 }, (_, i) => ({
    row: Math.round(from.row + ((to.row - from.row) * i) / steps),
    column: Math.round(from.column + ((to.column - from.column) * i) / steps),
  }));
}

function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const characters = [...text];
  while (characters.length && context.measureText(`${characters.join("")}…`).width > width) characters.pop();
  return `${characters.join("")}…`;
}
