// Building blocks of the pages: elements, lists of choices, switches.

// Text goes in as text nodes only, so nothing that a model writes can become markup.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Text that came out of a tokenizer, set apart from the sentence around it.
const code = (text) => el("span", { class: "hs-code" }, text);

// Children of `list` with data-index can be pointed at and chosen, by pointer and by keyboard.
// One Tab stop (roving tabindex): arrows, Home and End move, Enter and Space choose.
function choices(list, signal, { hover, choose }) {
  const on = (type, act) => list.addEventListener(type, act, { signal });
  const indexOf = (event) => {
    const item = event.target.closest("[data-index]");
    return item ? Number(item.dataset.index) : null;
  };
  on("pointerover", (event) => indexOf(event) !== null && hover(indexOf(event)));
  on("pointerleave", () => hover(null));
  // A click focuses too; only a focus that came from the keyboard stands for pointing.
  on("focusin", (event) => event.target.matches(":focus-visible") && hover(indexOf(event)));
  on("focusout", () => hover(null));
  on("click", (event) => indexOf(event) !== null && choose(indexOf(event)));
  on("keydown", (event) => {
    const from = indexOf(event);
    if (from === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = [...list.querySelectorAll("[data-index]")];
    const last = items.length - 1;
    const to = { ArrowRight: from + 1, ArrowDown: from + 1, ArrowLeft: from - 1, ArrowUp: from - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) moveTabStop(items, Math.min(last, Math.max(0, to))).focus();
    else if (event.key === "Enter" || event.key === " ") choose(from);
    else return;
    event.preventDefault();
  });
}

function moveTabStop(items, index) {
  for (const item of items) item.tabIndex = -1;
  items[index].tabIndex = 0;
  return items[index];
}

// A row of buttons of which one is pressed. `options` is [[value, text, testid], ...].
function buttonSwitch(label, options, signal, choose) {
  const buttons = options.map(([value, text, testid]) => {
    const button = el("button", { type: "button", "data-testid": testid }, text);
    button.addEventListener("click", () => choose(value), { signal });
    return button;
  });
  const node = el("div", { class: "hs-switch", role: "group", "aria-label": label }, ...buttons);
  const show = (value) => buttons.forEach((b, i) => b.setAttribute("aria-pressed", options[i][0] === value));
  return { node, show };
}

// The key to a colour ramp that starts at 0.
function colourScale(name, end, unit) {
  const ramp = el("i", { class: `hs-scale-ramp is-${name}` });
  return el("div", { class: "hs-scale" }, el("span", {}, "0"), ramp, el("span", {}, end), el("span", {}, unit));
}

// Size a canvas in CSS pixels and return its context, scaled so that one unit is one CSS pixel.
function sizedContext(canvas, width, height) {
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}
