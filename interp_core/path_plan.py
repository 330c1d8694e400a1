"""What path patching is asked for, and what comes of it; `interp_core.path_patching` computes it."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

from interp_core.patching import Direction

ReceiverKind = Literal["logits", "q", "k", "v", "mlp"]
RECEIVER_KINDS: tuple[ReceiverKind, ...] = get_args(ReceiverKind)


@dataclass(frozen=True)
class Receiver:
    """Where a path ends: the logits, or a head's query, key or value, or an MLP, from which on the model runs as usual."""

    kind: ReceiverKind = "logits"
    layer: int = 0
    head: int = 0
    """Of queries; of keys and values, which may be fewer heads."""


@dataclass(frozen=True)
class Sender:
    """Where a path begins: a head's output, or an MLP's."""

    layer: int
    head: int | None = None
    """None: the layer's MLP."""


@dataclass(frozen=True)
class PathPlan:
    """Which paths are patched: from every head and MLP in turn to all receivers at once."""

    receivers: tuple[Receiver, ...] = (Receiver(),)
    mlps: Literal["recomputed", "frozen"] = "recomputed"
    """Whether paths may go through MLPs between sender and receivers."""
    direction: Direction = "noising"
    """`noising`: the clean run with a sender's corrupted value; `denoising`: the other way round."""
    group: tuple[Sender, ...] = ()
    """Senders that send in every cell, together with the cell's own. The cell of one of them is the group alone."""

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
        return self._effect(self.score)

    @property
    def group_score(self) -> float:
        """The metric with the plan's group alone sending; of the run into which is patched where there is no group."""
        if not self.plan.group:
            return self.base_score
        one = self.plan.group[0]
        return float(self.score[one.layer, -1 if one.head is None else one.head])

    @property
    def group_effect(self) -> float:
        """The same as a recovered fraction."""
        return float(self._effect(np.float64(self.group_score)))

    def _effect(self, score: Any) -> Any:
        return (score - self.corrupted_score) / (self.clean_score - self.corrupted_score)

    @property
    def base_score(self) -> float:
        """Of the run into which is patched: what a sender without any path gives."""
        return self.clean_score if self.plan.direction == "noising" else self.corrupted_score

    @property
    def complete(self) -> bool:
        """Whether every sender was patched."""
        return bool(self.exact.all())
