"""Path patching: does a sender reach the output through chosen receivers, with everything else held as it is?

A sender (a head or an MLP) takes its value from the other run, all attention is frozen to this run, and so are the MLPs
unless they are said to be part of the path; what arrives at the receivers is noted, and then put into a plain run of this
prompt, in which everything after the receivers is computed as usual.

Sources: Wang et al. 2022, arXiv:2211.00593 (MLPs recomputed); Goldowsky-Dill et al. 2023, arXiv:2304.05969 (all other
parts frozen).
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.hook_points import point_named
from interp_core.hooks import Hook
from interp_core.metrics import Metric, recovered_fraction
from interp_core.models import LoadedModel
from interp_core.partial import RecordedRun, final_logits, record_run, run_layer
from interp_core.patching import Direction
from interp_core.prompt_pairs import PromptPair
from interp_core.row_sweeps import BUDGET, check_attention_output
from interp_core.types import Progress, Run

ReceiverKind = Literal["logits", "q", "k", "v", "mlp"]
_STEPS = 8
"""A sweep comes in at least so many parts, so that a reader sees it fill in."""
RECEIVER_KINDS: tuple[ReceiverKind, ...] = get_args(ReceiverKind)
_POINT: dict[ReceiverKind, str] = {"q": "q", "k": "k", "v": "v", "mlp": "mlp_out"}


@dataclass(frozen=True)
class Receiver:
    """Where a path ends: the logits, or a head's query, key or value, or an MLP, from which on the model runs as usual."""

    kind: ReceiverKind = "logits"
    layer: int = 0
    head: int = 0
    """Of queries; of keys and values, which may be fewer heads."""


@dataclass(frozen=True)
class PathPlan:
    """Which paths are patched: from every head and MLP in turn to all receivers at once."""

    receivers: tuple[Receiver, ...] = (Receiver(),)
    mlps: Literal["recomputed", "frozen"] = "recomputed"
    """Whether paths may go through MLPs between sender and receivers."""
    direction: Direction = "noising"
    """`noising`: the clean run with a sender's corrupted value; `denoising`: the other way round."""

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of a sweep's arrays."""
        return ("layer", "sender")


@dataclass(frozen=True)
class PathSweep:
    """The metric after patching the paths from each sender."""

    plan: PathPlan
    score: Float[np.ndarray, "layer sender"]
    """In the metric's unit, the heads of a layer and then its MLP; NaN where it is not computed yet."""
    exact: Bool[np.ndarray, "layer sender"]
    """Whether each was computed."""
    clean_score: float
    corrupted_score: float
    unit: str

    @property
    def heads(self) -> Float[np.ndarray, "layer head"]:
        """The scores of the heads."""
        return self.score[:, :-1]

    @property
    def mlps(self) -> Float[np.ndarray, " layer"]:
        """The scores of the MLPs."""
        return self.score[:, -1]

    @property
    def effect(self) -> Float[np.ndarray, "layer sender"]:
        """Recovered fraction: 0 is the corrupted run, 1 the clean one; never clipped."""
        return (self.score - self.corrupted_score) / (self.clean_score - self.corrupted_score)

    @property
    def base_score(self) -> float:
        """Of the run into which is patched: what a sender without any path gives."""
        return self.clean_score if self.plan.direction == "noising" else self.corrupted_score

    @property
    def complete(self) -> bool:
        """Whether every sender was patched."""
        return bool(self.exact.all())


