"""Many small changes to one recorded run, each scored, with as little computation as gives the same numbers.

Every cell is a row that differs from the recorded run in one place. Rows enter the chain at their own layer and go on
together; positions before a row's place are never computed again, since no earlier position sees a later one. The sizes
of the passes depend on the shapes and the row budget alone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterventionError
from interp_core.hooks import Hook
from interp_core.models import LoadedModel
from interp_core.partial import Columns, RecordedRun, final_logits, run_layer
from interp_core.types import Run

BUDGET = 2048
"""Rows times positions of one pass: 40 MB of MLP activations on the default model. `benchmarks/patching.py` prints what
other budgets give."""
_BUCKET = 4
"""Neighbouring positions that share a pass: the earliest of them decides how long the suffix is."""

Score = Callable[[Float[Tensor, "row d_vocab"]], Float[Tensor, " row"]]
Edit = Callable[[Tensor, Int[Tensor, " row"], int], Tensor]
"""Given the activation of the rows that enter at a layer, `"row ..."`, their cells' indices and the first position: the
edited activation."""


@dataclass(frozen=True)
class Cells:
    """The places of a sweep; every array is as long as there are cells."""

    layer: Int[Tensor, " cell"]
    pos: Int[Tensor, " cell"]
    """First position at which the row differs from the recorded run."""

    def __len__(self) -> int:
        return len(self.layer)


@dataclass(frozen=True)
class _Chunk:
    first: int
    cells: Int[Tensor, " row"]
    """Indices, by layer."""


def check_attention_output(loaded: LoadedModel, *runs: Run) -> None:
    """A sweep that writes attention's output needs it for itself.

    Raises:
        InterventionError: An intervention on the stream behind attention is in force: it acts through that very output.
    """
    points = [getattr(edit, "point", None) for run in runs for edit in edits_of(loaded, run)]
    if any(point is not None and point.name == "resid_mid" for point in points):
        raise InterventionError(
            "An intervention on resid_mid is in force, which acts through attention's output, and so does this sweep. Switch the "
            "intervention off, or sweep another place."
        )


def sweep_rows(
    recorded: RecordedRun,
    cells: Cells,
    edits: Callable[[int], Mapping[str, Edit]],
    score: Score,
    *,
    read: int,
    budget: int = BUDGET,
    columns: Columns | None = None,
) -> Iterator[tuple[Int[Tensor, " row"], Float[Tensor, " row"]]]:
    """Yield, chunk by chunk, the indices of cells and their scores.

    Args:
        recorded: The run that every row differs from.
        cells: Where.
        edits: For a layer, by hook name, how rows that enter there are edited.
        score: Of the logits at position `read`.
        read: Cells at later positions cannot change the score and may not be among them.
        budget: Rows times positions that one pass may hold.
        columns: Those of the unembedding that `score` is given; None for all.
    """
    n_layers = len(recorded.calls)
    for chunk in _chunks(cells, read, budget):
        count = read + 1 - chunk.first
        resid: Tensor | None = None
        layers = cells.layer[chunk.cells]
        for layer in range(int(layers.min()), n_layers):
            new = chunk.cells[layers == layer]
            hooks: list[Hook] = []
            if len(new):
                entering = recorded.entering(layer)[:, chunk.first : read + 1].expand(len(new), -1, -1)
                resid = entering if resid is None else torch.cat([resid, entering])
                hooks = [(name, _on_last_rows(edit, new, chunk.first)) for name, edit in edits(layer).items()]
            assert resid is not None
            if layer == n_layers - 1:
                hooks += _reads_last_only(recorded, layer, {name for name, _ in hooks})
            with torch.no_grad():
                resid = run_layer(recorded, layer, resid, chunk.first, hooks)
        assert resid is not None and resid.shape[1] == count
        with torch.no_grad():
            yield chunk.cells, score(final_logits(recorded, resid[:, -1], read, columns))


def _reads_last_only(recorded: RecordedRun, layer: int, edited: set[str]) -> list[Hook]:
    """A hook that spares the last MLP all positions but the one that is read.

    What the MLP gives for it is added to every position of the stream, of which only the last is right, and only that is
    read. Not where anything is edited in or after this MLP, at positions that would no longer be there; nor in parallel
    layers, some of which add attention's write to that of the MLP in place (Falcon).
    """
    name = f"blocks.{layer}.mlp.hook_in"
    edited = edited | {point for edit in recorded.edits for part in edit.hooks(0) for point, _ in part}
    here = f"blocks.{layer}."
    harmless = tuple(here + name for name in ("attn.", "ln1.", "hook_resid_pre", "hook_attn_out"))
    behind = any(point.startswith(here) and not point.startswith(harmless) for point in edited)
    if behind or recorded.model.cfg.parallel_attn_mlp or name not in recorded.model.hook_dict:
        return []
    return [(name, lambda activation, hook: activation[:, -1:])]


def _on_last_rows(edit: Edit, cells: Int[Tensor, " row"], first: int) -> Callable[..., Tensor]:
    def apply(activation: Tensor, hook: object) -> Tensor:
        earlier, new = activation[: -len(cells)], activation[-len(cells) :]
        return torch.cat([earlier, edit(new.clone(), cells, first)])

    return apply


def _chunks(cells: Cells, read: int, budget: int) -> Iterator[_Chunk]:
    """Cells by position bucket, then by layer, in passes that keep to the budget."""
    assert len(cells) and int(cells.pos.max()) <= read
    buckets = cells.pos // _BUCKET
    for bucket in buckets.unique().tolist():
        members = (buckets == bucket).nonzero()[:, 0]
        members = members[cells.layer[members].argsort(stable=True)]
        first = int(cells.pos[members].min())
        size = max(1, budget // (read + 1 - first))
        for start in range(0, len(members), size):
            yield _Chunk(first, members[start : start + size])


def overwrite(
    rows: Float[Tensor, "row suffix *rest"],
    source: Float[Tensor, "1 pos *rest"],
    *,
    pos: Int[Tensor, " row"] | None,
    inner: Int[Tensor, " row"] | None,
    first: int,
) -> Float[Tensor, "row suffix *rest"]:
    """Put each row's cell of `source` into it: one position or all from `first` on; one place of axis 2 or all of it."""
    each = torch.arange(len(rows), device=rows.device)
    last = first + rows.shape[1]
    if pos is None and inner is None:
        rows[:] = source[:, first:last]
    elif pos is None:
        rows[each, :, inner] = source[0, first:last].transpose(0, 1)[inner]
    elif inner is None:
        rows[each, pos - first] = source[0, pos]
    else:
        rows[each, pos - first, inner] = source[0, pos, inner]
    return rows
