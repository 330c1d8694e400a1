// Pointing, pinning, folding, dragging, and the same by keyboard.

const DRAG = 5; // pixels from which a press is a drag

function architectureGestures(picture) {
  const { scroller, signal } = picture;
  const on = (type, act, options = {}) => scroller.addEventListener(type, act, { signal, ...options });
  let press = null;
  let wasDrag = false; // whether the click that comes next only ends a drag
  const release = (hasClick) => {
    wasDrag = hasClick && Boolean(press?.isDrag);
    press = null;
    scroller.classList.remove("is-dragged");
  };
  // A button that is let go outside the picture makes no click in it.
  for (const type of ["pointerup", "pointercancel"]) {
    window.addEventListener(type, (event) => press && release(type === "pointerup" && event.composedPath().includes(scroller)), { signal });
  }
  on("pointerover", (event) => {
    if (press && !event.buttons) release(false);
    if (!press?.isDrag) picture.point(placeUnder(picture, event.target));
  });
  on("pointerleave", () => picture.point(null));
  on("pointerdown", (event) => {
    release(false);
    if (event.button === 0 && event.pointerType === "mouse") press = { y: event.clientY, x: event.clientX, top: scroller.scrollTop, left: scroller.scrollLeft, isDrag: false };
  });
  on("pointermove", (event) => {
    if (!press || !event.buttons) return;
    if (Math.hypot(event.clientX - press.x, event.clientY - press.y) > DRAG) press.isDrag = true;
    if (!press.isDrag) return;
    scroller.classList.add("is-dragged");
    scroller.scrollTop = press.top - (event.clientY - press.y);
    scroller.scrollLeft = press.left - (event.clientX - press.x);
  });
  on("click", (event) => {
    const endsDrag = wasDrag;
    release(false);
    if (endsDrag) return;
    if (foldUnder(picture, event)) return;
    const place = placeUnder(picture, event.target);
    picture.pin(place);
  });
  on("keydown", (event) => architectureKey(picture, event));
}

// { index, layer, target, head } of what an element belongs to, or null.
function placeUnder(picture, element) {
  const part = element.closest("[data-target]");
  const index = picture.diagrams.findIndex(({ node }) => node.contains(element));
  if (!part || index < 0) return null;
  const layer = part.closest("[data-layer]")?.dataset.layer;
  const head = element.closest("[data-head]")?.dataset.head;
  return { index, layer: layer === undefined ? null : Number(layer), target: part.dataset.target, head: head === undefined ? null : Number(head) };
}

function foldUnder(picture, event) {
  const index = picture.diagrams.findIndex(({ node }) => node.contains(event.target));
  const button = event.target.closest("[data-fold], [data-unfold], [data-pile]");
  if (!button || index < 0) return false;
  const diagram = picture.diagrams[index];
  const { fold, unfold, count } = button.dataset;
  picture.stop = undefined;
  if (fold !== undefined) diagram.fold([Number(fold)], false);
  else if (unfold !== undefined) diagram.fold(Array.from({ length: Number(count) }, (_, i) => Number(unfold) + i), true);
  else diagram.fold([diagram.layerAt(event.target.closest("[data-pile]"), event.clientY)], true);
  picture.pointed = null;
  picture.fresh = true;
  picture.repaint();
  return true;
}

// Parts of the first diagram from the bottom up, folded piles among them.
function stops({ diagrams: [diagram] }) {
  return diagram.bands.flatMap((band) => {
    if (!band.layout) return [{ pile: band }];
    return band.layout.boxes.map(({ part }) => ({ place: { index: 0, layer: band.layer ?? null, target: part, head: null }, band }));
  });
}

function architectureKey(picture, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const [diagram] = picture.diagrams;
  const all = stops(picture);
  // A layer that was folded or unfolded by the last key is now another stop.
  if (picture.turned !== undefined) picture.stop = all.findIndex(({ pile, place }) => (pile ? pile.from <= picture.turned && picture.turned <= pile.to : place.layer === picture.turned));
  picture.turned = undefined;
  const at = picture.stop ?? all.findIndex(({ place }) => place && samePlace(place, picture.pinned && { ...picture.pinned, head: null }));
  const go = (index) => {
    picture.stop = Math.max(0, Math.min(all.length - 1, index));
    const { place, pile, band } = all[picture.stop];
    picture.point(place ?? null);
    scrollToBand(picture, band ?? pile);
  };
  const current = all[picture.stop ?? at];
  const heads = current?.place?.target === "attn" ? diagram.model.kinds[diagram.kindOf(current.place.layer)].nodes.find(({ part }) => part === "attn").sizes.n_heads : 0;
  const turn = (by) => {
    const head = Math.max(0, Math.min(heads - 1, (picture.pointed?.head ?? (by > 0 ? -1 : heads)) + by));
    picture.point({ ...current.place, head });
  };
  const acts = {
    ArrowUp: () => go(at + 1), ArrowDown: () => go(at - 1), Home: () => go(0), End: () => go(all.length - 1),
    ArrowRight: () => heads && turn(1), ArrowLeft: () => heads && turn(-1),
    Enter: () => picture.pointed && picture.pin(picture.pointed),
    Escape: () => { picture.pinned = picture.pointed = null; picture.showPanel(); },
    " ": () => {
      const layer = current?.pile ? current.pile.from : current?.band.layer;
      if (layer === undefined) return;
      picture.turned = layer;
      picture.fresh = true;
      diagram.fold([layer], Boolean(current.pile));
    },
  };
  if (!acts[event.key]) return;
  acts[event.key]();
  event.preventDefault();
}

function scrollToBand({ scroller, diagrams: [diagram] }, { bottom, height }) {
  const ground = diagram.svg.getBoundingClientRect().bottom - scroller.getBoundingClientRect().top + scroller.scrollTop;
  const [top, end] = [ground - bottom - height, ground - bottom];
  if (top < scroller.scrollTop) scroller.scrollTop = top - 30;
  else if (end > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = end - scroller.clientHeight + 30;
}
