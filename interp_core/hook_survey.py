"""Which hook points a loaded model really has: those that a forward pass reaches and computes from, by their canonical
names, and those that can be computed from them, if that gives the model's own numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_core.attached import attached
from interp_core.derived_points import routes
from interp_core.hook_points import DERIVED_POINTS, MAIN_POINTS, Axes, HookPoint, canonical_name, layer_hook


def find_hook_points(bridge: Any) -> tuple[HookPoint, ...]:
    """The points that hold floats for every position of a batch. Costs a few forward passes over a few tokens.

    Of patterns and scores, those that the model only shows are left out: an edit would change nothing, in silence.

    Args:
        bridge: A TransformerBridge.
    """
    canonical: dict[int, str] = {}
    for name, point in bridge.hook_dict.items():
        canonical[id(point)] = min(canonical.get(id(point), name), name, key=_awkwardness)
    names = [name for name in bridge.hook_dict if canonical_name(name)[0] not in DERIVED_POINTS]
    taken = {bridge.cfg.n_heads, getattr(bridge.cfg, "n_key_value_heads", None), bridge.cfg.d_head}
    n_pos = next(length for length in range(3, 9) if length not in taken)
    seen, logits = _run(bridge, names, n_pos)
    found: dict[str, HookPoint] = {}
    for name in canonical.values():
        if name not in seen:
            continue
        activation = seen[name]
        axes = _axes(activation.shape, n_pos)
        short, layer = canonical_name(name)
        if axes is None or (short == "resid_mid" and not _is_sum(seen, name)):
            continue
        heads = {"pos": 0, "pos head": 2, "head query_pos key_pos": 1}[axes]
        before = found[short].layers if short in found else ()
        found[short] = HookPoint(
            short,
            axes,
            width=0 if axes == "head query_pos key_pos" else activation.shape[-1],
            n_heads=activation.shape[heads] if heads else 0,
            layers=before if layer is None else (*before, layer),
        )
    for point in [point for point in found.values() if point.axes == "head query_pos key_pos"]:
        if not _is_read(bridge, point, logits):
            del found[point.name]
    found |= {point.name: point for point in _derived(bridge, seen, found)}
    order = {name: place for place, name in enumerate(MAIN_POINTS)}
    return tuple(sorted(found.values(), key=lambda point: (order.get(point.name, len(order)), point.name)))


@torch.no_grad()
def _run(bridge: Any, names: list[str], n_pos: int) -> tuple[dict[str, Tensor], Tensor]:
    """Activations by name, and the logits."""
    seen: dict[str, Tensor] = {}

    def see(name: str) -> Any:
        def keep(activation: Any, hook: object) -> None:
            if isinstance(activation, Tensor) and activation.dtype.is_floating_point:
                seen[name] = activation

        return keep

    with attached(bridge, [(name, see(name)) for name in names]):
        logits = bridge(_tokens(bridge, n_pos))
    return seen, logits


def _tokens(bridge: Any, n_pos: int) -> Int[Tensor, "1 pos"]:
    """Different ones: over equal values any pattern whose rows sum to 1 gives the same."""
    return torch.arange(n_pos, device=next(bridge.parameters()).device)[None]


@torch.no_grad()
def _is_read(bridge: Any, point: HookPoint, logits: Float[Tensor, "1 pos d_vocab"]) -> bool:
    """Whether the model goes on with this pattern, or with these scores, and not with others than those it shows."""
    layers = point.layers or (None,)
    with attached(bridge, [(point.hook(layer), lambda activation, hook: activation * 0) for layer in layers]):
        return not torch.equal(bridge(_tokens(bridge, logits.shape[1])), logits)


def _is_sum(seen: dict[str, Tensor], resid_mid: str) -> bool:
    """Whether attention's write reaches the stream as it is, by which alone an edit of `resid_mid` can go."""
    block = resid_mid.removesuffix("hook_resid_mid")
    parts = [seen.get(block + name) for name in ("hook_resid_pre", "hook_attn_out")]
    return all(part is not None for part in parts) and torch.allclose(
        parts[0] + parts[1],  # type: ignore[operator]
        seen[resid_mid], rtol=1e-2, atol=1e-2,
    )  # fmt: skip


def _derived(bridge: Any, seen: dict[str, Tensor], found: Mapping[str, HookPoint]) -> Iterator[HookPoint]:
    """Derived points, in those layers where computing them gives what the model computed."""
    for name in DERIVED_POINTS:
        layers = tuple(layer for layer in range(bridge.cfg.n_layers) if _holds(bridge, seen, found, name, layer))
        if layers:
            heads = {"mlp_in": "", "result": "z", "attn_in": "q"}.get(name, name[0])
            yield HookPoint(
                name,
                "pos head" if heads else "pos",
                width=seen[layer_hook("resid_pre", layers[0])].shape[-1],
                n_heads=found[heads].n_heads if heads else 0,
                layers=layers,
            )


@torch.no_grad()
def _holds(bridge: Any, seen: dict[str, Tensor], found: Mapping[str, HookPoint], name: str, layer: int) -> bool:
    ways = routes(bridge.blocks[layer], layer, name, found)
    stream = seen.get(layer_hook("resid_pre", layer))
    if not ways or stream is None or not all({way.reads, way.writes} <= set(seen) for way in ways):
        return False
    if name == "mlp_in":  # some architectures put this norm behind the MLP
        attn_out = seen.get(layer_hook("attn_out", layer))
        streams = [stream] if attn_out is None else [stream, stream + attn_out]
        if not any(_close(seen[ways[0].reads], one) for one in streams):
            return False
    return all(_close(way.written(way.activation(seen[way.reads])), seen[way.writes]) for way in ways)


def _close(one: Tensor, other: Tensor) -> bool:
    """Equal but for rounding, of short formats too."""
    if one.shape != other.shape:
        return False
    return torch.allclose(one, other, rtol=1e-2, atol=1e-2 * float(other.abs().max()))


def _awkwardness(name: str) -> tuple[bool, int, str]:
    """The field's own name of a point comes before the Bridge's `...hook_in` and `...hook_out`."""
    return name.rpartition(".")[2] in ("hook_in", "hook_out"), len(name), name


def _axes(shape: Sequence[int], n_pos: int) -> Axes | None:
    if len(shape) == 3 and tuple(shape[:2]) == (1, n_pos):
        return "pos"
    if len(shape) == 4 and tuple(shape[:2]) == (1, n_pos):
        return "pos head"
    if len(shape) == 4 and tuple(shape[2:]) == (n_pos, n_pos):
        return "head query_pos key_pos"
    return None
