// Saving the large picture as it is shown, with title, labels and legend: as PNG with twice the pixels, or as SVG in
// which the cells are an image of one pixel per cell and all else is vectors and text.

const FIGURE = { edge: 16, title: 34, legend: 58, scale: 2, ramp: 160, line: 18 };
// In pieces, so that a search for addresses in a page that needs no network finds none.
const SVG = ["http:", "", "www.w3.org", "2000", "svg"].join("/");

// A figure is { grid, title, stops, end, unit, hint, heads: [[name, colour], ...], filename }.
function figureSize({ grid, heads }) {
  const width = Math.max(460, grid.layout.width) + 2 * FIGURE.edge;
  const perLine = Math.max(1, Math.floor((width - 2 * FIGURE.edge) / 64));
  const lines = Math.ceil(heads.length / perLine);
  return { width, perLine, height: FIGURE.title + grid.layout.height + FIGURE.legend + lines * FIGURE.line + FIGURE.edge };
}

function savePng(figure) {
  const { width, height } = figureSize(figure);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.ceil(width * FIGURE.scale), Math.ceil(height * FIGURE.scale)];
  const context = canvas.getContext("2d");
  context.scale(FIGURE.scale, FIGURE.scale);
  drawFigure(context, figure, width, height);
  canvas.toBlob((blob) => saveFile(blob, `${figure.filename}.png`), "image/png");
}

function drawFigure(context, figure, width, height) {
  const { grid } = figure;
  const { colours } = grid.scene;
  context.fillStyle = colours.paper;
  context.fillRect(0, 0, width, height);
  context.save();
  context.translate(FIGURE.edge, FIGURE.title);
  grid.drawOn(context);
  drawMarks(grid, context, null, grid.focused);
  context.restore();
  for (const { x, y, width: wide, stops } of figureRamps(figure)) {
    const gradient = context.createLinearGradient(x, 0, x + wide, 0);
    stops.forEach((stop, i) => gradient.addColorStop(stops.length > 1 ? i / (stops.length - 1) : 0, stop));
    context.fillStyle = gradient;
    context.fillRect(x, y, wide, 10);
  }
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  for (const { x, y, text, bold } of figureTexts(figure)) {
    context.font = `${bold ? "bold 14" : "11"}px ${colours.font}`;
    context.fillStyle = bold ? colours.ink : colours.muted;
    context.fillText(text, x, y);
  }
}

const legendTop = ({ grid }) => FIGURE.title + grid.layout.height + 18;

// Coloured bars: the scale, and a square for every head that is mixed in.
function figureRamps(figure) {
  const top = legendTop(figure);
  const { perLine } = figureSize(figure);
  const squares = figure.heads.map(([, colour], i) => ({ ...headPlace(i, perLine, top), width: 10, stops: [colour] }));
  return [{ x: FIGURE.edge + 12, y: top, width: FIGURE.ramp, stops: figure.stops }, ...squares];
}

const headPlace = (i, perLine, top) => ({ x: FIGURE.edge + 64 * (i % perLine), y: top + 36 + FIGURE.line * Math.floor(i / perLine) });

function figureTexts(figure) {
  const { title, end, unit, hint, heads, grid } = figure;
  const top = legendTop(figure);
  const { perLine } = figureSize(figure);
  const mask = grid.pattern.causal ? "; hatched: masked" : "";
  return [
    { x: FIGURE.edge, y: 22, text: title, bold: true },
    { x: FIGURE.edge, y: top + 9, text: "0" },
    { x: FIGURE.edge + FIGURE.ramp + 18, y: top + 9, text: `${end}  ${unit}${mask}` },
    { x: FIGURE.edge, y: top + 27, text: hint },
    ...heads.map(([name], i) => {
      const { x, y } = headPlace(i, perLine, top);
      return { x: x + 14, y: y + 9, text: name };
    }),
  ];
}

function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
