// The prompt as text: one element per token, in which tokens can be pointed at, chosen and tinted.

class TokenText {
  // `actions` are { hover(pos | null), choose(pos) }, `testid` begins the test id of each token.
  constructor(label, testid, signal, actions) {
    this.testid = testid;
    this.node = el("div", { class: "hs-tokens", role: "group", "aria-label": label });
    this.marked = new Map();
    choices(this.node, signal, actions);
  }

  // Write the tokens if they are not the ones already there, and say whether that was needed.
  show({ tokens, special, breaks }) {
    const written = JSON.stringify([tokens, special, breaks]);
    if (written === this.written) return false;
    this.written = written;
    this.texts = tokens;
    this.spans = tokens.map((text, pos) => this.span(text, pos));
    for (const pos of special) this.spans[pos].classList.add("is-special");
    const endsLine = new Set(breaks);
    this.node.replaceChildren(
      ...this.spans.flatMap((span, pos) => (endsLine.has(pos) ? [span, el("br")] : [span])),
    );
    this.marked.clear();
    return true;
  }

  span(text, pos) {
    const name = `${pos}: ${text}`;
    return el("span", {
      class: "hs-token", role: "button", tabindex: pos ? -1 : 0, title: name, "aria-label": name,
      "aria-pressed": "false", "data-index": pos, "data-testid": `${this.testid}-${pos}`,
    }, text);
  }

  // Colour every token by its share (0 to 1) of the ramp; NaN is left without a colour.
  tint(shares, ramp) {
    this.spans.forEach((span, pos) => {
      const share = shares[pos];
      span.style.backgroundColor = Number.isNaN(share) ? "" : ramp.at(share);
      span.style.color = Number.isNaN(share) ? "" : ramp.inkAt(share);
    });
  }

  // Let the token at `pos`, and no other, carry `className`. None does if `pos` is null.
  mark(className, pos) {
    const before = this.marked.get(className) ?? null;
    if (before === pos) return;
    for (const [at, on] of [[before, false], [pos, true]]) {
      if (at === null) continue;
      this.spans[at].classList.toggle(className, on);
      if (className === "is-locked") this.spans[at].setAttribute("aria-pressed", on);
    }
    this.marked.set(className, pos);
    if (className === "is-locked" && pos !== null) moveTabStop(this.spans, pos);
  }

  name(pos) {
    return code(`${pos}: ${this.texts[pos]}`);
  }
}
