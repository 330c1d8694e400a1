// The compact strip: tokens as chips in a block of a few lines; choosing one tells the host.

class TokenStrip {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { send, repaint, pos: null });
    this.text = new TokenText("Prompt", "strip-token", signal, { hover() {}, choose: (pos) => this.choose(pos) });
    this.scale = el("div");
    root.append(this.text.node, this.scale);
  }

  update(header, { shade }) {
    this.shade = shade ?? new Float32Array(header.tokens.length).fill(NaN);
    this.pos = header.pos;
    this.text.show(header);
    this.text.spans.forEach((span, pos) => span.classList.toggle("is-prompt", pos < header.bold_until));
    this.text.node.style.setProperty("--lines", header.lines);
    this.scale.replaceChildren(...(shade && header.shade_label ? [colourScale("attention", "1", header.shade_label)] : []));
  }

  choose(pos) {
    this.pos = this.pos === pos ? null : pos;
    this.send("select", { pos: this.pos });
    this.repaint();
  }

  paint(colours) {
    this.text.tint(this.shade, colours.attention);
    this.text.mark("is-locked", this.pos);
  }
}

export default function render(component) {
  return mount(component, TokenStrip);
}
