"""The passes of path patching: one in which senders send and the rest is frozen, and one that takes what arrived."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.hook_points import point_named
from interp_core.hooks import Hook
from interp_core.metrics import Metric, recovered_fraction
from interp_core.models import LoadedModel
from interp_core.partial import RecordedRun, final_logits, record_run, run_layer
from interp_core.path_plan import PathPlan, PathSweep, Receiver, ReceiverKind
from interp_core.prompt_pairs import PromptPair
from interp_core.row_sweeps import check_attention_output
from interp_core.types import Run

_POINT: dict[ReceiverKind, str] = {"q": "q", "k": "k", "v": "v", "mlp": "mlp_out"}


class PathPasses:
    """Both runs, and the two passes that patch paths."""

    def __init__(self, loaded: LoadedModel, pair: PromptPair, metric: Metric, plan: PathPlan) -> None:
        self.loaded, self.metric, self.plan, self.first = loaded, metric, plan, pair.first_difference
        self.last = len(pair.clean.tokens) - 1
        self.n_heads, self.n_layers = loaded.card.n_heads, loaded.card.n_layers
        loaded.check_run(self.last + 1)
        self._check_receivers()
        self._check_group()
        check_attention_output(loaded, pair.clean, pair.corrupted)  # attention's output is what is frozen
        names = {self._name(point, layer) for point in ("z", "attn_out", "mlp_out") for layer in range(self.n_layers)}
        names |= {self._name(_POINT[one.kind], one.layer) for one in self.inner}
        clean, corrupted = (self._record(run, sorted(names)) for run in (pair.clean, pair.corrupted))
        self.reference = clean.logits[-1]
        self.clean_score, self.corrupted_score = (float(self.score(run.logits[-1:])[0]) for run in (clean, corrupted))
        recovered_fraction(torch.zeros(1), self.clean_score, self.corrupted_score, metric.unit)
        self.into, self.source = (clean, corrupted) if plan.direction == "noising" else (corrupted, clean)
        self.group = {
            layer: [self.n_heads if one.head is None else one.head for one in plan.group if one.layer == layer]
            for layer in {one.layer for one in plan.group}
        }

    @property
    def inner(self) -> tuple[Receiver, ...]:
        """The receivers inside the model."""
        return tuple(one for one in self.plan.receivers if one.kind != "logits")

    def score(self, logits: Float[Tensor, "row d_vocab"]) -> Float[Tensor, " row"]:
        """The metric of every row."""
        return self.metric.score(logits, self.reference)

    def empty(self) -> PathSweep:
        """What is known at once: the group alone, and senders after every receiver, which add no path to it."""
        reach = max((one.layer for one in self.inner), default=self.n_layers)
        exact = np.zeros((self.n_layers, self.n_heads + 1), bool)
        exact[reach + 1 :] = True
        for layer, columns in self.group.items():
            exact[layer, columns] = True
        score = np.full(exact.shape, np.nan, np.float32)
        made = PathSweep(self.plan, score, exact, self.clean_score, self.corrupted_score, self.metric.unit)
        score[exact] = self.scores(torch.empty(0, 2, dtype=torch.long))[0] if self.group else made.base_score
        return made

    @torch.no_grad()
    def scores(self, senders: Int[Tensor, "sender 2"]) -> Float[np.ndarray, " row"]:
        """The metric with the paths of each sender (layer, head; the number of heads for the MLP) patched.

        Senders come in order of layers. Where there is a group, its score alone comes first.
        """
        arrived, resid = self._send(senders)
        if self.inner:
            resid = self._receive(arrived, len(resid))
        return self.score(final_logits(self.into, resid[:, -1], self.last)).float().cpu().numpy()

    def _send(self, senders: Int[Tensor, "sender 2"]) -> tuple[dict[Receiver, Tensor], Tensor]:
        """First pass: what arrives at each receiver, and at the end of the stream.

        Rows enter at their sender's layer. Of a group, the first row is the group alone, from which the others branch off.
        """
        first = min([*self.group, *senders[:, 0].tolist()])
        n_rows = len(senders) + bool(self.group)
        arrived = {one: self._base(_POINT[one.kind], one.layer).repeat_interleave(n_rows, 0) for one in self.inner}
        resid = self.into.entering(first)[:, self.first :][: bool(self.group)]
        for layer in range(first, self.n_layers):
            new = senders[senders[:, 0] == layer, 1]
            branch = resid[:1] if self.group else self.into.entering(layer)[:, self.first :]
            resid = torch.cat([resid, branch.expand(len(new), -1, -1)])
            hooks = [*self._notes(arrived, layer, len(resid)), *self._freezes(layer, new)]
            resid = run_layer(self.into, layer, resid, self.first, hooks)
        return arrived, resid

    def _notes(self, arrived: dict[Receiver, Tensor], layer: int, n_rows: int) -> Iterator[Hook]:
        """Hooks that note what arrives at a layer's receivers, before anything is frozen there."""
        for one in self.inner:
            if one.layer == layer:

                def note(activation: Tensor, hook: object, one: Receiver = one) -> None:
                    later = arrived[one][n_rows:]
                    if self.group:
                        later = activation[:1].expand_as(later)
                    arrived[one] = torch.cat([activation[:n_rows], later])

                yield self._name(_POINT[one.kind], layer), note

    def _freezes(self, layer: int, new: Int[Tensor, " row"]) -> list[Hook]:
        """Hooks that set the senders' values and freeze the rest; the last rows are those that enter here."""
        is_mlp = new == self.n_heads
        at = torch.arange(len(new))
        group = self.group.get(layer, [])
        group_heads = [head for head in group if head < self.n_heads]

        def send_heads(z: Tensor, hook: object) -> Tensor:
            made = self._base("z", layer).repeat_interleave(len(z), 0)
            sent = self._other("z", layer)[0]
            made[:, :, group_heads] = sent[:, group_heads]
            heads = new[~is_mlp]
            made[len(z) - len(new) + at[~is_mlp], :, heads] = sent.transpose(0, 1)[heads]
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
            if self.n_heads in group:
                made[:] = self._other("mlp_out", layer)
            return made

        hooks = {"z": send_heads, "attn_out": freeze_attention, "mlp_out": freeze_mlp}
        if group_heads:
            del hooks[
                "attn_out"
            ]  # no row's attention is the plain run's here, and none reads anything but frozen heads
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

    def _check_group(self) -> None:
        for one in self.plan.group:
            if not (0 <= one.layer < self.n_layers and (one.head is None or 0 <= one.head < self.n_heads)):
                what = f"MLP of layer {one.layer}" if one.head is None else f"head {one.head} of layer {one.layer}"
                raise InterpError(
                    f"There is no sender {what}: the model has layers 0 to {self.n_layers - 1} and heads 0 to "
                    f"{self.n_heads - 1}."
                )

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
