"""Partial passes: from a middle layer on, on many rows at once, on a suffix of the prompt only.

A run is recorded once: what every layer was called with, and the keys and values of all positions. Rows that differ from
it from some layer and some position on then need those layers and positions only. Layers are called with the very
arguments of the recorded pass, cut to the suffix, so this works for every architecture that the Bridge loads.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache

from interp_core.attached import Hook, attached, keepers
from interp_core.errors import InterpError
from interp_core.hooks import Edit, HookedModel, as_hooks

_SAME = 2e-2
"""How far the logits may lie from the readout of the last stream, relative to the largest; float16 rounds."""
_ROWS = 256
"""Rows whose logits are held at once: 50 MB at 49,152 tokens of vocabulary."""


@dataclass(frozen=True)
class RecordedRun:
    """A run from which partial passes start."""

    model: HookedModel
    tokens: Int[Tensor, "1 pos"]
    edits: Sequence[Edit]
    """The interventions of the recorded run; they are applied in partial passes too."""
    calls: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...]
    """Arguments of every layer."""
    cache: DynamicCache
    """Keys and values of every layer and position."""
    logits: Float[Tensor, "pos d_vocab"]
    kept: dict[str, Float[Tensor, "..."]]
    """The activations that were asked for, as the interventions left them, by hook name."""
    leaving: Float[Tensor, "1 pos d_model"]
    """The residual stream that leaves the last layer."""

    @property
    def n_pos(self) -> int:
        """Tokens of the prompt."""
        return self.tokens.shape[1]

    @functools.cached_property
    def factor(self) -> float:
        """Logits are this multiple of the unembedding's: 1 nearly everywhere.

        Raises:
            InterpError: The logits are read from the stream in a way that is not known here.
        """
        wanted, found = self.logits[-1], _unembedded(self, self.leaving[:, -1], self.n_pos - 1)[0]
        factor = float((wanted * found).sum() / (found * found).sum())
        factor = 1.0 if abs(factor - 1) < _SAME else factor
        if not torch.allclose(found * factor, wanted, rtol=0, atol=_SAME * float(wanted.abs().max())):
            raise InterpError(
                "This model does not read its logits from the residual stream through one norm and one matrix, so sweeps are "
                "not possible. Pick a decoder such as Llama, GPT-2 or Gemma."
            )
        return factor

    def entering(self, layer: int) -> Float[Tensor, "1 pos d_model"]:
        """The residual stream with which a layer was called, before interventions inside it."""
        return self.calls[layer][0][0]


@torch.no_grad()
def record_run(
    model: HookedModel, tokens: Int[Tensor, "1 pos"], edits: Sequence[Edit] = (), *, keep: Sequence[str] = ()
) -> RecordedRun:
    """One forward pass, recorded. Keeps the inputs, keys and values of all layers: 2 MB for 15 tokens of the default model."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    handles = [
        block.register_forward_pre_hook(lambda _, args, options: calls.append((args, dict(options))), with_kwargs=True)
        for block in model.blocks
    ]
    kept: dict[str, Tensor] = {}
    left: list[Any] = []
    handles.append(model.blocks[-1].register_forward_hook(lambda _, __, output: left.append(output)))
    # A cache of our own: Hugging Face's for sliding windows forgets what lies outside the window.
    cache = DynamicCache()
    try:
        with attached(model, [*as_hooks(edits), *keepers(keep, kept)]):
            logits = model(tokens, past_key_values=cache, use_cache=True)
    finally:
        for handle in handles:
            handle.remove()
    assert set(kept) == set(keep), f"hook points that never fired: {set(keep) - set(kept)}"
    leaving = left[0][0] if isinstance(left[0], tuple) else left[0]
    return RecordedRun(model, tokens, edits, tuple(calls), cache, logits[0], kept, leaving)


def run_layer(
    recorded: RecordedRun,
    layer: int,
    resid: Float[Tensor, "row suffix d_model"],
    first: int,
    hooks: Sequence[Hook] = (),
) -> Float[Tensor, "row suffix d_model"]:
    """What leaves a layer when `resid` enters it at the positions from `first` on; before them all is as recorded.

    `hooks` come after the recorded run's own edits.
    """
    args, options = recorded.calls[layer]
    rows, n_suffix = resid.shape[:2]
    prefix = _prefix(recorded.cache, layer, rows, first)

    def cut(value: Any) -> Any:
        if isinstance(value, Cache):
            return prefix
        return _cut(value, recorded.n_pos, first, n_suffix)

    named = {name: cut(value) for name, value in options.items()}
    if isinstance(options.get("alibi"), Tensor):
        named["alibi"] = _repeated(options["alibi"], rows, first + n_suffix)
    with attached(recorded.model, as_hooks(recorded.edits, first, hooks)):
        output = recorded.model.blocks[layer](resid, *map(cut, args[1:]), **named)
    return output[0] if isinstance(output, tuple) else output