def patch_paths(
    loaded: LoadedModel,
    pair: PromptPair,
    metric: Metric,
    plan: PathPlan,
    *,
    budget: int = BUDGET,
    so_far: PathSweep | None = None,
) -> Generator[Progress, None, PathSweep]:
    """Patch the paths from every head and every MLP, yielding the `PathSweep` so far. The metric is read at the last token.

    Args:
        loaded: The model.
        pair: Clean and corrupted run.
        metric: What is measured.
        plan: Which paths.
        budget: Rows times positions that one pass may hold.
        so_far: Of the same question, stopped before: what is exact there is not computed again.

    Raises:
        InterpError: A receiver is not there, or the pair or the metric does not fit.
        MemoryLimitError: The runs would not fit.
    """
    paths = _Paths(loaded, pair, metric.checked(), plan)
    made = so_far or paths.empty()
    yield Progress(0.0, "both runs", made)
    done, total = int(made.exact.sum()), made.exact.size
    n_suffix = len(pair.clean.tokens) - pair.first_difference
    senders = np.argwhere(~made.exact)
    size = max(1, min(budget // n_suffix, -(-len(senders) // _STEPS)))
    for start in range(0, len(senders), size):
        chunk = senders[start : start + size]
        made = replace(made, score=made.score.copy(), exact=made.exact.copy())
        made.score[tuple(chunk.T)] = paths.scores(torch.from_numpy(chunk))
        made.exact[tuple(chunk.T)] = True
        done += len(chunk)
        yield Progress(done / total, f"{done:,} of {total:,} senders", made)
    return made


class _Paths:
    """Both runs, and the two passes that patch paths."""

    def __init__(self, loaded: LoadedModel, pair: PromptPair, metric: Metric, plan: PathPlan) -> None:
        self.loaded, self.metric, self.plan, self.first = loaded, metric, plan, pair.first_difference
        self.last = len(pair.clean.tokens) - 1
        self.n_heads, self.n_layers = loaded.card.n_heads, loaded.card.n_layers
        loaded.check_run(self.last + 1)
        self._check_receivers()
        check_attention_output(pair.clean, pair.corrupted)  # attention's output is what is frozen
        names = {self._name(point, layer) for point in ("z", "attn_out", "mlp_out") for layer in range(self.n_layers)}
        names |= {self._name(_POINT[one.kind], one.layer) for one in self.inner}
        clean, corrupted = (self._record(run, sorted(names)) for run in (pair.clean, pair.corrupted))
        self.reference = clean.logits[-1]
        self.clean_score, self.corrupted_score = (float(self.score(run.logits[-1:])[0]) for run in (clean, corrupted))
        recovered_fraction(torch.zeros(1), self.clean_score, self.corrupted_score, metric.unit)
        self.into, self.source = (clean, corrupted) if plan.direction == "noising" else (corrupted, clean)

    @property
    def inner(self) -> tuple[Receiver, ...]:
        """The receivers inside the model."""
        return tuple(one for one in self.plan.receivers if one.kind != "logits")

    def score(self, logits: Float[Tensor, "row d_vocab"]) -> Float[Tensor, " row"]:
        """The metric of every row."""
        return self.metric.score(logits, self.reference)

    def empty(self) -> PathSweep:
        """Senders after every receiver have no path: their score is that of the plain run."""
        reach = max((one.layer for one in self.inner), default=self.n_layers)
        exact = np.zeros((self.n_layers, self.n_heads + 1), bool)
        exact[reach + 1 :] = True
        score = np.full(exact.shape, np.nan, np.float32)
        made = PathSweep(self.plan, score, exact, self.clean_score, self.corrupted_score, self.metric.unit)
        score[exact] = made.base_score
        return made

    @torch.no_grad()
    def scores(self, senders: Int[Tensor, "row 2"]) -> Float[np.ndarray, " row"]:
        """The metric with the paths of each sender (layer, head; the number of heads for the MLP) patched."""
        arrived, resid = self._send(senders)
        if self.inner:
            resid = self._receive(arrived, len(senders))
        return self.score(final_logits(self.into, resid[:, -1], self.last)).float().cpu().numpy()

    def _send(self, senders: Int[Tensor, "row 2"]) -> tuple[dict[Receiver, Tensor], Tensor]:
        """First pass: what arrives at each receiver, and at the end of the stream. Rows enter at their sender's layer."""
        arrived = {
            one: self._base(_POINT[one.kind], one.layer).repeat_interleave(len(senders), 0) for one in self.inner
        }
        resid: Tensor | None = None
        for layer in range(int(senders[:, 0].min()), self.n_layers):
            new = senders[senders[:, 0] == layer, 1]
            if len(new):
                entering = self.into.entering(layer)[:, self.first :].expand(len(new), -1, -1)
                resid = entering if resid is None else torch.cat([resid, entering])
            assert resid is not None
            hooks = [*self._notes(arrived, layer, len(resid)), *self._freezes(layer, new)]
            resid = run_layer(self.into, layer, resid, self.first, hooks)
        assert resid is not None
        return arrived, resid

    def _notes(self, arrived: dict[Receiver, Tensor], layer: int, n_rows: int) -> Iterator[Hook]:
        """Hooks that note what arrives at a layer's receivers, before anything is frozen there."""
        for one in self.inner:
            if one.layer == layer:

                def note(activation: Tensor, hook: object, one: Receiver = one) -> None:
                    arrived[one] = torch.cat([activation[:n_rows], arrived[one][n_rows:]])

                yield self._name(_POINT[one.kind], layer), note

    def _freezes(self, layer: int, new: Int[Tensor, " row"]) -> list[Hook]:
        """Hooks that set the senders' values and freeze the rest; the last rows are those that enter here."""
        is_mlp = new == self.n_heads
        at = torch.arange(len(new))

        def send_heads(z: Tensor, hook: object) -> Tensor:
            made = z.clone()
            rows = len(z) - len(new) + at[~is_mlp]
            heads = new[~is_mlp]
            made[rows, :, heads] = self._other("z", layer)[0].transpose(0, 1)[heads]
            return made

        def freeze_attention(written: Tensor, hook: object) -> Tensor:
            made = written.clone()
            made[: len(written) - len(new)] = self._base("attn_out", layer)
            return made

        def freeze_mlp(written: Tensor, hook: object) -> Tensor:
            made = written.clone()
            if self.plan.mlps == "frozen":
                made[:] = self._base("mlp_out", layer)
            made[len(written) - len(new) + at[is_mlp]] = self._other("mlp_out", layer)
            return made

        hooks = {"z": send_heads, "attn_out": freeze_attention, "mlp_out": freeze_mlp}
        return [(self._name(point, layer), hook) for point, hook in hooks.items()]

    def _receive(self, arrived: dict[Receiver, Tensor], n_rows: int) -> Tensor:
        """Second pass: the plain run with what arrived in the receivers' places."""
        start = min(one.layer for one in self.inner)
        resid = self.into.entering(start)[:, self.first :].expand(n_rows, -1, -1)
        for layer in range(start, self.n_layers):
            hooks = [
                (self._name(_POINT[one.kind], layer), _Put(value, None if one.kind == "mlp" else one.head))
                for one, value in arrived.items()
                if one.layer == layer
            ]
            resid = run_layer(self.into, layer, resid, self.first, hooks)
        return resid

    def _record(self, run: Run, names: Sequence[str]) -> RecordedRun:
        edits = edits_of(self.loaded, run)
        return record_run(self.loaded.model, self.loaded.tokens(run.tokens), edits, keep=names)

    def _base(self, point: str, layer: int) -> Tensor:
        return self.into.kept[self._name(point, layer)][:, self.first :]

    def _other(self, point: str, layer: int) -> Tensor:
        return self.source.kept[self._name(point, layer)][:, self.first :]

    def _name(self, point: str, layer: int) -> str:
        return point_named(self.loaded.hook_points, point).hook(layer)

    def _check_receivers(self) -> None:
        if not self.plan.receivers:
            raise InterpError("No receiver is named. Choose the logits, a head's query, key or value, or an MLP.")
        if self.inner and len(self.inner) < len(self.plan.receivers):
            raise InterpError("The logits come after every other receiver. Choose the logits alone, or the others.")
        for one in self.inner:
            point = point_named(self.loaded.hook_points, _POINT[one.kind])
            if one.layer not in point.layers or (point.n_heads and one.head >= point.n_heads):
                heads = f" and heads 0 to {point.n_heads - 1}" if point.n_heads else ""
                raise InterpError(
                    f"There is no receiver {one.kind} in layer {one.layer}, head {one.head}: the model has layers 0 to "
                    f"{self.n_layers - 1}{heads}."
                )


@dataclass(frozen=True)
class _Put:
    """A hook that puts a receiver's value into its place."""

    value: Tensor
    head: int | None

    def __call__(self, activation: Tensor, hook: object) -> Tensor:
        if self.head is None:
            return self.value
        made = activation.clone()
        made[:, :, self.head] = self.value[:, :, self.head]
        return made
