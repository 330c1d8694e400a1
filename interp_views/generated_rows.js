// Rows of attention, one per pass of a generation, and what is done to them before they are shown.
// `processed_rows` in generated.py is the same arithmetic.

class GeneratedRows {
  constructor(nPos, nPrompt, rows) {
    Object.assign(this, { nPos, nPrompt, rows });
    this.nRows = nPos - nPrompt + 1;
  }

  // `row` is "wrote" or "own"; see generated_selection.
  set({ row, power, cutoff, ignore }) {
    Object.assign(this, { power, cutoff, ignore, shift: row === "own" ? 1 : 0 });
    this.least = Float64Array.from({ length: this.nRows }, (_, r) => this.threshold(r));
  }

  // Which row a generated token looks with.
  rowOf(pos) {
    return pos - this.nPrompt + this.shift;
  }

  // The query position of a row; it sees the tokens up to and with itself.
  query(row) {
    return this.nPrompt - 1 + row;
  }

  raw(row, key) {
    if (row < 0 || key > this.query(row)) return NaN;
    return this.rows[row * this.nPrompt + (row * (row - 1)) / 2 + key];
  }

  // A weight has to be above this to stay. NaN: no cut-off, everything stays.
  threshold(row) {
    const count = this.query(row) + 1 - this.ignore;
    if (this.cutoff === null || count <= 0) return NaN;
    const mean = this.sum(row, (weight) => weight) / count;
    const variance = this.sum(row, (weight) => (weight - mean) ** 2) / count;
    return mean + this.cutoff * Math.sqrt(variance);
  }

  sum(row, term) {
    let total = 0;
    for (let key = this.ignore; key <= this.query(row); key++) total += term(this.raw(row, key));
    return total;
  }

  isCut(row, key) {
    return this.raw(row, key) <= this.least[row];
  }

  shown(row, key) {
    const raw = this.raw(row, key);
    if (Number.isNaN(raw)) return NaN;
    return key < this.ignore || this.isCut(row, key) ? 0 : raw ** this.power;
  }

  // For every token: how much the generated token at `pos` looked at it.
  lookedAtBy(pos) {
    return Float64Array.from({ length: this.nPos }, (_, key) => this.between(pos, key));
  }

  // For every token: how much it, where it was generated, looked at the token at `pos`.
  lookersAt(pos) {
    return Float64Array.from({ length: this.nPos }, (_, observer) => this.between(observer, pos));
  }

  // NaN where nothing was looked at: the observer is of the prompt, or the key comes after the query.
  between(observer, key) {
    return observer < this.nPrompt ? NaN : this.shown(this.rowOf(observer), key);
  }
}
