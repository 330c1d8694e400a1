// The numbers of one layer: which cells there are, and what is in them.

class AttentionPattern {
  constructor(header, arrays) {
    this.n = header.tokens.length;
    this.nHeads = header.n_heads;
    this.causal = header.causal;
    this.exactHead = header.head;
    this.heads = arrays.heads;
    this.focus = arrays.focus;
    this.nCells = this.causal ? (this.n * (this.n + 1)) / 2 : this.n * this.n;
    this.sums = new Map();
  }

  cell(query, key) {
    return this.causal ? (query * (query + 1)) / 2 + key : query * this.n + key;
  }

  // Number of keys that a query may look at.
  nKeys(query) {
    return this.causal ? query + 1 : this.n;
  }

  // Probability in 0 to 1, or NaN where the mask forbids attention.
  at(head, query, key) {
    if (key >= this.nKeys(query)) return NaN;
    const cell = this.cell(query, key);
    return head === this.exactHead ? this.focus[cell] : this.heads[head * this.nCells + cell] / 255;
  }

  // What a reader is told: four digits where the value is exact, two where it is rounded to 1/255.
  text(head, query, key) {
    const value = this.at(head, query, key);
    if (Number.isNaN(value)) return "masked";
    return head === this.exactHead ? value.toFixed(4) : `≈ ${value.toFixed(2)}`;
  }

  // For every position: the attention that the token at `pos` pays to it (from) or gets from it (to).
  around(head, pos, direction) {
    return Float32Array.from({ length: this.n }, (_, other) =>
      direction === "from" ? this.at(head, pos, other) : this.at(head, other, pos));
  }

  // For every position: the largest attention it gets from any query (from) or pays to any key (to).
  strongest(head, direction) {
    const name = `${head} ${direction}`;
    if (!this.sums.has(name)) this.sums.set(name, this.computeStrongest(head, direction));
    return this.sums.get(name);
  }

  computeStrongest(head, direction) {
    const largest = new Float32Array(this.n);
    for (let query = 0; query < this.n; query++)
      for (let key = 0; key < this.nKeys(query); key++) {
        const pos = direction === "from" ? key : query;
        largest[pos] = Math.max(largest[pos], this.at(head, query, key));
      }
    return largest;
  }

  // Where the largest cell is among `size` by `size` cells: what a pooled pixel stands for.
  largestIn(head, query, key, size) {
    let best = { query, key };
    for (let q = query; q < Math.min(this.n, query + size); q++)
      for (let k = key; k < Math.min(this.nKeys(q), key + size); k++)
        if (!(this.at(head, q, k) <= this.at(head, best.query, best.key))) best = { query: q, key: k };
    return best;
  }

  // One head as a picture of one pixel per cell, or per `pool` by `pool` cells: the largest of them.
  // Masked pixels stay transparent.
  image(head, pool, pixels) {
    const side = Math.ceil(this.n / pool);
    const largest = new Int16Array(side * side).fill(-1);
    let cell = head * this.nCells;
    for (let query = 0; query < this.n; query++) {
      const row = Math.floor(query / pool) * side;
      for (let key = 0; key < this.nKeys(query); key++, cell++) {
        const pixel = row + Math.floor(key / pool);
        if (this.heads[cell] > largest[pixel]) largest[pixel] = this.heads[cell];
      }
    }
    const image = new ImageData(side, side);
    const words = new Uint32Array(image.data.buffer);
    largest.forEach((value, i) => value >= 0 && (words[i] = pixels[value]));
    return image;
  }
}
