// The life of one mounted picture. A host calls `render` again with every change of data or theme, on
// the same element: the document, the scroll position and what the reader points at must stay.

// `Picture` is a class with constructor(context), update(header, arrays), paint(colours) and, if it takes
// further messages (mailbox.js), receive(part, header, arrays), with accepts(header, about) if parts may be about other
// data than what came last, which is called `about`.
function mount(component, Picture) {
  const host = component.parentElement;
  const slot = host.hookscope ?? (host.hookscope = open(host, Picture));
  const turn = ++slot.turn;
  slot.send = component.setTriggerValue;
  slot.restyle();
  if (!sameBytes(slot.data, component.data)) show(slot, component.data);
  // The host may clean up an overtaken call after a later one has begun: only the latest may close.
  return () => {
    if (turn !== slot.turn || host.hookscope !== slot) return;
    slot.stop.abort();
    moveTo(slot, null);
    slot.root.replaceChildren();
    delete host.hookscope;
  };
}

async function show(slot, data) {
  slot.data = data;
  try {
    const { header, arrays } = await unpack(data);
    // Unpacking takes a while: data that came later may already be here.
    if (slot.data !== data || slot.stop.signal.aborted) return;
    slot.picture.update(header, arrays);
    slot.about = header.about;
    moveTo(slot, addressOf(header));
    slot.failure.textContent = "";
    slot.ready = true;
    slot.repaint();
  } catch (error) {
    slot.failure.textContent = `This picture could not be drawn: ${error.message}`;
    throw error;
  }
}

// Read the box under the name `to`, and no longer the one that was read before.
function moveTo(slot, to) {
  if (slot.to !== null) closeBox(slot.to, slot.read);
  slot.to = to;
  if (to !== null) openBox(to, slot.read);
}

// A part speaks about certain data. Parts for other data stay in the box until that data is here.
function readPart(slot, { header, arrays }) {
  if (header.about === undefined || slot.about === undefined) return;
  const { picture, about } = slot;
  if (!(picture.accepts ? picture.accepts(header, about) : header.about === about)) return;
  picture.receive?.(header.part, header, arrays);
  slot.repaint();
}

function open(host, Picture) {
  const root = host.querySelector(".hs");
  const stop = new AbortController();
  const failure = root.appendChild(el("p", { class: "hs-failure", role: "alert" }));
  const slot = { root, stop, failure, turn: 0, data: null, ready: false, colours: null, palette: null, to: null };
  slot.read = (letter) => readPart(slot, letter);
  slot.repaint = oncePerFrame(() => {
    if (!slot.ready || !slot.colours || stop.signal.aborted) return;
    slot.picture.paint(slot.colours);
    root.dataset.painted = Number(root.dataset.painted ?? 0) + 1;
  });
  slot.restyle = () => {
    // A host that has already dropped the element gives it no styles, hence no colours.
    if (!root.isConnected) return;
    // The same colours in another object would have everything drawn again.
    if (slot.palette !== paletteOf(root)) {
      slot.colours = readColours(root);
      slot.palette = paletteOf(root);
    }
    slot.repaint();
  };
  slot.picture = new Picture({
    root, signal: stop.signal, repaint: slot.repaint, send: (name, value) => slot.send(name, value),
  });
  watchTheme(root, stop.signal, slot.restyle);
  const sizes = new ResizeObserver(slot.repaint);
  sizes.observe(root);
  stop.signal.addEventListener("abort", () => sizes.disconnect());
  return slot;
}

const PALETTE = [
  "--st-background-color", "--hs-paper", "--hs-ink", "--hs-muted", "--hs-border", "--hs-selected", "--st-font", "--st-code-font",
  "--hs-attention", "--hs-loss", "--hs-signed",
];

// What colours are made of, as text.
function paletteOf(root) {
  const style = getComputedStyle(root);
  return PALETTE.map((name) => style.getPropertyValue(name)).join("|");
}

function oncePerFrame(act) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      act();
    });
  };
}

// Nothing tells a component that a CSS variable changed, except a transition that it starts.
function watchTheme(root, signal, changed) {
  const probe = el("i", { class: "hs-theme-probe", "aria-hidden": "true" });
  probe.addEventListener("transitionend", changed, { signal });
  root.append(probe);
}
