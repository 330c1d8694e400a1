"""What is kept of a shard, and how two shards become one: sums of integers, extremes, and the first by a total order.

Nothing depends on which came first, so that any split into shards and any order of merging gives the same bytes.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors.numpy import save
from safetensors.torch import load
from torch import Tensor

from interp_core.harvest.histogram import N_BINS
from interp_core.harvest.plan import AROUND, N_TOP, PER_BIN
from interp_core.harvest.selection import bins_of, first_of_groups, priorities

FIXED_POINT = 65536
"""Activations are added up in steps of one of so many: 10^10 tokens of activation 1,000 fit into 63 bits."""
COUNTS = ("windows", "tokens", "left_out", "sampled", "documents")


@dataclass(frozen=True)
class Entries:
    """Single activations that are kept, with what stands around them."""

    feature: Int[Tensor, " entry"]
    value: Float[Tensor, " entry"]
    position: Int[Tensor, " entry"]
    """Window of the corpus times context, plus position in the window."""
    around: Float[Tensor, "entry around"]
    """float16 activations of the same feature, `LEFT` positions before to `RIGHT` after; NaN outside of the text, and where
    a position was left out."""

    @classmethod
    def none(cls, device: torch.device | None = None) -> "Entries":
        """No entries."""
        whole = torch.zeros(0, dtype=torch.int64, device=device)
        return cls(whole, whole.float(), whole, torch.zeros(0, AROUND, dtype=torch.float16, device=device))

    def __len__(self) -> int:
        return len(self.feature)

    def take(self, index: Tensor) -> "Entries":
        """Some of them, in the order of `index`."""
        return Entries(*(getattr(self, field.name)[index] for field in fields(self)))

    @staticmethod
    def joined(parts: "list[Entries]") -> "Entries":
        """All of them, one after the other."""
        return Entries(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Entries)))

    def to(self, device: torch.device) -> "Entries":
        """The same on another device."""
        return Entries(*(getattr(self, field.name).to(device) for field in fields(self)))


def keep_top(entries: Entries) -> tuple[Entries, Tensor]:
    """The highest of each feature, ties by position; and their ranks."""
    index, ranks = first_of_groups(N_TOP, entries.feature, -entries.value, entries.position)
    return entries.take(index), ranks


def keep_samples(entries: Entries) -> tuple[Entries, Tensor]:
    """A few of each feature and histogram bin, by priority; and their ranks."""
    groups = entries.feature * N_BINS + bins_of(entries.value)
    index, ranks = first_of_groups(PER_BIN, groups, priorities(entries.position, entries.feature))
    return entries.take(index), ranks


@dataclass(frozen=True)
class HarvestState:
    """Everything that is kept of some windows, on the CPU."""

    counts: Int[Tensor, " count"]
    """As `COUNTS` names them; documents are those that begin in these windows."""
    fired: Int[Tensor, " d_sae"]
    """Tokens on which a feature is active, that is above 0."""
    windows_fired: Int[Tensor, " d_sae"]
    total: Int[Tensor, " d_sae"]
    """Sum of the activations, in steps of 1/65536."""
    largest: Float[Tensor, " d_sae"]
    """0 where the feature is never active."""
    smallest: Float[Tensor, " d_sae"]
    """Of the activations above 0; infinite where there is none."""
    histogram: Int[Tensor, "d_sae bin"]
    top: Entries
    """The highest, one of a window at most."""
    samples: Entries
    """A few of each histogram bin."""
    pair_position: Int[Tensor, " pair_entry"]
    """Active features of the sampled tokens, by position, then by feature."""
    pair_feature: Int[Tensor, " pair_entry"]
    pair_value: Float[Tensor, " pair_entry"]
    neuron_position: Int[Tensor, " neuron_token"]
    neuron_value: Float[Tensor, "neuron_token d_in"]
    """What the SAE read at some of the sampled tokens, float16, where it reads neurons; else nothing."""

    @classmethod
    def empty(cls, d_sae: int) -> "HarvestState":
        """Of no windows."""
        none, zero = torch.zeros(0, dtype=torch.int64), torch.zeros(d_sae, dtype=torch.int64)
        return cls(
            torch.zeros(len(COUNTS), dtype=torch.int64), zero, zero, zero, torch.zeros(d_sae),
            torch.full((d_sae,), torch.inf), torch.zeros(d_sae, N_BINS, dtype=torch.int64), Entries.none(),
            Entries.none(), none, none, none.float(), none, torch.zeros(0, 0, dtype=torch.float16),
        )  # fmt: skip

    def count(self, name: str) -> int:
        """One of `COUNTS`."""
        return int(self.counts[COUNTS.index(name)])


def merge(one: HarvestState, other: HarvestState) -> HarvestState:
    """Of the windows of both, which must have none in common."""
    added = {name: getattr(one, name) + getattr(other, name) for name in ("counts", "fired", "windows_fired", "total")}
    pairs = _sorted_pairs(*(_both(one, other, f"pair_{name}") for name in ("position", "feature", "value")))
    neurons = [state for state in (one, other) if len(state.neuron_position)] or [one]
    place = torch.cat([state.neuron_position for state in neurons])
    order = place.argsort()
    return HarvestState(
        **added,
        largest=torch.maximum(one.largest, other.largest),
        smallest=torch.minimum(one.smallest, other.smallest),
        histogram=one.histogram + other.histogram,
        top=keep_top(Entries.joined([one.top, other.top]))[0],
        samples=keep_samples(Entries.joined([one.samples, other.samples]))[0],
        **pairs,
        neuron_position=place[order],
        neuron_value=torch.cat([state.neuron_value for state in neurons])[order],
    )


def _both(one: HarvestState, other: HarvestState, name: str) -> Tensor:
    return torch.cat([getattr(one, name), getattr(other, name)])


def _sorted_pairs(position: Tensor, feature: Tensor, value: Tensor) -> dict[str, Any]:
    order = feature.sort(stable=True).indices
    order = order[position[order].sort(stable=True).indices]
    return {"pair_position": position[order], "pair_feature": feature[order], "pair_value": value[order]}


def to_bytes(state: HarvestState) -> bytes:
    """safetensors; the same state gives the same bytes."""
    tensors = {}
    for field in fields(state):
        value = getattr(state, field.name)
        if isinstance(value, Entries):
            tensors |= {f"{field.name}/{part.name}": getattr(value, part.name) for part in fields(value)}
        else:
            tensors[field.name] = value
    return save({name: tensors[name].contiguous().numpy() for name in sorted(tensors)})


def from_bytes(content: bytes) -> HarvestState:
    """The inverse of `to_bytes`."""
    tensors = load(content)
    kept: dict[str, Any] = {name: value for name, value in tensors.items() if "/" not in name}
    for name in ("top", "samples"):
        kept[name] = Entries(*(tensors[f"{name}/{part.name}"] for part in fields(Entries)))
    return HarvestState(**kept)
