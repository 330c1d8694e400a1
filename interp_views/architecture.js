// Architectures side by side: diagrams, the panel of one part, the legend of hooks, and what differs.

const PICTURE = { panel: 330, diagram: 470, slim: 380, least: 200, gap: 16 };

class ArchitecturePicture {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, signal, send, repaint, pinned: null, pointed: null, diagrams: [], explain: null });
    this.legend = el("div", { class: "hs-arch-legend", "data-testid": "architecture-legend" });
    this.explains = buttonSwitch("Explanations", [[true, "Explained", "explain-on"], [false, "Bare", "explain-off"]], signal, (value) => {
      this.explain = value;
      this.fresh = true;
      repaint();
    });
    const button = (text, testid, act) => {
      const node = el("button", { type: "button", class: "hs-arch-act", "data-testid": testid }, text);
      node.addEventListener("click", act, { signal });
      return node;
    };
    const bar = el("div", { class: "hs-bar" }, button("Fold all layers", "fold-all", () => this.foldAll(false)), button("Unfold all", "unfold-all", () => this.foldAll(true)),
      this.explains.node, this.legend);
    this.problems = el("div", { class: "hs-arch-problems" });
    this.compared = el("div", { class: "hs-arch-compared" });
    this.row = el("div", { class: "hs-arch-row" });
    this.captions = el("div", { class: "hs-arch-captions" });
    this.scroller = el("div", { class: "hs-arch-scroller", tabindex: 0, role: "application", "data-testid": "architecture", "aria-label": "Architecture. Up and Down go from part to part, Left and Right from head to head, Enter keeps a part, Space folds or unfolds a layer, Escape lets go." }, this.row);
    this.panel = new ArchitecturePanel(signal, (what, value) => this.act(what, value));
    this.frame = el("div", { class: "hs-arch-frame-of-all" }, this.scroller, this.panel.node);
    root.append(bar, this.problems, this.frame, this.compared);
    this.scroller.addEventListener("scroll", repaint, { signal, passive: true });
    architectureGestures(this);
  }

  update(header) {
    this.header = header;
    this.explain ??= header.explain;
    const marks = new HookMarks(header.marks);
    while (this.diagrams.length > header.diagrams.length) this.diagrams.pop();
    header.diagrams.forEach((diagram, i) => {
      this.diagrams[i] ??= new ArchitectureDiagram(this.repaint);
      this.diagrams[i].update(diagram, i === 0 ? marks : new HookMarks([]), header.max_layers);
    });
    this.row.replaceChildren(...this.diagrams.map(({ node }) => node), this.captions);
    this.row.classList.toggle("is-single", header.diagrams.length === 1);
    this.legend.replaceChildren(...legendOf(header.marks));
    this.problems.replaceChildren(...header.problems.map((text) => el("p", { class: "hs-arch-warning" }, text)));
    this.compared.replaceChildren(...(header.diagrams.length > 1 ? [comparison(header.diagrams)] : []));
    if (this.pinned && !this.exists(this.pinned)) this.pinned = null;
    this.pointed = null;
    this.fresh = true;
  }

  exists({ index, layer, target }) {
    const model = this.header.diagrams[index];
    if (!model || (layer !== null && layer >= model.n_layers)) return false;
    const blocks = layer === null ? [model.before, model.after] : [model.kinds[this.diagrams[index].kindOf(layer)]];
    return blocks.some(({ nodes, edges }) => nodes.some(({ part }) => part === target) || edges.some(({ key }) => key === target)) || target === "stream";
  }

  paint() {
    const room = this.root.clientWidth;
    if (!room) return;
    const bottom = this.isPlaced ? this.scroller.scrollHeight - this.scroller.scrollTop : null;
    this.place(room);
    // What is below stays where it is while layers above it fold and unfold.
    if (bottom === null) this.scroller.scrollTop = this.scroller.scrollHeight;
    else if (this.moved) this.scroller.scrollTop = this.scroller.scrollHeight - bottom;
    this.moved = false;
    this.isPlaced = true;
    this.drawVisible();
    if (this.fresh) this.showPanel();
    this.explains.show(this.explain);
    this.fresh = false;
  }

  place(room) {
    const count = this.diagrams.length;
    const asked = this.header.width;
    const beside = room >= PICTURE.panel + PICTURE.gap + count * (asked || 300) + PICTURE.gap * count;
    this.frame.classList.toggle("is-stacked", !beside);
    const left = room - (beside ? PICTURE.panel + PICTURE.gap : 0) - 22;
    const widest = Math.max(PICTURE.least, Math.min(asked || PICTURE.diagram, Math.floor((left - PICTURE.gap * (count - 1)) / count)));
    const besideCaptions = left - CAPTIONS.width - PICTURE.gap;
    const hasCaptions = this.explain && count === 1 && besideCaptions >= Math.min(widest, PICTURE.slim);
    const width = hasCaptions ? Math.min(widest, besideCaptions) : widest;
    const wanted = [width, hasCaptions, ...this.diagrams.map(({ stale }) => stale)].join();
    for (const diagram of this.diagrams) diagram.layOut(width);
    if (wanted === this.placed && !this.fresh) return;
    this.placed = [width, hasCaptions, ...this.diagrams.map(() => false)].join();
    this.moved = true;
    this.captions.hidden = !hasCaptions;
    if (hasCaptions) placeCaptions(this.captions, this.diagrams[0], this.header.words);
  }

  drawVisible() {
    const { scrollTop, clientHeight } = this.scroller;
    for (const diagram of this.diagrams) {
      // Diagrams stand on one ground: heights count from there.
      const ground = diagram.svg.getBoundingClientRect().bottom - this.scroller.getBoundingClientRect().top + scrollTop;
      diagram.draw(ground - scrollTop - clientHeight, ground - scrollTop);
    }
  }

  foldAll(isOpen) {
    for (const diagram of this.diagrams) diagram.fold(Array.from({ length: diagram.model.n_layers }, (_, i) => i), isOpen);
  }

  point(place) {
    if (samePlace(place, this.pointed)) return;
    this.pointed = place;
    this.showPanel();
  }

  pin(place) {
    this.pinned = place && samePlace(place, this.pinned) ? null : place;
    this.pointed = null;
    this.showPanel();
  }

  showPanel() {
    const place = this.pointed ?? this.pinned;
    this.diagrams.forEach((diagram, index) => {
      diagram.selected = place?.index === index ? place : null;
      if (diagram.bands) diagram.outline();
    });
    const model = this.header.diagrams[place?.index ?? 0];
    const shown = place && this.shownAt(place, model);
    this.panel.show(shown, { isPinned: place !== null && place === this.pinned, explain: this.explain, words: this.header.words, acts: this.header.acts && (place?.index ?? 0) === 0, model, isAlone: this.diagrams.length === 1 });
  }

  // `around` are marks on the arrows into and out of a part, which its flow shows too.
  shownAt({ index, layer, target, head }, model) {
    const { marks, kindOf } = this.diagrams[index];
    const around = ["_in", "_out"].flatMap((end) => marks.at(layer, target + end));
    return { model, layer, target, head, kind: layer === null ? null : kindOf(layer), marks: marks.at(layer, target), around };
  }

  act(what, value) {
    const place = this.pointed ?? this.pinned;
    if (!place) return;
    if (what === "head") {
      this.pinned = { ...place, head: place.head === value ? null : value };
      this.pointed = null;
      this.showPanel();
    } else this.send("act", { what, layer: place.layer, head: place.head ?? null, part: place.target });
  }
}

const samePlace = (one, other) => one === other || (one !== null && other !== null && ["index", "layer", "target", "head"].every((name) => one[name] === other[name]));

function legendOf(marks) {
  const seen = new Map(marks.map((mark) => [mark.label, mark]));
  return [...seen.values()].map(({ label, colour }) => inColour(el("span", { class: "hs-arch-mark" }, el("i", {}), label), colour));
}

// Facts of all models in one table; values that are not the first model's stand out.
function comparison(diagrams) {
  const head = el("tr", {}, el("td", {}, "in orange: not as in the first"), ...diagrams.map(({ name }) => el("th", { scope: "col" }, name)));
  const rows = diagrams[0].facts.map(([name, first], row) => {
    const values = diagrams.map(({ facts }) => facts[row][1]);
    const cells = values.map((value) => el("td", value === first ? {} : { class: "is-different" }, value));
    return el("tr", values.every((value) => value === first) ? { class: "is-same" } : {}, el("th", { scope: "row" }, name), ...cells);
  });
  return el("table", { class: "hs-arch-facts", "data-testid": "architecture-compared" }, head, ...rows);
}

export default function render(component) {
  return mount(component, ArchitecturePicture);
}
