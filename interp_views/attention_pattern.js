// The numbers of some heads: which cells there are, and what is in them. A cell is `pool` by `pool`
// positions. Levels run from 0 to 255 (`top`); -1 is a masked cell. Axes are "query" and "key".
// `windows` has a number a head, or is one for all: how many positions back it looks, itself included; 0: no limit.

const MASKED = -1;

class AttentionPattern {
  constructor({ tokens, pool, causal, top, window }, nHeads, levels, windows = Array(nHeads).fill(window)) {
    Object.assign(this, { n: tokens.length, pool, causal, top, nHeads, levels, windows, focus: null });
    this.side = Math.ceil(this.n / pool);
    this.nCells = causal ? (this.side * (this.side + 1)) / 2 : this.side * this.side;
    this.most = new Map();
    // Fewer decimals for larger numbers: 0.1234 and 12.34.
    this.size = Math.floor(Math.log10(top));
  }

  // Index of the first cell of a row of cells, and how many there are.
  rowStart(head, row) {
    return head * this.nCells + (this.causal ? (row * (row + 1)) / 2 : row * this.side);
  }

  rowLength(row) {
    return this.causal ? row + 1 : this.side;
  }

  // The first of the columns of cells, `grain` positions wide, that is not masked as too far back.
  firstSeen(head, row, grain) {
    const window = this.windows[head];
    return window ? Math.max(0, Math.floor((row * grain - grain + 1 - window) / grain) + 1) : 0;
  }

  levelAt(head, query, key) {
    if ((this.causal && key > query) || this.isTooFar(head, query, key)) return MASKED;
    return this.levels[this.rowStart(head, Math.floor(query / this.pool)) + Math.floor(key / this.pool)];
  }

  // Take exact weights of one head: { head, query, key, n_queries, n_keys, triangle } and the numbers.
  focusOn(header, weights) {
    this.focus = { ...header, weights };
  }

  // Whether every position of the window is among the exact weights of that head.
  covers(head, { query, key, size }) {
    const { focus, n } = this;
    if (!focus || focus.head !== head || query < focus.query || key < focus.key) return false;
    const reaches = (from, count, exact) => Math.min(n, from + size) <= exact + count;
    return reaches(query, focus.n_queries, focus.query) && reaches(key, focus.n_keys, focus.key);
  }

  // Exact weight, or undefined where it was not sent.
  exactAt(head, query, key) {
    const { focus } = this;
    if (!focus || !this.covers(head, { query, key, size: 1 })) return undefined;
    const row = query - focus.query;
    if (this.isMasked(head, { query, key, grain: 1 })) return undefined;
    return focus.weights[(focus.triangle ? (row * (row + 1)) / 2 : row * focus.n_keys) + key - focus.key];
  }

  // What a reader is told of a cell of `grain` positions a side: four decimals where the weight is exact, two where
  // it is a level.
  text(head, { query, key, grain }) {
    if (this.isMasked(head, { query, key, grain })) return this.maskText(head, query, key);
    const decimals = (count) => Math.min(20, Math.max(0, count - this.size));
    const exact = grain === 1 ? this.exactAt(head, query, key) : undefined;
    if (exact !== undefined) return exact.toFixed(decimals(4));
    return `≈ ${((this.cellLevel(head, query, key) / 255) * this.top).toFixed(decimals(2))}`;
  }

  isMasked(head, { query, key, grain }) {
    const [row, column] = [Math.floor(query / grain), Math.floor(key / grain)];
    return (this.causal && column > row) || column < this.firstSeen(head, row, grain);
  }

  isTooFar(head, query, key) {
    return this.windows[head] > 0 && query - key >= this.windows[head];
  }

  maskText(head, query, key) {
    const window = this.windows[head];
    return window && key <= query ? `masked: outside the window of ${window.toLocaleString("en")} tokens` : "masked";
  }

  // Level of the cell that holds a position, be the position masked or not.
  cellLevel(head, query, key) {
    const row = Math.floor(query / this.pool);
    const column = Math.floor(key / this.pool);
    return column < this.rowLength(row) && column >= this.firstSeen(head, row, this.pool) ? this.levels[this.rowStart(head, row) + column] : MASKED;
  }

  // For every position: the level between it and the position `pos` of `axis`.
  around(head, pos, axis) {
    const levels = new Int16Array(this.n);
    for (let other = 0; other < this.n; other++)
      levels[other] = axis === "query" ? this.levelAt(head, pos, other) : this.levelAt(head, other, pos);
    return levels;
  }

  // For every position of `axis`: its largest level over the other axis. Kept: a hover asks for it of every head.
  strongest(head, axis) {
    const name = `${head} ${axis}`;
    if (!this.most.has(name)) this.computeStrongest(head);
    return this.most.get(name);
  }

  computeStrongest(head) {
    const most = { query: new Uint8Array(this.n), key: new Uint8Array(this.n) };
    let cell = head * this.nCells;
    for (let row = 0; row < this.side; row++)
      for (let column = 0; column < this.rowLength(row); column++, cell++) {
        const level = this.levels[cell];
        if (level > most.query[row]) most.query[row] = level;
        if (level > most.key[column]) most.key[column] = level;
      }
    for (const axis of ["query", "key"])
      this.most.set(`${head} ${axis}`, Int16Array.from({ length: this.n }, (_, pos) => most[axis][Math.floor(pos / this.pool)]));
  }
}
