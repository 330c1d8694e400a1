// The large picture as SVG: nodes are built one by one, so text from a tokenizer stays text.

function saveSvg(figure) {
  const text = new XMLSerializer().serializeToString(svgOf(figure));
  saveFile(new Blob([text], { type: "image/svg+xml" }), `${figure.filename}.svg`);
}

// A document that nobody looks at: in the page's own, the policy that forbids loading images would speak up.
const svgDocument = document.implementation.createDocument(SVG, "svg", null);

function svgEl(tag, attributes = {}, ...children) {
  const node = svgDocument.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function svgOf(figure) {
  const { grid } = figure;
  const { colours } = grid.scene;
  const { width, height } = figureSize(figure);
  const ramps = figureRamps(figure);
  const texts = figureTexts(figure).map(({ x, y, text, bold }) =>
    svgText(text, { x, y, fill: bold ? colours.ink : colours.muted, "font-family": colours.font, "font-size": bold ? 14 : 11, "font-weight": bold ? 700 : 400 }));
  return svgEl("svg", { width, height, viewBox: `0 0 ${width} ${height}` },
    svgEl("title", {}, xmlText(figure.title)),
    svgEl("defs", {}, ...ramps.map(svgGradient), svgHatching(colours)),
    svgEl("rect", { width, height, fill: colours.paper }),
    svgEl("g", { transform: `translate(${FIGURE.edge} ${FIGURE.title})` }, ...svgSquare(grid), ...svgVeil(grid), ...svgAxes(grid)),
    ...ramps.map(({ x, y, width: wide }, i) => svgEl("rect", { x, y, width: wide, height: 10, fill: `url(#ramp${i})` })),
    ...texts);
}

function svgGradient({ stops }, i) {
  const offset = (at) => (stops.length > 1 ? at / (stops.length - 1) : 0);
  return svgEl("linearGradient", { id: `ramp${i}` }, ...stops.map((stop, at) => svgEl("stop", { offset: offset(at), "stop-color": stop })));
}

function svgHatching({ border }) {
  return svgEl("pattern", { id: "masked", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
    svgEl("path", { d: "M0 6L6 0", stroke: border, "stroke-width": 0.5 }));
}

// A PNG in the file, since a canvas of one pixel per cell is exact and small.
function svgSquare({ layout: { margin, side }, offscreen, pattern, scene }) {
  const place = { x: margin, y: margin, width: side, height: side };
  const image = svgEl("image", { ...place, href: offscreen.toDataURL("image/png"), preserveAspectRatio: "none", "image-rendering": "pixelated" });
  const frame = svgEl("rect", { ...place, fill: "none", stroke: scene.colours.border });
  return [...(pattern.causal ? [svgEl("rect", { ...place, fill: "url(#masked)" })] : []), image, frame];
}

function svgVeil(grid) {
  if (!grid.focused || !isInside(grid, grid.focused.axis, grid.focused.pos)) return [];
  const { margin, side } = grid.layout;
  const { axis, pos } = grid.focused;
  const { at, size } = lineOf(grid, axis, pos, grid.layout.part.grain);
  const { paper, selected } = grid.scene.colours;
  const [along, across, length, width] = axis === "query" ? ["x", "y", "width", "height"] : ["y", "x", "height", "width"];
  const bar = (from, to, more) => svgEl("rect", { [along]: margin, [length]: side, [across]: from, [width]: Math.max(0, to - from), ...more });
  const veil = { fill: paper, "fill-opacity": VEIL };
  return [bar(margin, at, veil), bar(at + size, margin + side, veil), bar(at, at + size, { fill: "none", stroke: selected })];
}

function svgAxes(grid) {
  const { layout, pattern, scene } = grid;
  const { margin, labelled } = layout;
  const look = { fill: scene.colours.muted, "font-size": 11 };
  const font = labelled ? scene.colours.codeFont : scene.colours.font;
  const probe = document.createElement("canvas").getContext("2d");
  probe.font = `11px ${font}`;
  const label = ({ axis, pos, text }) => {
    const at = margin + middleOf(layout, axis, pos);
    const place = axis === "query"
      ? { x: margin - 5, y: at, "text-anchor": "end" }
      : { x: 0, y: 0, transform: `translate(${at} ${margin - 5}) rotate(-90)` };
    return svgText(fitText(probe, text, margin - 8), { ...place, ...look, "font-family": font, "dominant-baseline": "central" });
  };
  const names = [["key →", margin - 22], ["query ↓", margin - 8]].map(([text, y]) =>
    svgText(text, { x: margin - 8, y, "text-anchor": "end", "font-family": scene.colours.font, ...look }));
  return [...["query", "key"].flatMap((axis) => axisLabels(layout, pattern.n, axis, scene.labels).map(label)), ...names];
}

const svgText = (text, attributes) => svgEl("text", { direction: "ltr", "unicode-bidi": "isolate", ...attributes }, xmlText(text));

// Two characters that a document may hold and XML may not.
const xmlText = (text) => text.replace(/[\uFFFE\uFFFF]/g, "\uFFFD");
