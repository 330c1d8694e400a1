// The attention picture: what stands where, and what happens when data, parts and the reader's wishes come. A layer that
// is known (attention_layers.js) is drawn at once; of another the picture comes when the host has sent it.

class AttentionPicture extends AttentionLook {
  constructor({ root, signal, send, repaint }) {
    super(new AttentionChoice(send, signal, repaint), repaint);
    Object.assign(this, { root, layers: new KnownLayers() });
    this.tokens = new TintedTokens("Tokens", "attention-token", signal, {
      hover: (pos) => this.point("pos", pos),
      choose: (pos) => this.choice.togglePos(pos),
    });
    this.grid = new AttentionGrid(signal, {
      hover: (cell) => this.point("cell", cell),
      choose: (cell) => this.choice.togglePos(this.choice.direction === "from" ? cell.query : cell.key),
      zoom: (window) => this.choice.zoomTo(window),
    });
    this.thumbs = new HeadThumbs(signal, {
      hover: (head) => this.point("head", head),
      choose: (head) => this.choice.toggleHead(head),
    });
    this.legend = new AttentionLegend(signal, {
      zoomIn: () => this.grid.gestures.by(1 / 1.5),
      zoomOut: () => this.grid.gestures.by(1.5),
      resetZoom: () => this.choice.zoomTo(null),
      savePng: () => savePng(this.figure()),
      saveSvg: () => saveSvg(this.figure()),
      rescale: (scale) => this.choice.set("scale", scale),
    });
    this.steps = new PlaceSteps(signal, (what, by) => this.step(what, by));
    this.build(signal);
    const escape = ({ key }) => key === "Escape" && root.matches(":hover, :focus-within") && this.choice.release();
    document.addEventListener("keydown", escape, { signal });
  }

  build(signal) {
    const directions = [
      ["from", "From the token", "attention-direction-from"],
      ["to", "To the token", "attention-direction-to"],
    ];
    this.direction = buttonSwitch("Direction of attention", directions, signal, (direction) => this.choice.set("direction", direction));
    this.title = el("span", { class: "hs-title" });
    this.readout = el("span", { class: "hs-readout", "data-testid": "attention-readout", "aria-live": "polite" });
    this.caption = el("div", { class: "hs-note hs-attention-caption" });
    this.plot = el("div", { class: "hs-plot" }, el("div", { class: "hs-bar" }, this.title, this.readout), this.grid.node, this.legend.node);
    const side = el("div", { class: "hs-text" }, el("div", { class: "hs-bar" }, this.direction.node), this.caption, this.tokens.node);
    this.stage = el("div", { class: "hs-stage" }, this.plot, side);
    const hint = el("div", { class: "hs-note" },
      "Heads and tokens: point to look, click to hold, click again to release, Esc for both. " +
      "Large picture: wheel or drag to zoom, Shift and drag or arrow keys to move.");
    this.root.append(el("div", { class: "hs-bar hs-steps-bar" }, this.steps.node, hint), this.thumbs.node, this.stage);
  }

  update(header, arrays) {
    if (header.series !== this.layers.series) this.choice.forget();
    this.layers.take(header, arrays.levels);
    // While an answer is awaited this may be one to an older wish: the selection that follows will tell.
    if (!this.entry || !this.choice.isWaiting) this.choice.layer = header.layer;
    this.turn();
  }

  // Whether a part belongs to what is here; `about` names the data that came last.
  accepts(header, about) {
    if (header.part.startsWith("ahead-")) return header.series === this.layers.series;
    if (header.part === "focus") return !!this.layers.about(header.about);
    return header.about === about;
  }

  receive(part, header, arrays) {
    const { pattern } = this.layers.about(header.about) ?? {};
    if (part === "selection") this.choice.take(header, this.layers.about(header.about));
    else if (part === "focus" && header.head < pattern.nHeads) pattern.focusOn(header, arrays.weights);
    else if (part.startsWith("ahead-")) this.layers.take(header, arrays.levels);
    this.turn();
  }

  step(what, by) {
    if (!this.entry || !this.choice.step(what, by, this.pattern.nHeads)) return;
    // The pointer may rest on another head: the one that was asked for is shown.
    if (what === "head") this.hover.head = null;
    this.turn();
  }

