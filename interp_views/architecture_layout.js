// Where the parts of an architecture stand. Nothing is drawn here: blocks of the graph go in, boxes and wires come out.
// A band is one block. Its y is 0 at the bottom and `-height` at the top, and the stream runs up through it at x = `stream`.

const ARCH = { norm: 24, head: 30, fork: 22, mlp: 86, step: 14, lead: 16, pad: 14, title: 22, add: 9, widest: 320, wide: 330, corner: 8 };

// What all bands of a diagram of that width have in common.
function diagramFrame(width) {
  const isWide = width >= ARCH.wide;
  const stream = width - (isWide ? 78 : 26);
  const left = 14;
  const room = stream - 30 - left;
  return { width, isWide, stream, left, room };
}

function layoutLayer(block, frame) {
  const built = new BandBuilder(block, frame);
  const has = (part) => built.nodes.has(part);
  const { stream, left, room } = frame;
  built.rise(ARCH.pad + 4);
  const start = built.y;
  built.point("resid_pre", start + 8);
  if (block.parallel) layoutParallel(built, start, has);
  else {
    const width = Math.min(ARCH.widest, room);
    const centre = left + room / 2;
    built.chain("attn", { centre, width, norm: "ln1", post: "ln1_post", from: start });
    const middle = has("mlp") ? "resid_mid" : "resid_post";
    built.add(middle);
    built.wire("resid_pre", `M${stream} 0 V${built.y + ARCH.add}`, false);
    if (has("mlp")) {
      const joined = built.y;
      built.rise(ARCH.lead + 6);
      built.chain("mlp", { centre, width, norm: "ln2", post: "ln2_post", from: built.y });
      built.add("resid_post");
      built.wire("resid_mid", `M${stream} ${joined - ARCH.add} V${built.y + ARCH.add}`, false);
    }
  }
  const joined = built.y;
  built.rise(ARCH.add + ARCH.title);
  built.wire("resid_post", `M${stream} ${joined - ARCH.add} V${built.y}`, false);
  return built.done();
}

// Attention on the left, the MLP beside it; both write at one addition.
function layoutParallel(built, start, has) {
  const { stream, left, room } = built.frame;
  const width = (room - 14) / 2;
  const centres = [left + width / 2, left + width * 1.5 + 14];
  let from = start;
  const isShared = has("ln1") && !has("ln2");
  if (isShared) {
    const middle = left + room / 2;
    const top = built.branch("ln1_in", start, middle, "ln1", Math.min(140, room));
    from = top - ARCH.step;
    built.wire("attn_in", elbow(middle, top, centres[0], from), true);
    built.wire("mlp_in", elbow(middle, top, centres[1], from), true);
  }
  const tops = [["attn", "ln1", "ln1_post"], ["mlp", "ln2", "ln2_post"]].map(([part, norm, post], i) =>
    built.column(part, { centre: centres[i], width, norm: isShared ? "" : norm, post, from, isJoined: isShared, origin: i ? centres[i] : stream }));
  built.y = Math.min(...tops) - ARCH.step;
  built.wire("attn_out", `M${centres[0]} ${tops[0]} V${built.y + ARCH.corner} q0 ${-ARCH.corner} ${ARCH.corner} ${-ARCH.corner} H${stream - ARCH.add - 3}`, true);
  built.wire("mlp_out", `M${centres[1]} ${tops[1]} V${built.y + 1}`, false);
  built.add("resid_post");
  built.wire("resid_pre", `M${stream} 0 V${built.y + ARCH.add}`, false);
}

function layoutBefore(block, frame) {
  const built = new BandBuilder(block, frame);
  const { stream, left, room } = frame;
  built.rise(6);
  const tokens = built.onStream("tokens", 26);
  built.rise(ARCH.step + 4);
  built.wire("tokens", `M${stream} ${tokens} V${built.y + 3}`, true);
  let top = built.onStream("embed", 40);
  if (built.nodes.has("pos_embed")) {
    const wide = Math.min(140, built.boxes.at(-1).x - left - 8);
    const centre = left + wide / 2;
    built.box("pos_embed", centre, wide, top + 40, 40);
    built.rise(ARCH.lead + 8);
    built.wire("pos_embed_out", `M${centre} ${top} V${built.y + ARCH.corner} q0 ${-ARCH.corner} ${ARCH.corner} ${-ARCH.corner} H${stream - ARCH.add - 3}`, true);
    built.add("stream");
    built.wire("embed_out", `M${stream} ${top} V${built.y + ARCH.add + 3}`, true);
    top = built.y - ARCH.add;
    built.rise(ARCH.add);
  }
  if (built.nodes.has("embed_norm")) {
    built.rise(ARCH.step);
    built.wire("embed_norm_in", `M${stream} ${top} V${built.y + 3}`, true);
    top = built.onStream("embed_norm", ARCH.norm);
  }
  built.rise(ARCH.lead);
  built.wire("stream", `M${stream} ${top} V${built.y}`, false);
  return built.done();
}

