// What the reader has chosen in the attention picture, and how it goes to the host and comes back.

const ZOOM_REST = 250;

class AttentionChoice {
  constructor(send, signal, changed) {
    Object.assign(this, { send, changed, head: null, pos: null, direction: "from", zoom: null });
    // What was sent and is not answered yet, oldest first.
    this.unanswered = [];
    signal.addEventListener("abort", () => clearTimeout(this.resting));
  }

  toggleHead(head) {
    this.lock({ head: this.head === head ? null : head });
  }

  togglePos(pos) {
    this.lock({ pos: this.pos === pos ? null : pos });
  }

  turn(direction) {
    if (direction !== this.direction) this.lock({ direction });
  }

  release() {
    if (this.head !== null || this.pos !== null) this.lock({ head: null, pos: null });
  }

  lock(change) {
    this.sendZoom();
    Object.assign(this, change);
    const { head, pos, direction } = this;
    this.unanswered.push(this.asText());
    this.send("lock", { head, pos, direction });
    this.changed();
  }

  // The host hears of a zoom when the wheel rests.
  zoomTo(window) {
    if (sameWindow(window, this.zoom)) return;
    this.zoom = window;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.sendZoom(), ZOOM_REST);
    this.changed();
  }

  sendZoom() {
    if (!this.resting) return;
    clearTimeout(this.resting);
    this.resting = null;
    this.unanswered.push(this.asText());
    this.send("window", this.zoom ?? {});
  }

  // Take what the host says, unless it answers something that the reader has changed again since.
  take({ head, pos, direction, zoom }, pattern) {
    const window = zoom && fitWindow(pattern, zoom);
    const taken = {
      head: head !== null && head < pattern.nHeads ? head : null,
      pos: pos !== null && pos < pattern.n ? pos : null,
      direction,
      zoom: sameWindow(window, this.zoom) ? this.zoom : window,
    };
    const answered = this.unanswered.indexOf(asText(taken));
    this.unanswered = answered < 0 ? [] : this.unanswered.slice(answered + 1);
    if (this.unanswered.length || this.resting) return;
    Object.assign(this, taken);
  }

  // Keep of the choice what there is in new data.
  fit(pattern, about) {
    if (about !== this.about) this.unanswered = [];
    this.about = about;
    if (this.head !== null && this.head >= pattern.nHeads) this.head = null;
    if (this.pos !== null && this.pos >= pattern.n) this.pos = null;
    this.zoom = this.zoom && fitWindow(pattern, this.zoom);
  }

  asText() {
    return asText(this);
  }
}

const asText = ({ head, pos, direction, zoom }) => JSON.stringify([head, pos, direction, zoom && [zoom.query, zoom.key, zoom.size]]);
