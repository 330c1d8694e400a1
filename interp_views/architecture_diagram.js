// One model's diagram: bands from the tokens up to the logits, of which only those in sight are in the document.

const FOLDED = { least: 46, most: 150, layer: 7, ends: 40, step: 8 };
const BEYOND = 500; // pixels around what is in sight that are drawn too

class ArchitectureDiagram {
  constructor(repaint) {
    Object.assign(this, { repaint, open: new Set(), drawn: new Map(), selected: null });
    this.name = el("div", { class: "hs-arch-name" });
    this.content = svgEl("g");
    this.svg = svgEl("svg", { class: "hs-arch-svg", role: "img" });
    this.svg.append(arrowTip(), this.content);
    this.node = el("div", { class: "hs-arch-diagram" }, this.name, this.svg);
  }

  update(diagram, marks, maxLayers) {
    const isSame = this.model?.name === diagram.name && this.model.n_layers === diagram.n_layers && this.maxLayers === maxLayers;
    Object.assign(this, { model: diagram, marks, maxLayers, kindOf: layerKinds(diagram.runs) });
    this.name.textContent = diagram.name;
    this.svg.setAttribute("aria-label", `${diagram.name}: ${diagram.n_layers} layers, from the tokens at the bottom to the logits on top`);
    if (!isSame) this.open = new Set(Array.from({ length: Math.min(maxLayers, diagram.n_layers) }, (_, i) => i));
    this.stale = true;
  }

  fold(layers, isOpen) {
    for (const layer of layers) isOpen ? this.open.add(layer) : this.open.delete(layer);
    this.stale = true;
    this.repaint();
  }

  layOut(width) {
    if (!this.stale && this.frame?.width === width) return;
    this.stale = false;
    this.frame = diagramFrame(width);
    const { before, kinds, after } = this.model;
    const ofKind = kinds.map((block) => layoutLayer(block, this.frame));
    this.bands = [{ key: "before", layout: layoutBefore(before, this.frame) }];
    for (let layer = 0; layer < this.model.n_layers; layer++) {
      const last = this.bands.at(-1);
      if (this.open.has(layer)) this.bands.push({ key: `layer ${layer}`, layer, layout: ofKind[this.kindOf(layer)] });
      else if (last.from !== undefined) last.to = layer;
      else this.bands.push({ key: `run ${layer}`, from: layer, to: layer });
    }
    this.bands.push({ key: "after", layout: layoutAfter(after, this.frame) });
    let y = 0;
    for (const band of this.bands) {
      band.height = band.layout?.height ?? foldedHeight(band);
      band.bottom = y;
      y += band.height;
    }
    this.height = y;
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", y);
    this.content.replaceChildren();
    this.drawn.clear();
  }

