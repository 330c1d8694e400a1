// The dashboard of one SAE feature, or several of them side by side. Pointing at a token reads all about it; a click on
// an example, a row or a head tells the host.

const LINE_WAYS = [["aligned", "Aligned", "feature-aligned"], ["wrapped", "Wrapped", "feature-wrapped"]];

class FeatureDashboard {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, signal, send, repaint, columns: [], unfolded: new Map(), way: "aligned", chosen: new Map() });
    this.legend = el("div", { class: "hs-fd-legend", "data-testid": "feature-legend" });
    this.body = el("div", { class: "hs-fd-body" });
    this.card = new FeatureCard(root);
    this.ways = buttonSwitch("Lines of examples", LINE_WAYS, signal, (way) => this.write(way));
    this.ways.show(this.way);
    root.append(this.body, this.card.node);
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.point(null), { signal });
    document.fonts?.ready.then(repaint);
  }

  write(way) {
    this.way = way;
    this.ways.show(way);
    this.repaint();
  }

  update(header, arrays) {
    const focus = this.focused();
    if (header.about !== this.header?.about) for (const kept of [this.unfolded, this.chosen]) kept.clear();
    this.header = header;
    this.point(null);
    const features = readFeatures(header, arrays);
    this.effect = largestEffect(features);
    this.columns = features.map((feature) => new FeatureColumn(feature, this.contextOf(feature)));
    this.legend.replaceChildren(...this.keys(features));
    this.place(header.compact);
    for (const [i, column] of this.columns.entries()) column.examples.choose(this.chosen.get(i) ?? null);
    this.refocus(focus);
  }

  contextOf(feature) {
    const key = feature.name;
    if (!this.unfolded.has(key)) this.unfolded.set(key, new Map());
    return {
      compact: this.header.compact, unfolded: this.unfolded.get(key), effect: this.effect, signal: this.signal,
      send: (name, value) => this.tell(feature, name, value), point: (place, column) => this.point(place, column), rewritten: () => this.repaint(),
    };
  }

  tell(feature, name, value) {
    if (name === "example") this.columns.forEach(({ feature: other }, i) => other === feature && this.chosen.set(i, value.number));
    this.send(name, value);
  }

  place(compact) {
    const back = this.header.back ? [el("a", { class: "hs-fd-back", href: this.header.back }, "← All features")] : [];
    const nodes = this.columns.map(({ node }) => node);
    if (!nodes.length) return this.body.replaceChildren(...back, el("p", { class: "hs-note" }, "No features to show."));
    const scroller = el("div", { class: "hs-fd-side-by-side", tabindex: 0, role: "group", "aria-label": `${nodes.length} features side by side` }, ...nodes);
    // The legend explains the examples, so it stands between the head and the board.
    if (!compact) nodes[0].querySelector(".hs-fd-head").after(this.legend);
    this.body.replaceChildren(...back, ...(compact ? [this.legend, scroller] : nodes));
  }

  keys(features) {
    // Shades and lines are those of examples.
    if (!features.some(({ groups }) => groups.length)) return [];
    const end = features.length === 1 ? signedNumber(features[0].largest, 2) : "each feature's largest";
    const keys = [rangeScale("shade", "0", end, "activation")];
    if (this.effect !== null) {
      const most = featureNumber(this.effect);
      const effect = el("u", { title: "How much the loss of a token rises when the feature is removed at the token before. Above 0 the feature helps." }, "loss effect");
      keys.push(el("span", { class: "hs-fd-underline-key" }, el("span", {}, "underline, ", effect, ": hurts"), rangeScale("swing", `−${most}`, most, "nats, helps")));
    }
    keys.push(el("span", {}, el("b", {}, "bold"), ": the token an example was chosen for"));
    const hasSources = features.some(({ groups }) => groups.some(({ examples }) => examples.some(({ sources }) => sources)));
    if (hasSources) keys.push(el("span", {}, el("i", { class: "hs-fd-source-key" }), "strongest source token (direct attribution)"));
    return [...keys, el("span", { class: "hs-push" }, this.ways.node)];
  }

  point(place, column) {
    this.card.show(place);
    for (const each of this.columns) if (!place || each === column) each.mark(place);
  }

  // Where the keyboard is, so that new data for the same examples does not throw it out.
  focused() {
    const node = this.root.getRootNode().activeElement?.closest?.("[data-pos]");
    const line = node?.closest("[data-line]");
    const at = this.columns.findIndex(({ node: column }) => column.contains(node ?? null));
    return line && at >= 0 ? { at, testid: line.dataset.testid, pos: node.dataset.pos } : null;
  }

  refocus(focus) {
    const column = focus && this.columns[focus.at]?.node;
    column?.querySelector(`[data-testid="${focus.testid}"] [data-pos="${focus.pos}"]`)?.focus({ preventScroll: true });
  }

  paint(colours) {
    if (this.painted !== colours) this.ramps = featureRamps(this.root, colours);
    this.painted = colours;
    for (const column of this.columns) column.paint(this.ramps, colours, this.way === "wrapped");
  }
}

export default function render(component) {
  return mount(component, FeatureDashboard);
}