function layoutAfter(block, frame) {
  const built = new BandBuilder(block, frame);
  let top = 0;
  for (const [part, height] of [["ln_final", ARCH.norm], ["unembed", 40], ["logits", 26]]) {
    if (!built.nodes.has(part)) continue;
    built.rise(ARCH.lead);
    const key = { ln_final: "final", unembed: built.nodes.has("ln_final") ? "ln_final_out" : "final", logits: "logits" }[part];
    built.wire(key, `M${frame.stream} ${top} V${built.y + 3}`, true);
    top = built.onStream(part, height);
  }
  built.rise(6);
  return built.done();
}

// Up, across, up, with round corners.
function elbow(x, y, toX, toY) {
  const middle = (y + toY) / 2 + 1;
  const side = Math.sign(toX - x);
  const round = Math.min(6, Math.abs(y - toY) / 2 - 1);
  return `M${x} ${y} V${middle + round} q0 ${-round} ${side * round} ${-round} H${toX - side * round} q${side * round} 0 ${side * round} ${-round} V${toY}`;
}

// Builds a band from the bottom up.
class BandBuilder {
  constructor(block, frame) {
    Object.assign(this, { block, frame, y: 0, boxes: [], wires: [], adds: [], points: [] });
    this.nodes = new Map(block.nodes.map((node) => [node.part, node]));
  }

  rise(by) {
    this.y -= by;
  }

  box(part, centre, width, bottom, height) {
    this.boxes.push({ part, node: this.nodes.get(part), x: centre - width / 2, y: bottom - height, width, height });
    return bottom - height;
  }

  onStream(part, height) {
    const { stream, width } = this.frame;
    const wide = Math.min(140, width - 8);
    const centre = Math.min(width - 4 - wide / 2, Math.max(wide / 2 + 4, stream));
    this.y = this.box(part, centre, wide, this.y, height);
    return this.y;
  }

  wire(key, path, isArrow) {
    this.wires.push({ key, path, isArrow });
  }

  add(part) {
    this.adds.push({ part, x: this.frame.stream, y: this.y });
  }

  point(part, y) {
    this.points.push({ part, x: this.frame.stream, y });
  }

  // From the stream (or from `origin` on the same line) to a norm; gives the norm's top.
  branch(key, from, centre, norm, width, origin = this.frame.stream) {
    const bottom = from - ARCH.lead;
    this.wire(key, this.approach(origin, from, centre, bottom), true);
    return this.box(norm, centre, Math.min(width, 150), bottom, ARCH.norm);
  }

  approach(origin, from, centre, bottom) {
    if (origin === centre) return `M${centre} ${from} V${bottom + 3}`;
    const side = Math.sign(centre - origin);
    return `M${origin} ${from} H${centre - side * ARCH.corner} q${side * ARCH.corner} 0 ${side * ARCH.corner} ${-ARCH.corner} V${bottom + 3}`;
  }

  // Norm, attention or MLP, further norm; gives the top.
  column(part, { centre, width, norm, post, from, isJoined = false, origin = this.frame.stream }) {
    let top = from;
    if (norm && this.nodes.has(norm)) {
      const above = this.branch(`${norm}_in`, from, centre, norm, width, origin);
      top = above - ARCH.step;
      this.wire(`${part}_in`, `M${centre} ${above} V${top + (part === "mlp" ? 3 : 0)}`, part === "mlp");
    } else if (!isJoined) {
      top = from - ARCH.lead;
      this.wire(`${part}_in`, this.approach(origin, from, centre, top), true);
    }
    top = this.box(part, centre, width, top, part === "mlp" ? ARCH.mlp : ARCH.head + 2 * ARCH.fork);
    if (!this.nodes.has(post)) return top;
    const below = top - ARCH.step;
    this.wire(`${part}_raw`, `M${centre} ${top} V${below + 3}`, true);
    return this.box(post, centre, Math.min(width, 150), below, ARCH.norm);
  }

  chain(part, how) {
    const top = this.column(part, how);
    this.y = top - ARCH.step;
    const { stream } = this.frame;
    this.wire(`${part}_out`, `M${how.centre} ${top} V${this.y + ARCH.corner} q0 ${-ARCH.corner} ${ARCH.corner} ${-ARCH.corner} H${stream - ARCH.add - 3}`, true);
  }

  done() {
    const { boxes, wires, adds, points, frame } = this;
    return { height: -this.y, boxes, wires, adds, points, frame };
  }
}
