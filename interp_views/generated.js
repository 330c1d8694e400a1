// A generation: the same text twice, tinted by who looked at a token and by what a token looked at.

const NEUTRAL = { row: "wrote", power: 1, cutoff: null, ignore: 0, observed: null, observer: null };
const ROW_WORDS = {
  wrote: "A generated token looks with the pass that chose it: the query stands one position before it.",
  own: "A generated token looks with its own pass: the query stands at the token itself.",
};

class GeneratedPicture {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { send, repaint, settings: NEUTRAL });
    this.panes = ["observed", "observer"].map(
      (kind) => new GeneratedPane(kind, signal, repaint, (pos) => this.freeze(kind, pos)));
    this.title = el("span", { class: "hs-title" });
    this.rowWords = el("p", { "data-testid": "generated-row" });
    this.steps = el("p", { class: "hs-steps", "data-testid": "generated-steps" });
    this.scale = el("div", { class: "hs-push" });
    const hint = el("p", {}, "Bold: the prompt. Point at a token to look; double click, or Enter, freezes it and lets it go; Esc lets both go.");
    this.root = root;
    const escape = ({ key }) => {
      const frozen = this.settings.observed !== null || this.settings.observer !== null;
      if (key === "Escape" && frozen && root.matches(":hover, :focus-within")) this.release();
    };
    document.addEventListener("keydown", escape, { signal });
    root.append(
      el("div", { class: "hs-bar" }, this.title, this.scale),
      el("div", { class: "hs-note" }, this.rowWords, this.steps, hint),
      ...this.panes.map((pane) => pane.node),
    );
  }

  update(header, arrays) {
    const isNew = header.about !== this.about;
    Object.assign(this, { about: header.about, unit: header.unit, nPos: header.tokens.length });
    this.rows = new GeneratedRows(this.nPos, header.n_prompt, arrays.rows);
    this.title.textContent = header.title;
    for (const pane of this.panes) pane.show(header);
    // Another text has other tokens: what was frozen in the old one is gone.
    this.apply(isNew ? { ...this.settings, observed: null, observer: null } : this.settings);
  }

  receive(part, header) {
    if (part !== "selection") return;
    const { row, power, cutoff, ignore, observed, observer } = header;
    this.apply({ row, power, cutoff, ignore, observed, observer });
  }

  apply(settings) {
    this.settings = settings;
    this.rows.set(settings);
    for (const pane of this.panes) {
      const pos = settings[pane.kind];
      pane.frozen = pos !== null && pos < this.nPos ? pos : null;
    }
    this.rowWords.textContent = ROW_WORDS[settings.row];
    this.steps.textContent = stepsInWords(settings);
    const unit = settings.power === 1 ? `${this.unit}, linear` : `${this.unit}, to the power ${shortNumber(settings.power)}`;
    this.scale.replaceChildren(rangeScale("attention", "0", "1", unit));
    this.repaint();
  }

  freeze(kind, pos) {
    this.settle({ ...this.settings, [kind]: pos });
  }

  release() {
    this.settle({ ...this.settings, observed: null, observer: null });
  }

  settle(settings) {
    this.settings = settings;
    for (const pane of this.panes) pane.frozen = settings[pane.kind];
    this.send("freeze", { observed: settings.observed, observer: settings.observer });
    this.repaint();
  }

  paint(colours) {
    for (const pane of this.panes) pane.paint(this.rows, colours);
  }
}

// What was done to the weights, in the order in which it was done; empty if nothing was.
function stepsInWords({ power, cutoff, ignore }) {
  const steps = [];
  if (ignore) steps.push(ignore === 1 ? "the first token is set to 0" : `the first ${ignore} tokens are set to 0`);
  if (cutoff !== null) {
    const deviations = `${signedNumber(cutoff, 2)} standard deviations`;
    steps.push(`only weights above the mean plus ${deviations} of their row stay${ignore ? ", the first left out of both" : ""}`);
  }
  if (power !== 1) steps.push(`the tint is the weight to the power ${shortNumber(power)}`);
  return steps.length ? `Changed for the display, in this order: ${steps.join("; then ")}.` : "";
}

export default function render(component) {
  return mount(component, GeneratedPicture);
}
