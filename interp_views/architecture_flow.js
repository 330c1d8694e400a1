// One part large: what enters, what it is multiplied by, what leaves, with the shape at each arrow.

// Steps from the bottom up; each is a row of cells { text, shape, hook, kind }.
function attentionFlow({ ports, weights, sizes }, dModel, positions) {
  const port = new Map(ports.map((one) => [one.name, one]));
  const has = (name) => weights.some(([weight]) => weight === name);
  const cell = (name, kind, text = name) => ({ kind, text, shape: port.get(name)?.shape, hook: port.get(name)?.hook ?? "" });
  const rows = [
    [{ kind: "stream", text: "normed stream", shape: ["pos", dModel], hook: "" }],
    ["Q", "K", "V"].map((one) => ({ kind: "weight", text: `× W_${one}${has(`b_${one}`) ? ` + b_${one}` : ""}`, shape: null, hook: port.get(`${one.toLowerCase()} input`)?.hook ?? "" })),
    ["q", "k", "v"].map((one) => cell(one, "tensor")),
  ];
  if (sizes.qk_norm) rows.push([{ kind: "step", text: "norm" }, { kind: "step", text: "norm" }, { kind: "pass" }]);
  if (sizes.rotary_dim) {
    const share = sizes.rotary_dim < sizes.d_head ? ` ${sizes.rotary_dim} of ${sizes.d_head}` : "";
    rows.push([{ kind: "step", text: `rotary${share}`, hook: port.get("rotated q")?.hook }, { kind: "step", text: `rotary${share}`, hook: port.get("rotated k")?.hook }, { kind: "pass" }]);
  }
  const penalty = positions === "alibi" ? " − distance" : "";
  rows.push([{ ...cell("attn_scores", "tensor", `scores = q · k / √d${penalty}`), span: 2 }, { kind: "pass" }]);
  rows.push([{ kind: "step", text: sizes.window ? `mask, window ${sizes.window.toLocaleString("en")}` : "causal mask", span: 2 }, { kind: "pass" }]);
  rows.push([{ ...cell("pattern", "tensor", "pattern = softmax"), span: 2 }, { kind: "pass" }]);
  rows.push([{ ...cell("z", "tensor", "z = pattern × v"), span: 3 }]);
  rows.push([{ kind: "weight", text: `× W_O${has("b_O") ? " + b_O" : ""}, heads summed`, span: 3, hook: port.get("result").hook }]);
  rows.push([{ ...cell("attn_out", "stream"), span: 3 }]);
  return rows;
}

function mlpFlow({ ports, weights, sizes }) {
  const port = new Map(ports.map((one) => [one.name, one]));
  const bias = (name) => (weights.some(([weight]) => weight === name) ? ` + ${name}` : "");
  const tensor = (name, kind = "tensor") => ({ kind, text: name, shape: port.get(name).shape, hook: port.get(name).hook });
  const rows = [[{ ...tensor("mlp_in", "stream"), text: "normed stream" }]];
  const name = sizes.activation || "activation";
  const pass = { kind: "pass" };
  // Between the first matrices and the last, an expert has no hook points.
  if (sizes.n_experts) {
    rows.push([{ ...tensor("pre"), span: 2 }]);
    rows.push([{ kind: "step", text: `router picks ${sizes.experts_per_token} of ${sizes.n_experts}`, span: 2 }]);
    if (sizes.gated) rows.push([{ kind: "weight", text: `× W_gate${bias("b_gate")}` }, { kind: "weight", text: `× W_in${bias("b_in")}` }], [{ kind: "step", text: name }, pass]);
    else rows.push([{ kind: "weight", text: `× W_in${bias("b_in")}`, span: 2 }], [{ kind: "step", text: name, span: 2 }]);
    rows.push([{ kind: "weight", text: `× W_out${bias("b_out")}`, span: 2 }], [{ ...tensor("post"), text: "post = weighted sum", span: 2 }], [{ ...tensor("mlp_out", "stream"), span: 2 }]);
    return rows;
  }
  if (sizes.gated) {
    rows.push([{ kind: "weight", text: `× W_gate${bias("b_gate")}` }, { kind: "weight", text: `× W_in${bias("b_in")}` }]);
    rows.push([tensor("pre"), tensor("pre_linear")]);
    rows.push([{ kind: "step", text: name }, pass]);
    rows.push([{ ...tensor("post"), text: "post = product", span: 2 }]);
  } else {
    rows.push([{ kind: "weight", text: `× W_in${bias("b_in")}` }], [tensor("pre")], [{ kind: "step", text: name }], [tensor("post")]);
  }
  rows.push([{ kind: "weight", text: `× W_out${bias("b_out")}`, span: 2 }], [{ ...tensor("mlp_out", "stream"), span: 2 }]);
  return rows;
}

// `colourOf(hook)` is the colour of a mark on a hook point, or null.
function flowFigure(rows, colourOf) {
  const columns = Math.max(...rows.map((row) => row.reduce((sum, { span = 1 }) => sum + span, 0)));
  const list = el("div", { class: "hs-arch-flow" });
  list.style.setProperty("--columns", columns);
  for (const row of [...rows].reverse()) for (const one of row) {
    const span = row.length === 1 ? columns : one.span ?? 1;
    const node = el("div", { class: `hs-arch-step is-${one.kind}` });
    node.style.gridColumn = `span ${span}`;
    if (one.text) node.append(el("span", {}, one.text));
    if (one.shape) node.append(el("span", { class: "hs-arch-dims" }, shapeText(one.shape)));
    const colour = one.hook ? colourOf(one.hook) : null;
    if (colour !== null) {
      node.classList.add("is-marked");
      inColour(node, colour);
    }
    list.append(node);
  }
  return list;
}

const shapeText = (shape) => shape.map((one) => (typeof one === "number" ? one.toLocaleString("en") : one)).join(" × ");

const MOST_HEADS_SHOWN = 512; // far more than models have: each is a button in the document

// Every head as a small button; those that share a key and value head stand in one frame.
function headGrid(sizes, marks, selected) {
  const { n_heads: count, n_key_value_heads: grouped } = sizes;
  const each = count / grouped;
  const grid = el("div", { class: "hs-arch-heads", role: "group", "aria-label": "Every head" });
  const size = each > 1 ? each : count;
  const shown = Math.min(count, MOST_HEADS_SHOWN);
  for (let group = 0; group * size < shown; group++) {
    const frame = el("div", { class: each > 1 && grouped > 1 ? "hs-arch-shared" : "hs-arch-alone" });
    if (each > 1) frame.title = `key/value head ${group}`;
    for (let head = group * size; head < Math.min(shown, (group + 1) * size); head++) {
      const button = el("button", { type: "button", "data-head": head, "data-testid": `head-${head}`, "aria-pressed": head === selected }, String(head));
      const mark = marks.find(({ heads }) => !heads || heads.includes(head));
      if (mark) {
        button.classList.add("is-marked");
        inColour(button, mark.colour);
      }
      frame.append(button);
    }
    grid.append(frame);
  }
  if (shown < count) grid.append(el("span", { class: "hs-note" }, `and ${(count - shown).toLocaleString("en")} more`));
  return grid;
}
