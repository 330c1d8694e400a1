// Elementwise products of one query with its keys: scale * q * k, one for each dimension.

class QueryKeyProducts {
  constructor(header, arrays) {
    Object.assign(this, { dHead: header.d_head, nKeys: header.n_keys, scale: header.scale });
    Object.assign(this, { q: arrays.q, k: arrays.k, scores: arrays.scores, pattern: arrays.pattern });
    this.sums = Float64Array.from({ length: this.nKeys }, (_, key) => this.sum(key));
    this.largest = this.largestProduct();
    this.largestQ = largestSize(this.q);
    this.largestK = largestSize(this.k);
    this.units = { dim: Array.from({ length: this.dHead }, (_, dim) => [dim]) };
    if (arrays.pairs) this.units.pair = this.pairUnits(arrays.pairs);
  }

  at(key, dim) {
    return this.scale * this.q[dim] * this.k[key * this.dHead + dim];
  }

  row(key) {
    return Float64Array.from({ length: this.dHead }, (_, dim) => this.at(key, dim));
  }

  sum(key) {
    let total = 0;
    for (let dim = 0; dim < this.dHead; dim++) total += this.at(key, dim);
    return total;
  }

  largestProduct() {
    let most = 0;
    for (let key = 0; key < this.nKeys; key++)
      for (let dim = 0; dim < this.dHead; dim++) most = Math.max(most, Math.abs(this.at(key, dim)));
    return most;
  }

  // The pairs that turn together, then the dimensions that no rotation touches, each by itself.
  pairUnits(pairs) {
    const units = Array.from({ length: pairs.length / 2 }, (_, i) => [pairs[2 * i], pairs[2 * i + 1]]);
    const paired = new Set(pairs);
    return [...units, ...this.units.dim.filter(([dim]) => !paired.has(dim))];
  }

  // [{ dims, product }] of one key; `grouping` is "dim" or "pair", `order` is "size" or "dim".
  bars(key, grouping, order) {
    const bars = this.units[grouping].map((dims) => ({ dims, product: dims.reduce((total, dim) => total + this.at(key, dim), 0) }));
    return order === "size" ? bars.sort((a, b) => Math.abs(b.product) - Math.abs(a.product)) : bars;
  }

  // Whether nothing but scale and dot product makes the score of this key, up to float32 rounding.
  explains(key) {
    const score = this.scores[key];
    return Number.isFinite(score) && Math.abs(this.sums[key] - score) <= 1e-3 * Math.max(1, Math.abs(score));
  }
}

// One vector as a strip of cells, `x` to `x + width`, each value tinted by its share of `largest`.
function drawStrip(context, values, largest, { x, y, width, height }, ramp) {
  const pitch = width / values.length;
  values.forEach((value, i) => {
    context.fillStyle = ramp.at(value / (largest || 1));
    // Whole pixels, or seams between cells would show the paper.
    const left = Math.round(x + i * pitch);
    context.fillRect(left, y, Math.round(x + (i + 1) * pitch) - left, height);
  });
}
