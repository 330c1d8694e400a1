"""What the model loses when a feature is taken away: exactly, by running it again from the hook point.

A feature's write, its activation times its decoder row, is subtracted from what the SAE reads, at one position or wherever
it is active; what the SAE does not explain stays. Every removal is a row of a partial pass, so that many cost little more
than one: positions in front are never computed again, nor layers below.

Sources: Bricken et al. 2023, "Towards Monosemanticity"; McDougall 2024, sae_vis (which reads the loss effect directly from
the final stream: `effect_estimates.direct_effects`).
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError, SaeError
from interp_core.hook_points import layer_hook
from interp_core.hooks import Hook
from interp_core.models import LoadedModel
from interp_core.partial import RecordedRun, final_logits, record_run, run_layer
from interp_core.row_sweeps import BUDGET
from interp_core.sae.features import check_can_act, check_features, held_sae
from interp_core.sae.loading import LoadedSae
from interp_core.sae.reading import Encoded, check_plain_point, encode_prompt
from interp_core.types import Progress, Run

Reach = Literal["next", "later"]
REACHES: tuple[Reach, ...] = get_args(Reach)
"""Which losses are looked at: of the token right after the position, or of every later token."""
Cell = tuple[int, int | None]
"""A feature, and the position at which it is removed; None: wherever it is active."""


@dataclass(frozen=True)
class Removals:
    """What removing features changes in the loss."""

    sae: str
    cells: tuple[Cell, ...]
    activation: Float[np.ndarray, " cell"]
    """At the position; the largest, where the feature is removed everywhere. SAE units."""
    effect: Float[np.ndarray, "cell pos"]
    """Loss of the token after each position with the feature removed, less the loss as it is, nats: above 0 where the feature
    helps. 0 where it cannot have an effect; NaN where none was computed, and at the last position, after which no token is
    known."""
    loss: Float[np.ndarray, " pos"]
    """As it is, nats; NaN at the last position."""

    @property
    def total(self) -> Float[np.ndarray, " cell"]:
        """Sum over the positions that were computed, nats; NaN where none was."""
        nothing = np.isnan(self.effect[:, :-1]).all(1)
        return np.where(nothing, np.nan, np.nansum(self.effect, axis=1)).astype(np.float32)


def remove_features(
    loaded: LoadedModel, run: Run, name: str, cells: Sequence[Cell], *, reach: Reach = "next", budget: int = BUDGET
) -> Generator[Progress, None, Removals]:
    """Remove each cell's feature in turn, yielding the `Removals` so far. Costs one forward pass and partial passes.

    Args:
        loaded: The model.
        run: What they are removed from; its interventions stay in force.
        name: The SAE.
        cells: Features and positions. A feature that is removed everywhere is looked at with the reach `later`.
        reach: Which losses are looked at.
        budget: Rows times positions that one pass may hold.

    Raises:
        InterpError: The SAE does not fit, or a feature or position is not there.
        MemoryLimitError: The run would not fit.
    """
    sae = held_sae(loaded, name)
    check_removals(sae, name, cells, len(run.tokens))
    loaded.check_run(len(run.tokens))
    recorded = record_run(loaded.model, loaded.tokens(run.tokens), edits_of(loaded, run), keep=[sae.hook])
    encoded = encode_prompt(loaded, sae, recorded.kept[sae.hook])
    loss = _losses(recorded)
    made = _empty(name, cells, reach, encoded, loss)
    yield Progress(0.0, f"{len(cells):,} removals", made)
    done = 0
    for rows, first, last in _chunks(made, reach, budget, encoded):
        logits = without_features(recorded, sae, encoded, [made.cells[row] for row in rows], first, last)
        effect = made.effect.copy()
        for pos, found in zip(range(first, last + 1), logits, strict=True):
            target = run.tokens[pos + 1]
            changed = found.float().logsumexp(-1) - found[:, target].float()
            effect[rows, pos] = (changed.double() - loss[pos]).float().cpu().numpy()
        made = Removals(name, made.cells, made.activation, effect, made.loss)
        done += len(rows)
        yield Progress(min(1.0, done / len(cells)), f"{done:,} of {len(cells):,} removals", made)
    return made


def check_removals(sae: LoadedSae, name: str, cells: Sequence[Cell], n_pos: int) -> None:
    """Refuse what cannot be removed.

    Raises:
        InterpError: The SAE does not fit, a feature or position is not there, or no token follows.
    """
    check_can_act(sae.config, name)
    check_plain_point(sae, name)
    check_features(sae.config, name, [feature for feature, _ in cells])
    over = [pos for _, pos in cells if pos is not None and not 0 <= pos < n_pos]
    if over:
        raise InterpError(f"The prompt has {n_pos} tokens, so there is no position {over[0]}. Give 0 to {n_pos - 1}.")
    if sae.config.layer is None or n_pos < 2:
        raise SaeError(
            f"{name} reads {sae.config.place} and the prompt has {n_pos} tokens: a loss effect needs an SAE inside a layer and two "
            "tokens or more. Choose another SAE, or a longer prompt."
        )


@torch.no_grad()
def _losses(recorded: RecordedRun) -> Float[Tensor, " pos"]:
    """Of the next token at every position but the last, nats. Float64."""
    logits, targets = recorded.logits[:-1], recorded.tokens[0, 1:]
    chosen = logits.gather(1, targets[:, None])[:, 0].double()
    return torch.cat([logits.float().logsumexp(-1).double() - chosen, chosen.new_full((1,), torch.nan)])


def _empty(name: str, cells: Sequence[Cell], reach: Reach, encoded: Encoded, loss: Float[Tensor, " pos"]) -> Removals:
    n_pos = len(loss)
    effect = np.full((len(cells), n_pos), np.nan, np.float32)
    activation = np.zeros(len(cells), np.float32)
    for row, (feature, pos) in enumerate(cells):
        here = encoded.activations[:, feature] if pos is None else encoded.activations[pos : pos + 1, feature]
        activation[row] = float(here[here.abs().argmax()])
        silent = activation[row] == 0
        if pos is None or reach == "later":
            first = n_pos - 1 if silent else _first((feature, pos), encoded)
            effect[row, :first] = 0.0
        elif silent:
            effect[row, pos] = 0.0
    effect[:, -1] = np.nan
    return Removals(name, tuple(cells), activation, effect, loss.float().cpu().numpy())


def _first(cell: Cell, encoded: Encoded) -> int:
    feature, pos = cell
    return int(encoded.activations[:, feature].nonzero()[0, 0]) if pos is None else pos


def _chunks(made: Removals, reach: Reach, budget: int, encoded: Encoded) -> Iterator[tuple[list[int], int, int]]:
    """Rows that share a pass, the position at which it begins, and the last that is read: those of one first position."""
    end = made.effect.shape[1] - 2
    groups: dict[tuple[int, int], list[int]] = {}
    for row, cell in enumerate(made.cells):
        first = _first(cell, encoded) if made.activation[row] else end + 1
        if first <= end:
            last = first if reach == "next" and cell[1] is not None else end
            groups.setdefault((first, last), []).append(row)
    for (first, last), rows in sorted(groups.items()):
        size = max(1, budget // (last + 1 - first))
        for start in range(0, len(rows), size):
            yield rows[start : start + size], first, last


@torch.no_grad()
def without_features(
    recorded: RecordedRun,
    sae: LoadedSae,
    encoded: Encoded,
    cells: Sequence[Cell],
    first: int,
    last: int,
) -> list[Float[Tensor, "row d_vocab"]]:
    """Logits of every row, with its feature removed from `first` on, at every position from there up to `last`."""
    layer = sae.config.layer
    assert layer is not None
    features = torch.tensor([feature for feature, _ in cells], device=encoded.activations.device)
    acts = encoded.activations[first : last + 1, features].T.clone()
    for row, (_, pos) in enumerate(cells):
        if pos is not None:
            acts[row, 1:] = 0
    taken = (acts * encoded.scale[first : last + 1, 0])[..., None] * sae.decoder_rows(features)[:, None]
    n_layers = len(recorded.calls)
    leaves = sae.point.name == "resid_post" and layer + 1 < n_layers  # the stream between two layers: start at the next
    start = layer + 1 if leaves else layer
    resid = recorded.entering(start)[:, first : last + 1].expand(len(cells), -1, -1)
    hooks: list[Hook] = []
    if leaves:
        resid = resid - taken.to(resid.dtype)
    else:
        # Attention's write is added to the stream, so what is taken from it is taken from `resid_mid`.
        name = layer_hook("attn_out", layer) if sae.point.name == "resid_mid" else sae.hook
        hooks = [(name, lambda x, hook: x - taken.reshape(x.shape).to(x.dtype))]
    for at in range(start, n_layers):
        resid = run_layer(recorded, at, resid, first, hooks if at == start else ())
    return [final_logits(recorded, resid[:, pos - first], pos) for pos in range(first, last + 1)]
