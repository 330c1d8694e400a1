// Which hooks stand where: looked up by layer and by part or arrow.

class HookMarks {
  // `marks` as architecture.py packs them.
  constructor(marks) {
    this.places = new Map();
    marks.forEach(({ label, name, colour, heads, places }) => {
      for (const { target, layers, hook } of places) {
        if (!this.places.has(target)) this.places.set(target, []);
        this.places.get(target).push({ label, name, colour, heads, hook, layers: layers && new Set(layers) });
      }
    });
  }

  // One entry a mark, each with all `hooks` that it has there. `layer` is null outside the layers.
  at(layer, target) {
    const found = new Map();
    for (const { layers, hook, ...mark } of this.places.get(target) ?? []) {
      if (layers && !layers.has(layer)) continue;
      const key = `${mark.label} ${mark.name}`;
      if (!found.has(key)) found.set(key, { ...mark, hooks: [] });
      found.get(key).hooks.push(hook);
    }
    return [...found.values()];
  }

  // Of a layer's parts and arrows, the first mark's colour; null where there is none.
  colourOf(layer) {
    for (const [target, places] of this.places) {
      if (OUTSIDE_LAYERS.has(target)) continue;
      const found = places.find(({ layers }) => !layers || layers.has(layer));
      if (found) return found.colour;
    }
    return null;
  }
}

const OUTSIDE_LAYERS = new Set(["embed", "pos_embed", "embed_norm", "embed_out", "pos_embed_out", "ln_final", "unembed"]);
