// Where the large picture has its cells and labels, in CSS pixels.

const GRID = {
  side: 620, longSide: 700, least: 120, cell: 44, labelledCell: 11, label: 120, shortLabel: 76, bare: 60, narrow: 420, tick: 28,
  foot: 4,
};

// `grain` is the positions along a cell, `labelWidth` the width of the widest label, `room` the width there is.
function gridLayout(pattern, window, grain, labelWidth, room) {
  const margin = Math.ceil(Math.min(room < GRID.narrow ? GRID.shortLabel : GRID.label, Math.max(46, labelWidth) + 10));
  const layout = layoutBeside(pattern, window, grain, margin, GRID.side, room);
  if (layout.labelled || margin <= GRID.bare) return layout;
  // Cells too small for the names of tokens: their room goes to the cells, but for some positions.
  return { ...layoutBeside(pattern, window, grain, GRID.bare, GRID.longSide, room), labelled: false };
}

function layoutBeside(pattern, window, grain, margin, most, room) {
  const scale = devicePixelRatio;
  const { query, key, size } = window ?? wholeWindow(pattern);
  const count = Math.ceil(Math.min(size, window ? size : pattern.n) / grain);
  const pixels = Math.floor(Math.max(GRID.least, Math.min(most, room - margin - 1)) * scale);
  const pool = Math.ceil(count / pixels);
  const rows = Math.ceil(count / pool);
  // Whole device pixels per cell where that fills the room. A zoomed picture stays as large as it was.
  const whole = Math.floor(pixels / rows);
  const fills = whole * rows >= 0.8 * pixels || whole >= 6;
  const fitting = (!window && fills ? whole : pixels / rows) / scale;
  const cell = window ? fitting : Math.min(GRID.cell, fitting);
  const side = cell * rows;
  const unit = cell / (grain * pool);
  return {
    part: { query, key, size, grain, pool }, margin, side, rows, cell, unit,
    width: margin + side + 1, height: margin + side + GRID.foot, labelled: unit >= GRID.labelledCell,
  };
}

// The positions of one axis that get a label, and what it says.
function axisLabels({ part, unit, labelled }, n, axis, labels) {
  const every = labelled ? 1 : ([8, 16, 32, 64, 128, 256, 512, 1024].find((step) => step * unit >= GRID.tick) ?? 2048);
  const found = [];
  const end = Math.min(n, part[axis] + part.size);
  for (let pos = Math.ceil(part[axis] / every) * every; pos < end; pos += every)
    found.push({ axis, pos, text: labelled ? labels[pos] : String(pos) });
  return found;
}

// Distance of the middle of a position from the first edge of the square.
const middleOf = ({ part, unit }, axis, pos) => (pos + 0.5 - part[axis]) * unit;

function fitText(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const characters = [...text];
  while (characters.length && context.measureText(`${characters.join("")}…`).width > width) characters.pop();
  return `${characters.join("")}…`;
}

function clearBehind(context, axis, text, background) {
  const width = context.measureText(text).width + 4;
  const ink = context.fillStyle;
  context.fillStyle = background;
  context.fillRect(axis === "key" ? -2 : 2 - width, -11, width, 22);
  context.fillStyle = ink;
}
