// Heads, large: query positions down, key positions across, labels, and a mask that is no zero. One head in the
// colours of the attention scale, or all of them mixed by hue.

class AttentionGrid {
  // `actions` are { hover(cell | null), choose(cell), zoom(window | null) }; a cell is { query, key, grain }.
  constructor(signal, actions) {
    this.picture = el("canvas", { role: "img", "data-testid": "head-large" });
    this.marks = el("canvas", { class: "hs-grid-marks", "aria-hidden": "true" });
    this.node = el("div", { class: "hs-grid", tabindex: 0, role: "group", "aria-label": "Large picture" }, this.picture, this.marks);
    this.offscreen = document.createElement("canvas");
    this.gestures = new ZoomGestures(this, signal, actions.zoom);
    const on = (type, act) => this.node.addEventListener(type, act, { signal });
    on("pointermove", (event) => actions.hover(this.cellUnder(event)));
    on("pointerleave", () => actions.hover(null));
    on("click", (event) => {
      const cell = this.cellUnder(event);
      if (cell) actions.choose(cell);
    });
  }

  // Draw, unless just that is there already. `scene` is { pattern, focus, head (null: all), hues, window, scale, name,
  // labels, room, colours }; `room` is the width there is, in CSS pixels.
  draw(scene) {
    const names = ["pattern", "focus", "head", "hues", "window", "scale", "labels", "room", "colours"];
    if (this.drawnAt === devicePixelRatio && names.every((name) => scene[name] === this.scene?.[name])) return;
    this.drawnAt = devicePixelRatio;
    this.scene = scene;
    this.measure(scene);
    this.picture.setAttribute("aria-label", this.description());
    const { width, height, side } = this.layout;
    // Where the cells are: a square of that side, 1 pixel from the right edge and `GRID.foot` from the lower one.
    this.picture.dataset.side = side;
    this.drawCells();
    this.drawOn(sizedContext(this.picture, width, height));
    sizedContext(this.marks, width, height);
  }

  get pattern() {
    return this.scene.pattern;
  }

  get window() {
    return this.scene.window;
  }

  get heads() {
    return this.scene.head === null ? [...this.scene.hues.heads.keys()] : [this.scene.head];
  }

  description() {
    const { pattern, window, name } = this.scene;
    const { query, key, size } = window ?? wholeWindow(pattern);
    const range = (from) => (window ? `${from} to ${Math.min(pattern.n, from + size) - 1}` : `${pattern.n}`);
    return `Attention pattern of ${name}: queries down, ${range(query)}; keys across, ${range(key)}.`;
  }

  measure({ pattern, head, window, labels, room, colours }) {
    const exact = head !== null && pattern.pool > 1 && window && pattern.covers(head, window);
    if (this.measured !== labels) {
      const probe = this.marks.getContext("2d");
      probe.font = this.font();
      this.labelWidth = labels.reduce((most, text) => Math.max(most, probe.measureText(text).width), 0);
      this.measured = labels;
    }
    this.layout = gridLayout(pattern, window, exact ? 1 : pattern.pool, this.labelWidth, room);
  }

  font(weight = "") {
    return `${weight} 11px ${this.scene.colours.codeFont}`;
  }

  drawCells() {
    const { head, colours } = this.scene;
    const { rows } = this.layout;
    const levels = head === null ? null : this.levelsOf(head);
    if (levels) this.stretch = stretchOf(this.scene.scale, [levels]);
    const words = levels ? pixelsOf(levels, colours.attention.pixels, this.stretch) : this.mixture();
    this.offscreen.width = this.offscreen.height = rows;
    this.offscreen.getContext("2d").putImageData(imageOf(words, rows), 0, 0);
  }

  // A stretched scale shows differences that steps of 1/255 would make bands of: exact weights where there are some.
  levelsOf(head) {
    const { pattern, window, scale } = this.scene;
    const finely = scale === "stretched" && pattern.covers(head, window ?? wholeWindow(pattern));
    return cellsOf(pattern, head, this.layout.part, finely && this.layout.part.grain === 1);
  }

