// Zoom: which square of positions the large picture shows, as { query, key, size }, or null for everything.
// Windows begin and end with cells, so that a cell is never cut.

const FEWEST_CELLS = 4;

const wholeWindow = (pattern) => ({ query: 0, key: 0, size: pattern.side * pattern.pool });

// The nearest window that there can be; null when that is everything.
function fitWindow(pattern, { query, key, size }) {
  const { pool } = pattern;
  const whole = pattern.side * pool;
  const cells = Math.max(Math.min(FEWEST_CELLS, pattern.side), Math.round(size / pool));
  if (cells >= pattern.side) return null;
  const place = (pos) => Math.min(whole - cells * pool, Math.max(0, Math.round(pos / pool) * pool));
  return { query: place(query), key: place(key), size: cells * pool };
}

// Make the window `factor` times as large around a position that stays where it is on the screen.
function zoomWindow(pattern, window, factor, at) {
  const now = window ?? wholeWindow(pattern);
  const least = Math.sign(factor - 1) * pattern.pool;
  const wanted = now.size * factor;
  const size = Math.abs(wanted - now.size) < pattern.pool ? now.size + least : wanted;
  const shift = (axis) => at[axis] - ((at[axis] - now[axis]) * size) / now.size;
  return fitWindow(pattern, { query: shift("query"), key: shift("key"), size });
}

function panWindow(pattern, window, queries, keys) {
  if (!window) return null;
  return fitWindow(pattern, { query: window.query + queries, key: window.key + keys, size: window.size });
}

// The square window around the rectangle between two positions.
function windowAround(pattern, one, other) {
  const size = Math.max(Math.abs(one.query - other.query), Math.abs(one.key - other.key));
  const start = (axis) => (one[axis] + other[axis] - size) / 2;
  return fitWindow(pattern, { query: start("query"), key: start("key"), size });
}

const sameWindow = (one, other) =>
  one === other || (!!one && !!other && one.query === other.query && one.key === other.key && one.size === other.size);
