// Lines on paper, to fill a cell with: no number here, which is not the same as zero.
function hatching(context, colour) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 5;
  const lines = tile.getContext("2d");
  lines.strokeStyle = colour;
  lines.globalAlpha = 0.55;
  for (const shift of [-5, 0, 5]) {
    lines.moveTo(shift, 5);
    lines.lineTo(shift + 5, 0);
  }
  lines.stroke();
  return context.createPattern(tile, "repeat");
}
