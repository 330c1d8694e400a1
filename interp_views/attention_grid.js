// One head, large: query positions down, key positions across, labels, crosshair.

const GRID = { side: 560, cell: 44, labelledCell: 11, label: 120, shortLabel: 76, tick: 28, foot: 4 };

class AttentionGrid {
  // `actions` are { hover({query, key} | null), choose({query, key}) }.
  constructor(signal, actions) {
    this.picture = el("canvas", { role: "img", "data-testid": "head-large" });
    this.marks = el("canvas", { class: "hs-grid-marks", "aria-hidden": "true" });
    this.node = el("div", { class: "hs-grid" }, this.picture, this.marks);
    this.offscreen = document.createElement("canvas");
    const on = (type, act) => this.node.addEventListener(type, act, { signal });
    on("pointermove", (event) => actions.hover(this.cellUnder(event)));
    on("pointerleave", () => actions.hover(null));
    on("click", (event) => {
      const cell = this.cellUnder(event);
      if (cell) actions.choose(cell);
    });
  }

  // Draw `head`, unless just that is there already. `room` is the width there is, in CSS pixels.
  draw(pattern, head, name, labels, room, colours) {
    const wanted = [pattern, head, room, devicePixelRatio, colours];
    if (this.drawn?.every((part, i) => part === wanted[i])) return;
    this.drawn = wanted;
    [this.pattern, this.head, this.labels, this.colours] = [pattern, head, labels, colours];
    this.picture.setAttribute("aria-label", `Attention pattern of ${name}: ${pattern.n} queries down, ${pattern.n} keys across.`);
    this.measure(room);
    const context = sizedContext(this.picture, this.width, this.height);
    this.drawCells(context);
    this.drawAxes(context);
    sizedContext(this.marks, this.width, this.height);
  }

  // Choose whole device pixels per cell where that fills the room; beyond one cell per pixel, pool.
  measure(room) {
    const { n } = this.pattern;
    const probe = this.picture.getContext("2d");
    probe.font = this.font();
    const widest = this.labels.reduce((most, text) => Math.max(most, probe.measureText(text).width), 46);
    const scale = devicePixelRatio;
    const space = Math.max(120, Math.min(GRID.side, room - GRID.label - 1));
    const longest = space / n >= GRID.labelledCell ? GRID.label : GRID.shortLabel;
    this.margin = Math.ceil(Math.min(longest, widest + 10));
    const pixels = Math.floor(Math.max(120, Math.min(GRID.side, room - this.margin - 1)) * scale);
    this.pool = Math.ceil(n / pixels);
    const shown = Math.ceil(n / this.pool);
    const whole = Math.floor(pixels / shown);
    const fills = whole * shown >= 0.8 * pixels || whole >= 6;
    this.cell = Math.min(GRID.cell, (fills ? whole : pixels / shown) / scale) / this.pool;
    this.side = this.cell * this.pool * shown;
    this.width = this.margin + this.side + 1;
    this.height = this.margin + this.side + GRID.foot;
    this.labelled = this.cell >= GRID.labelledCell;
  }

  font(weight = "") {
    return `${weight} 11px ${this.colours.codeFont}`;
  }

  drawCells(context) {
    const image = this.pattern.image(this.head, this.pool, this.colours.attention.pixels);
    this.offscreen.width = this.offscreen.height = image.width;
    this.offscreen.getContext("2d").putImageData(image, 0, 0);
    if (this.pattern.causal) this.drawMask(context);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.offscreen, this.margin, this.margin, this.side, this.side);
    context.strokeStyle = this.colours.border;
    context.lineWidth = 1;
    context.strokeRect(this.margin - 0.5, this.margin - 0.5, this.side + 1, this.side + 1);
  }

  // Fine hatching on paper: no attention is possible here, which is not the same as a zero.
  drawMask(context) {
    context.save();
    context.beginPath();
    context.rect(this.margin, this.margin, this.side, this.side);
    context.clip();
    context.strokeStyle = this.colours.border;
    context.lineWidth = 0.5;
    context.beginPath();
    for (let at = -this.side; at < this.side; at += 6) {
      context.moveTo(this.margin + at, this.margin + this.side);
      context.lineTo(this.margin + at + this.side, this.margin);
    }
    context.stroke();
    context.restore();
  }

  drawAxes(context) {
    context.fillStyle = this.colours.muted;
    const every = this.labelled ? 1 : this.tickStep();
    context.font = this.labelled ? this.font() : `11px ${this.colours.font}`;
    for (let pos = 0; pos < this.pattern.n; pos += every) {
      const text = this.labelled ? this.labels[pos] : String(pos);
      this.writeLabel(context, "query", pos, text);
      this.writeLabel(context, "key", pos, text);
    }
    context.font = `11px ${this.colours.font}`;
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    context.fillText("key →", this.margin - 8, this.margin - 22);
    context.fillText("query ↓", this.margin - 8, this.margin - 8);
  }

  tickStep() {
    return [8, 16, 32, 64, 128, 256, 512, 1024].find((step) => step * this.cell >= GRID.tick) ?? 2048;
  }

  // Labels end at the axis: queries to the left of their row, keys turned upright above their column.
  writeLabel(context, axis, pos, text, background) {
    context.save();
    context.translate(this.margin, this.margin);
    if (axis === "key") context.rotate(-Math.PI / 2);
    const across = (pos + 0.5) * this.cell;
    context.translate(axis === "key" ? 5 : -5, across);
    context.direction = "ltr";
    context.textAlign = axis === "key" ? "left" : "right";
    context.textBaseline = "middle";
    const fitted = fitText(context, text, this.margin - 8);
    if (background) this.clearBehind(context, axis, fitted, background);
    context.fillText(fitted, 0, 0);
    context.restore();
  }

  clearBehind(context, axis, text, background) {
    const width = context.measureText(text).width + 4;
    const ink = context.fillStyle;
    context.fillStyle = background;
    context.fillRect(axis === "key" ? -2 : 2 - width, -11, width, 22);
    context.fillStyle = ink;
  }

  // Redraw what follows the pointer: the crosshair at `cell`, the line of the focused token, labels.
  mark(cell, focus) {
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    if (focus) this.markLine(context, focus.axis, focus.pos, this.colours.selected);
    if (!cell) return;
    for (const axis of ["query", "key"])
      if (focus?.axis !== axis || focus.pos !== cell[axis]) this.markLine(context, axis, cell[axis], this.colours.ink);
  }

  markLine(context, axis, pos, colour) {
    // Around the cells, not over them: a cell may be a single pixel.
    const at = this.margin + pos * this.cell - 0.5;
    const size = Math.max(1, this.cell) + 1;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    if (axis === "query") context.strokeRect(this.margin, at, this.side, size);
    else context.strokeRect(at, this.margin, size, this.side);
    context.font = this.font("bold");
    context.fillStyle = colour;
    this.writeLabel(context, axis, pos, this.labels[pos], this.colours.paper);
  }

  cellUnder(event) {
    if (!this.pattern) return null;
    const box = this.picture.getBoundingClientRect();
    const index = (distance) => Math.floor((distance - this.margin) / (this.cell * this.pool)) * this.pool;
    const query = index(event.clientY - box.top);
    const key = index(event.clientX - box.left);
    const { n } = this.pattern;
    if (query < 0 || key < 0 || query >= n || key >= n) return null;
    return this.pool > 1 ? this.pattern.largestIn(this.head, query, key, this.pool) : { query, key };
  }
}

function fitText(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const characters = [...text];
  while (characters.length && context.measureText(`${characters.join("")}…`).width > width) characters.pop();
  return `${characters.join("")}…`;
}
