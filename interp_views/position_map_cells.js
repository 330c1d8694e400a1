// The cells of a map of rows by positions, on a canvas as wide as the view: the map scrolls under its row labels.

const POSMAP = {
  widest: 96, word: 62, narrowest: 9, highest: 22, written: 17, lowest: 7, room: 640, flat: 34, steep: 92, tick: 30, tickDown: 12,
};

class PositionMapCells {
  constructor() {
    this.canvas = el("canvas", { "aria-hidden": "true" });
  }

  // Fit the cells to `room`, the width of the view in CSS pixels. `write` is "words", "values" or "none".
  measure(header, room, write) {
    Object.assign(this, { header, room, write });
    const count = header.tokens.length;
    const context = this.canvas.getContext("2d");
    context.font = "11px sans-serif";
    const widest = Math.max(...header.rows.map((row) => context.measureText(row).width), context.measureText(header.row_name).width + 14);
    this.left = Math.min(130, Math.ceil(widest) + 12);
    const fitting = Math.floor((room - this.left - 2) / count);
    const least = { words: POSMAP.word, values: this.widthOfValues(context), none: POSMAP.narrowest }[write];
    this.cellWidth = Math.min(POSMAP.widest, Math.max(least, fitting));
    const lowest = write === "none" ? POSMAP.lowest : POSMAP.written;
    this.cellHeight = Math.min(POSMAP.highest, Math.max(lowest, Math.floor(POSMAP.room / header.rows.length)));
    this.isFlat = this.cellWidth >= 40;
    this.top = this.isFlat ? POSMAP.flat : this.steepness(context);
    this.width = this.left + this.cellWidth * count + 2;
    this.height = this.top + this.cellHeight * header.rows.length + 2;
  }

  // Height of labels that stand on end: the longest, within bounds.
  steepness(context) {
    context.font = "11px monospace";
    let longest = 0;
    for (let pos = 0; pos < this.header.tokens.length && longest < POSMAP.steep; pos++)
      longest = Math.max(longest, context.measureText(this.columnName(pos)).width + 14);
    return Math.ceil(Math.min(POSMAP.steep, Math.max(POSMAP.flat, longest)));
  }

  widthOfValues(context) {
    const { low, high, decimals } = this.header;
    return Math.ceil(Math.max(...[low, high].map((value) => context.measureText(signedNumber(value, decimals)).width))) + 8;
  }

  // Draw what is in view when the map is scrolled to `from`. `marks` is [[cell, colour], ...].
  draw(arrays, from, colours, marks) {
    Object.assign(this, { arrays, from, colours });
    this.ramp = this.header.signed ? colours.signed : colours.attention;
    this.context = sizedContext(this.canvas, Math.min(this.width, this.room), this.height);
    this.context.clearRect(0, 0, this.room, this.height);
    this.context.direction = "ltr";
    this.hatch = hatching(this.context, this.colours.muted);
    const [first, last] = this.inView();
    this.clipped(() => {
      for (let row = 0; row < this.header.rows.length; row++) for (let pos = first; pos < last; pos++) this.drawCell(row, pos);
      for (const [cell, colour] of marks) if (cell) this.drawMark(cell, colour);
    });
    this.clipped(() => drawTokens(this, first, last));
    drawRows(this);
  }

  inView() {
    const first = Math.floor(this.from / this.cellWidth);
    const last = Math.ceil((this.from + this.room - this.left) / this.cellWidth);
    return [Math.max(0, first), Math.min(this.header.tokens.length, last)];
  }

  // What scrolls must not be drawn over the labels of the rows.
  clipped(act) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(this.left - 2, 0, this.room - this.left + 2, this.height);
    this.context.clip();
    act();
    this.context.restore();
  }

  box({ row, pos }) {
    const x = this.left + pos * this.cellWidth - this.from;
    if (row === null) return { x, y: this.top, width: this.cellWidth, height: this.cellHeight * this.header.rows.length };
    return { x, y: this.top + row * this.cellHeight, width: this.cellWidth, height: this.cellHeight };
  }

  columnName(pos) {
    const text = this.header.tokens[pos];
    return this.header.numbered ? `${pos}: ${text}` : text;
  }

  at(row, pos) {
    return row * this.header.tokens.length + pos;
  }

  share(value) {
    const { low, high, signed, log } = this.header;
    if (signed) return value / high;
    return log ? (Math.log1p(value) - Math.log1p(low)) / (Math.log1p(high) - Math.log1p(low)) : (value - low) / (high - low);
  }

  drawCell(row, pos) {
    const { context } = this;
    const { x, y, width, height } = this.box({ row, pos });
    const value = this.arrays.values[this.at(row, pos)];
    const isThere = !Number.isNaN(value);
    context.fillStyle = isThere ? this.ramp.at(this.share(value)) : this.hatch;
    context.fillRect(x, y, width - 1, height - 1);
    if (!isThere) return;
    context.fillStyle = this.ramp.inkAt(this.share(value));
    const { low, high } = this.header;
    if (value > high || value < low) this.drawBeyond(x, y, value > high);
    if (this.write !== "none") this.drawText(this.textOf(row, pos, value), x + 1, y, width - 3, height);
  }

  textOf(row, pos, value) {
    if (this.write === "values") return signedNumber(value, this.header.decimals);
    return this.header.words[this.arrays.word_places[this.at(row, pos) * this.header.n_words]];
  }

  drawText(text, x, y, width, height) {
    const { context } = this;
    context.font = `11px ${this.write === "words" ? this.colours.codeFont : this.colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(shortened(context, text, width), x + width / 2, y + height / 2);
  }

  // A corner that points up or down: the value lies beyond the end of the colours.
  drawBeyond(x, y, isAbove) {
    const { context } = this;
    const [tip, foot] = isAbove ? [1, 5] : [5, 1];
    context.beginPath();
    context.moveTo(x + 3.5, y + tip);
    context.lineTo(x + 1, y + foot);
    context.lineTo(x + 6, y + foot);
    context.fill();
  }

  drawMark(cell, colour) {
    const { context } = this;
    const { x, y, width, height } = this.box(cell);
    for (const [style, line] of [[this.colours.paper, 4], [colour, 2]]) {
      context.strokeStyle = style;
      context.lineWidth = line;
      context.strokeRect(x - 0.5, y - 0.5, width, height);
    }
  }

  // The cell at a place in the window, or null.
  cellUnder(event) {
    if (!this.header) return null;
    const bounds = this.canvas.getBoundingClientRect();
    const x = event.clientX - bounds.left;
    const row = Math.floor((event.clientY - bounds.top - this.top) / this.cellHeight);
    const pos = Math.floor((x - this.left + this.from) / this.cellWidth);
    const isInside = x >= this.left && row >= 0 && pos >= 0 && row < this.header.rows.length && pos < this.header.tokens.length;
    return isInside ? { row, pos } : null;
  }
}
