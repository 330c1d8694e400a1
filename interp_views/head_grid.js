// Every head of every layer. Heads are counted in the order in which they are drawn.

const MOST_NAMED = 5;

class HeadGridPicture {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint, pointed: null, selected: null, scale: "full" });
    this.board = new HeadBoard(signal, { hover: (index) => this.point(index), choose: (index) => this.choose(index) });
    this.large = new LargeHead(signal, repaint, (scale) => this.rescale(scale));
    this.readout = el("div", { class: "hs-readout hs-board-readout", "data-testid": "head-grid-readout", "aria-live": "polite" });
    this.summary = el("p", { class: "hs-unseen", "data-testid": "head-grid-summary" });
    this.scaleEnd = el("span", { "data-testid": "head-grid-scale-end" });
    this.unit = el("span");
    this.switch = scaleSwitch(signal, (scale) => this.rescale(scale));
    const key = el("div", { class: "hs-scale" }, el("span", {}, "0"), el("i", { class: "hs-scale-ramp is-attention" }), this.scaleEnd, this.unit,
      this.switch.node);
    this.note = el("div", { class: "hs-note", "data-testid": "head-grid-note" });
    const keys = (event) => this.key(event);
    this.board.node.addEventListener("keydown", keys, { signal });
    this.board.node.addEventListener("focus", () => this.board.node.matches(":focus-visible") && this.point(this.selected ?? 0), { signal });
    this.board.node.addEventListener("blur", () => this.point(null), { signal });
    const every = el("div", {}, this.readout, this.summary, this.board.node, key, this.note);
    root.append(el("div", { class: "hs-head-stage" }, every, this.large.node));
  }

  update(header, { levels, order, scores }) {
    const opened = this.selected === null || !this.header ? null : [this.layerOf(this.selected), this.headOf(this.selected)];
    Object.assign(this, { header, order, scores, pointed: null, pattern: null });
    const windows = Array.from({ length: order.length / 2 }, (_, index) => header.windows[this.layerOf(index)]);
    this.pattern = new AttentionPattern(header, windows.length, levels, windows);
    this.selected = opened && this.indexOf(...opened);
    this.large.update(this.pattern, header);
    this.unit.textContent = header.unit;
    this.summary.textContent = this.summaryText();
    this.board.node.setAttribute("aria-label", "Heads: arrow keys move, Enter chooses");
    this.board.canvas.setAttribute("aria-label", this.summary.textContent);
  }

  // A host that does not keep the scale says nothing of it.
  receive(part, { layer, head, scale }) {
    if (part !== "selection") return;
    this.selected = this.indexOf(layer, head);
    this.isKept = scale !== null;
    this.scale = scale ?? this.scale;
  }

  rescale(scale) {
    if (scale === this.scale) return;
    this.scale = scale;
    if (this.isKept) this.send("scale", { scale });
    this.repaint();
  }

  layerOf(index) {
    return this.order[2 * index];
  }

  headOf(index) {
    return this.order[2 * index + 1];
  }

  // Null for a head that is not drawn.
  indexOf(layer, head) {
    for (let index = 0; index < this.order.length / 2; index++)
      if (this.layerOf(index) === layer && this.headOf(index) === head) return index;
    return null;
  }

  nameOf(index) {
    return `L${this.layerOf(index)}H${this.headOf(index)}`;
  }

  scoreOf(index) {
    const score = this.scores[index];
    return Number.isFinite(score) ? score.toFixed(2) : "–";
  }

  // What the picture says to those who cannot see it.
  summaryText() {
    const { header, scores, pattern } = this;
    const heads = header.ordered ? `${pattern.nHeads} heads in order` : `${header.n_layers} layers of ${header.n_heads} heads`;
    const text = `Attention patterns of ${heads}, on ${pattern.n} tokens.`;
    if (!scores) return text;
    const known = [...scores.keys()].filter((index) => Number.isFinite(scores[index]));
    const best = known.sort((one, other) => scores[other] - scores[one]).slice(0, MOST_NAMED);
    return `${text} Highest ${header.score_label}: ${best.map((index) => `${this.nameOf(index)} ${this.scoreOf(index)}`).join(", ")}.`;
  }

  point(index) {
    if (index === this.pointed) return;
    this.pointed = index;
    this.repaint();
  }

  choose(index) {
    this.selected = index;
    this.revealed = false;
    this.send("open", { layer: this.layerOf(index), head: this.headOf(index) });
    this.repaint();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.board.layout) return;
    const { columns } = this.board.layout;
    const last = this.pattern.nHeads - 1;
    const from = this.pointed ?? this.selected ?? 0;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -from, End: last - from };
    const to = from + steps[event.key];
    if (event.key === "Enter" || event.key === " ") this.choose(from);
    else if (!(event.key in steps)) return;
    else if (to >= 0 && to <= last) this.point(to);
    event.preventDefault();
  }

  paint(colours) {
    const { header, board, large, scale } = this;
    this.switch.show(scale, header.top);
    this.scaleEnd.textContent = scale === "full" ? topText(header.top) : "what 1 % of the head's cells exceed";
    const labels = { name: (index) => this.nameOf(index), score: (index) => this.scoreOf(index) };
    board.draw(this.pattern, header, labels, scale, this.root.clientWidth, colours);
    board.mark(this.pointed, this.selected, colours);
    this.readout.replaceChildren(...this.words());
    this.note.textContent = board.pooled > 1
      ? `Thumbnails: largest of ${board.pooled} × ${board.pooled} weights.`
      : "Thumbnails: every weight has its own cell.";
    const opened = header.opens ? this.selected : null;
    large.draw(opened, opened === null ? "" : this.nameOf(opened), scale, colours);
    if (opened !== null && this.revealed === false) large.node.scrollIntoView({ block: "nearest" });
    this.revealed = true;
  }

  words() {
    const index = this.pointed ?? this.selected;
    if (index === null) return [el("span", { class: "hs-note" }, "Point at a head for its name.")];
    const name = el("strong", {}, this.nameOf(index));
    return this.scores ? [name, ` ${this.header.score_label} `, el("strong", {}, this.scoreOf(index))] : [name];
  }
}

export default function render(component) {
  return mount(component, HeadGridPicture);
}
