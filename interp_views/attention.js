// The attention picture. What the reader points at is `hover` and stays here; what the reader locks is
// `state`, is reported to the host, and gives way to what the host then sends.

const THUMB = 56;
const FAINTEST = 0.25;

class AttentionPicture {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint });
    this.state = { head: 0, head_locked: false, pos: null, direction: "from" };
    this.hover = { head: null, pos: null, cell: null };
    this.text = new TokenText("Tokens", "attention-token", signal, {
      hover: (pos) => this.point("pos", pos),
      choose: (pos) => this.choosePos(pos),
    });
    this.grid = new AttentionGrid(signal, {
      hover: (cell) => this.point("cell", cell),
      choose: (cell) => this.choosePos(this.state.direction === "from" ? cell.query : cell.key),
    });
    this.thumbs = el("div", { class: "hs-thumbs", role: "group", "aria-label": "Heads" });
    choices(this.thumbs, signal, {
      hover: (head) => this.point("head", head),
      choose: (head) => this.chooseHead(head),
    });
    this.build(signal);
    this.releaseOnEscape(signal);
  }

  build(signal) {
    const directions = [
      ["from", "From the token", "attention-direction-from"],
      ["to", "To the token", "attention-direction-to"],
    ];
    this.direction = buttonSwitch("Direction of attention", directions, signal, (direction) => this.lock({ direction }));
    this.title = el("span", { class: "hs-title" });
    this.readout = el("span", { class: "hs-readout", "data-testid": "attention-readout", "aria-live": "polite" });
    this.caption = el("div", { class: "hs-note hs-attention-caption" });
    this.pooled = el("span");
    this.maskKey = el("span", { class: "hs-mask-key" }, el("i", { class: "hs-mask" }), "masked");
    const scale = colourScale("attention", "1", "attention probability, linear");
    scale.append(this.maskKey, this.pooled);
    this.plot = el("div", { class: "hs-plot" }, el("div", { class: "hs-bar" }, this.title, this.readout), this.grid.node, scale);
    const side = el("div", { class: "hs-text" }, el("div", { class: "hs-bar" }, this.direction.node), this.caption, this.text.node);
    const hint = el("div", { class: "hs-note" }, "Heads and tokens: point to look, click to lock, click again to release, Esc for both.");
    this.root.append(hint, this.thumbs, el("div", { class: "hs-stage" }, this.plot, side));
  }

  releaseOnEscape(signal) {
    const escape = (event) => {
      const here = this.root.matches(":hover, :focus-within");
      const locked = this.state.head_locked || this.state.pos !== null;
      if (event.key === "Escape" && here && locked) this.lock({ head_locked: false, pos: null });
    };
    document.addEventListener("keydown", escape, { signal });
  }

  update(header, arrays) {
    this.layer = header.layer;
    this.pattern = new AttentionPattern(header, arrays);
    const { head, head_locked, pos, direction } = header;
    this.state = { head, head_locked, pos, direction };
    if (this.text.show(header)) this.hover = { head: this.hover.head, pos: null, cell: null };
    if (this.thumbs.childElementCount !== header.n_heads || this.thumbLayer !== header.layer) this.buildThumbs();
    this.labels = header.tokens.map((token, at) => `${at}: ${token}`);
    this.maskKey.hidden = !header.causal;
  }

  buildThumbs() {
    this.thumbLayer = this.layer;
    this.hover.head = null;
    const thumbs = Array.from({ length: this.pattern.nHeads }, (_, head) =>
      el("div", {
        class: "hs-thumb", role: "button", tabindex: head === this.state.head ? 0 : -1,
        "data-index": head, "data-testid": `head-thumb-${head}`,
      }, el("canvas", { "aria-hidden": "true" }), el("span", {}, this.headName(head))));
    this.thumbs.replaceChildren(...thumbs);
  }

  headName(head) {
    return `L${this.layer}H${head}`;
  }

  // What is looked at now: pointing at a head looks at it for a moment; a locked token stays.
  shownHead() {
    return this.hover.head ?? this.state.head;
  }

  focusPos() {
    const { pos, direction } = this.state;
    return pos ?? this.hover.pos ?? this.hover.cell?.[direction === "from" ? "query" : "key"] ?? null;
  }

  // The cell that the readout speaks of: under the pointer, between the locked and the pointed-at
  // token, or where the focused token's attention is strongest.
  shownCell() {
    const focus = this.focusPos();
    if (this.hover.cell || focus === null) return this.hover.cell;
    const other = this.hover.pos !== null && this.hover.pos !== focus ? this.hover.pos : this.strongestPartner(focus);
    return this.state.direction === "from" ? { query: focus, key: other } : { query: other, key: focus };
  }

  strongestPartner(pos) {
    const around = this.pattern.around(this.shownHead(), pos, this.state.direction);
    return around.reduce((best, value, at) => (value > around[best] || Number.isNaN(around[best]) ? at : best), 0);
  }

  point(what, value) {
    const before = this.hover[what];
    const same = value === before || (value?.query === before?.query && value?.key === before?.key && what === "cell");
    if (same) return;
    this.hover[what] = value;
    this.repaint();
  }

  chooseHead(head) {
    const release = this.state.head_locked && this.state.head === head;
    this.lock({ head, head_locked: !release });
  }

  choosePos(pos) {
    this.lock({ pos: this.state.pos === pos ? null : pos });
  }

  lock(change) {
    if (Object.keys(change).every((name) => this.state[name] === change[name])) return;
    this.state = { ...this.state, ...change };
    this.send("lock", this.state);
    this.repaint();
  }

  paint(colours) {
    const { direction } = this.state;
    const head = this.shownHead();
    const focus = this.focusPos();
    const cell = this.shownCell();
    this.paintThumbs(head, focus, colours);
    this.grid.draw(this.pattern, head, this.headName(head), this.labels, this.plot.clientWidth, colours);
    this.grid.mark(cell, focus === null ? null : { axis: direction === "from" ? "query" : "key", pos: focus });
    this.pooled.textContent = this.grid.pool > 1 ? `· max-pooled ${this.grid.pool}×${this.grid.pool}` : "";
    this.paintTokens(head, focus, cell, colours);
    this.title.textContent = this.headName(head);
    this.direction.show(direction);
    this.sayValue(head, cell);
    this.sayTint(head, focus);
  }

  paintThumbs(shown, focus, colours) {
    const drawn = [this.pattern, colours, devicePixelRatio];
    const redraw = !this.drawnThumbs?.every((part, i) => part === drawn[i]);
    this.drawnThumbs = drawn;
    [...this.thumbs.children].forEach((thumb, head) => {
      if (redraw) this.drawThumb(thumb.firstChild, head, colours);
      const locked = this.state.head_locked && this.state.head === head;
      thumb.setAttribute("aria-pressed", locked);
      thumb.setAttribute("aria-label", `Head ${this.headName(head)}`);
      thumb.classList.toggle("is-shown", head === shown);
      const largest = focus === null ? 1 : this.largestAround(head, focus);
      thumb.firstChild.style.opacity = Math.max(FAINTEST, largest);
    });
  }

  drawThumb(canvas, head, colours) {
    const pool = Math.ceil(this.pattern.n / (THUMB * devicePixelRatio));
    const image = this.pattern.image(head, pool, colours.attention.pixels);
    canvas.width = canvas.height = image.width;
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  largestAround(head, pos) {
    return this.pattern.around(head, pos, this.state.direction).reduce((best, value) => (value > best ? value : best), 0);
  }

  paintTokens(head, focus, cell, colours) {
    const { direction, pos } = this.state;
    const shares = focus === null ? this.pattern.strongest(head, direction) : this.pattern.around(head, focus, direction);
    this.text.tint(shares, colours.attention);
    this.text.mark("is-focus", focus);
    this.text.mark("is-locked", pos);
    this.text.mark("is-pair", focus === null ? null : cell[direction === "from" ? "key" : "query"]);
  }

  sayValue(head, cell) {
    if (!cell) return this.readout.replaceChildren(el("span", { class: "hs-note" }, "Point at a cell or a token for its value."));
    const { query, key } = cell;
    const value = el("strong", {}, this.pattern.text(head, query, key));
    this.readout.replaceChildren("query ", this.text.name(query), " → key ", this.text.name(key), " ", value);
  }

  sayTint(head, focus) {
    const from = this.state.direction === "from";
    const name = this.headName(head);
    if (focus === null) {
      const most = from ? "the most that any query attends to each token" : "the most that each token attends to any key";
      return this.caption.replaceChildren(`Tint, no token selected: ${most}, in ${name}.`);
    }
    const before = from ? "Tint: how much " : "Tint: how much each token attends to ";
    const after = `${from ? " attends to each token" : ""}, in ${name}${this.state.pos === focus ? " (locked)" : ""}.`;
    this.caption.replaceChildren(before, this.text.name(focus), after);
  }
}

export default function render(component) {
  return mount(component, AttentionPicture);
}
