// The cells of a head map on a canvas: layers down, heads across, and the MLP after a gap where there is one.

const MAP = { left: 52, top: 34, widest: 52, narrowest: 9, highest: 22, lowest: 7, room: 620, tick: 22, tickDown: 12, gap: 10, mlp: 34 };

class HeadMapCells {
  constructor() {
    this.canvas = el("canvas", { "aria-hidden": "true" });
  }

  // `values` by layer and head; NaN is not defined. `room` is the width there is, in CSS pixels.
  draw(header, values, room, colours) {
    const wanted = [header, values, room, devicePixelRatio, colours];
    if (this.drawn?.every((part, i) => part === wanted[i])) return;
    Object.assign(this, { drawn: wanted, header, values, colours });
    this.ramp = header.signed ? colours.signed : colours.attention;
    this.measure(room);
    this.context = sizedContext(this.canvas, this.width, this.height);
    this.hatch = hatching(this.context, this.colours.muted);
    this.isWritten = this.numbersFit();
    values.forEach((value, i) => this.drawCell(Math.floor(i / header.n_columns), i % header.n_columns, value));
    this.drawAxes();
  }

  measure(room) {
    const { n_layers, n_heads, n_columns } = this.header;
    const beside = n_columns > n_heads ? MAP.gap + MAP.mlp : 0;
    this.cellWidth = Math.min(MAP.widest, Math.max(MAP.narrowest, Math.floor((room - MAP.left - beside - 2) / n_heads)));
    this.mlpWidth = Math.max(this.cellWidth, MAP.mlp);
    this.cellHeight = Math.min(MAP.highest, Math.max(MAP.lowest, Math.floor(MAP.room / n_layers)));
    this.width = MAP.left + this.cellWidth * n_heads + (beside ? MAP.gap + this.mlpWidth : 0) + 2;
    this.height = MAP.top + this.cellHeight * n_layers + 2;
  }

  box({ row, column }) {
    const isMlp = column === this.header.n_heads;
    return {
      x: MAP.left + column * this.cellWidth + (isMlp ? MAP.gap : 0), y: MAP.top + row * this.cellHeight,
      width: isMlp ? this.mlpWidth : this.cellWidth, height: this.cellHeight,
    };
  }

  share(value) {
    const { low, high, signed } = this.header;
    return signed ? value / high : (value - low) / (high - low);
  }

  // Numbers in the cells: all of them or none, so that a bare cell is not taken for an empty one.
  numbersFit() {
    this.context.font = `11px ${this.colours.font}`;
    const { low, high, decimals } = this.header;
    const widest = Math.max(...[low, high].map((value) => this.context.measureText(signedNumber(value, decimals)).width));
    return this.cellHeight >= 15 && widest <= this.cellWidth - 6;
  }

  drawCell(row, column, value) {
    const { context } = this;
    const { x, y, width, height } = this.box({ row, column });
    const isDefined = !Number.isNaN(value);
    context.fillStyle = isDefined ? this.ramp.at(this.share(value)) : this.hatch;
    context.fillRect(x, y, width - 1, height - 1);
    if (!isDefined) return;
    context.fillStyle = this.ramp.inkAt(this.share(value));
    if (this.isWritten) this.writeValue(value, x, y, width, height);
    const { low, high } = this.header;
    if (value > high || value < low) this.drawBeyond(x, y, value > high);
  }

  writeValue(value, x, y, width, height) {
    const { context } = this;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(signedNumber(value, this.header.decimals), x + (width - 1) / 2, y + height / 2);
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

  drawAxes() {
    const { context } = this;
    const { n_layers, n_heads, n_columns } = this.header;
    context.fillStyle = this.colours.muted;
    context.font = `11px ${this.colours.font}`;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let row = 0; row < n_layers; row += everyNth(this.cellHeight, MAP.tickDown))
      context.fillText(row, MAP.left - 6, MAP.top + (row + 0.5) * this.cellHeight);
    context.textAlign = "center";
    for (let column = 0; column < n_heads; column += everyNth(this.cellWidth, MAP.tick))
      context.fillText(column, MAP.left + (column + 0.5) * this.cellWidth, MAP.top - 9);
    if (n_columns > n_heads) {
      const { x, width } = this.box({ row: 0, column: n_heads });
      context.fillText("MLP", x + width / 2, MAP.top - 9);
    }
    context.textAlign = "left";
    context.fillText("layer ↓", 0, MAP.top - 9);
    context.fillText("head →", MAP.left, 7);
  }

  cellUnder(event) {
    if (!this.header) return null;
    const bounds = this.canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - bounds.top - MAP.top) / this.cellHeight);
    const { n_layers, n_heads, n_columns } = this.header;
    const x = event.clientX - bounds.left;
    const mlp = n_columns > n_heads ? this.box({ row, column: n_heads }) : null;
    const column = mlp && x >= mlp.x ? n_heads : Math.floor((x - MAP.left) / this.cellWidth);
    const isInside = row >= 0 && column >= 0 && row < n_layers && (column < n_heads || (mlp && x >= mlp.x && x < mlp.x + mlp.width));
    return isInside ? { row, column } : null;
  }
}

// Label every one, second, fifth, ... so that labels are `least` pixels apart.
function everyNth(pitch, least) {
  return [1, 2, 5, 10, 20, 50].find((step) => step * pitch >= least) ?? 100;
}
