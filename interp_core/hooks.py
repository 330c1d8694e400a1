"""Hook points by their canonical names, and the one way in which a technique runs a model.

Hook-name strings exist here and in `hook_points` only. A run's interventions come as edits, which every way of running
a model takes, so that no technique can forget them; hooks live inside one call and are gone after it, also after an
error.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.attached import Hook, attached, keepers


@runtime_checkable
class HookedModel(Protocol):
    """The narrow face of TransformerBridge that techniques see; HookedTransformer has it too."""

    cfg: Any
    """Shapes: `n_layers`, `n_heads`, `d_model`, `d_vocab`, `n_ctx`."""
    blocks: Any
    """The layers, callable one by one."""
    ln_final: Any
    """The norm before the unembedding."""
    unembed: Any

    hook_dict: Any
    """Hook points by each of their names."""

    def __call__(self, input: Tensor, /, **options: Any) -> Any: ...


def pattern_hook(layer: int) -> str:
    """`pattern`, `"batch head query_pos key_pos"`: attention after the softmax."""
    return f"blocks.{layer}.attn.hook_pattern"


def attn_scores_hook(layer: int) -> str:
    """`attn_scores`, `"batch head query_pos key_pos"`: before the softmax, after scale, soft cap and mask."""
    return f"blocks.{layer}.attn.hook_attn_scores"


def value_hook(layer: int) -> str:
    """`v`, `"batch pos key_value_head d_head"`."""
    return f"blocks.{layer}.attn.hook_v"


@dataclass(frozen=True)
class QueryKeyHooks:
    """Hook points of one layer's queries and keys."""

    query: str
    key: str
    rotated_query: str
    """After the rotary embedding; some architectures have the hook point and never reach it."""
    rotated_key: str
    cosine: str
    """Of the rotary embedding, `"batch pos rotary_dim"`."""
    sine: str

    @classmethod
    def of(cls, layer: int) -> "QueryKeyHooks":
        """The names in `layer`."""
        names = ("hook_q", "hook_k", "hook_rot_q", "hook_rot_k", "hook_cos", "hook_sin")
        return cls(*(f"blocks.{layer}.attn.{name}" for name in names))


@dataclass(frozen=True)
class Forward:
    """What one forward pass gave."""

    output: Float[Tensor, "batch pos d_out"]
    """Logits; the residual stream entering `stop_at_layer` where the pass stopped there."""
    kept: dict[str, Tensor]
    """Activations by hook name, as the interventions left them."""


@runtime_checkable
class Edit(Protocol):
    """One intervention in one layer, ready to be applied; `edits` makes them."""

    def hooks(self, first: int) -> tuple[list[Hook], list[Hook]]:
        """Hooks that edit in a pass that begins at position `first`; and those that only look, after all edits."""
        ...


def as_hooks(edits: Sequence[Edit], first: int = 0, then: Sequence[Hook] = ()) -> list[Hook]:
    """The hooks that apply a run's interventions, in their order, in a pass that begins at position `first`.

    Further edits go into `then`: an intervention that is computed from another activation must see them there.
    """
    made = [edit.hooks(first) for edit in edits]
    return [
        *(hook for editing, _ in made for hook in editing),
        *then,
        *(hook for _, looking in made for hook in looking),
    ]


def resid_mid_hooks(layer: int, edit: Callable[[Tensor], Tensor]) -> tuple[list[Hook], list[Hook]]:
    """Hooks that edit the residual stream between attention and MLP.

    The Bridge's own `hook_resid_mid` is the input of the second norm: an edit there misses the path around the MLP, in
    silence. This one goes through `attn_out`, which is added to the stream.
    """
    stream: list[Tensor] = []

    def look(resid_pre: Tensor, hook: object) -> None:
        stream[:] = [resid_pre]

    def edit_through(attn_out: Tensor, hook: object) -> Tensor:
        mid = stream[0] + attn_out
        edited = edit(mid)
        return torch.where(edited == mid, attn_out, edited - stream[0])  # untouched cells keep their bits

    return [(f"blocks.{layer}.hook_attn_out", edit_through)], [(f"blocks.{layer}.hook_resid_pre", look)]


@torch.no_grad()
def forward(
    model: HookedModel,
    tokens: Int[Tensor, "batch pos"],
    edits: Sequence[Edit] = (),
    *,
    keep: Sequence[str] = (),
    stop_at_layer: int | None = None,
) -> Forward:
    """One forward pass under a run's interventions, keeping the activations named in `keep`.

    The Bridge's own `run_with_cache` is not used: it asks Hugging Face for every layer's attention and holds all of
    it until the end, 4.5 GB at 2,048 tokens of the default model.

    Args:
        model: Hooked transformer in eval mode.
        tokens: Token ids.
        edits: The run's interventions.
        keep: Canonical hook names.
        stop_at_layer: Layers from this one on, and the unembedding, are not computed.
    """
    kept: dict[str, Tensor] = {}
    hooks = [*as_hooks(edits), *keepers(keep, kept)]
    stop = {} if stop_at_layer is None else {"stop_at_layer": stop_at_layer}
    with attached(model, hooks):
        output = model(tokens, **stop)
    assert set(kept) == set(keep), f"hook points that never fired: {set(keep) - set(kept)}"
    return Forward(output, kept)


class _SeenAllError(Exception):
    """Ends a forward pass of which nothing more is wanted."""


@torch.no_grad()
def watch(
    model: HookedModel,
    tokens: Int[Tensor, "batch pos"],
    edits: Sequence[Edit],
    look: Mapping[str, Callable[[Tensor], object]],
) -> None:
    """One forward pass that shows each activation named in `look`, as the interventions left it, and keeps none.

    The pass ends with the last of them: at 2,048 tokens of the default model the unembedding alone would take two
    seconds and 0.4 GB.
    """
    waiting = set(look)

    def looker(name: str) -> Hook:
        def look_at(activation: Tensor, hook: object) -> None:
            look[name](activation.detach())
            waiting.discard(name)
            if not waiting:
                raise _SeenAllError

        return name, look_at

    with attached(model, [*as_hooks(edits), *map(looker, look)]), contextlib.suppress(_SeenAllError):
        model(tokens)
    assert not waiting, f"hook points that never fired: {waiting}"


@torch.no_grad()
def forward_next(
    model: HookedModel, tokens: Int[Tensor, "batch pos"], past: Any, edits: Sequence[Edit] = ()
) -> tuple[Float[Tensor, "batch pos d_vocab"], Any]:
    """Logits of tokens that follow a prefix whose keys and values are in `past` (None at first), and the new `past`."""
    first = 0 if past is None else past.get_seq_length()
    with attached(model, as_hooks(edits, first)):
        return model(tokens, return_type="logits_and_cache", use_cache=True, past_key_values=past)
