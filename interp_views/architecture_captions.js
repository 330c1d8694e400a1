// Short explanations beside the diagram, each at the height of what it explains: of the first unfolded layer, and of
// what stands before and after the layers.

const CAPTIONS = { width: 230, gap: 10 };

// `words` by key as architecture.py packs them; gives [{ y, key, text }] with y above the bottom.
function captionsOf(diagram, words) {
  const { bands, model } = diagram;
  const found = [];
  const first = (key) => words[key].text.split(/(?<=\.) /)[0];
  const put = (band, part, keys) => {
    const box = band.layout.boxes.find((one) => one.part === part);
    if (box) found.push({ y: band.bottom - box.y - box.height / 2, text: keys.map(first).join(" ") });
  };
  const [before, after] = [bands[0], bands.at(-1)];
  put(before, "embed", ["embed"]);
  put(before, "pos_embed", ["pos_embed"]);
  const layer = bands.find((band) => band.layer !== undefined);
  if (layer) {
    const block = model.kinds[diagram.kindOf(layer.layer)];
    const part = (name) => block.nodes.find((node) => node.part === name);
    const norm = part("ln1");
    if (norm) put(layer, "ln1", [norm.title]);
    const { sizes } = part("attn");
    put(layer, "attn", ["attn", ...(sizes.n_key_value_heads < sizes.n_heads ? ["grouped"] : [])]);
    if (part("ln1_post")) put(layer, "ln1_post", ["post_norm"]);
    if (part("mlp")) put(layer, "mlp", [part("mlp").sizes.n_experts ? "experts" : "mlp", ...(part("mlp").sizes.gated ? ["gated"] : []), ...(block.parallel ? ["parallel"] : [])]);
  }
  put(after, "ln_final", ["ln_final"]);
  put(after, "unembed", ["unembed"]);
  return found;
}

// Place captions so that none covers another, and draw the line from each to its part.
function placeCaptions(list, diagram, words) {
  const captions = captionsOf(diagram, words).sort((one, other) => one.y - other.y);
  const nodes = captions.map(({ text }) => el("p", {}, text));
  list.replaceChildren(...nodes);
  let free = 0;
  captions.forEach(({ y }, i) => {
    const { offsetHeight } = nodes[i];
    const bottom = Math.max(free, y - offsetHeight / 2);
    nodes[i].style.bottom = `${bottom}px`;
    free = bottom + offsetHeight + CAPTIONS.gap;
  });
}
