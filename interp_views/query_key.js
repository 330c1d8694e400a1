// One query of one head against its keys. Pointing at a key shows it for a moment, choosing it stays.

class QueryKeyPicture {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { root, send, repaint, key: 0, pointed: null, grouping: "dim", order: "size" });
    this.pair = new QueryKeyPair(signal, repaint);
    this.list = new QueryKeyList(signal, { hover: (key) => this.point(key), choose: (key) => this.choose(key) });
    const orders = [["size", "By size", "query-key-order-size"], ["dim", "By dimension", "query-key-order-dim"]];
    this.orders = buttonSwitch("Order of the bars", orders, signal, (order) => this.set({ order }));
    const groupings = [["dim", "Each dimension", "query-key-each"], ["pair", "Rotary pairs", "query-key-pairs"]];
    this.groupings = buttonSwitch("What a bar stands for", groupings, signal, (grouping) => this.set({ grouping }));
    this.title = el("div", { class: "hs-pair-title", "data-testid": "query-key-title" });
    this.total = el("div", { class: "hs-pair-total", "data-testid": "query-key-total", "aria-live": "polite" });
    this.note = el("div", { class: "hs-note", "data-testid": "query-key-note" });
    this.scale = el("div");
    root.append(
      el("div", { class: "hs-bar" }, this.title, el("div", { class: "hs-push hs-switches" }, this.groupings.node, this.orders.node)),
      this.pair.node, this.total, this.note, this.scale, this.list.node,
    );
  }

  update(header, arrays) {
    Object.assign(this, { header, pointed: null, key: header.key });
    this.products = new QueryKeyProducts(header, arrays);
    this.pair.pointed = null;
    if (!this.products.units.pair) this.grouping = "dim";
    this.groupings.node.hidden = !this.products.units.pair;
    this.list.show(this.products, (key) => this.name(key));
    this.list.reveal(this.key);
    this.note.textContent = header.note;
    const largest = this.products.largest.toPrecision(3);
    const { largestQ, largestK } = this.products;
    const unit = `scaled product, linear; q and k by their own largest, ${largestQ.toPrecision(3)} and ${largestK.toPrecision(3)}`;
    this.scale.replaceChildren(rangeScale("signed", `−${largest}`, largest, unit));
  }

  receive(part, { key }) {
    if (part !== "selection" || key >= this.products.nKeys) return;
    this.key = key;
    this.list.reveal(key);
    this.repaint();
  }

  name(pos) {
    const name = code(`${pos}: ${this.header.tokens[pos]}`);
    name.title = name.textContent;
    return name;
  }

  set(change) {
    Object.assign(this, change);
    this.pair.pointed = null;
    this.repaint();
  }

  point(key) {
    if (key === this.pointed) return;
    this.set({ pointed: key });
  }

  choose(key) {
    if (key !== this.key) this.send("select", { key });
    this.set({ key });
  }

  paint(colours) {
    const key = this.pointed ?? this.key;
    const { layer, head, query } = this.header;
    this.title.replaceChildren(`L${layer}H${head}: query `, this.name(query), " against key ", this.name(key));
    this.pair.draw(this.products, key, this.grouping, this.order, this.root.clientWidth, colours);
    this.sayTotal(key);
    this.list.paint(this.key, this.pointed, colours);
    this.orders.show(this.order);
    this.groupings.show(this.grouping);
  }

  sayTotal(key) {
    const { dHead, sums, scores, pattern } = this.products;
    const sum = el("strong", {}, signedNumber(sums[key], 4));
    const score = this.products.explains(key)
      ? " = score before softmax"
      : `; the score before softmax is ${scoreText(scores[key])}, so more than the dot product acts on it`;
    this.total.replaceChildren(`sum of ${dHead} products = `, sum, `${score} · attention ${pattern[key].toFixed(4)}`);
  }
}

export default function render(component) {
  return mount(component, QueryKeyPicture);
}
