// What stands beside the cells of a position map: the tokens above its columns, the names of its rows.

function drawTokens(cells, first, last) {
  const { context, colours, header, isFlat } = cells;
  const step = everyNthLabel(cells.cellWidth, isFlat ? 1 : 12);
  context.textBaseline = "middle";
  for (let pos = Math.ceil(first / step) * step; pos < last; pos += step) {
    const x = cells.left + (pos + 0.5) * cells.cellWidth - cells.from;
    context.save();
    if (isFlat) {
      context.textAlign = "center";
      if (header.numbered) writeLabel(context, x, 8, `${pos}`, colours.muted, colours.font);
      writeLabel(context, x, 23, header.tokens[pos], colours.ink, colours.codeFont, cells.cellWidth - 4);
    } else {
      context.translate(x, cells.top - 6);
      context.rotate(-Math.PI / 2);
      context.textAlign = "left";
      writeLabel(context, 0, 0, cells.columnName(pos), colours.ink, colours.codeFont, cells.top - 10);
    }
    context.restore();
  }
}

// Every so many rows have room for a name. The last one always has it.
function drawRows(cells) {
  const { context, colours, header } = cells;
  const last = header.rows.length - 1;
  const step = everyNthLabel(cells.cellHeight, POSMAP.tickDown);
  context.textBaseline = "middle";
  context.textAlign = "right";
  header.rows.forEach((row, index) => {
    const isNamed = index === last || (index % step === 0 && last - index >= step);
    const y = cells.top + (index + 0.5) * cells.cellHeight;
    if (isNamed) writeLabel(context, cells.left - 7, y, row, colours.muted, colours.font, cells.left - 8);
  });
  context.textAlign = "left";
  writeLabel(context, 0, cells.top - 11, `${header.row_name} ↓`, colours.muted, colours.font);
}

function writeLabel(context, x, y, text, style, font, width = Infinity) {
  context.fillStyle = style;
  context.font = `11px ${font}`;
  context.fillText(shortened(context, text, width), x, y);
}

const everyNthLabel = (pitch, least) => [1, 2, 5, 10, 20, 50, 100].find((step) => step * pitch >= least) ?? 200;

// The beginning of a text that fits, with a sign that it goes on. Characters are never cut in two.
function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const characters = [...text];
  while (characters.length && context.measureText(`${characters.join("")}…`).width > width) characters.pop();
  return `${characters.join("")}…`;
}
