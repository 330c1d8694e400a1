// Loss by position: one bar per token, in nats.

const CHART = { height: 160, left: 40, right: 8, top: 24, bottom: 26, bar: 40, ticks: 4, label: 44 };

class LossChart {
  // `actions` are { hover(pos | null), choose(pos) }.
  constructor(signal, actions) {
    this.canvas = el("canvas", { role: "img", "data-testid": "loss-chart" });
    this.note = el("div", { class: "hs-note" });
    this.node = el("div", { class: "hs-chart" }, this.canvas, this.note);
    const on = (type, act) => this.canvas.addEventListener(type, act, { signal });
    on("pointermove", (event) => actions.hover(this.posUnder(event)));
    on("pointerleave", () => actions.hover(null));
    on("click", (event) => {
      const pos = this.posUnder(event);
      if (pos !== null) actions.choose(pos);
    });
  }

  show(loss) {
    this.loss = loss;
    const known = loss.filter((value) => !Number.isNaN(value));
    this.mean = known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
    const most = known.reduce((largest, value) => Math.max(largest, value), 0) || 1;
    this.step = niceStep(most / CHART.ticks);
    this.top = Math.ceil(most / this.step) * this.step;
    const summary = this.mean === null ? "no position has a loss" : `mean ${this.mean.toFixed(2)} nats`;
    this.canvas.setAttribute("aria-label", `Loss by position, ${loss.length} positions, ${summary}.`);
  }

  draw(room, pointed, locked, colours) {
    this.width = room;
    this.plotWidth = room - CHART.left - CHART.right;
    this.pitch = Math.min(CHART.bar, this.plotWidth / this.loss.length);
    this.context = sizedContext(this.canvas, room, CHART.height);
    this.context.font = `11px ${colours.font}`;
    this.drawAxis(colours);
    this.drawPositions(colours);
    this.loss.forEach((value, pos) => this.drawBar(pos, value, colours.loss.at(0.72)));
    if (this.mean !== null) this.drawMean(colours);
    if (locked !== null) this.drawMarked(locked, colours.selected);
    if (pointed !== null) this.drawMarked(pointed, colours.ink);
    this.note.textContent = this.pitch * devicePixelRatio < 1 ? "Several positions share a pixel: the tallest bar shows." : "";
    if (this.mean === null) this.note.textContent = "Nothing predicts the first token, so there is no loss yet.";
  }

  y(value) {
    const plot = CHART.height - CHART.top - CHART.bottom;
    return CHART.height - CHART.bottom - (value / this.top) * plot;
  }

  drawAxis(colours) {
    const { context } = this;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let value = 0; value <= this.top + this.step / 2; value += this.step) {
      const y = Math.round(this.y(value)) + 0.5;
      this.line(CHART.left, y, this.width - CHART.right, y, colours.border);
      context.fillStyle = colours.muted;
      context.fillText(value.toFixed(Math.max(0, -Math.floor(Math.log10(this.step)))), CHART.left - 6, y);
    }
    context.textAlign = "left";
    context.fillText("loss, nats", 0, 5);
  }

  drawPositions(colours) {
    const { context } = this;
    const step = Math.max(1, niceStep(CHART.label / this.pitch));
    context.fillStyle = colours.muted;
    context.textAlign = "center";
    context.textBaseline = "top";
    for (let pos = 0; pos < this.loss.length; pos += step)
      context.fillText(pos, this.x(pos) + this.pitch / 2, CHART.height - CHART.bottom + 9);
  }

  x(pos) {
    return CHART.left + pos * this.pitch;
  }

  drawBar(pos, value, colour) {
    if (Number.isNaN(value)) return;
    const gap = this.pitch > 4 ? Math.min(4, this.pitch * 0.2) : 0;
    const width = Math.max(1 / devicePixelRatio, this.pitch - gap);
    this.context.fillStyle = colour;
    this.context.fillRect(this.x(pos) + gap / 2, this.y(value), width, this.y(0) - this.y(value));
  }

  drawMarked(pos, colour) {
    this.drawBar(pos, this.loss[pos], colour);
    const middle = this.x(pos) + this.pitch / 2;
    this.context.beginPath();
    this.context.moveTo(middle, this.y(0) + 1);
    this.context.lineTo(middle - 4, this.y(0) + 6);
    this.context.lineTo(middle + 4, this.y(0) + 6);
    this.context.fillStyle = colour;
    this.context.fill();
  }

  drawMean(colours) {
    const { context } = this;
    const y = this.y(this.mean);
    context.setLineDash([4, 3]);
    this.line(CHART.left, y, this.width - CHART.right, y, colours.ink);
    context.setLineDash([]);
    context.textAlign = "right";
    context.textBaseline = "top";
    context.fillStyle = colours.ink;
    context.fillText(`mean ${this.mean.toFixed(2)} nats`, this.width - CHART.right, 0);
  }

  line(x0, y0, x1, y1, colour) {
    this.context.strokeStyle = colour;
    this.context.lineWidth = 1;
    this.context.beginPath();
    this.context.moveTo(x0, y0);
    this.context.lineTo(x1, y1);
    this.context.stroke();
  }

  posUnder(event) {
    if (!this.loss) return null;
    const pos = Math.floor((event.clientX - this.canvas.getBoundingClientRect().left - CHART.left) / this.pitch);
    return pos >= 0 && pos < this.loss.length ? pos : null;
  }
}

// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((times) => times * power >= least);
}
