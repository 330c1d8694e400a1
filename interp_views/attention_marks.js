// What lies over the large picture and follows the pointer: a veil, the focused row or column, the crosshair.

const VEIL = 0.6;

// `focus` is { axis, pos } or null, `cell` is { query, key, grain } or null.
function drawMarks(grid, context, cell, focus) {
  const { colours } = grid.scene;
  const { grain } = grid.layout.part;
  if (focus && isInside(grid, focus.axis, focus.pos)) {
    drawVeil(grid, context, focus);
    markLine(grid, context, focus.axis, focus.pos, grain, colours.selected);
  }
  for (const axis of cell ? ["query", "key"] : []) {
    const isMarked = focus?.axis === axis && lineOf(grid, axis, focus.pos, grain).at === lineOf(grid, axis, cell[axis], cell.grain).at;
    if (isInside(grid, axis, cell[axis]) && !isMarked) markLine(grid, context, axis, cell[axis], cell.grain, colours.ink);
  }
}

// Whether the picture, zoomed as it is, shows a position.
function isInside({ layout: { part } }, axis, pos) {
  return pos >= part[axis] && pos < part[axis] + part.size;
}

// Positions of one cell, such as 8–11.
function rangeText(first, grain, n) {
  const last = Math.min(n, first + grain) - 1;
  return last > first ? `${first}–${last}` : String(first);
}

// Everything but the focused row or column fades into the paper.
function drawVeil(grid, context, { axis, pos }) {
  const { margin, side } = grid.layout;
  const { at, size } = lineOf(grid, axis, pos, grid.layout.part.grain);
  context.save();
  context.globalAlpha = VEIL;
  context.fillStyle = grid.scene.colours.paper;
  for (const [from, to] of [[margin, Math.max(margin, at)], [Math.min(margin + side, at + size), margin + side]])
    if (axis === "query") context.fillRect(margin, from, side, to - from);
    else context.fillRect(from, margin, to - from, side);
  context.restore();
}

// The line of the cell that holds a position, in CSS pixels from the edge of the picture.
function lineOf({ layout }, axis, pos, grain) {
  const { margin, unit, part } = layout;
  const first = part[axis] + Math.floor((pos - part[axis]) / grain) * grain;
  return { at: margin + (first - part[axis]) * unit, size: Math.max(1, unit * grain) };
}

function markLine(grid, context, axis, pos, grain, colour) {
  const { margin, side } = grid.layout;
  const { at, size } = lineOf(grid, axis, pos, grain);
  context.strokeStyle = colour;
  context.lineWidth = 1;
  // Around the cells, not over them: a cell may be a single pixel.
  if (axis === "query") context.strokeRect(margin, at - 0.5, side, size + 1);
  else context.strokeRect(at - 0.5, margin, size + 1, side);
  context.font = grid.font("bold");
  context.fillStyle = colour;
  const first = Math.floor(pos / grain) * grain;
  const text = grain > 1 ? rangeText(first, grain, grid.pattern.n) : grid.scene.labels[pos];
  grid.writeLabel(context, axis, pos, text, grid.scene.colours.paper);
}

function drawZoomRectangle(grid, context, one, other) {
  const { margin, unit, part } = grid.layout;
  const place = (axis, position) => margin + (position - part[axis]) * unit;
  context.setLineDash([4, 3]);
  context.strokeStyle = grid.scene.colours.ink;
  context.strokeRect(place("key", one.key), place("query", one.query), (other.key - one.key) * unit, (other.query - one.query) * unit);
  context.setLineDash([]);
}