@dataclass(frozen=True)
class Columns:
    """A few columns of the unembedding: what a logit difference needs of a whole vocabulary."""

    weight: Float[Tensor, "d_model column"]
    bias: Float[Tensor, " column"]

    def of(self, normed: Float[Tensor, "row d_model"]) -> Float[Tensor, "row column"]:
        """Their logits."""
        return normed @ self.weight + self.bias


def final_logits(
    recorded: RecordedRun, resid: Float[Tensor, "row d_model"], pos: int, columns: Columns | None = None
) -> Float[Tensor, "row column"]:
    """Logits at position `pos` of rows whose last layer gave `resid` there: all of them, or those of `columns`."""
    made = [_unembedded(recorded, part, pos, columns) * recorded.factor for part in resid.split(_ROWS)]
    return torch.cat(made)


def _unembedded(
    recorded: RecordedRun, resid: Float[Tensor, "row d_model"], pos: int, columns: Columns | None = None
) -> Float[Tensor, "row column"]:
    model = recorded.model
    cap = float(getattr(model.cfg, "output_logits_soft_cap", None) or 0)
    with torch.no_grad(), attached(model, as_hooks(recorded.edits, pos)):
        normed = model.ln_final(resid[:, None])
        logits = model.unembed(normed)[:, 0] if columns is None else columns.of(normed[:, 0])
    return cap * torch.tanh(logits / cap) if cap > 0 else logits


def unembedding_columns(recorded: RecordedRun, ids: Sequence[int]) -> Columns | None:
    """The columns of these tokens; None where an intervention acts on the unembedding, which then has to be run."""
    names = {name for edit in recorded.edits for part in edit.hooks(0) for name, _ in part}
    if any("unembed" in name for name in names):
        return None
    module = recorded.model.unembed
    width = int(recorded.model.cfg.d_model)
    rows = []
    with torch.enable_grad():
        place = torch.zeros(
            1, 1, width, dtype=recorded.leaving.dtype, device=recorded.leaving.device, requires_grad=True
        )
        output = module(place)[0, 0]
        for index in ids:  # by the module's own derivative, so that it holds however the weights are stored
            (row,) = torch.autograd.grad(output[index], place, retain_graph=True)
            rows.append(row[0, 0])
    return Columns(torch.stack(rows, 1), output[list(ids)].detach())


def _prefix(cache: DynamicCache, layer: int, rows: int, first: int) -> DynamicCache:
    """A layer's keys and values before `first`, for every row; a layer reads only its own entry."""
    made = DynamicCache()
    for earlier in range(layer + 1):
        n_rows = rows if earlier == layer else 1
        keys, values = (part[:, :, :first].expand(n_rows, -1, -1, -1) for part in _keys_values(cache, earlier))
        made.update(keys, values, earlier)
    return made


def _keys_values(cache: DynamicCache, layer: int) -> tuple[Tensor, Tensor]:
    held: Any = cache.layers[layer] if layer < len(cache.layers) else None
    keys, values = getattr(held, "keys", None), getattr(held, "values", None)
    if keys is None or values is None:
        raise InterpError(
            f"Layer {layer} of this model keeps no keys and values, so it cannot be run from the middle of a prompt, and "
            "sweeps are not possible. Pick a transformer."
        )
    return keys, values


def _repeated(
    alibi: Float[Tensor, "head query_pos n_pos"], rows: int, n_keys: int
) -> Float[Tensor, "row_head query_pos key_pos"]:
    """Position biases, which those who take them by this name flatten with the batch: every row's heads in turn."""
    return alibi[..., :n_keys].repeat(rows, 1, 1)


def _cut(value: Any, n_pos: int, first: int, n_suffix: int) -> Any:
    """Masks, position ids and rotary embeddings of the suffix: of a mask the keys that are there."""
    if isinstance(value, tuple | list):
        return type(value)(_cut(item, n_pos, first, n_suffix) for item in value)
    if not isinstance(value, Tensor):
        return value
    axis = {1: 0, 2: 1, 3: 1, 4: 2}.get(value.ndim)
    if axis is None or value.shape[axis] != n_pos:
        return value
    cut = value.narrow(axis, first, n_suffix)
    return cut.narrow(3, 0, first + n_suffix) if cut.ndim == 4 else cut
