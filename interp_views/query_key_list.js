// Every key of a query as a row: token, products by dimension, sum, score, attention.
// A prompt may have thousands of keys: only the rows in sight exist.

const ROW_HEIGHT = 24;
const ROWS_IN_SIGHT = 14;

class QueryKeyList {
  // `actions` are { hover(key | null), choose(key) }.
  constructor(signal, actions) {
    this.actions = actions;
    this.rows = el("div", { class: "hs-key-rows" });
    this.box = el("div", { class: "hs-key-box", role: "listbox", tabindex: 0, "aria-label": "Keys", "data-testid": "query-key-list" });
    const head = el("div", { class: "hs-key-row is-head", role: "presentation" }, ...["Key", "Scaled products, by dimension", "Sum", "Score", "Attention"].map((text) => el("span", {}, text)));
    // Inside the box it stays in line with the columns, whatever the width of a scroll bar.
    this.box.append(head, this.rows);
    this.node = this.box;
    this.listen(signal);
  }

  listen(signal) {
    const on = (type, act) => this.box.addEventListener(type, act, { signal });
    const keyOf = (event) => {
      const row = event.target.closest("[data-key]");
      return row ? Number(row.dataset.key) : null;
    };
    on("pointerover", (event) => this.actions.hover(keyOf(event)));
    on("pointerleave", () => this.actions.hover(null));
    on("click", (event) => keyOf(event) !== null && this.actions.choose(keyOf(event)));
    // A scroll that the first data causes comes before the first painting.
    on("scroll", () => this.colours && this.draw());
    on("blur", () => this.actions.hover(null));
    on("keydown", (event) => this.step(event));
  }

  step(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const from = this.pointed ?? this.chosen;
    const last = this.products.nKeys - 1;
    const to = {
      ArrowDown: from + 1, ArrowUp: from - 1, PageDown: from + ROWS_IN_SIGHT - 1, PageUp: from - ROWS_IN_SIGHT + 1, Home: 0, End: last,
    }[event.key];
    if (to !== undefined) {
      const key = Math.min(last, Math.max(0, to));
      this.reveal(key);
      // The next key may be pressed before the next painting.
      this.pointed = key;
      this.actions.hover(key);
    } else if (event.key === "Enter" || event.key === " ") this.actions.choose(from);
    else return;
    event.preventDefault();
  }

  show(products, text) {
    Object.assign(this, { products, text, drawn: null });
    this.rows.style.height = `${products.nKeys * ROW_HEIGHT}px`;
    this.box.style.height = `${(Math.min(products.nKeys, ROWS_IN_SIGHT) + 1) * ROW_HEIGHT}px`;
  }

  // Scroll just as far as it takes to bring a row into sight.
  reveal(key) {
    const top = key * ROW_HEIGHT;
    const lowest = top + ROW_HEIGHT - ROWS_IN_SIGHT * ROW_HEIGHT;
    this.box.scrollTop = Math.min(top, Math.max(lowest, this.box.scrollTop));
  }

  paint(chosen, pointed, colours) {
    Object.assign(this, { chosen, pointed, colours });
    this.draw();
    for (const row of this.rows.children) {
      const key = Number(row.dataset.key);
      row.setAttribute("aria-selected", key === chosen);
      row.classList.toggle("is-chosen", key === chosen);
      row.classList.toggle("is-pointed", key === pointed);
    }
    const active = pointed ?? chosen;
    this.box.setAttribute("aria-activedescendant", `query-key-row-${active}`);
  }

  draw() {
    const first = Math.floor(this.box.scrollTop / ROW_HEIGHT);
    const last = Math.min(this.products.nKeys, first + ROWS_IN_SIGHT + 1);
    const wanted = [first, last, this.products, this.colours, this.box.clientWidth, devicePixelRatio];
    if (this.drawn?.every((part, i) => part === wanted[i])) return;
    this.drawn = wanted;
    const rows = [];
    for (let key = first; key < last; key++) rows.push(this.row(key));
    this.rows.replaceChildren(...rows);
    for (const row of rows) this.drawProducts(row);
  }

  row(key) {
    const { products } = this;
    const numbers = [signedNumber(products.sums[key], 4), scoreText(products.scores[key]), products.pattern[key].toFixed(4)];
    const row = el("div", {
      class: "hs-key-row", role: "option", id: `query-key-row-${key}`, "data-key": key, "data-testid": `query-key-row-${key}`,
      "aria-selected": key === this.chosen,
    }, this.text(key), el("canvas", { "aria-hidden": "true" }), ...numbers.map((text) => el("span", { class: "hs-number" }, text)));
    row.classList.toggle("is-chosen", key === this.chosen);
    row.classList.toggle("is-pointed", key === this.pointed);
    row.style.top = `${key * ROW_HEIGHT}px`;
    return row;
  }

  drawProducts(row) {
    const key = Number(row.dataset.key);
    const canvas = row.querySelector("canvas");
    const room = { x: 0, y: 0, width: canvas.clientWidth, height: ROW_HEIGHT - 8 };
    drawStrip(sizedContext(canvas, room.width, room.height), this.products.row(key), this.products.largest, room, this.colours.signed);
    // The row decides how wide the canvas is, also after the window changes.
    canvas.style.width = "100%";
  }
}

const scoreText = (score) => (score === -Infinity ? "masked" : signedNumber(score, 4));
