// Every head of a layer, small, in the colour that it has in the mixture.

const THUMB = 56;
const FAINTEST = 0.25;

class HeadThumbs {
  constructor(signal, actions) {
    this.node = el("div", { class: "hs-thumbs", role: "group", "aria-label": "Heads" });
    choices(this.node, signal, actions);
  }

  // Make a thumbnail for every name, unless they are there. Those of another layer only change their names: what the
  // pointer or the keyboard is at stays.
  show(names) {
    const written = names.join();
    if (written === this.written) return;
    this.written = written;
    if (names.length === this.thumbs?.length) return this.rename(names);
    this.drawn = null;
    this.thumbs = names.map((name, head) => {
      const canvas = el("canvas", { "aria-hidden": "true" });
      const label = el("span", {}, name);
      const node = el("div", {
        class: "hs-thumb", role: "button", tabindex: head ? -1 : 0, "aria-label": `Head ${name}`,
        "aria-pressed": "false", "data-index": head, "data-testid": `head-thumb-${head}`,
      }, canvas, label);
      return { node, canvas, label };
    });
    this.node.replaceChildren(...this.thumbs.map(({ node }) => node));
  }

  rename(names) {
    this.thumbs.forEach(({ node, label }, head) => {
      node.setAttribute("aria-label", `Head ${names[head]}`);
      label.textContent = names[head];
    });
  }

  // On a stretched scale each head has its own.
  draw(pattern, hues, scale) {
    const wanted = [pattern, hues, scale, devicePixelRatio];
    if (this.drawn?.every((part, i) => part === wanted[i])) return;
    this.drawn = wanted;
    const { side, pool: grain } = pattern;
    const pool = Math.ceil(side / (THUMB * devicePixelRatio));
    const part = { query: 0, key: 0, size: side * grain, grain, pool };
    const shown = Math.ceil(side / pool);
    this.thumbs.forEach(({ canvas, label }, head) => {
      const ramp = hues.rampOf(hues.heads[head]);
      const levels = cellsOf(pattern, head, part);
      canvas.width = canvas.height = shown;
      canvas.getContext("2d").putImageData(imageOf(pixelsOf(levels, ramp, stretchOf(scale, [levels])), shown), 0, 0);
      label.style.backgroundColor = css(hues.heads[head]);
      label.style.color = hues.inkOn(ramp[255]);
    });
  }

  // `opacity(head)` from 0 to 1 is kept from vanishing; `shown` and `held` are heads or null.
  mark(shown, held, opacity) {
    this.thumbs.forEach(({ node, canvas }, head) => {
      node.setAttribute("aria-pressed", head === held);
      node.classList.toggle("is-shown", head === shown);
      canvas.style.opacity = Math.max(FAINTEST, opacity(head));
    });
  }
}
