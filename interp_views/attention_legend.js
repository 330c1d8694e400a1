// The key to the colours of the large picture, and the buttons under it.

class AttentionLegend {
  constructor(signal, { zoomIn, zoomOut, resetZoom, savePng, saveSvg, rescale }) {
    this.ramp = el("i", { class: "hs-scale-ramp" });
    this.end = el("span", { class: "hs-scale-end" });
    this.unit = el("span");
    this.hint = el("div", { class: "hs-note" });
    this.maskKey = el("span", { class: "hs-mask-key" }, el("i", { class: "hs-mask" }), "masked");
    this.switch = scaleSwitch(signal, rescale);
    const key = el("div", { class: "hs-scale" }, el("span", {}, "0"), this.ramp, this.end, this.unit, this.maskKey, this.switch.node);
    const button = (text, label, act, testid) => {
      const node = el("button", { type: "button", class: "hs-small-button", "aria-label": label, title: label, "data-testid": testid }, text);
      node.addEventListener("click", act, { signal });
      return node;
    };
    this.reset = button("Reset zoom", "Show everything again", resetZoom, "attention-reset-zoom");
    const buttons = [
      button("−", "Zoom out", zoomOut, "attention-zoom-out"), button("+", "Zoom in", zoomIn, "attention-zoom-in"), this.reset,
      el("span", { class: "hs-push" }),
      button("PNG", "Save the large picture as PNG", savePng, "attention-save-png"),
      button("SVG", "Save the large picture as SVG", saveSvg, "attention-save-svg"),
    ];
    this.node = el("div", { class: "hs-legend" }, key, this.hint, el("div", { class: "hs-bar" }, ...buttons));
  }

  // `pooled` is how many weights along a side share a drawn cell, `stretch` what the grid multiplies levels by.
  show({ pattern, unit, isMixed, hues, colours, pooled, isZoomed, scale, stretch }) {
    this.stops = legendStops(isMixed, hues, colours);
    this.ramp.style.background = `linear-gradient(to right, ${this.stops.join(", ")})`;
    this.end.textContent = endText(pattern.top, stretch);
    this.switch.show(scale, pattern.top);
    this.unit.textContent = unit;
    this.maskKey.hidden = !pattern.causal;
    this.reset.disabled = !isZoomed;
    this.hint.textContent = legendHint(isMixed, pooled, scale);
  }
}

// Colours from 0 to the top of the scale. A mixture may have any hue, so its key has none.
function legendStops(isMixed, hues, colours) {
  const grey = hues.ink.map((part, i) => part * 0.7 + hues.paper[i] * 0.3);
  const ramp = isMixed ? hues.rampOf(grey) : colours.attention.pixels;
  return Array.from({ length: 9 }, (_, i) => css(fromWord(ramp[Math.round((255 * i) / 8)])));
}

function legendHint(isMixed, pooled, scale) {
  const mixed = isMixed ? "All heads. Hue: which head, mixed by weight. Strength: the largest weight of any head." : "";
  const cells = pooled > 1 ? ` Each cell: largest of ${pooled} × ${pooled} weights.` : "";
  const stretched = scale === "stretched" ? " The largest 1 % of what is in view share the last colour; small pictures have a scale each." : "";
  return `${mixed}${cells}${stretched}`.trim();
}
