// How the parts of an architecture are drawn, as SVG. Boxes and wires come from architecture_layout.js.

// In parts: a standalone page is searched for addresses, and this is none.
const SVG_NAMESPACE = ["http:", "", "www.w3.org", "2000", "svg"].join("/");

function svgEl(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG_NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const svgText = (x, y, text, kind = "", anchor = "middle") =>
  svgEl("text", { x, y, class: `hs-arch-text ${kind}`, "text-anchor": anchor, "dominant-baseline": "central" }, text);

// Heads that there is room for: the first ones, a gap (null), and the last.
function headsShown(count, width, least = 25) {
  const fit = Math.max(3, Math.floor((width + 4) / (least + 4)));
  if (count <= fit) return Array.from({ length: count }, (_, i) => i);
  return [...Array.from({ length: fit - 2 }, (_, i) => i), null, count - 1];
}

// Give an element a hook's colour. Styles are set one by one: a standalone page forbids style attributes.
function inColour(node, colour) {
  node.style.setProperty("--mark", `var(--hs-hook-${colour})`);
  return node;
}

// Marks on a part: the first gives its colour, and of several functions each is a dot, at however many points of the part it stands.
function markShape(shape, marks) {
  if (!marks.length) return;
  shape.classList.add("is-marked");
  inColour(shape, marks[0].colour);
}

function markDots(x, y, marks) {
  const functions = [...new Map(marks.map((mark) => [mark.label, mark])).values()];
  if (functions.length < 2) return [];
  return functions.slice(0, 6).map((mark, i) => inColour(svgEl("circle", { cx: x - i * 9, cy: y, r: 3.5, class: "hs-arch-dot" }), mark.colour));
}

function drawBox(box, marks) {
  const { part, node, x, y, width, height } = box;
  const group = svgEl("g", { class: `hs-arch-part is-${kindOf(part)}${node.differs ? " is-different" : ""}`, "data-target": part });
  group.append(svgEl("rect", { class: "hs-arch-hit", x: x - 3, y: y - 3, width: width + 6, height: height + 6, rx: 8 }));
  if (part === "attn") group.append(...drawHeads(box, marks));
  else if (part === "mlp") group.append(...drawMlp(box, marks));
  else group.append(...drawPlain(box, marks));
  group.append(...markDots(x + width - 8, y + 6, marks));
  return group;
}

const kindOf = (part) => (part.startsWith("ln") || part === "embed_norm" ? "norm" : part);

function drawPlain({ node, part, x, y, width, height }, marks) {
  const shape = svgEl("rect", { class: "hs-arch-shape", x, y, width, height, rx: kindOf(part) === "norm" ? height / 2 : 6 });
  markShape(shape, marks);
  const centre = x + width / 2;
  const hasLine = height > 36 && node.line.length * 5.4 < width - 4;
  if (!hasLine) return [shape, svgText(centre, y + height / 2 + 0.5, node.title, "is-name")];
  return [shape, svgText(centre, y + 13, node.title, "is-name"), svgText(centre, y + 28, node.line, "is-small")];
}

function drawHeads({ node, x, y, width }, marks) {
  const { n_heads: count, n_key_value_heads: grouped } = node.sizes;
  const shown = headsShown(count, width - 8);
  const isGrouped = grouped < count && shown.length === count;
  const apart = isGrouped && grouped * 8 < width - 8 - count * 26 ? 8 : 0;
  const gaps = apart * ((isGrouped ? grouped : 1) - 1);
  const cell = Math.min(40, (width - 8 - gaps + 4) / shown.length - 4);
  const start = x + width / 2 - (shown.length * (cell + 4) - 4 + gaps) / 2;
  const leftOf = (i) => start + i * (cell + 4) + (isGrouped ? Math.floor(i / (count / grouped)) * apart : 0);
  const top = y + ARCH.fork;
  const centre = x + width / 2;
  const note = attentionNote(node.sizes);
  const parts = note.length * 5.6 < width / 2 - 8 ? [svgText(x, y - 6, note, "is-small", "start")] : [];
  if (isGrouped) parts.push(...drawGroups(count / grouped, grouped, leftOf, cell, top));
  shown.forEach((head, i) => {
    const left = leftOf(i);
    const middle = left + cell / 2;
    const bottom = top + ARCH.head;
    parts.push(svgEl("path", { class: "hs-arch-fork", d: `M${centre} ${bottom + ARCH.fork} C${centre} ${bottom + 8} ${middle} ${bottom + 14} ${middle} ${bottom}` }));
    parts.push(svgEl("path", { class: "hs-arch-fork", d: `M${middle} ${top} C${middle} ${top - 14} ${centre} ${top - 8} ${centre} ${y}` }));
    const between = head === null ? [shown[i - 1] + 1, count - 2] : [head, head];
    const here = marks.filter((mark) => !mark.heads || mark.heads.some((one) => one >= between[0] && one <= between[1]));
    const shape = svgEl("rect", { class: `hs-arch-shape${head === null ? " is-gap" : ""}`, x: left, y: top, width: cell, height: ARCH.head, rx: 5 });
    markShape(shape, here);
    const one = svgEl("g", head === null ? {} : { class: "hs-arch-head", "data-head": head }, shape,
      head === null ? svgText(middle, top + ARCH.head / 2, "⋯", "is-name") : headName(middle, top + ARCH.head / 2, head));
    parts.push(one);
  });
  return parts;
}

function headName(x, y, head) {
  const text = svgText(x, y, "h", "is-name");
  text.append(svgEl("tspan", { "baseline-shift": "sub", "font-size": "8.5" }, String(head)));
  return text;
}

// Heads that share one key and value head stand on one ground.
function drawGroups(each, grouped, leftOf, cell, top) {
  return Array.from({ length: grouped }, (_, i) => svgEl("rect", {
    class: "hs-arch-group", x: leftOf(i * each) - 3.5, y: top - 4, width: each * (cell + 4) + 3, height: ARCH.head + 8, rx: 7,
  }));
}

const attentionNote = ({ n_heads: count, n_key_value_heads: grouped, rotary_dim: rotary }) =>
  [grouped < count ? `${grouped} k/v head${grouped > 1 ? "s" : ""}` : "", rotary ? "rotary" : ""].filter(Boolean).join(" · ");

// Wider where there are more neurons; a gated MLP has two ways in, multiplied.
function drawMlp({ node, x, y, width, height }, marks) {
  const { gated, activation, n_experts: experts } = node.sizes;
  const wide = Math.min(width, 240);
  const left = x + (width - wide) / 2;
  const parts = [];
  if (experts) for (const shift of [8, 4]) parts.push(svgEl("path", { class: "hs-arch-shape is-behind", d: mlpOutline(left + shift, y - shift / 2, wide, height, gated) }));
  const shape = svgEl("path", { class: "hs-arch-shape", d: mlpOutline(left, y, wide, height, gated) });
  markShape(shape, marks);
  parts.push(shape);
  const centre = left + wide / 2;
  const title = experts ? `${node.sizes.experts_per_token} of ${experts} experts` : "MLP";
  parts.push(svgText(centre, y + 14, title, "is-name"));
  const name = shortActivation(activation);
  if (!gated) {
    const side = name.length * 3.2 + 6;
    const line = `M${left + 6} ${y + height / 2} H${centre - side} M${centre + side} ${y + height / 2} H${left + wide - 6}`;
    return [...parts, svgEl("path", { class: "hs-arch-fork", d: line }), svgText(centre, y + height / 2 + 0.5, name, "is-small")];
  }
  const third = wide / 4;
  return [
    ...parts,
    svgText(centre - third, y + height - 15, name, "is-small"),
    svgText(centre + third, y + height - 15, "linear", "is-small"),
    svgEl("circle", { class: "hs-arch-times", cx: centre, cy: y + height / 2 + 2, r: 8 }),
    svgText(centre, y + height / 2 + 2, "×", "is-name"),
    svgEl("path", { class: "hs-arch-fork", d: `M${centre - third} ${y + height - 24} V${y + height / 2 + 2} H${centre - 8} M${centre + third} ${y + height - 24} V${y + height / 2 + 2} H${centre + 8} M${centre} ${y + height / 2 - 6} V${y + 24}` }),
  ];
}

const shortActivation = (name) => (name || "activation").replace("gelu_pytorch_tanh", "gelu tanh").slice(0, 12);

function mlpOutline(x, y, width, height, gated) {
  const slim = width * 0.24;
  const [right, bottom, upper, lower] = [x + width, y + height, y + height * 0.32, y + height * 0.68];
  const top = `M${x + slim} ${y} H${right - slim} L${right} ${upper} V${lower}`;
  if (!gated) return `${top} L${right - slim} ${bottom} H${x + slim} L${x} ${lower} V${upper} Z`;
  const centre = x + width / 2;
  const inset = width * 0.1;
  return `${top} L${right - inset} ${bottom} H${centre + inset} L${centre} ${lower + 4} L${centre - inset} ${bottom} H${x + inset} L${x} ${lower} V${upper} Z`;
}

function drawWire({ key, path, isArrow }, marks) {
  const isStream = key.startsWith("resid") || key === "stream";
  const line = svgEl("path", { class: `hs-arch-wire${isStream ? " is-stream" : ""}`, d: path });
  if (isArrow) line.setAttribute("marker-end", "url(#hs-arch-tip)");
  markShape(line, marks);
  const hit = svgEl("path", { class: "hs-arch-wire-hit", d: path });
  return svgEl("g", { class: "hs-arch-arrow", "data-target": key }, hit, line);
}

function drawAdd({ part, x, y }) {
  return svgEl("g", { class: "hs-arch-add", "data-target": part },
    svgEl("circle", { cx: x, cy: y, r: ARCH.add }), svgEl("path", { d: `M${x - 4.5} ${y} H${x + 4.5} M${x} ${y - 4.5} V${y + 4.5}` }));
}

// The head of an arrow takes its line's colour.
function arrowTip() {
  return svgEl("defs", {}, svgEl("marker", { id: "hs-arch-tip", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 6.5, markerHeight: 6.5, orient: "auto", markerUnits: "userSpaceOnUse" },
    svgEl("path", { d: "M0 0.5 L8 4 L0 7.5 z", fill: "context-stroke" })));
}
