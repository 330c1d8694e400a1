// The life of one mounted picture. A host calls `render` again with every change of data or theme, on
// the same element: the document, the scroll position and what the reader points at must stay.

// `Picture` is a class with constructor(context), update(header, arrays) and paint(colours).
function mount(component, Picture) {
  const host = component.parentElement;
  const slot = host.hookscope ?? (host.hookscope = open(host, Picture));
  const turn = ++slot.turn;
  slot.send = component.setTriggerValue;
  slot.restyle();
  if (slot.data !== component.data) show(slot, component.data);
  // The host may clean up an overtaken call after a later one has begun: only the latest may close.
  return () => {
    if (turn !== slot.turn || host.hookscope !== slot) return;
    slot.stop.abort();
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
    slot.failure.textContent = "";
    slot.ready = true;
    slot.repaint();
  } catch (error) {
    slot.failure.textContent = `This picture could not be drawn: ${error.message}`;
    throw error;
  }
}

function open(host, Picture) {
  const root = host.querySelector(".hs");
  const stop = new AbortController();
  const failure = root.appendChild(el("p", { class: "hs-failure", role: "alert" }));
  const slot = { root, stop, failure, turn: 0, data: null, ready: false, colours: null };
  slot.repaint = oncePerFrame(() => {
    if (!slot.ready || !slot.colours || stop.signal.aborted) return;
    slot.picture.paint(slot.colours);
    root.dataset.painted = Number(root.dataset.painted ?? 0) + 1;
  });
  slot.restyle = () => {
    // A host that has already dropped the element gives it no styles, hence no colours.
    if (!root.isConnected) return;
    slot.colours = readColours(root);
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