  // Kept: the picture comes back to it after every look at one head, and it takes as long as all heads together.
  mixture() {
    const { pattern, hues, scale } = this.scene;
    const { part } = this.layout;
    const wanted = [pattern, hues, scale, ...Object.values(part)];
    if (!this.mixed?.wanted.every((value, i) => value === wanted[i])) {
      const levels = this.heads.map((head) => cellsOf(pattern, head, part));
      const stretch = stretchOf(scale, levels);
      this.mixed = { wanted, stretch, words: hues.mix(levels, stretch) };
    }
    this.stretch = this.mixed.stretch;
    return this.mixed.words;
  }

  // The picture without what follows the pointer. The context's unit is a CSS pixel.
  drawOn(context) {
    const { margin, side } = this.layout;
    if (this.pattern.causal) this.drawMask(context);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.offscreen, margin, margin, side, side);
    context.strokeStyle = this.scene.colours.border;
    context.lineWidth = 1;
    context.strokeRect(margin - 0.5, margin - 0.5, side + 1, side + 1);
    this.drawAxes(context);
  }

  // Fine hatching on paper: no attention is possible here, which is not the same as a zero.
  drawMask(context) {
    const { margin, side } = this.layout;
    context.save();
    context.beginPath();
    context.rect(margin, margin, side, side);
    context.clip();
    context.strokeStyle = this.scene.colours.border;
    context.lineWidth = 0.5;
    context.beginPath();
    for (let at = -side; at < side; at += 6) {
      context.moveTo(margin + at, margin + side);
      context.lineTo(margin + at + side, margin);
    }
    context.stroke();
    context.restore();
  }

  drawAxes(context) {
    const { colours, labels } = this.scene;
    const { margin, labelled } = this.layout;
    context.fillStyle = colours.muted;
    context.font = labelled ? this.font() : `11px ${colours.font}`;
    for (const axis of ["query", "key"])
      for (const { pos, text } of axisLabels(this.layout, this.pattern.n, axis, labels)) this.writeLabel(context, axis, pos, text);
    context.font = `11px ${colours.font}`;
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    context.fillText("key →", margin - 8, margin - 22);
    context.fillText("query ↓", margin - 8, margin - 8);
  }

  // Labels end at the axis: queries to the left of their row, keys turned upright above their column.
  writeLabel(context, axis, pos, text, background) {
    const { margin } = this.layout;
    context.save();
    context.translate(margin, margin);
    if (axis === "key") context.rotate(-Math.PI / 2);
    context.translate(axis === "key" ? 5 : -5, middleOf(this.layout, axis, pos));
    context.direction = "ltr";
    context.textAlign = axis === "key" ? "left" : "right";
    context.textBaseline = "middle";
    const fitted = fitText(context, text, margin - 8);
    if (background) clearBehind(context, axis, fitted, background);
    context.fillText(fitted, 0, 0);
    context.restore();
  }

  // Where the pointer is, in fractions of positions; null beside the square, unless it is to be `clamped` into it.
  positionAt(event, clamped = false) {
    if (!this.layout) return null;
    const { margin, side, unit, part } = this.layout;
    const box = this.picture.getBoundingClientRect();
    const place = (distance) => (clamped ? Math.min(side, Math.max(0, distance - margin)) : distance - margin);
    const [down, across] = [place(event.clientY - box.top), place(event.clientX - box.left)];
    if (Math.min(down, across) < 0 || Math.max(down, across) > side) return null;
    return { query: part.query + down / unit, key: part.key + across / unit };
  }

  cellUnder(event) {
    const at = this.positionAt(event);
    if (!at) return null;
    const { part } = this.layout;
    const start = (axis) => part[axis] + Math.floor((at[axis] - part[axis]) / (part.grain * part.pool)) * part.grain * part.pool;
    const [query, key] = [start("query"), start("key")];
    if (query >= this.pattern.n || key >= this.pattern.n) return null;
    return part.pool > 1 ? largestCell(this.pattern, this.heads, query, key, part) : { query, key, grain: part.grain };
  }

  // Redraw what follows the pointer: see attention_marks.js.
  mark(cell, focus) {
    [this.cell, this.focused] = [cell, focus];
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.layout.width, this.layout.height);
    drawMarks(this, context, cell, focus);
  }

  drawRectangle(one, other) {
    if (!this.layout || (!one && !this.rectangle)) return;
    this.mark(this.cell ?? null, this.focused ?? null);
    this.rectangle = one;
    if (one) drawZoomRectangle(this, this.marks.getContext("2d"), one, other);
  }
}
