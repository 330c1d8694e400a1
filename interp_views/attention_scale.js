// Where the colours end: at the top of the weights, or at the weight that 1 % of what is in view exceeds. The first
// query can look at itself alone, so the largest weight of a whole pattern is always 1 and would change nothing.

const BRIGHTEST = 0.01;
// Finer than a level: exact weights are spread as well.
const FINENESS = 64;

// The level at which the colours end. `levelsOfHeads` is what is in view, masked cells included.
function endLevel(levelsOfHeads) {
  const counts = new Uint32Array(255 * FINENESS + 1);
  let all = 0;
  for (const levels of levelsOfHeads)
    for (let i = 0; i < levels.length; i++) {
      if (levels[i] < 0) continue;
      all++;
      counts[Math.round(levels[i] * FINENESS)]++;
    }
  let above = Math.ceil(all * BRIGHTEST);
  let at = counts.length - 1;
  while (at > 0 && counts[at] <= above) above -= counts[at--];
  // Nearly all zeros: their largest is all there is to see.
  if (at === 0) at = counts.findLastIndex((count) => count > 0);
  return at > 0 ? at / FINENESS : 255;
}

// What levels are multiplied by before they are coloured.
const stretchOf = (scale, levelsOfHeads) => (scale === "stretched" ? 255 / endLevel(levelsOfHeads) : 1);

// What stands at the end of the key: a stretched one also stands for all that is larger.
function endText(top, stretch) {
  return stretch === 1 ? topText(top) : `≥ ${topText(top / stretch)}`;
}

const topText = (top) => String(Number(top.toPrecision(3)));

// `top` is where a scale without stretch ends.
function scaleSwitch(signal, choose) {
  const options = [["full", "0 to 1", "attention-scale-full"], ["stretched", "To the top 1 %", "attention-scale-stretched"]];
  const made = buttonSwitch("Colour scale", options, signal, choose);
  const first = made.node.querySelector("button");
  const node = el("span", { class: "hs-scale-choice" }, "Scale", made.node);
  node.title = "Colours from 0 to the largest possible weight, or to the weight that 1 % of what is in view exceeds";
  return { node, show: (scale, top) => { made.show(scale); first.textContent = `0 to ${topText(top)}`; } };
}
