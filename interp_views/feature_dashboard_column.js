// One feature: its head, its tables, histograms and tokens, and its examples. Compact, it is one narrow column.

const WRITERS = { user: ["by a reader", "Someone wrote this label by hand."], automatic: ["automatic", "A program wrote this label: nobody has checked it."] };

class FeatureColumn {
  // `context` is { compact, unfolded, effect, signal, send, point(place, column), rewritten() }.
  constructor(feature, context) {
    Object.assign(this, { feature, ...context });
    this.largestLogit = largestLogit(feature);
    this.activations = this.histogram("activations", {
      title: `Activations, density ${densityText(feature)}`, axis: "tokens by activation, SAE units", counted: "tokens", testid: "feature-activations",
    }, (low, high, { shade }) => shadeOfBar((low + high) / 2 / (feature.largest || high), shade));
    this.logits = this.histogram("logits", {
      title: "Decoder logits", axis: "vocabulary by logit (decoder direction × W_U)", counted: "tokens of the vocabulary", testid: "feature-logits",
    }, (low, high, { swing }) => ({ fill: swing.at((low + high) / 2 >= 0 ? 0.6 : -0.6), stroke: "none" }));
    this.scores = new FeatureScores(feature, this.compact ? 5 : 10, this.largestLogit, (value) => this.logits?.mark(value), this.signal);
    this.examples = new FeatureExamples(feature, {
      compact: this.compact, unfolded: this.unfolded, effect: this.effect, signal: this.signal,
      actions: {
        point: (place) => this.point(place, this),
        // Side by side, features may number their examples alike.
        open: ({ number }) => this.send("example", this.compact ? { number, index: this.feature.index } : { number }),
        rewritten: () => this.rewritten(),
      },
    });
    this.node = el("article", { class: this.compact ? "hs-fd-column is-compact" : "hs-fd-column", "data-testid": "feature", "aria-label": feature.name }, ...this.parts());
  }

  histogram(part, texts, colour) {
    const bars = this.feature[part];
    return bars && new FeatureBars(texts, bars, this.compact ? 104 : 150, colour, this.signal);
  }

  parts() {
    const activations = this.activations?.node ?? el("section", { "data-testid": "feature-no-activations" },
      el("h3", {}, `Activations, density ${densityText(this.feature)}`), el("p", { class: "hs-fd-empty" }, absence(this.feature)));
    const logits = this.logits?.node ?? el("section", {}, el("h3", {}, "Decoder logits"), el("p", { class: "hs-fd-empty" }, "No decoder logits were computed for this feature."));
    if (this.compact) return [this.compactHead(), activations, this.scores.node, this.examples.node, logits];
    const tables = featureTables(this.feature.tables, (kind, index) => this.send("choose", { kind, index }), this.signal);
    const side = tables.length ? [el("div", { class: "hs-fd-side" }, ...tables)] : [];
    const middle = el("div", { class: "hs-fd-middle" }, activations, this.scores.node, logits);
    return [this.head(), el("div", { class: `hs-fd-board${tables.length ? "" : " is-bare"}` }, ...side, middle, this.examples.node)];
  }

  head() {
    const { name, sae, facts, score } = this.feature;
    const shown = score ? [["score", score], ...facts] : facts;
    const list = shown.map(([term, fact]) => el("div", {}, el("dt", {}, term), el("dd", {}, fact)));
    return el("header", { class: "hs-fd-head" },
      el("div", { class: "hs-fd-name" }, el("h2", {}, name), el("span", { class: "hs-note" }, sae)), this.label(),
      el("dl", { class: "hs-fd-facts" }, ...list));
  }

  compactHead() {
    const { name, index, score } = this.feature;
    const head = el("button", { type: "button", class: "hs-fd-open", "aria-label": `Open ${name}`, "data-testid": "feature-open" },
      el("span", { class: "hs-fd-name" }, el("strong", {}, name), el("span", { class: "hs-fd-score" }, score)), this.label());
    head.addEventListener("click", () => this.send("choose", { kind: "feature", index }), { signal: this.signal });
    return head;
  }

  label() {
    const { label, label_by: writer } = this.feature;
    if (!label) return el("span", { class: "hs-fd-label is-missing", "data-testid": "feature-label" }, "no label");
    const [text, title] = WRITERS[writer] ?? ["writer unknown", "Nobody says who wrote this label."];
    return el("span", { class: "hs-fd-label", "data-testid": "feature-label" },
      el("span", {}, label), el("span", { class: `hs-fd-writer is-${writer || "unknown"}`, title }, text));
  }

  // Lines in both histograms at the token that is pointed at; none for null.
  mark(place) {
    const value = place ? place.example.values[place.pos] : NaN;
    this.activations?.mark(value > 0 ? value : null);
    this.logits?.mark(place ? this.logitOf(place.example.tokens[place.pos].text) : null);
  }

  // The logit of a token that is among the promoted or suppressed ones, else null.
  logitOf(text) {
    for (const scores of [this.feature.promoted, this.feature.suppressed]) {
      const at = scores?.tokens.findIndex((token) => token.text === text) ?? -1;
      if (at >= 0) return scores.values[at];
    }
    return null;
  }

  paint(ramps, colours, isWrapped) {
    this.activations?.paint(ramps, colours);
    this.logits?.paint(ramps, colours);
    this.scores.paint(ramps);
    this.examples.paint(ramps, isWrapped);
  }
}

const densityText = ({ density }) => (density === null ? "unknown" : percentText(density));

function absence({ density }) {
  if (density === null) return "Nothing was harvested for this feature yet.";
  return density === 0 ? "Dead feature: it never fired on the sample." : "No histogram of activations is stored for this feature.";
}

// Bars go from half way to the darkest shade, so that those of small activations stay apart from the paper.
const shadeOfBar = (share, shade) => ({ fill: shade.at(0.5 + 0.5 * share), stroke: shade.at(0.65 + 0.35 * share) });