  // Show the wanted layer, if it is here; the last one stays meanwhile.
  turn() {
    const entry = this.layers.of(this.choice.layer) ?? this.entry;
    if (!entry || entry === this.entry) return;
    const { header, pattern } = entry;
    this.entry = entry;
    this.choice.fit(pattern);
    if (this.tokens.show(header)) {
      this.labels = header.tokens.map((token, at) => `${at}: ${[...token.slice(0, 80)].slice(0, 40).join("")}`);
      this.hover = { head: null, pos: null, cell: null };
    }
    if (this.hover.head >= pattern.nHeads) this.hover.head = null;
    this.thumbs.show(this.heads().map((head) => this.headName(head)));
    if (this.hues?.heads.length !== pattern.nHeads) this.hues = null;
  }

  paint(colours) {
    if (!this.hues || this.hues.colours !== colours) this.hues = Object.assign(new HeadHues(this.pattern.nHeads, colours), { colours });
    const { pattern, hues, choice } = this;
    const head = this.shownHead();
    const focus = this.focusPos();
    const around = focus === null ? null : this.shownHeads().map((each) => pattern.around(each, focus, this.focusAxis()));
    const cell = this.shownCell(around);
    this.thumbs.draw(pattern, hues, choice.scale);
    this.thumbs.mark(head, choice.head, (each) => this.thumbOpacity(each, head, focus));
    this.grid.draw({
      pattern, focus: pattern.focus, head, hues, window: choice.zoom, scale: choice.scale, name: this.shownName(),
      labels: this.labels, room: this.plot.clientWidth, colours,
    });
    this.grid.mark(cell, focus === null ? null : { axis: this.focusAxis(), pos: focus });
    this.paintTokens(focus, cell, around, colours);
    this.paintWords(focus, cell, colours);
  }

  // With a token focused: how much the head attends there. Else heads that are not shown step back.
  thumbOpacity(head, shown, focus) {
    if (focus !== null) return this.pattern.strongest(head, this.focusAxis())[focus] / 255;
    return shown === null || shown === head ? 1 : 0;
  }

  paintTokens(focus, cell, around, colours) {
    const other = this.focusAxis() === "query" ? "key" : "query";
    const levels = around ?? this.shownHeads().map((head) => this.pattern.strongest(head, other));
    const { stretch } = this.grid;
    const words = this.shownHead() === null ? this.hues.mix(levels, stretch) : pixelsOf(levels[0], colours.attention.pixels, stretch);
    this.tokens.colour(words, this.hues);
    this.tokens.mark("is-focus", focus);
    this.tokens.mark("is-locked", this.choice.pos);
    this.tokens.mark("is-pair", focus === null ? null : cell[other]);
  }

  paintWords(focus, cell, colours) {
    const { pattern, hues, tokens, choice, header } = this;
    const { scale } = choice;
    const head = this.shownHead();
    const name = this.shownName();
    const { grain, pool } = this.grid.layout.part;
    this.title.replaceChildren(head === null ? name[0].toUpperCase() + name.slice(1) : headChip(hues, head, name));
    this.direction.show(choice.direction);
    this.readout.replaceChildren(...(cell
      ? cellWords(pattern, this.shownHeads(), hues, (each) => this.headName(each), tokens, cell)
      : [el("span", { class: "hs-note" }, "Point at a cell or a token for its value.")]));
    const isHere = choice.layer === header.layer;
    this.steps.show({ layer: choice.layer, nLayers: choice.nLayers, head: choice.head, nHeads: pattern.nHeads, isHere });
    this.stage.classList.toggle("is-behind", !isHere);
    const isHeld = choice.pos !== null && choice.pos === focus;
    this.caption.replaceChildren(...tintWords({ focus, isHeld, direction: choice.direction, who: name, tokens, pool: pattern.pool }));
    this.legend.show({ pattern, unit: header.unit, isMixed: head === null, hues, colours, pooled: grain * pool, isZoomed: choice.zoom !== null, scale, stretch: this.grid.stretch });
  }

  figure() {
    const head = this.shownHead();
    const { stops, hint, unit, end } = this.legend;
    return {
      grid: this.grid, title: `Attention, ${this.shownName()}`, stops, end: end.textContent, unit: unit.textContent, hint: hint.textContent,
      heads: head === null ? this.heads().map((each) => [this.headName(each), css(this.hues.heads[each])]) : [],
      filename: head === null ? `attention-L${this.header.layer}` : `attention-${this.headName(head)}`,
    };
  }
}

export default function render(component) {
  return mount(component, AttentionPicture);
}
