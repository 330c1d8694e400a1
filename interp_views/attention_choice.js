// What the reader has chosen in the attention picture, and how it goes to the host and comes back.

const ZOOM_REST = 250;
// An answer that takes longer than this is no longer waited for: what the host says counts.
const ANSWER_WAIT = 10000;

class AttentionChoice {
  constructor(send, signal, changed) {
    Object.assign(this, {
      send, changed, layer: null, head: null, pos: null, direction: "from", scale: "full", zoom: null, nLayers: null,
      turn: 0, asked: null,
    });
    signal.addEventListener("abort", () => clearTimeout(this.resting));
  }

  toggleHead(head) {
    this.hold({ head: this.head === head ? null : head });
  }

  togglePos(pos) {
    this.hold({ pos: this.pos === pos ? null : pos });
  }

  set(name, value) {
    if (value !== this[name]) this.hold({ [name]: value });
  }

  release() {
    if (this.head !== null || this.pos !== null) this.hold({ head: null, pos: null });
  }

  // Layers end, heads go round. True if there was a step to take.
  step(what, by, nHeads) {
    if (what === "head") {
      this.hold({ head: this.head === null ? (by > 0 ? 0 : nHeads - 1) : (this.head + by + nHeads) % nHeads });
      return true;
    }
    const layer = this.layer + by;
    if (this.nLayers === null || layer < 0 || layer >= this.nLayers) return false;
    this.hold({ layer });
    return true;
  }

  // The host hears of a zoom when the wheel rests.
  zoomTo(window) {
    if (sameWindow(window, this.zoom)) return;
    this.zoom = window;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.hold({}), ZOOM_REST);
    this.changed();
  }

  // Everything at once: where events come faster than the host draws, it hears of the last alone.
  hold(change) {
    clearTimeout(this.resting);
    this.resting = null;
    Object.assign(this, change);
    const { layer, head, pos, direction, scale, zoom } = this;
    // From the clock, since the host may remember the turns of a picture that stood here before.
    this.turn = Math.max(this.turn + 1, Date.now());
    this.asked = Date.now();
    this.send("hold", { layer, head, pos, direction, scale, zoom, turn: this.turn });
    this.changed();
  }

  get isWaiting() {
    return !!this.resting || (this.asked !== null && Date.now() - this.asked < ANSWER_WAIT);
  }

  // Take what the host says of a layer's data, unless the reader has changed something since.
  take({ head, pos, direction, scale, zoom, n_layers, turn }, { header, pattern }) {
    this.nLayers = n_layers;
    if (turn === this.turn) this.asked = null;
    if (this.isWaiting) return;
    const window = zoom && fitWindow(pattern, zoom);
    Object.assign(this, {
      layer: header.layer, head: head !== null && head < pattern.nHeads ? head : null, pos: pos !== null && pos < pattern.n ? pos : null,
      direction, scale, zoom: sameWindow(window, this.zoom) ? this.zoom : window,
    });
  }

  // Other data altogether: nothing that was asked before is waited for.
  forget() {
    clearTimeout(this.resting);
    Object.assign(this, { resting: null, asked: null });
  }

  // Keep of the choice what there is in these numbers.
  fit(pattern) {
    if (this.head !== null && this.head >= pattern.nHeads) this.head = null;
    if (this.pos !== null && this.pos >= pattern.n) this.pos = null;
    this.zoom = this.zoom && fitWindow(pattern, this.zoom);
  }
}
