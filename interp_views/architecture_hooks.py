"""Where a hook name belongs in a diagram: on a part, or on an arrow, in one layer or in many.

blocks.3.attn.hook_z      the attention of layer 3, or some of its heads
blocks.*.hook_resid_pre   the stream in front of every layer
blocks.*                  everything in every layer
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from interp_views.architecture_graph import Block
from interp_views.architecture_nodes import LAYER

_OUTSIDE = {"hook_embed": "embed", "hook_pos_embed": "pos_embed", "hook_unembed": "unembed"}
_OUTSIDE_PARTS = {
    "embed": "embed", "pos_embed": "pos_embed", "embed_ln": "embed_norm", "ln_final": "ln_final", "unembed": "unembed",
}  # fmt: skip
_MOST_SPELT = 200
"""Characters of a name that a sentence repeats."""


@dataclass(frozen=True)
class HookMark:
    """A function or an intervention, and the hook points on which it stands."""

    name: str
    """A hook point's name; `*` stands for any text in it."""
    label: str
    colour: int = 0
    """Index of one of the eight colours of the legend; beyond, they come again."""
    heads: tuple[int, ...] | None = None
    """Query heads; None for all."""


@dataclass(frozen=True)
class Place:
    """Where a mark is seen."""

    target: str
    """A part (`attn`, `ln1`, `embed`) or the key of an arrow (`attn_in`, `resid_mid`)."""
    layers: tuple[int, ...] | None
    """None: all layers, or a part outside them."""
    hook: str
    """Its hook point without the layer; empty for all of the part's."""


def place_hook(mark: HookMark, before: Block, kinds: tuple[Block, ...], after: Block, n_layers: int) -> list[Place]:
    """The places of a mark; none where the model has nothing of that name.

    Raises:
        ValueError: The name is of a layer or a head that there is not; the text says so.
    """
    name = mark.name.strip()
    here = {node.part for block in (before, after) for node in block.nodes}
    within = {one for block in kinds for one in _targets(block)}
    places = [Place(target, None, "") for target in _outside(name) if target in here]
    layers, tail = _split(name, n_layers)
    if tail is not None:
        points = {hook: edge.key for block in kinds for edge in block.edges for hook in edge.hooks}
        modules = {module: part for block in kinds for module, part in _modules(block)}
        found = dict(_inside(tail, points, modules))
        places += [Place(target, layers, hook) for hook, target in found.items() if target in within]
    if mark.heads is not None:
        n_heads = max(
            (node.sizes["n_heads"] for block in kinds for node in block.nodes if node.part == "attn" and node.sizes),
            default=0,
        )
        over = [head for head in mark.heads if not 0 <= head < n_heads]
        if over:
            raise ValueError(f"{name[:_MOST_SPELT]}: there is no head {over[0]}. The last one is {n_heads - 1}.")
    return list(dict.fromkeys(places))


def _targets(block: Block) -> Iterator[str]:
    yield from (node.part for node in block.nodes)
    yield from (edge.key for edge in block.edges)


def _modules(block: Block) -> Iterator[tuple[str, str]]:
    """What the hook names of a layer's parts begin with, and the part: a norm's name does not say where it stands."""
    for node in block.nodes:
        if node.part in ("attn", "mlp"):
            yield node.part, node.part
        elif node.part.startswith("ln"):
            yield node.id.removeprefix(LAYER).partition(".")[0], node.part


def _split(name: str, n_layers: int) -> tuple[tuple[int, ...] | None, str | None]:
    """Layers (None for all) and what follows them; no tail where the name is not one of a layer."""
    if name in ("*", "blocks.*", "blocks"):
        return None, "*"
    if name.startswith("*"):
        return None, name.lstrip("*").lstrip(".") or "*"
    if not name.startswith("blocks."):
        return None, None
    number, _, tail = name.removeprefix("blocks.").partition(".")
    if number == "*":
        return None, tail or "*"
    if number.isascii() and number.isdigit():
        layer = int(number[:9])
        if layer >= n_layers:
            raise ValueError(f"{name[:_MOST_SPELT]}: there is no layer {layer}. The last one is {n_layers - 1}.")
        return (layer,), tail or "*"
    layers = tuple(layer for layer in range(n_layers) if fnmatchcase(str(layer), number))
    return layers, (tail or "*") if layers else None


def _outside(name: str) -> list[str]:
    points = {**_OUTSIDE, **{f"{module}.hook_*": part for module, part in _OUTSIDE_PARTS.items()}}
    if name in _OUTSIDE:
        return [_OUTSIDE[name]]
    head = name.partition(".")[0]
    if head in _OUTSIDE_PARTS:
        return [_OUTSIDE_PARTS[head]]
    return [part for point, part in points.items() if "*" in name and fnmatchcase(point, name)]


def _inside(tail: str, arrows: Mapping[str, str], modules: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Hook points that a name without its layer means, with their targets."""
    if tail in arrows:
        yield tail, arrows[tail]
    elif "*" in tail or "?" in tail or "[" in tail:
        inner = {f"{module}.hook_{one}": part for module, part in modules.items() for one in _INNER[module]}
        known = {**arrows, **inner}
        yield from ((hook, target) for hook, target in known.items() if fnmatchcase(hook, tail))
    else:
        module = tail.partition(".")[0]
        if module in modules:
            yield ("" if module == tail else tail), modules[module]


_INNER = {
    "attn": ("q", "k", "v", "rot_q", "rot_k", "attn_scores", "pattern", "z", "result"),
    "mlp": ("pre", "pre_linear", "post"),
    **{name: ("normalized", "scale") for name in ("ln1", "ln1_post", "ln2", "ln2_post")},
}
