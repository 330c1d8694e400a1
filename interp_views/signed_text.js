// Tokens tinted by one signed number each. Pointing reads a number, choosing keeps it in sight.

const SIGNED_DIGITS = 5;

class SignedText {
  constructor({ root, signal, repaint }) {
    Object.assign(this, { repaint, pointed: null, kept: null });
    this.text = new TokenText("Tokens", "signed-token", signal, {
      hover: (pos) => this.set({ pointed: pos }),
      choose: (pos) => this.set({ kept: this.kept === pos ? null : pos }),
    });
    this.title = el("div", { "data-testid": "signed-title" });
    this.scale = el("div");
    this.readout = el("div", { class: "hs-signed-readout", "data-testid": "signed-readout", "aria-live": "polite" });
    root.append(this.title, this.scale, this.readout, this.text.node);
  }

  update(header, { values }) {
    Object.assign(this, { header, values, tinted: null });
    if (this.text.show(header)) Object.assign(this, { pointed: null, kept: null });
    this.text.spans.forEach((span, pos) => (span.title = `${pos}: ${this.text.texts[pos]} · ${this.inWords(pos)}`));
    this.most = largestSize(values);
    this.title.replaceChildren(el("span", { class: "hs-title" }, header.name), ...this.extremes());
    const end = this.most.toFixed(SIGNED_DIGITS);
    const unit = `${header.unit}, linear, by the largest absolute value`;
    this.scale.replaceChildren(rangeScale("signed", this.most ? `−${end}` : "0", end, unit));
  }

  extremes() {
    const known = this.values.filter((value) => !Number.isNaN(value));
    if (!known.length) return [" · no token has a value"];
    const [largest, smallest] = [known.reduce((a, b) => Math.max(a, b)), known.reduce((a, b) => Math.min(a, b))];
    return [` · largest ${signedNumber(largest, SIGNED_DIGITS)} · smallest ${signedNumber(smallest, SIGNED_DIGITS)}`];
  }

  inWords(pos) {
    const value = this.values[pos];
    return Number.isNaN(value) ? "no value" : signedNumber(value, SIGNED_DIGITS);
  }

  set(change) {
    if (Object.keys(change).every((name) => this[name] === change[name])) return;
    Object.assign(this, change);
    this.repaint();
  }

  paint(colours) {
    if (this.tinted !== colours) this.text.tint(this.values.map((value) => value / (this.most || 1)), colours.signed);
    this.tinted = colours;
    this.text.mark("is-locked", this.kept);
    this.text.mark("is-pointed", this.pointed);
    const shown = this.pointed ?? this.kept;
    if (shown === null) return this.readout.replaceChildren(el("span", { class: "hs-note" }, "Point at a token for its value; click to keep it."));
    this.readout.replaceChildren(this.text.name(shown), " ", el("strong", {}, this.inWords(shown)), ` ${this.header.unit}`);
  }
}

export default function render(component) {
  return mount(component, SignedText);
}
