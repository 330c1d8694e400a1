// A table of tokens: one column per object, its strongest tokens first. Pointing reads a value,
// choosing a cell selects the token.

const FILTERS = [["topk", "Largest"], ["bottomk", "Smallest"], ["both", "Both"]];
const ALL = "all";

class TopKTable {
  constructor({ root, signal, send, repaint }) {
    Object.assign(this, { send, repaint, layer: 0, object: ALL, pointed: null });
    this.menus = {
      layer: this.menu("Layer", "top-k-layer", signal, (value) => ({ layer: Number(value) })),
      object: this.menu("Object", "top-k-object", signal, (value) => ({ object: value === ALL ? ALL : Number(value) })),
      filter: this.menu("Filter", "top-k-filter", signal, (filter) => ({ filter })),
    };
    this.scale = el("div", { class: "hs-push" });
    this.readout = el("div", { class: "hs-top-readout", "data-testid": "top-k-readout", "aria-live": "polite" });
    this.table = el("table", { "data-testid": "top-k" });
    const menus = Object.values(this.menus).map(({ node }) => node);
    root.append(el("div", { class: "hs-bar" }, ...menus, this.scale), this.readout, el("div", { class: "hs-top-scroller" }, this.table));
    this.listen(signal);
  }

  menu(label, testid, signal, read) {
    const select = el("select", { "data-testid": testid });
    select.addEventListener("change", () => this.set(read(select.value)), { signal });
    const caption = el("span", {}, label);
    const fill = (options, chosen) => {
      select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
      select.value = chosen;
    };
    return { node: el("label", { class: "hs-menu" }, caption, select), caption, fill };
  }

  listen(signal) {
    const on = (type, act) => this.table.addEventListener(type, act, { signal });
    const cellOf = (event) => event.target.closest("[data-pos]");
    on("pointerover", (event) => this.point(cellOf(event)));
    on("pointerleave", () => this.point(null));
    on("focusin", (event) => this.point(cellOf(event)));
    on("focusout", () => this.point(null));
    on("click", (event) => cellOf(event) && this.send("select", { pos: Number(cellOf(event).dataset.pos) }));
    cellKeys(this.table, signal, {
      size: () => ({ rows: this.table.tBodies[0].rows.length, columns: this.columns().length }),
      at: () => this.placeOf(this.table.querySelector("button[tabindex='0']")),
      move: ({ row, column }) => this.moveTo(row, column),
      act: () => this.table.querySelector("button[tabindex='0']").click(),
    });
  }

  placeOf(button) {
    const cell = button?.closest("td");
    return cell ? { row: cell.parentElement.rowIndex - 1, column: cell.cellIndex - 1 } : null;
  }

  moveTo(row, column) {
    const button = this.table.tBodies[0].rows[row].cells[column + 1]?.querySelector("button");
    if (button) moveTabStop(this.table.querySelectorAll("button"), [...this.table.querySelectorAll("button")].indexOf(button)).focus();
  }

  update(header, arrays) {
    const isFirst = !this.header;
    Object.assign(this, { header, arrays, k: arrays.best.length / (header.layers.length * header.objects.length) });
    if (isFirst) this.filter = header.filter;
    if (this.layer >= header.layers.length) this.layer = 0;
    if (this.object !== ALL && this.object >= header.objects.length) this.object = ALL;
    this.isSigned = arrays.worst.some((value) => value < 0);
    this.menus.layer.fill(header.layers.map((text, i) => [i, text]), this.layer);
    this.menus.object.caption.textContent = header.object_type;
    this.menus.object.fill([[ALL, ALL], ...header.objects.map((text, i) => [i, text])], this.object);
    this.menus.filter.fill(FILTERS, this.filter);
    this.written = null;
  }

  set(change) {
    Object.assign(this, change, { written: null });
    this.repaint();
  }

  columns() {
    return this.object === ALL ? this.header.objects.map((_, i) => i) : [this.object];
  }

  // The k tokens of one object in one block: [{ pos, value }], fewer where fewer have a value.
  ranked(block, object) {
    const start = (this.layer * this.header.objects.length + object) * this.k;
    const positions = this.arrays[`${block}_pos`].subarray(start, start + this.k);
    const values = this.arrays[block].subarray(start, start + this.k);
    return [...positions].map((pos, i) => ({ pos, value: values[i] })).filter(({ pos }) => pos >= 0);
  }

  paint(colours) {
    if (this.written === colours) return;
    this.written = colours;
    const columns = this.columns();
    const blocks = { topk: ["best"], bottomk: ["worst"], both: ["best", "worst"] }[this.filter];
    const all = blocks.flatMap((block) => columns.flatMap((object) => this.ranked(block, object)));
    this.most = largestSize(all.map(({ value }) => value));
    this.ramp = this.isSigned ? colours.signed : colours.loss;
    const names = columns.map((object) => el("th", { scope: "col" }, this.header.objects[object]));
    const body = el("tbody", {}, ...blocks.flatMap((block) => this.rows(block, columns)));
    this.table.replaceChildren(el("thead", {}, el("tr", {}, el("th", { scope: "col" }, this.header.object_type), ...names)), body);
    this.table.querySelector("button")?.setAttribute("tabindex", 0);
    const end = this.most.toFixed(2);
    const unit = `${this.header.unit ? `${this.header.unit}, ` : ""}linear, by the largest shown`;
    this.scale.replaceChildren(rangeScale(this.isSigned ? "signed" : "loss", this.isSigned ? `−${end}` : "0", end, unit));
    this.point(null);
  }

  rows(block, columns) {
    const lists = columns.map((object) => this.ranked(block, object));
    const count = Math.max(1, ...lists.map((list) => list.length));
    return Array.from({ length: count }, (_, rank) => {
      const name = `${block === "best" ? "largest" : "smallest"} ${rank + 1}`;
      const cells = lists.map((list, i) => (list[rank] ? this.cell(list[rank], columns[i]) : el("td", { class: "is-empty" }, "no value")));
      const row = el("tr", { "data-testid": `top-k-${block}-${rank}` }, el("th", { scope: "row" }, name), ...cells);
      row.classList.toggle("is-second-block", block === "worst" && rank === 0 && this.filter === "both");
      return row;
    });
  }

  cell({ pos, value }, object) {
    const { tokens, layers, objects } = this.header;
    const text = `${pos}: ${tokens[pos]}`;
    const title = `${text} · ${signedNumber(value, 2)} · ${layers[this.layer]}, ${objects[object]}`;
    const button = el("button", { type: "button", tabindex: -1, title, "aria-label": title, "data-pos": pos }, text);
    const share = value / (this.most || 1);
    button.style.backgroundColor = this.ramp.at(share);
    button.style.color = this.ramp.inkAt(share);
    return el("td", {}, button);
  }

  // The title of a cell says it all; here it stands where it can be read at once.
  point(cell) {
    this.readout.textContent = cell ? cell.title : "Point at a cell for its value; click to select the token.";
    this.readout.classList.toggle("hs-note", !cell);
  }
}

export default function render(component) {
  return mount(component, TopKTable);
}
