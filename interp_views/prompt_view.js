// The prompt picture: coloured text, loss by position, and one position in full. Text, bars and panel
// all follow what the reader points at; a locked position is where they return to.

class PromptPicture {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint, pos: null, pointed: null, colouring: "loss" });
    const actions = { hover: (pos) => this.point(pos), choose: (pos) => this.choose(pos) };
    this.text = new TokenText("Prompt", "prompt-token", signal, actions);
    this.chart = new LossChart(signal, actions);
    this.panel = new PredictionPanel();
    this.build(signal);
    const escape = ({ key }) => {
      if (key === "Escape" && this.pos !== null && root.matches(":hover, :focus-within")) this.choose(this.pos);
    };
    document.addEventListener("keydown", escape, { signal });
  }

  build(signal) {
    const colourings = [["loss", "Loss", "prompt-colour-loss"], ["probability", "Probability", "prompt-colour-probability"]];
    this.colour = buttonSwitch("Colour tokens by", colourings, signal, (colouring) => {
      this.colouring = colouring;
      this.repaint();
    });
    this.numbers = buttonSwitch("Under each token", [["ids", "Positions and ids", "prompt-ids"]], signal, () => {
      this.text.node.classList.toggle("has-numbers");
      this.repaint();
    });
    this.scale = el("div");
    const bar = el("div", { class: "hs-bar" }, el("span", { class: "hs-note" }, "Colour by"), this.colour.node,
      this.scale, el("div", { class: "hs-push" }, this.numbers.node));
    this.left = el("div", {}, bar, this.text.node, this.chart.node);
    this.root.append(el("div", { class: "hs-prompt" }, this.left, this.panel.node));
  }

  update(header, arrays) {
    Object.assign(this, { header, arrays, pos: header.pos });
    if (this.text.show(header)) this.pointed = null;
    this.text.spans.forEach((span, pos) => (span.dataset.numbers = `${pos} · ${arrays.ids[pos]}`));
    this.chart.show(arrays.loss);
    this.tinted = null;
  }

  point(pos) {
    if (pos === this.pointed) return;
    this.pointed = pos;
    this.repaint();
  }

  choose(pos) {
    this.pos = this.pos === pos ? null : pos;
    this.send("select", { pos: this.pos });
    this.repaint();
  }

  paint(colours) {
    const { header, arrays, text } = this;
    this.paintTints(colours);
    text.mark("is-locked", this.pos);
    text.mark("is-pointed", this.pointed);
    this.chart.draw(this.left.clientWidth, this.pointed, this.pos, colours);
    const shown = this.pointed ?? this.pos ?? header.tokens.length - 1;
    if (this.shown !== shown || this.shownIn !== arrays) this.panel.show(shown, header, arrays);
    [this.shown, this.shownIn] = [shown, arrays];
    this.colour.show(this.colouring);
    this.numbers.show(text.node.classList.contains("has-numbers") ? "ids" : null);
  }

  paintTints(colours) {
    const tinted = [this.arrays, this.colouring, colours];
    if (this.tinted?.every((part, i) => part === tinted[i])) return;
    this.tinted = tinted;
    const { loss, probability } = this.arrays;
    const byLoss = this.colouring === "loss";
    const most = loss.reduce((largest, value) => Math.max(largest, Number.isNaN(value) ? 0 : value), 0);
    const shares = byLoss ? loss.map((value) => value / (most || 1)) : probability;
    this.text.tint(shares, byLoss ? colours.loss : colours.attention);
    const key = byLoss ? ["loss", most.toFixed(2), "nats, linear"] : ["attention", "1", "probability, linear"];
    this.scale.replaceChildren(colourScale(...key));
  }
}

export default function render(component) {
  return mount(component, PromptPicture);
}
