// The table of a set of features: searched by name, label and token, sorted by any column, each row a link.

const INDEX_STEP = 200;
const INDEX_COLUMNS = [
  { name: "Feature", of: (row) => row.place },
  { name: "Label", of: (row) => row.label.toLowerCase() || "\uffff" },
  { name: "Density", of: (row) => row.density, isNumber: true },
  { name: "Max", of: (row) => row.max, isNumber: true },
  { name: "Promoted tokens", of: (row) => row.tokens.join(" ") || "\uffff" },
];
const INDEX_WRITERS = { user: "by a reader", automatic: "automatic" };

class FeatureIndex {
  constructor({ root, signal, repaint }) {
    Object.assign(this, { repaint, sorted: 0, isDown: false, shown: INDEX_STEP });
    this.search = el("input", { type: "search", placeholder: "Search names, labels and tokens", "aria-label": "Search", "data-testid": "index-search" });
    this.count = el("span", { class: "hs-note", role: "status", "data-testid": "index-count" });
    this.heads = INDEX_COLUMNS.map(({ name, isNumber }, i) => {
      const button = el("button", { type: "button" }, name);
      button.addEventListener("click", () => this.sortBy(i), { signal });
      return el("th", { scope: "col", class: isNumber ? "is-number" : "" }, button);
    });
    this.body = el("tbody");
    this.more = el("button", { type: "button", class: "hs-fd-index-more" }, "Show more");
    this.search.addEventListener("input", () => this.set({ shown: INDEX_STEP }), { signal });
    this.more.addEventListener("click", () => this.set({ shown: this.shown + INDEX_STEP }), { signal });
    const table = el("table", { class: "hs-fd-index", "data-testid": "index" }, el("thead", {}, el("tr", {}, ...this.heads)), this.body);
    root.append(el("div", { class: "hs-fd-search" }, this.search, this.count), el("div", { class: "hs-fd-index-frame" }, table), this.more);
  }

  update({ rows }, { density, max }) {
    this.rows = rows.map(([name, page, label, writer, ...tokens], place) => ({
      place, name, page, label, writer, tokens, density: density[place], max: max[place],
      found: [name, label, ...tokens].join("\n").replaceAll("·", " ").toLowerCase(),
    }));
  }

  set(change) {
    Object.assign(this, change);
    this.repaint();
  }

  // A second click on a column turns it round; numbers begin with the largest.
  sortBy(column) {
    this.set({ isDown: this.sorted === column ? !this.isDown : Boolean(INDEX_COLUMNS[column].isNumber), sorted: column });
  }

  wanted() {
    const text = this.search.value.toLowerCase();
    const rows = this.rows.filter(({ found }) => found.includes(text));
    const { of } = INDEX_COLUMNS[this.sorted];
    const sign = this.isDown ? -1 : 1;
    return rows.sort((a, b) => {
      const [one, other] = [of(a), of(b)];
      // What is unknown stands last, whichever way round.
      if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other) || a.place - b.place;
      return sign * (one < other ? -1 : one > other ? 1 : 0) || a.place - b.place;
    });
  }

  paint() {
    const rows = this.wanted();
    this.count.textContent = rows.length === this.rows.length ? `${rows.length} features` : `${rows.length} of ${this.rows.length} features`;
    this.heads.forEach((head, i) => {
      const isSorted = i === this.sorted;
      if (isSorted) head.setAttribute("aria-sort", this.isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.firstChild.textContent = `${INDEX_COLUMNS[i].name}${isSorted ? (this.isDown ? " ↓" : " ↑") : ""}`;
    });
    this.body.replaceChildren(...rows.slice(0, this.shown).map((row) => this.line(row)));
    this.more.hidden = rows.length <= this.shown;
  }

  line({ name, page, label, writer, density, max, tokens }) {
    const by = label && INDEX_WRITERS[writer] ? [el("span", { class: "hs-fd-index-by" }, INDEX_WRITERS[writer])] : [];
    const number = (text) => el("td", { class: "is-number" }, text);
    return el("tr", {},
      el("th", { scope: "row" }, el("a", { href: page }, name)), el("td", {}, label, ...by),
      number(Number.isNaN(density) ? "unknown" : percentText(density)), number(featureNumber(max)),
      el("td", {}, ...tokens.map((token) => el("span", { class: "hs-fd-index-token" }, token))));
  }
}

export default function render(component) {
  return mount(component, FeatureIndex);
}
