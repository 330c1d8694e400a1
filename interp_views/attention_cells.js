// The cells of one head that a picture shows: part of its square, pooled further until they fit the pixels.

// `part` is { query, key, size, grain, pool }: a window in positions, the positions along the side of a cell there
// is (1 where exact weights are known), and how many such cells share one that is drawn: the largest of them.
// Returns `side` by `side` levels, MASKED where the mask forbids attention or there are no positions. Where exact
// weights are known of a picture that is not pooled, `finely` takes them: levels are then fractions.
function cellsOf(pattern, head, { query, key, size, grain, pool }, finely = false) {
  const count = Math.ceil(size / grain);
  const side = Math.ceil(count / pool);
  const levels = new (finely ? Float32Array : Int16Array)(side * side).fill(MASKED);
  const [top, left] = [Math.floor(query / grain), Math.floor(key / grain)];
  const readRow = grain === pattern.pool && !finely ? levelRow : exactRow;
  for (let row = 0; row < count; row++) {
    const into = Math.floor(row / pool) * side;
    readRow(pattern, head, top + row, left, count, pool, levels, into);
  }
  return levels;
}

function levelRow(pattern, head, row, left, count, pool, levels, into) {
  if (row >= pattern.side) return;
  const start = pattern.rowStart(head, row) + left;
  const length = Math.min(count, pattern.rowLength(row) - left);
  const first = Math.max(0, pattern.firstSeen(head, row, pattern.pool) - left);
  if (pool === 1) {
    for (let i = first; i < length; i++) levels[into + i] = pattern.levels[start + i];
    return;
  }
  for (let i = first; i < length; i++) {
    const cell = into + Math.floor(i / pool);
    const level = pattern.levels[start + i];
    if (level > levels[cell]) levels[cell] = level;
  }
}

function exactRow(pattern, head, query, left, count, pool, levels, into) {
  if (query >= pattern.n) return;
  const end = pattern.causal ? Math.min(left + count, query + 1) : Math.min(left + count, pattern.n);
  // Levels are whole where the array holds whole numbers.
  for (let key = Math.max(left, pattern.firstSeen(head, query, 1)); key < end; key++) {
    const cell = into + Math.floor((key - left) / pool);
    const exact = Math.min(255, (pattern.exactAt(head, query, key) / pattern.top) * 255);
    const level = levels instanceof Float32Array ? exact : Math.round(exact);
    if (level > levels[cell]) levels[cell] = level;
  }
}

// Which of the cells that share a drawn one at (query, key) is the largest in any of `heads`.
function largestCell(pattern, heads, query, key, { grain, pool }) {
  let best = { query, key, grain };
  let most = MASKED;
  for (let row = query; row < Math.min(pattern.n, query + grain * pool); row += grain)
    for (let column = key; column < Math.min(pattern.n, key + grain * pool); column += grain)
      for (const head of heads) {
        if (pattern.isMasked(head, { query: row, key: column, grain })) continue;
        const level = grain === pattern.pool ? pattern.cellLevel(head, row, column) : pattern.exactAt(head, row, column);
        if (level > most) [most, best] = [level, { query: row, key: column, grain }];
      }
  return best;
}

// Words for ImageData: a transparent pixel for a masked cell.
function pixelsOf(levels, ramp, stretch = 1) {
  const words = new Uint32Array(levels.length);
  for (let i = 0; i < levels.length; i++) if (levels[i] !== MASKED) words[i] = ramp[Math.min(255, Math.round(levels[i] * stretch))];
  return words;
}

function imageOf(words, side) {
  const image = new ImageData(side, side);
  new Uint32Array(image.data.buffer).set(words);
  return image;
}
