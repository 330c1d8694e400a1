// What is looked at in the attention picture. What the reader points at is `hover` and stays here; what the reader holds,
// turns and zooms to is `choice` (attention_choice.js), is reported to the host, and gives way to what the host then sends.

class AttentionLook {
  // `entry` is the layer in view: see attention_layers.js.
  constructor(choice, repaint) {
    Object.assign(this, { choice, repaint, entry: null, hover: { head: null, pos: null, cell: null } });
  }

  get pattern() {
    return this.entry.pattern;
  }

  get header() {
    return this.entry.header;
  }

  heads() {
    return [...Array(this.pattern.nHeads).keys()];
  }

  headName(head) {
    return `L${this.header.layer}H${head}`;
  }

  // What is looked at now: pointing at a head looks at it for a moment. Null: all heads.
  shownHead() {
    return this.hover.head ?? this.choice.head ?? (this.pattern.nHeads === 1 ? 0 : null);
  }

  shownHeads() {
    const head = this.shownHead();
    return head === null ? this.heads() : [head];
  }

  focusAxis() {
    return this.choice.direction === "from" ? "query" : "key";
  }

  // A held token stays; otherwise what the pointer is at.
  focusPos() {
    return this.choice.pos ?? this.hover.pos ?? this.hover.cell?.[this.focusAxis()] ?? null;
  }

  // The cell that the readout speaks of: under the pointer, between the held and the pointed-at token, or where
  // the focused token's attention is strongest.
  shownCell(around) {
    const focus = this.focusPos();
    if (this.hover.cell || focus === null) return this.hover.cell;
    const other = this.hover.pos !== null && this.hover.pos !== focus ? this.hover.pos : strongestIn(around);
    const [query, key] = this.focusAxis() === "query" ? [focus, other] : [other, focus];
    // Where only the largest of several is known the cell is theirs.
    const { pool } = this.pattern;
    const isExact = pool === 1 || this.pattern.exactAt(this.shownHead(), query, key) !== undefined;
    const start = (pos) => pos - (pos % pool);
    return isExact ? { query, key, grain: 1 } : { query: start(query), key: start(key), grain: pool };
  }

  point(what, value) {
    const before = this.hover[what];
    if (value === before || (what === "cell" && value?.query === before?.query && value?.key === before?.key)) return;
    this.hover[what] = value;
    this.repaint();
  }

  shownName() {
    const head = this.shownHead();
    return head === null ? `all ${this.pattern.nHeads} heads of layer ${this.header.layer}` : this.headName(head);
  }
}

// The position with the largest level in any head.
function strongestIn(levelsOfHeads) {
  let [best, most] = [0, MASKED];
  for (const levels of levelsOfHeads)
    for (let pos = 0; pos < levels.length; pos++) if (levels[pos] > most) [most, best] = [levels[pos], pos];
  return best;
}
