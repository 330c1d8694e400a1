// What the attention picture says in words: the value under the pointer, what the tints mean.

const MOST_HEADS = 4;

// The readout of one cell: its value in the head shown, or the heads with most weight there.
function cellWords(pattern, heads, hues, nameOf, tokens, cell) {
  const where = ["query ", placeName(pattern, tokens, cell.query, cell.grain), " → key ", placeName(pattern, tokens, cell.key, cell.grain), " "];
  const isMasked = pattern.isMasked(heads[0], cell);
  const pooled = cell.grain > 1 && !isMasked ? [` largest of ${cell.grain} × ${cell.grain} weights`] : [];
  const value = (head) => el("strong", {}, pattern.text(head, cell));
  if (heads.length === 1 || isMasked) return [...where, value(heads[0]), ...pooled];
  const level = (head) => pattern.cellLevel(head, cell.query, cell.key);
  const most = [...heads].sort((one, other) => level(other) - level(one)).slice(0, MOST_HEADS);
  const named = most.flatMap((head) => [" ", headChip(hues, head, nameOf(head)), " ", value(head)]);
  return [...where, ...named, ...pooled];
}

function placeName(pattern, tokens, pos, grain) {
  return grain > 1 ? code(rangeText(pos, grain, pattern.n)) : tokens.name(pos);
}

function headChip(hues, head, name) {
  const swatch = el("i", { class: "hs-head-swatch" });
  swatch.style.backgroundColor = css(hues.heads[head]);
  return el("span", { class: "hs-head-chip" }, swatch, name);
}

// What the tints of the tokens mean. `who` names the head or heads shown.
function tintWords({ focus, isHeld, direction, who, tokens, pool }) {
  const from = direction === "from";
  const pooled = pool > 1 ? ` Tints are the largest of ${pool} × ${pool} weights.` : "";
  if (focus === null) {
    const most = from ? "the most that any query attends to each token" : "the most that each token attends to any key";
    return [`Tint, no token selected: ${most}, in ${who}.${pooled}`];
  }
  const before = from ? "Tint: how much " : "Tint: how much each token attends to ";
  return [before, tokens.name(focus), `${isHeld ? " (held)" : ""}${from ? " attends to each token" : ""}, in ${who}.${pooled}`];
}
