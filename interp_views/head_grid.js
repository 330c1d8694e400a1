// Every head of every layer. Heads are counted in the order in which they are drawn.

const MOST_NAMED = 5;

class HeadGridPicture {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint, pointed: null, selected: null });
    this.board = new HeadBoard(signal, { hover: (index) => this.point(index), choose: (index) => this.choose(index) });
    this.large = new LargeHead(signal, repaint);
    this.readout = el("div", { class: "hs-readout hs-board-readout", "data-testid": "head-grid-readout", "aria-live": "polite" });
    this.summary = el("p", { class: "hs-unseen", "data-testid": "head-grid-summary" });
    this.unit = el("div");
    this.note = el("div", { class: "hs-note", "data-testid": "head-grid-note" });
    const keys = (event) => this.key(event);
    this.board.node.addEventListener("keydown", keys, { signal });
    this.board.node.addEventListener("focus", () => this.board.node.matches(":focus-visible") && this.point(this.selected ?? 0), { signal });
    this.board.node.addEventListener("blur", () => this.point(null), { signal });
    const every = el("div", {}, this.readout, this.summary, this.board.node, this.unit, this.note);
    root.append(el("div", { class: "hs-head-stage" }, every, this.large.node));
  }

  update(header, { levels, order, scores }) {
    const opened = this.selected === null || !this.header ? null : [this.layerOf(this.selected), this.headOf(this.selected)];
    Object.assign(this, { header, order, scores, pointed: null, pattern: new AttentionPattern(header, order.length / 2, levels) });
    this.selected = opened && this.indexOf(...opened);
    this.large.update(this.pattern, header);
    this.unit.replaceChildren(colourScale("attention", topText(header.top), header.unit));
    this.summary.textContent = this.summaryText();
    this.board.node.setAttribute("aria-label", "Heads: arrow keys move, Enter chooses");
    this.board.canvas.setAttribute("aria-label", this.summary.textContent);
  }

  receive(part, { layer, head }) {
    if (part === "selection") this.selected = this.indexOf(layer, head);
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
    const { header, board, large } = this;
    const labels = { name: (index) => this.nameOf(index), score: (index) => this.scoreOf(index) };
    board.draw(this.pattern, header, labels, this.root.clientWidth, colours);
    board.mark(this.pointed, this.selected, colours);
    this.readout.replaceChildren(...this.words());
    this.note.textContent = board.pooled > 1
      ? `Thumbnails: largest of ${board.pooled} × ${board.pooled} weights.`
      : "Thumbnails: every weight has its own cell.";
    const opened = header.opens ? this.selected : null;
    large.draw(opened, opened === null ? "" : this.nameOf(opened), colours);
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
