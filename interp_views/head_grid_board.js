// Every head, small, on one canvas: where each is, its pixels and its labels.

const BOARD = { left: 36, top: 20, least: 40, most: 96, listed: 80, height: 720, line: 14 };

// Places in CSS pixels. Without an order: a row per layer, a column per head, as large as lets all be seen at once.
// With one: a list that wraps, names and scores below.
function boardLayout({ ordered, n_layers, n_heads, score_label }, count, room) {
  if (!ordered) {
    const pitch = Math.min((room - BOARD.left) / n_heads, Math.max(BOARD.least, BOARD.height / n_layers), BOARD.most);
    const gap = pitch > 30 ? 4 : 1;
    const size = Math.max(4, Math.floor(pitch) - gap);
    return placed({ left: BOARD.left, top: BOARD.top, columns: n_heads, size, across: size + gap, down: size + gap, lines: 0 }, count);
  }
  const lines = score_label ? 2 : 1;
  const size = Math.max(24, Math.min(BOARD.listed, Math.floor(room) - 8));
  const across = size + 8;
  const columns = Math.max(1, Math.min(count, Math.floor(room / across)));
  return placed({ left: 0, top: 0, columns, size, across, down: size + lines * BOARD.line + 10, lines }, count);
}

function placed(layout, count) {
  const { left, top, columns, across, down } = layout;
  return { ...layout, width: left + columns * across, height: top + Math.ceil(count / columns) * down };
}

class HeadBoard {
  // `actions` are { hover(index | null), choose(index) }.
  constructor(signal, actions) {
    this.canvas = el("canvas", { role: "img", "data-testid": "head-grid-canvas" });
    this.marks = el("canvas", { class: "hs-grid-marks", "aria-hidden": "true" });
    this.node = el("div", { class: "hs-board", tabindex: 0, role: "group", "data-testid": "head-grid" }, this.canvas, this.marks);
    this.count = 0;
    const on = (type, act) => this.node.addEventListener(type, act, { signal });
    on("pointermove", (event) => actions.hover(this.indexUnder(event)));
    on("pointerleave", () => actions.hover(null));
    on("click", (event) => {
      const index = this.indexUnder(event);
      if (index !== null) actions.choose(index);
    });
  }

  // Draw, unless just that is there already. `labels` has { name(index), score(index) }.
  draw(pattern, header, labels, scale, room, colours) {
    const wanted = [pattern, scale, room, devicePixelRatio, colours];
    if (this.drawn?.every((part, i) => part === wanted[i])) return;
    this.drawn = wanted;
    this.count = pattern.nHeads;
    this.layout = boardLayout(header, this.count, room);
    const { width, height } = this.layout;
    const context = sizedContext(this.canvas, width, height);
    context.putImageData(this.pixels(pattern, scale, colours), 0, 0);
    this.drawLabels(context, header, labels, colours);
    sizedContext(this.marks, width, height);
  }

  place(index) {
    const { left, top, columns, across, down } = this.layout;
    return { x: left + (index % columns) * across, y: top + Math.floor(index / columns) * down };
  }

  // One image of all heads: thousands of small ones would take far longer to draw.
  pixels(pattern, colourScale, colours) {
    const scale = devicePixelRatio;
    const image = new ImageData(this.canvas.width, this.canvas.height);
    const words = new Uint32Array(image.data.buffer);
    const pixels = Math.round(this.layout.size * scale);
    const { side, pool: grain } = pattern;
    const pool = Math.ceil(side / pixels);
    this.pooled = grain * pool;
    const part = { query: 0, key: 0, size: side * grain, grain, pool };
    const hatching = toWord(...numbersIn(cssNumbers(colours.border)));
    const square = { pixels, side: Math.ceil(side / pool), stride: image.width, ramp: colours.attention.pixels, hatching };
    for (let index = 0; index < this.count; index++) {
      const { x, y } = this.place(index);
      const levels = cellsOf(pattern, index, part);
      const start = Math.round(y * scale) * image.width + Math.round(x * scale);
      fillSquare(words, start, levels, { ...square, stretch: stretchOf(colourScale, [levels]) });
    }
    return image;
  }

  drawLabels(context, { ordered, n_layers, n_heads }, labels, colours) {
    const { size, lines, across, down, left, top } = this.layout;
    context.fillStyle = colours.muted;
    context.font = `11px ${colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    if (ordered) {
      for (let index = 0; index < this.count; index++) {
        const { x, y } = this.place(index);
        context.fillText(labels.name(index), x + size / 2, y + size + 9);
        if (lines > 1) context.fillText(labels.score(index), x + size / 2, y + size + 9 + BOARD.line);
      }
      return;
    }
    const every = (pitch, room) => Math.max(1, Math.ceil(room / pitch));
    for (let head = 0; head < n_heads; head += every(across, 24)) context.fillText(`H${head}`, left + head * across + size / 2, 10);
    context.textAlign = "right";
    for (let layer = 0; layer < n_layers; layer += every(down, 13)) context.fillText(`L${layer}`, left - 6, top + layer * down + size / 2);
  }

  // Outline the head at `pointed` and the one that is `selected`: indexes or null.
  mark(pointed, selected, colours) {
    const { width, height, size } = this.layout;
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, width, height);
    for (const [index, colour] of [[selected, colours.selected], [pointed, colours.ink]]) {
      if (index === null) continue;
      const { x, y } = this.place(index);
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, size - 2, size - 2); // inside: there is no room around the first
    }
  }

  indexUnder(event) {
    if (!this.layout) return null;
    const { left, top, columns, across, down } = this.layout;
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - left) / across);
    const index = Math.floor((event.clientY - box.top - top) / down) * columns + column;
    return column < 0 || column >= columns || index < 0 || index >= this.count ? null : index;
  }
}

// Enlarge cells to device pixels, and hatch what is masked: it is no zero.
function fillSquare(words, start, levels, { pixels, side, stride, ramp, hatching, stretch }) {
  for (let y = 0; y < pixels; y++) {
    const row = Math.floor((y * side) / pixels) * side;
    for (let x = 0, at = start + y * stride; x < pixels; x++, at++) {
      const level = levels[row + Math.floor((x * side) / pixels)];
      if (level !== MASKED) words[at] = ramp[Math.min(255, Math.round(level * stretch))];
      else if ((x + y) % 5 === 0) words[at] = hatching;
    }
  }
}

// The browser's own way to write a colour in numbers.
function cssNumbers(colour) {
  return css(colourParser()(colour));
}
