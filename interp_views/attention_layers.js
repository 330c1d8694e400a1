// The layers that the picture has numbers of: those that the host has shown, and those that it sent ahead.

// Of a prompt of 128 tokens all layers of most models, of one of 512 some fourteen.
const KEPT_BYTES = 16 * 2 ** 20;

class KnownLayers {
  constructor() {
    Object.assign(this, { series: null, entries: new Map() });
  }

  // Take a layer's data, and forget those of another series. An entry is { header, levels, pattern }; what is known
  // already stays the same object, so that nothing is drawn again.
  take(header, levels) {
    if (header.series !== this.series) Object.assign(this, { series: header.series, entries: new Map() });
    const known = this.entries.get(header.layer);
    const isSame = known?.header.about === header.about && sameBytes(known.levels, levels);
    const entry = isSame ? known : { header, levels, pattern: new AttentionPattern(header, header.n_heads, levels) };
    this.keep(entry);
    return entry;
  }

  // The layer, or undefined where the host has yet to send it.
  of(layer) {
    const entry = this.entries.get(layer);
    if (entry) this.keep(entry);
    return entry;
  }

  // What is known under that name of the data: exact numbers come later than the rest.
  about(name) {
    return [...this.entries.values()].findLast(({ header }) => header.about === name);
  }

  // The one used last goes last, and the first go where all take too much.
  keep(entry) {
    this.entries.delete(entry.header.layer);
    this.entries.set(entry.header.layer, entry);
    let bytes = [...this.entries.values()].reduce((sum, { levels }) => sum + levels.length, 0);
    for (const [layer, { levels }] of this.entries) {
      if (bytes <= KEPT_BYTES || layer === entry.header.layer) return;
      this.entries.delete(layer);
      bytes -= levels.length;
    }
  }
}