  // Draw what lies between two heights above the bottom, and drop the rest.
  draw(least, most) {
    const wanted = this.bands.filter(({ bottom, height }) => bottom + height >= least - BEYOND && bottom <= most + BEYOND);
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, group] of this.drawn) {
      if (keys.has(key)) continue;
      group.remove();
      this.drawn.delete(key);
    }
    for (const band of wanted) {
      if (this.drawn.has(band.key)) continue;
      const group = band.layout ? this.drawBand(band) : this.drawFolded(band);
      group.setAttribute("transform", `translate(0 ${this.height - band.bottom})`);
      this.drawn.set(band.key, group);
      this.content.append(group);
    }
    this.outline();
  }

  drawBand({ layout, layer }) {
    const group = svgEl("g", layer === undefined ? {} : { "data-layer": layer, "data-testid": `layer-${layer}` });
    if (layer !== undefined) group.append(...this.drawFrame(layout, layer));
    const at = (target) => this.marks.at(layer ?? null, target);
    for (const wire of layout.wires) group.append(drawWire(wire, at(wire.key)));
    for (const box of layout.boxes) group.append(drawBox(box, at(box.part)));
    for (const add of layout.adds) group.append(drawAdd(add));
    if (layer !== undefined && layout.frame.isWide) group.append(...this.streamNames(layout));
    return group;
  }

  drawFrame({ height, frame }, layer) {
    const window = this.model.kinds[this.kindOf(layer)].nodes.find(({ part }) => part === "attn").sizes.window;
    const title = svgText(18, -height + 13, `− layer ${layer}${window ? ` · window ${window.toLocaleString("en")}` : ""}`, "is-layer", "start");
    return [
      svgEl("rect", { class: "hs-arch-frame", x: 4, y: -height + 3, width: frame.stream + (frame.isWide ? 18 : 12) - 4, height: height - 6, rx: 8 }),
      svgEl("g", { class: "hs-arch-button", "data-fold": layer, role: "button", "aria-label": `Fold layer ${layer}` },
        svgEl("rect", { class: "hs-arch-hit", x: 6, y: -height + 3, width: 140, height: 20 }), title),
    ];
  }

  streamNames({ adds, height, frame }) {
    const middle = adds.find(({ part }) => part === "resid_mid");
    const last = adds.at(-1);
    const places = [["resid_pre", -12], ...(middle ? [["resid_mid", middle.y - 22]] : []), ["resid_post", Math.max(last.y - 20, -height + 12)]];
    return places.map(([part, y]) => svgEl("g", { class: "hs-arch-part is-name-of-stream", "data-target": part }, svgText(frame.stream + 22, y, part, "is-code", "start")));
  }

  // Layers that are folded: a pile, of which each can be taken out.
  drawFolded({ from, to, height }) {
    const { stream } = this.frame;
    const count = to - from + 1;
    const right = stream + (this.frame.isWide ? 18 : 12);
    const group = svgEl("g", { class: "hs-arch-folded", "data-from": from, "data-to": to, "data-testid": `folded-${from}` });
    group.append(svgEl("path", { class: "hs-arch-wire is-stream", d: `M${stream} 0 V${-height}` }));
    const [top, bottom] = [-height + 20, -8];
    const step = (bottom - top) / count;
    const pile = svgEl("g", { class: "hs-arch-pile", "data-pile": from, role: "button", "aria-label": `Unfold a layer of ${from} to ${to}` },
      svgEl("rect", { class: "hs-arch-pile-ground", x: 4, y: top, width: right - 4, height: bottom - top, rx: 6 }));
    const every = Math.ceil(3 / step);
    for (let i = every; i < count; i += every) pile.append(svgEl("path", { class: "hs-arch-leaf", d: `M4 ${bottom - i * step} H${right}` }));
    this.marksInPile(from, to).forEach(([layer, colour]) => pile.append(inColour(svgEl("rect", {
      class: "hs-arch-pile-mark", x: 6, width: 26, y: bottom - (layer - from + 1) * step, height: Math.max(2.5, Math.min(step - 1, 6)), rx: 1.5,
    }), colour)));
    group.append(pile, svgText(right / 2, (top + bottom) / 2, count === 1 ? `layer ${from}` : `layers ${from} to ${to}`, "is-name is-haloed"));
    if (count > 1) {
      const some = Math.min(FOLDED.step, count);
      group.append(this.button(12, -height + 10, some < count ? `+ ${some} layers` : `+ all ${count}`, { "data-unfold": from, "data-count": some }));
      if (some < count) group.append(this.button(92, -height + 10, `+ all ${count}`, { "data-unfold": from, "data-count": count }));
    }
    return group;
  }

  button(x, y, text, attributes) {
    return svgEl("g", { class: "hs-arch-button", role: "button", ...attributes },
      svgEl("rect", { class: "hs-arch-hit", x: x - 4, y: y - 9, width: text.length * 6.6 + 8, height: 18 }), svgText(x, y, text, "is-layer", "start"));
  }

  marksInPile(from, to) {
    if (!this.marks.places.size || to - from > 2000) return [];
    const found = [];
    for (let layer = from; layer <= to; layer++) {
      const colour = this.marks.colourOf(layer);
      if (colour !== null) found.push([layer, colour]);
    }
    return found;
  }

  // The layer of a folded pile at a height on the screen.
  layerAt(pile, clientY) {
    const { from, to } = pile.parentNode.dataset;
    const { top, height } = pile.firstChild.getBoundingClientRect();
    const share = Math.min(0.9999, Math.max(0, 1 - (clientY - top) / height));
    return Number(from) + Math.floor(share * (to - from + 1));
  }

  // Outline what is selected: { layer, target, head }.
  outline() {
    for (const node of this.content.querySelectorAll(".is-selected")) node.classList.remove("is-selected");
    if (!this.selected) return;
    const { layer, target, head } = this.selected;
    const group = this.drawn.get(layer === null ? (OUTSIDE_AFTER.has(target) ? "after" : "before") : `layer ${layer}`);
    group?.querySelectorAll(`[data-target="${target}"]`).forEach((node) => {
      const one = head === null || head === undefined ? null : node.querySelector(`[data-head="${head}"]`);
      (one ?? node).classList.add("is-selected");
    });
  }
}

const OUTSIDE_AFTER = new Set(["ln_final", "unembed", "logits", "final", "ln_final_out"]);

const foldedHeight = ({ from, to }) => FOLDED.ends + Math.min(FOLDED.most, Math.max(20, (to - from + 1) * FOLDED.layer));

// From runs of equal kinds to the kind of each layer.
function layerKinds(runs) {
  const kinds = runs.flatMap(([kind, count]) => new Array(count).fill(kind));
  return (layer) => kinds[layer];
}
