"""Adding batches of feature activations to the state of one shard, on the model's device.

TopK and JumpReLU SAEs leave few activations above 0: these are listed once, and everything is computed from the list. What
could still become an example is told by one comparison with the worst that is kept, so that sorting is rare.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_core.harvest.histogram import N_BINS
from interp_core.harvest.plan import AROUND, LEFT, N_TOP, NEURON_SHARE, PAIR_WIDTH, PER_BIN
from interp_core.harvest.selection import bins_of, first_of_groups, priorities, token_priorities
from interp_core.harvest.state import FIXED_POINT, Entries, HarvestState, keep_samples, keep_top

_PENDING = 2**17
_HALF_MOST = 65504.0
_LEAST, _MOST = -(2**63), 2**63 - 1


class Accumulator:
    """Takes batches of windows, and gives the state of all of them."""

    def __init__(self, d_sae: int, device: torch.device, *, context: int, pair_share: float, neurons: bool) -> None:
        whole = {"dtype": torch.int64, "device": device}
        self._d_sae, self._context, self._device = d_sae, context, device
        # Priorities spread evenly over the range of int64: those under a bar are this share of all tokens.
        self._pair_bar = _MOST if pair_share >= 1 else _LEAST + int(pair_share * 2**64)
        self._neuron_bar = _LEAST + int(min(1.0, pair_share) * 2**64 / NEURON_SHARE) if neurons else None
        self._fired, self._windows_fired, self._total = (torch.zeros(d_sae, **whole) for _ in range(3))
        self._largest = torch.zeros(d_sae, device=device)
        self._smallest = torch.full((d_sae,), torch.inf, device=device)
        self._histogram = torch.zeros(d_sae * N_BINS, **whole)
        self._top = _Best(keep_top, N_TOP, device)
        self._samples = _Best(keep_samples, PER_BIN, device)
        self._top_bar = torch.zeros(d_sae, device=device)
        self._sample_bar = torch.full((d_sae * N_BINS,), _MOST, **whole)
        self._pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        self._neurons: list[tuple[Tensor, Tensor]] = []
        self._counts = torch.zeros(5, dtype=torch.int64)

    def add(
        self,
        acts: Float[Tensor, "batch pos d_sae"],
        read: Float[Tensor, "batch pos d_in"],
        keep: Bool[Tensor, "batch pos"],
        inside: Bool[Tensor, "batch pos"],
        windows: Int[Tensor, " batch"],
        n_documents: int = 0,
    ) -> None:
        """Add some windows.

        Args:
            acts: Feature activations; those of 0 and below do not count as active.
            read: What the SAE read, which is kept in part where it reads neurons.
            keep: Positions that count.
            inside: Positions that are text, and not the filling up of a shorter window.
            windows: Place of each window in the corpus.
            n_documents: Documents that begin in these windows.
        """
        n_pos = acts.shape[1]
        positions = (windows[:, None] * self._context + torch.arange(n_pos, device=self._device)).flatten()
        sampled = keep.flatten() & (token_priorities(positions) <= self._pair_bar)
        self._counts += torch.tensor(
            [len(windows), int(keep.sum()), int((inside & ~keep).sum()), int(sampled.sum()), n_documents]
        )
        token, feature = ((acts > 0) & keep[..., None]).flatten(0, 1).nonzero().unbind(1)
        value = acts.flatten(0, 1)[token, feature].float()
        bins = feature * N_BINS + bins_of(value)
        self._add_sums(feature, value, bins)
        self._add_top(acts, keep, token, feature, value, positions)
        self._add_samples(acts, keep, token, feature, value, positions, bins)
        self._add_pairs(sampled, token, feature, value, positions)
        if self._neuron_bar is not None:
            chosen = sampled & (token_priorities(positions) <= self._neuron_bar)
            found = read.flatten(0, 1)[chosen].clamp(-_HALF_MOST, _HALF_MOST).half()
            self._neurons.append((positions[chosen].cpu(), found.cpu()))

    def _add_sums(self, feature: Tensor, value: Tensor, bins: Tensor) -> None:
        ones = torch.ones_like(feature)
        self._fired.scatter_add_(0, feature, ones)
        self._histogram.scatter_add_(0, bins, ones)
        self._total.scatter_add_(0, feature, (value.double() * FIXED_POINT).round().long())
        self._largest.scatter_reduce_(0, feature, value, "amax")
        self._smallest.scatter_reduce_(0, feature, value, "amin")

    def _add_top(
        self, acts: Tensor, keep: Tensor, token: Tensor, feature: Tensor, value: Tensor, positions: Tensor
    ) -> None:
        """One candidate of a window at most: the highest, the earliest of equal ones."""
        place = token // acts.shape[1] * self._d_sae + feature
        highest = torch.zeros(len(acts) * self._d_sae, device=self._device)
        highest.scatter_reduce_(0, place, value, "amax")
        self._windows_fired += (highest.reshape(len(acts), -1) > 0).sum(0)
        chosen = ((value == highest[place]) & (value >= self._top_bar[feature])).nonzero().flatten()
        first, _ = first_of_groups(1, place[chosen], token[chosen])
        chosen = chosen[first]
        if (worst := self._top.add(_entries(acts, keep, token, feature, value, positions, chosen))) is not None:
            self._top_bar[worst.feature] = worst.value

    def _add_samples(
        self,
        acts: Tensor,
        keep: Tensor,
        token: Tensor,
        feature: Tensor,
        value: Tensor,
        positions: Tensor,
        bins: Tensor,
    ) -> None:
        chosen = (priorities(positions[token], feature) <= self._sample_bar[bins]).nonzero().flatten()
        worst = self._samples.add(_entries(acts, keep, token, feature, value, positions, chosen))
        if worst is not None:
            at = worst.feature * N_BINS + bins_of(worst.value)
            self._sample_bar[at] = priorities(worst.position, worst.feature)

    def _add_pairs(self, sampled: Tensor, token: Tensor, feature: Tensor, value: Tensor, positions: Tensor) -> None:
        chosen = sampled[token].nonzero().flatten()
        if len(chosen) and int(torch.bincount(token[chosen]).max()) > PAIR_WIDTH:
            strongest, _ = first_of_groups(PAIR_WIDTH, token[chosen], -value[chosen], feature[chosen])
            chosen = chosen[strongest.sort().values]
        self._pairs.append((positions[token[chosen]].cpu(), feature[chosen].cpu(), value[chosen].cpu()))

    def state(self) -> HarvestState:
        """The state of everything that was added."""
        cpu = torch.device("cpu")
        none = HarvestState.empty(self._d_sae)
        position, feature, value = (torch.cat(part) for part in zip(*self._pairs, strict=True))
        order = position.sort(stable=True).indices  # features ascend within a token
        neuron_position, neuron_value = none.neuron_position, none.neuron_value
        if self._neurons:
            neuron_position, neuron_value = (torch.cat(part) for part in zip(*self._neurons, strict=True))
        by_position = neuron_position.argsort()
        return HarvestState(
            self._counts, self._fired.cpu(), self._windows_fired.cpu(), self._total.cpu(), self._largest.cpu(),
            self._smallest.cpu(), self._histogram.reshape(-1, N_BINS).cpu(), self._top.kept().to(cpu),
            self._samples.kept().to(cpu), position[order], feature[order], value[order], neuron_position[by_position],
            neuron_value[by_position],
        )  # fmt: skip


class _Best:
    """Candidates, cut down to those that are kept whenever they have become many."""

    def __init__(self, keep: Callable[[Entries], tuple[Entries, Tensor]], n: int, device: torch.device) -> None:
        self._keep, self._n = keep, n
        self._kept, self._pending = Entries.none(device), [Entries.none(device)]

    def add(self, entries: Entries) -> Entries | None:
        """Add candidates; if that led to a cut, the worst of each group that is full."""
        self._pending.append(entries)
        if sum(map(len, self._pending)) < max(_PENDING, len(self._kept)):
            return None
        self._kept, ranks = self._keep(Entries.joined([self._kept, *self._pending]))
        self._pending = []
        return self._kept.take((ranks == self._n - 1).nonzero().flatten())

    def kept(self) -> Entries:
        """Those that are kept of all."""
        return self._keep(Entries.joined([self._kept, *self._pending]))[0]


def _entries(
    acts: Tensor, keep: Tensor, token: Tensor, feature: Tensor, value: Tensor, positions: Tensor, chosen: Tensor
) -> Entries:
    n_pos = acts.shape[1]
    at, of = token[chosen], feature[chosen]
    beside = (at % n_pos)[:, None] + torch.arange(-LEFT, AROUND - LEFT, device=acts.device)
    clamped = beside.clamp(0, n_pos - 1) + (at - at % n_pos)[:, None]
    seen = (beside >= 0) & (beside < n_pos) & keep.flatten()[clamped]
    near = acts.flatten(0, 1)[clamped, of[:, None]].clamp(-_HALF_MOST, _HALF_MOST)
    return Entries(of, value[chosen], positions[at], torch.where(seen, near, torch.nan).half())
