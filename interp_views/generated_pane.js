// One of the two texts of a generation. Point at a token to look, double click or Enter to freeze it.

const PANES = {
  observed: {
    heading: "Observed: who looked at this token?",
    rest: (rows) => rows.nPrompt - 1,
    tints: (rows, pos) => rows.lookersAt(pos),
    pair: (pos, other) => ({ observer: other, key: pos }),
  },
  observer: {
    heading: "Observer: what did this token look at?",
    rest: (rows) => rows.nPos - 1,
    tints: (rows, pos) => rows.lookedAtBy(pos),
    pair: (pos, other) => ({ observer: pos, key: other }),
  },
};

class GeneratedPane {
  // `kind` is a key of PANES; `freeze(pos | null)` is called when the reader freezes or lets go.
  constructor(kind, signal, repaint, freeze) {
    Object.assign(this, { kind, repaint, freeze, ...PANES[kind], frozen: null, pointed: null });
    this.text = new TokenText(this.heading, `${kind}-token`, signal, {
      hover: (pos) => this.point(pos),
      choose() {},
    });
    this.badge = el("span", { class: "hs-frozen", "data-testid": `${kind}-frozen` }, "frozen");
    this.caption = el("span", { class: "hs-note", "data-testid": `${kind}-caption` });
    this.readout = el("div", { class: "hs-readout", "data-testid": `${kind}-readout`, "aria-live": "polite" });
    const bar = el("div", { class: "hs-bar" }, el("h3", {}, this.heading), this.badge, this.caption);
    this.node = el("section", { class: "hs-pane", "aria-label": this.heading }, bar, this.readout, this.text.node);
    this.listen(signal);
  }

  listen(signal) {
    const toggle = (event) => {
      const token = event.target.closest("[data-index]");
      if (!token) return;
      const pos = Number(token.dataset.index);
      if (this.kind === "observer" && pos < this.nPrompt) return; // no observer: what is frozen stays
      this.freeze(this.frozen === pos ? null : pos);
    };
    this.text.node.addEventListener("dblclick", toggle, { signal });
    this.text.node.addEventListener("keydown", (event) => event.key === "Enter" && toggle(event), { signal });
  }

  point(pos) {
    if (pos === this.pointed) return;
    this.pointed = pos;
    this.repaint();
  }

  show(header) {
    this.nPrompt = header.n_prompt;
    if (!this.text.show(header)) return;
    this.pointed = null;
    this.text.spans.forEach((span, pos) => span.classList.toggle("is-prompt", pos < header.n_prompt));
  }

  paint(rows, colours) {
    const shown = this.frozen ?? this.pointed ?? this.rest(rows);
    const wanted = [rows, colours, shown, rows.least];
    if (!this.painted?.every((part, i) => part === wanted[i])) {
      this.painted = wanted;
      this.tinted = this.tints(rows, shown);
      this.text.tint(this.tinted, colours.attention);
    }
    this.text.mark("is-locked", this.frozen);
    this.text.mark("is-focus", this.frozen === null ? shown : null);
    this.badge.hidden = this.frozen === null;
    this.say(rows, shown);
  }

  say(rows, shown) {
    const isPrompt = this.kind === "observer" && shown < rows.nPrompt;
    const known = this.frozen === null && this.pointed === null;
    this.caption.textContent = known ? "Nothing is pointed at: the last token shows." : "";
    if (known && this.kind === "observed") this.caption.textContent = "Nothing is pointed at: the last token of the prompt shows.";
    if (isPrompt) return this.readout.replaceChildren(this.text.name(shown), " is part of the prompt: it was not generated, so it is no observer.");
    const other = this.frozen !== null && this.pointed !== null ? this.pointed : this.strongest();
    if (other === null) return this.readout.replaceChildren("No generated token could look at ", this.text.name(shown), ".");
    this.sayPair(rows, this.pair(shown, other), other === this.pointed ? "" : ", the strongest");
  }

  sayPair(rows, { observer, key }, remark) {
    const row = rows.rowOf(observer);
    const raw = observer < rows.nPrompt ? NaN : rows.raw(row, key);
    const names = [this.text.name(observer), " looked at ", this.text.name(key)];
    if (Number.isNaN(raw)) {
      const why = observer < rows.nPrompt ? "a token of the prompt is no observer" : "its query comes before that token";
      return this.readout.replaceChildren(...names, `: not possible, ${why}.`);
    }
    const cause = key < rows.ignore ? " (ignored)" : rows.isCut(row, key) ? ` (not above the cut-off, ${rows.least[row].toFixed(4)})` : "";
    this.readout.replaceChildren(...names, ": weight ", el("strong", {}, raw.toFixed(4)),
      ", shown as ", el("strong", {}, rows.shown(row, key).toFixed(4)), `${cause}${remark}.`);
  }

  // The token with the strongest tint; null if none has one.
  strongest() {
    let best = null;
    this.tinted.forEach((value, pos) => {
      if (!Number.isNaN(value) && (best === null || value > this.tinted[best])) best = pos;
    });
    return best;
  }
}
