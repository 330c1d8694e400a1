// One position in full: the token, how well it was predicted, and what the model expects after it.

class PredictionPanel {
  constructor() {
    this.node = el("div", { class: "hs-panel", "data-testid": "prompt-panel" });
  }

  show(pos, header, arrays) {
    this.node.replaceChildren(
      el("div", { class: "hs-panel-token" }, code(header.tokens[pos])),
      this.facts(pos, header, arrays),
      el("h4", {}, "After this token the model predicts"),
      this.predictions(pos, header, arrays),
      ...this.actualNext(pos, header, arrays),
    );
  }

  facts(pos, header, { ids, loss, probability, rank }) {
    const rows = [["position", String(pos)], ["token id", String(ids[pos])]];
    if (header.special.includes(pos)) rows.push(["kind", "special token"]);
    if (Number.isNaN(loss[pos])) rows.push(["loss", "first token: nothing predicts it"]);
    else {
      rows.push(["loss", `${loss[pos].toFixed(4)} nats`], ["probability", probabilityText(probability[pos])]);
      rows.push(["rank", rank[pos] === 0 ? "0 (first choice)" : String(rank[pos])]);
    }
    return el("dl", {}, ...rows.flatMap(([term, fact]) => [el("dt", {}, term), el("dd", {}, fact)]));
  }

  predictions(pos, header, arrays) {
    const list = el("ol", { class: "hs-predictions" });
    for (let choice = 0; choice < header.k; choice++) {
      const at = pos * header.k + choice;
      const id = arrays.top_ids[at];
      const bar = el("i", { class: "hs-prediction-bar" });
      bar.style.width = `${100 * arrays.top_probability[at]}%`;
      const row = el("li", { "data-testid": `prediction-${choice}`, title: `id ${id}` },
        bar, code(header.texts[id]), el("span", { class: "hs-prediction-value" }, probabilityText(arrays.top_probability[at])));
      if (id === arrays.ids[pos + 1]) {
        row.classList.add("is-actual");
        row.append(el("span", { class: "hs-prediction-mark" }, "actual next"));
      }
      list.append(row);
    }
    return list;
  }

  // The token that did come, where it is not among the likeliest.
  actualNext(pos, header, { ids, probability, rank, top_ids }) {
    const next = pos + 1;
    if (next >= ids.length) return [el("p", { class: "hs-note" }, "Last token of the prompt.")];
    if (top_ids.subarray(pos * header.k, next * header.k).includes(ids[next])) return [];
    const value = `: probability ${probabilityText(probability[next])}, rank ${rank[next]}.`;
    return [el("p", { class: "hs-note" }, "Actual next token ", code(header.tokens[next]), value)];
  }
}

// Four digits; a value that would show as 0.0000 in powers of ten, so that it is not taken for zero.
function probabilityText(value) {
  return value > 0 && value < 0.0001 ? value.toExponential(1) : value.toFixed(4);
}
