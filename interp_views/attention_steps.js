// To the next or former layer or head, by button and by key. Keys count anywhere on the page where nothing is typed.

const STEP_KEYS = { j: ["layer", -1], k: ["layer", 1], p: ["head", -1], n: ["head", 1] };
const TYPED_IN =
  "input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, " +
  "[contenteditable]:not([contenteditable=false]), [role=textbox], [role=combobox], [role=dialog]";

class PlaceSteps {
  // `step(what, by)` is told "layer" or "head", and 1 or -1.
  constructor(signal, step) {
    this.layer = stepButtons(signal, "layer", ["J", "K"], step);
    this.head = stepButtons(signal, "head", ["P", "N"], step);
    this.node = el("div", { class: "hs-steps" }, this.layer.node, this.head.node);
    document.addEventListener("keydown", (event) => {
      const wish = STEP_KEYS[event.key];
      if (!wish || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || isTyped(event)) return;
      event.preventDefault();
      step(...wish);
    }, { signal });
  }

  // `nLayers` is null where there is no other layer. Layers end; heads go round.
  show({ layer, nLayers, head, nHeads, isHere }) {
    this.layer.node.hidden = nLayers === null;
    this.layer.text.textContent = `Layer ${layer}${isHere ? "" : " …"}`;
    this.layer.before.disabled = layer <= 0;
    this.layer.after.disabled = layer >= nLayers - 1;
    this.head.text.textContent = head === null ? `All ${nHeads} heads` : `Head ${head}`;
  }
}

function stepButtons(signal, what, [keyBefore, keyAfter], step) {
  const button = (text, name, key, by) => {
    const label = `${name} ${what} (${key})`;
    const node = el("button", {
      type: "button", class: "hs-small-button", "aria-label": label, title: label, "aria-keyshortcuts": key,
      "data-testid": `attention-${what}-${by > 0 ? "after" : "before"}`,
    }, text);
    node.addEventListener("click", () => step(what, by), { signal });
    return node;
  };
  const before = button(`‹ ${keyBefore}`, "Previous", keyBefore, -1);
  const after = button(`${keyAfter} ›`, "Next", keyAfter, 1);
  const text = el("span", { class: "hs-step-text", "data-testid": `attention-${what}` });
  return { before, after, text, node: el("span", { class: "hs-step", role: "group", "aria-label": `Choice of the ${what}` }, before, text, after) };
}

// A picture may stand in a shadow tree, where only the path tells what a key was pressed in.
const isTyped = (event) => event.composedPath().some((node) => node.matches?.(TYPED_IN));
