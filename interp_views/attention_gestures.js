// Zooming and panning by wheel, by dragging and by keys.

const DRAG_FROM = 5;
const WHEEL_STEP = 1.25;

class ZoomGestures {
  // `plot` has { node, positionAt(event), window, pattern, drawRectangle(start, end | null) }, `change(window)` is
  // told the wish. Positions are fractions: { query, key }.
  constructor(plot, signal, change) {
    Object.assign(this, { plot, change, start: null, dragged: false, armed: false });
    const on = (type, act, options = {}) => plot.node.addEventListener(type, act, { signal, ...options });
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", () => this.stop());
    on("pointerleave", () => (this.armed = false));
    on("keydown", (event) => this.key(event));
    // The click that ends a drag chooses nothing.
    on("click", (event) => this.dragged && event.stopImmediatePropagation(), { capture: true });
  }

  // A page that scrolls under a resting pointer goes on scrolling: only a pointer moved to the picture zooms it.
  wheel(event) {
    const { pattern, window } = this.plot;
    const at = this.plot.positionAt(event);
    if (!this.armed || !at || (event.deltaY > 0 && !window) || event.deltaY === 0) return;
    event.preventDefault();
    this.change(zoomWindow(pattern, window, event.deltaY < 0 ? 1 / WHEEL_STEP : WHEEL_STEP, at));
  }

  press(event) {
    this.dragged = false;
    if (event.button !== 0 || event.pointerType === "touch") return;
    const at = this.plot.positionAt(event);
    if (at) this.start = { at, x: event.clientX, y: event.clientY, window: this.plot.window, pans: event.shiftKey };
  }

  move(event) {
    if (event.movementX || event.movementY) this.armed = true;
    if (!this.start) return;
    const { at, x, y, window, pans } = this.start;
    if (!this.dragged && Math.hypot(event.clientX - x, event.clientY - y) < DRAG_FROM) return;
    if (!this.dragged) this.plot.node.setPointerCapture(event.pointerId);
    this.dragged = true;
    const now = this.plot.positionAt(event, true);
    if (!pans) return this.plot.drawRectangle(at, now);
    // Where the pointer is now must show what it took hold of, in a window that has moved since.
    const shown = this.plot.window ?? { query: 0, key: 0 };
    const moved = (axis) => at[axis] - now[axis] + shown[axis] - (window?.[axis] ?? 0);
    this.change(panWindow(this.plot.pattern, window, moved("query"), moved("key")));
  }

  release(event) {
    const { start, dragged } = this;
    this.stop();
    if (!start || !dragged || start.pans) return;
    this.change(windowAround(this.plot.pattern, start.at, this.plot.positionAt(event, true)));
  }

  stop() {
    this.start = null;
    this.plot.drawRectangle(null, null);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { pattern, window } = this.plot;
    const now = window ?? wholeWindow(pattern);
    const step = Math.max(pattern.pool, now.size / 8);
    const pans = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] }[event.key];
    if (pans && window) this.change(panWindow(pattern, window, ...pans));
    else if (event.key === "+" || event.key === "=") this.by(1 / 1.5);
    else if (event.key === "-") this.by(1.5);
    else if (event.key === "0") this.change(null);
    else return;
    event.preventDefault();
  }

  // Zoom around the middle.
  by(factor) {
    const { pattern, window } = this.plot;
    const { query, key, size } = window ?? wholeWindow(pattern);
    this.change(zoomWindow(pattern, window, factor, { query: query + size / 2, key: key + size / 2 }));
  }
}
