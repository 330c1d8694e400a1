"""What interventions take from other runs: clean values, another prompt's, a reference's mean, a steering vector."""

from collections import defaultdict

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.derived_points import Route, routes
from interp_core.devices import free_bytes
from interp_core.errors import InterventionError
from interp_core.hook_points import HookPoint
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.memory import check_fits
from interp_core.models import LoadedModel
from interp_core.parity import probe_prompts
from interp_core.prompts import Prompt
from interp_core.steering import read_vector
from interp_core.types import DTYPE_BYTES, Run


def stored_vector(spec: Intervention, point: HookPoint) -> Float[np.ndarray, " width"]:
    """The vector that an addition names.

    Raises:
        InterventionError: There is none by that name, or it is not as long as the hook point is wide.
    """
    stored = read_vector(spec.vector)
    if stored.shape != (point.width,):
        raise InterventionError(
            f"{spec.label}: the vector {spec.vector!r} has shape {stored.shape} and {point.name} takes ({point.width},). "
            "Pick another hook point or vector."
        )
    return stored


def check_derived(loaded: LoadedModel, point: HookPoint, n_pos: int) -> None:
    """Refuse an edit of a point of which every head has a residual stream of its own, where those would not fit.

    Raises:
        MemoryLimitError: They would not.
    """
    if point.derived and point.n_heads:
        needed = 3 * n_pos * point.n_heads * point.width * DTYPE_BYTES[loaded.spec.dtype]  # before, after, difference
        check_fits(f"An edit of {point.name} over {n_pos:,} tokens", needed, free_bytes(loaded.card.device))


class SourceRuns:
    """Forward passes over the prompts that a run's interventions refer to, each run once."""

    def __init__(self, loaded: LoadedModel, run: Run) -> None:
        self._loaded = loaded
        self._run = run
        self._wanted: dict[tuple[int, ...], set[str]] = defaultdict(set)
        self._kept: dict[tuple[int, ...], dict[str, Tensor]] = {}
        self._cells = 0
        """Numbers that all wanted activations hold together."""
        self.n_ctx = loaded.card.n_ctx

    @staticmethod
    def tokens_of(loaded: LoadedModel, spec: Intervention, text: str) -> tuple[int, ...]:
        """A source prompt's tokens."""
        return loaded.tokenizer.tokenise(Prompt(text, prepend_bos=spec.bos, chat=spec.chat)).ids

    def want(self, spec: Intervention, point: HookPoint, layer: int | None) -> None:
        """Say that an activation of a spec's sources will be needed, before any is asked for."""
        name, route = self._place(point, layer)
        heads = 1 if route and point.name != "result" else max(1, point.n_heads)  # every head reads the same
        for tokens in self._sources(spec):
            if name not in self._wanted[tokens]:
                self._wanted[tokens].add(name)
                self._cells += heads * len(tokens) * (point.width or len(tokens))

    def one(self, spec: Intervention, point: HookPoint, layer: int | None) -> Tensor:
        """Of a freeze or patch: the activation on its source, `"1 ..."`."""
        return self._activation(self._sources(spec)[0], point, layer)

    def reference_mean(self, spec: Intervention, point: HookPoint, layer: int | None) -> tuple[Tensor | None, Tensor]:
        """Mean over the reference: at position 0 if there is a BOS, and over all other positions, `"1 ..."`."""
        start, pool = self.reference_pool(spec, point, layer)
        return start, pool.mean(0, keepdim=True)

    def reference_pool(self, spec: Intervention, point: HookPoint, layer: int | None) -> tuple[Tensor | None, Tensor]:
        """Every position of the reference: that of the BOS apart (all prompts have the same), the others `"n ..."`."""
        activations = [self._activation(tokens, point, layer)[0] for tokens in self._sources(spec)]
        has_bos = spec.bos and self._loaded.tokenizer.bos_id is not None
        pool = torch.cat([activation[int(has_bos) :] for activation in activations])
        if not len(pool):
            raise InterventionError(f"{spec.label}: the reference prompts hold no token. Give some text.")
        return (activations[0][0] if has_bos else None), pool

    def vector(self, spec: Intervention, point: HookPoint, layer: int | None) -> Tensor:
        """Of an addition: the stored vector, or the difference of the two prompts at their last tokens."""
        if spec.vector:
            return torch.from_numpy(stored_vector(spec, point)).to(self._loaded.device)
        ends = [self._activation(tokens, point, layer)[0, -1] for tokens in self._sources(spec)]
        return ends[0] - ends[1] if len(ends) == 2 else ends[0]

    def _sources(self, spec: Intervention) -> list[tuple[int, ...]]:
        if spec.action in ("zero", "scale", "set") or spec.vector:
            return []
        if spec.action in ("mean", "resample"):
            texts = spec.sources or tuple(probe_prompts())
        elif not spec.sources:
            return [self._run.tokens]
        else:
            texts = spec.sources
        return [self.tokens_of(self._loaded, spec, text) for text in texts]

    def _place(self, point: HookPoint, layer: int | None) -> tuple[str, Route | None]:
        """The hook name to keep, and how a derived point follows from it."""
        if not point.derived:
            return point.hook(layer), None
        assert layer is not None
        points = {one.name: one for one in self._loaded.hook_points}
        route = routes(self._loaded.model.blocks[layer], layer, point.name, points)[0]
        return route.reads, route

    @torch.no_grad()
    def _activation(self, tokens: tuple[int, ...], point: HookPoint, layer: int | None) -> Tensor:
        if tokens not in self._kept:
            self._loaded.check_run(len(tokens))
            needed = self._cells * DTYPE_BYTES[self._loaded.spec.dtype]
            check_fits(
                "Keeping what the interventions take from other runs", needed, free_bytes(self._loaded.card.device)
            )
            names = sorted(self._wanted[tokens])
            self._kept[tokens] = forward(self._loaded.model, self._loaded.tokens(tokens), keep=names).kept
        name, route = self._place(point, layer)
        kept = self._kept[tokens][name]
        return kept if route is None else route.activation(kept)
