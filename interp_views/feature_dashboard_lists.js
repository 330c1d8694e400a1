// The small tables of a feature's dashboard, and the tokens that it promotes and suppresses.

// Tables such as correlated features. `choose(kind, index)` hears of a row that names a feature.
function featureTables(tables, choose, signal) {
  return tables.map((rows) => {
    const table = el("table", {}, tableHead(rows.columns), el("tbody", {}, ...rows.indices.map((_, row) => tableRow(rows, row))));
    table.setAttribute("aria-label", rows.title);
    if (leadsOn(rows)) {
      table.addEventListener("click", (event) => {
        const row = event.target.closest("[data-feature]");
        if (row) choose(rows.kind, Number(row.dataset.feature));
      }, { signal });
    }
    const title = el("h3", { class: rows.note ? "is-explained" : "", title: rows.note }, rows.title);
    const empty = rows.indices.length ? [] : [el("p", { class: "hs-note" }, "None.")];
    return el("section", { class: "hs-fd-table", "data-testid": "feature-table" }, title, rows.indices.length ? table : "", ...empty);
  });
}

const leadsOn = ({ kind }) => kind === "feature" || kind === "second";

const tableHead = (columns) => el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name))));

function tableRow(rows, row) {
  const index = rows.indices[row];
  const width = rows.decimals.length;
  const values = rows.decimals.map((decimals, column) => {
    const value = rows.values[row * width + column];
    return el("td", {}, Number.isNaN(value) ? "none" : signedNumber(value, decimals));
  });
  const name = leadsOn(rows) ? el("button", { type: "button", "aria-label": `Open feature ${index}` }, String(index)) : String(index);
  return el("tr", leadsOn(rows) ? { "data-feature": index } : {}, el("th", { scope: "row" }, name), ...values);
}

// Two lists of tokens, shaded by value / `largest`. `point(value | null)` hears which row is pointed at.
class FeatureScores {
  constructor({ promoted, suppressed }, count, largest, point, signal) {
    Object.assign(this, { largest, rows: [] });
    const lists = [["Promoted tokens", promoted, "promoted"], ["Suppressed tokens", suppressed, "suppressed"]];
    this.node = el("div", { class: "hs-fd-scores" }, ...lists.map(([title, scores, testid]) => {
      const list = scores?.tokens.length ? this.list(title, scores, count, point, signal) : el("p", { class: "hs-note" }, "No logits here.");
      return el("section", { "data-testid": `feature-${testid}` }, el("h3", {}, title), list);
    }));
  }

  list(title, { tokens, values }, count, point, signal) {
    const items = tokens.slice(0, count).map(({ text }, i) => {
      const chip = tokenText("span", { class: "hs-fd-chip" }, text);
      this.rows.push([chip, values[i]]);
      const value = signedNumber(values[i], 3);
      return el("li", { tabindex: i ? -1 : 0, "data-index": i, title: `${text} ${value} logits` }, chip, el("span", {}, value));
    });
    const list = el("ol", { "aria-label": title }, ...items);
    choices(list, signal, { hover: (i) => point(i === null ? null : values[i]), choose() {} });
    return list;
  }

  paint({ swing }) {
    for (const [chip, value] of this.rows) tint(chip, swing, value / (this.largest || 1));
  }
}

function tint(node, ramp, share) {
  node.style.backgroundColor = ramp.at(share);
  node.style.color = ramp.inkAt(share);
}

// A token in which signs for spaces are pale, so that running text reads as text.
function tokenText(tag, attributes, text) {
  const parts = text.split(/(·+)/).filter(Boolean);
  return el(tag, attributes, ...parts.map((part) => (part[0] === "·" ? el("span", { class: "hs-fd-space" }, part) : part)));
}
