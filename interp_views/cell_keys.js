// A grid of cells by keyboard: arrows move, Home and End go to the ends of the row, Enter and Space act.

// `size()` is { rows, columns }, `at()` the current { row, column } or null.
function cellKeys(node, signal, { size, at, move, act }) {
  const on = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { rows, columns } = size();
    const from = at();
    const row = from?.row ?? 0;
    const column = from?.column ?? 0;
    const to = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, columns - 1],
    }[event.key];
    if (to) move({ row: within(to[0], rows), column: within(to[1], columns) });
    else if ((event.key === "Enter" || event.key === " ") && from) act(from, event.key);
    else return;
    event.preventDefault();
  };
  node.addEventListener("keydown", on, { signal });
}

const within = (index, count) => Math.min(count - 1, Math.max(0, index));
