// The card beside a token of an example: all that is known about it.

class FeatureCard {
  constructor(root) {
    this.root = root;
    this.node = el("div", { class: "hs-fd-card", id: "hs-feature-card", role: "tooltip", "data-testid": "feature-card" });
    this.node.hidden = true;
  }

  show(place) {
    if (place?.node === this.at) return;
    this.at?.removeAttribute("aria-describedby");
    this.at = place?.node;
    this.node.hidden = !place;
    if (!place) return;
    place.node.setAttribute("aria-describedby", this.node.id);
    this.node.replaceChildren(...this.content(place));
    this.settle(place.node.getBoundingClientRect());
  }

  content({ example, pos }) {
    const { text, id } = example.tokens[pos];
    const value = example.values[pos];
    const facts = [
      ["Activation", Number.isNaN(value) ? "left out of the harvest" : featureNumber(value)],
      ["Example", example.place],
      ["Token", `${pos + 1} of ${example.tokens.length}${pos === example.peak ? ", the peak" : ""}`],
    ];
    if (example.sources) facts.push(["Direct attribution", featureNumber(example.sources[pos])]);
    const title = el("div", { class: "hs-fd-card-title" }, code(text), ...(id === null ? [] : [el("span", { class: "hs-note" }, `id ${id}`)]));
    return [title, factList(facts), ...(example.losses ? this.effects(example.losses, pos) : [])];
  }

  // The feature acts on this token's prediction from the token before.
  effects({ exact, direct, before, after, up, down }, pos) {
    if (pos === 0) return [el("p", { class: "hs-note" }, "First token: nothing here predicts it.")];
    if (up[pos] === null || Number.isNaN(exact[pos])) return [el("p", { class: "hs-note" }, "The feature was silent on the token before.")];
    const verdict = exact[pos] > 0 ? "helps" : exact[pos] < 0 ? "hurts" : "no change";
    const facts = [
      ["Loss effect", `${signed(exact[pos])} nats (${verdict})`],
      ["Direct approximation", `${signed(direct[pos])} nats`],
      ["Probability", `${percentText(before[pos])} to ${percentText(after[pos])}`],
    ];
    return [
      el("h4", {}, "Feature removed at the token before"), factList(facts),
      el("div", { class: "hs-fd-card-lists" }, contributionList("It raises", up[pos]), contributionList("It lowers", down[pos])),
      el("p", { class: "hs-note" }, "Contributions to log-probabilities, nats."),
    ];
  }

  // Below the token or above it, wherever there is room in the window, and within the picture from side to side.
  settle(token) {
    const root = this.root.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.node;
    const isBelow = token.bottom + height + 8 <= innerHeight || token.top - height - 8 < 0;
    const left = Math.max(0, Math.min(token.left - root.left, root.width - width));
    Object.assign(this.node.style, { left: `${left}px`, top: `${(isBelow ? token.bottom + 6 : token.top - height - 6) - root.top}px` });
  }
}

const factList = (facts) => el("dl", {}, ...facts.flatMap(([term, fact]) => [el("dt", {}, term), el("dd", {}, fact)]));

const signed = (value) => (value > 0 ? `+${featureNumber(value)}` : featureNumber(value));

function contributionList(title, scores) {
  const rows = (scores?.tokens ?? []).slice(0, 5).map(({ text }, i) => el("li", {}, code(text), el("span", {}, signed(scores.values[i]))));
  return el("div", {}, el("strong", {}, title), el("ol", {}, ...rows));
}
