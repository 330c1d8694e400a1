// The panel: what is pointed at or pinned, large. Without either, the model as a whole.

class ArchitecturePanel {
  constructor(signal, act) {
    this.act = act;
    this.node = el("section", { class: "hs-arch-panel", "aria-live": "polite", "data-testid": "architecture-panel" });
    this.node.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const { head, copy, act: what } = button.dataset;
      if (head !== undefined) this.act("head", Number(head));
      else if (copy !== undefined) this.copy(copy, button);
      else if (what !== undefined) this.act(what);
    }, { signal });
  }

  // `shown` is { model, layer, target, head, marks, around }, or null for the whole model.
  show(shown, { isPinned, explain, words, acts, model, isAlone }) {
    Object.assign(this, { explain, words, acts, isPinned, isAlone });
    const parts = shown ? this.partOf(shown) : this.whole(model);
    this.node.replaceChildren(...parts);
  }

  whole(model) {
    if (!this.isAlone) return [el("p", { class: "hs-note" }, "Point at a part for what it does and holds; click to keep it. Parts that are not as in the first model have a dashed orange edge.")];
    const rows = model.facts.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)));
    return [
      el("h3", {}, model.name),
      ...model.notes.map((note) => el("p", { class: "hs-arch-warning" }, note)),
      el("table", { class: "hs-arch-facts" }, ...rows),
      el("p", { class: "hs-note" }, "Point at a part for what it does and holds; click to keep it. Weights are the checkpoint's own, tied ones counted once; operations count two for each multiplication, norms and activations left out."),
    ];
  }

  partOf(shown) {
    const { model, layer, target, head } = shown;
    const block = layer === null ? null : model.kinds[shown.kind];
    const blocks = block ? [block] : [model.before, model.after];
    const node = blocks.flatMap(({ nodes }) => nodes).find(({ part }) => part === target);
    const edge = node ? null : blocks.flatMap(({ edges }) => edges).find(({ key }) => key === target);
    if (!node && edge) return this.arrow(shown, edge, blocks);
    if (!node) return this.stream(shown);
    const place = layer === null ? "" : `layer ${layer}`;
    const title = head === null || head === undefined ? `${node.title}` : `head L${layer}H${head}`;
    return [
      this.heading(title, place),
      el("p", { class: "hs-arch-line" }, node.line),
      ...this.actions(shown, node),
      ...this.marksOf([...shown.marks, ...shown.around]),
      ...this.explanation(node, model, block),
      ...this.figure(shown, node, model),
      ...this.weights(node),
    ];
  }

  heading(title, place) {
    const pin = el("span", { class: "hs-arch-pin" }, this.isPinned ? "pinned · Esc lets go" : "");
    return el("h3", {}, title, ...(place ? [el("small", {}, place)] : []), pin);
  }

  arrow(shown, { hooks, source, target }, blocks) {
    const nodes = blocks.flatMap((block) => block.nodes);
    const titleOf = (id) => (id === "stream" ? "the residual stream" : nodes.find((node) => node.id === id)?.title ?? id);
    const own = nodes.flatMap(({ ports }) => ports).find(({ hook }) => hooks.some((one) => hook.endsWith(`.${one}`) || hook === one));
    // Into a norm goes the stream, of which no hook point of that name tells.
    const shape = (own ?? nodes.find(({ part }) => part.startsWith("resid_"))?.ports[0])?.shape;
    return [
      this.heading(hooks.length ? hooks[0].replace("hook_", "") : "arrow", shown.layer === null ? "" : `layer ${shown.layer}`),
      el("p", { class: "hs-arch-line" }, `from ${titleOf(source)} to ${titleOf(target)}`),
      ...(shape ? [el("p", { class: "hs-arch-dims" }, shapeText(shape))] : []),
      ...this.marksOf(shown.marks),
      this.hooksOf(hooks.map((hook) => ({ hook: shown.layer === null ? hook : `blocks.${shown.layer}.${hook}`, shape: null }))),
    ];
  }

  stream(shown) {
    return [this.heading("residual stream", ""), ...this.marksOf(shown.marks), ...this.texts(["stream"])];
  }

  marksOf(marks) {
    return marks.map((mark) => inColour(el("p", { class: "hs-arch-mark" },
      el("i", {}), `${mark.label} on ${mark.name}${mark.heads ? `, heads ${mark.heads.join(", ")}` : ""}`), mark.colour));
  }

  explanation(node, model, block) {
    const { part, sizes, title } = node;
    const keys = { ln1_post: [title, "post_norm"], ln2_post: [title, "post_norm"], ln_final: [title, "ln_final"], embed_norm: ["embed_norm"], resid_pre: ["stream"], resid_mid: ["stream"], resid_post: ["stream"], ln1: [title], ln2: [title] }[part] ?? [part];
    if (part === "attn") {
      if (sizes.n_key_value_heads < sizes.n_heads) keys.push("grouped");
      if (sizes.rotary_dim) keys.push("rotary");
      if (model.positions === "alibi") keys.push("alibi");
      if (sizes.window) keys.push("window");
    }
    if (part === "mlp") keys.push(...(sizes.gated ? ["gated"] : []), ...(sizes.n_experts ? ["experts"] : []), ...(block.parallel ? ["parallel"] : []));
    return this.texts(keys);
  }

  texts(keys) {
    if (!this.explain) return [];
    return keys.filter((key) => this.words[key]).map((key) => el("p", { class: "hs-arch-words" }, `${this.words[key].text} `, el("cite", {}, this.words[key].source)));
  }

  figure(shown, node, model) {
    const { layer, head } = shown;
    const inLayer = (hook) => hook.replace("blocks.{layer}.", "");
    const colourOf = (hook) => [...shown.marks, ...shown.around].find(({ hooks, heads }) => hooks.includes(inLayer(hook)) && (head == null || !heads || heads.includes(head)))?.colour ?? null;
    const parts = [];
    if (node.part === "attn") {
      const dModel = node.ports.at(-1).shape[1];
      parts.push(headGrid(node.sizes, shown.marks, head), flowFigure(attentionFlow(node, dModel, model.positions), colourOf));
    } else if (node.part === "mlp") parts.push(flowFigure(mlpFlow(node), colourOf));
    const hooks = node.ports.filter(({ hook }) => hook).map(({ hook, shape }) => ({ hook: hook.replace("{layer}", layer), shape }));
    if (hooks.length) parts.push(this.hooksOf(hooks, node.part === "attn"));
    return parts;
  }

  hooksOf(hooks, isFolded = false) {
    const rows = hooks.map(({ hook, shape }) => el("tr", {},
      el("td", {}, code(hook), ...(shape ? [el("span", { class: "hs-arch-dims" }, shapeText(shape))] : [])),
      el("td", {}, el("button", { type: "button", "data-copy": hook, "aria-label": `Copy ${hook}` }, "copy"))));
    const table = el("table", { class: "hs-arch-hooks" }, ...rows);
    if (!isFolded) return table;
    return el("details", {}, el("summary", {}, `Hook points (${hooks.length})`), table);
  }

  weights({ weights, n_params: count, multiplied }) {
    if (!weights.length) return [];
    const rows = weights.map(([name, shape, shared]) => el("tr", {}, el("td", {}, code(name)), el("td", {}, shapeText(shape)),
      el("td", {}, shared ? "the embedding's" : shape.reduce((one, other) => one * other, 1).toLocaleString("en"))));
    const memory = `${count.toLocaleString("en")} parameters, ${bytesText(4 * count)} in float32` + (multiplied ? `; ${(2 * multiplied).toLocaleString("en")} operations a token` : "");
    return [el("table", { class: "hs-arch-weights" }, ...rows), el("p", { class: "hs-note" }, memory)];
  }

  actions({ layer, head }, { part }) {
    const buttons = [];
    const add = (text, what) => buttons.push(el("button", { type: "button", class: "hs-arch-act", "data-act": what, "data-testid": `act-${what}` }, text));
    const isHead = part === "attn" && head !== null && head !== undefined;
    const hook = { attn: isHead ? "attn.hook_z" : "hook_attn_out", mlp: "hook_mlp_out" }[part] ?? (part.startsWith("resid") ? `hook_${part}` : null);
    if (layer === null || !hook) return [];
    if (this.acts) {
      if (part === "attn") add(isHead ? "Open in attention" : "Open layer in attention", "open");
      if (part.startsWith("resid")) add("Open in lens", "stream");
      add(isHead ? "Ablate this head" : "Ablate", "ablate");
    }
    buttons.push(el("button", { type: "button", class: "hs-arch-act", "data-copy": `blocks.${layer}.${hook}` }, "Copy hook name"));
    return [el("div", { class: "hs-arch-acts" }, ...buttons)];
  }

  async copy(text, button) {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      // Frames without the permission: what is selected can be copied by hand.
      const range = document.createRange();
      const shown = button.closest("tr")?.querySelector(".hs-code") ?? button.parentNode.appendChild(code(text));
      range.selectNodeContents(shown);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
    setTimeout(() => (button.textContent = said), 1200);
  }
}

function bytesText(count) {
  const [unit, size] = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3], ["bytes", 1]].find(([, one]) => count >= one) ?? ["bytes", 1];
  return `${(count / size).toLocaleString("en", { maximumFractionDigits: 1 })} ${unit}`;
}
