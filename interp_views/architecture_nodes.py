"""Nodes of an architecture's graph and their ports, from the description of a part."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LAYER = "blocks.{layer}."
"""In front of the hook names of a layer; the number is put in where a layer is drawn."""


@dataclass(frozen=True)
class Port:
    """A tensor that enters, leaves or passes inside a node."""

    hook: str
    """Its hook point's name; empty where it has none."""
    name: str
    shape: tuple[str | int, ...]
    """Lengths of its axes, without the batch; `pos` and the like where they depend on the prompt."""


@dataclass(frozen=True)
class Node:
    """One part of the diagram."""

    id: str
    """The hook name of what it gives."""
    part: str
    """`embed`, `ln1`, `attn`, `resid_mid` and so on."""
    title: str
    line: str
    """What it is, in one line."""
    ports: tuple[Port, ...] = ()
    weights: tuple[tuple[str, tuple[int, ...], bool], ...] = ()
    """Name, shape, and whether the tensor is another part's."""
    n_params: int = 0
    multiplied: int = 0
    """Matrix elements by which one token is multiplied."""
    sizes: Mapping[str, Any] | None = None
    """What its picture is drawn from, such as the number of heads."""
    signature: str = ""
    """What is compared between models."""


def plain_node(part: Mapping[str, Any], node_id: str, title: str, line: str, shape: tuple[str | int, ...]) -> Node:
    """A part that is a box with a name and a line."""
    weights = _weights(part)
    letters = "".join(name for name, _, _ in weights)
    return Node(
        node_id, part["name"], title, line, (Port(node_id, "out", shape),), weights, _n_params(part), part["multiplied"],
        signature=f"{title} {line if part['name'] in ('embed', 'pos_embed', 'unembed') else ''} {letters}",
    )  # fmt: skip


def _weights(part: Mapping[str, Any]) -> tuple[tuple[str, tuple[int, ...], bool], ...]:
    return tuple((one["name"], tuple(one["shape"]), one["shared"]) for one in part["weights"])


def _n_params(part: Mapping[str, Any]) -> int:
    total = 0
    for weight in part["weights"]:
        elements = 0 if weight["shared"] else 1
        for length in weight["shape"]:
            elements *= length
        total += elements
    return total


def attention_node(part: Mapping[str, Any], sizes: Mapping[str, Any], d_model: int) -> Node:
    """The attention of one kind of layer, with every tensor on its way."""
    heads, grouped, d_head = sizes["n_heads"], sizes["n_key_value_heads"], sizes["d_head"]
    name = "multi-head" if heads == grouped else "multi-query" if grouped == 1 else "grouped-query"
    line = f"{name} · {heads} heads × {d_head}"
    line += f" · {grouped} key/value head{'s' if grouped > 1 else ''}" if grouped != heads else ""
    line += f" · window {sizes['window']:,}" if sizes["window"] else ""
    hook = LAYER + "attn.hook_"
    ports = [
        Port(f"{LAYER}hook_{one}_input", f"{one} input", ("pos", heads if one == "q" else grouped, d_model))
        for one in "qkv"
    ]
    ports += [Port(hook + one, one, ("pos", heads if one == "q" else grouped, d_head)) for one in "qkv"]
    if sizes["rotary_dim"]:
        ports += [
            Port(f"{hook}rot_{one}", f"rotated {one}", ("pos", heads if one == "q" else grouped, d_head))
            for one in "qk"
        ]
    ports += [
        Port(hook + "attn_scores", "attn_scores", (heads, "query", "key")),
        Port(hook + "pattern", "pattern", (heads, "query", "key")),
        Port(hook + "z", "z", ("pos", heads, d_head)),
        Port(hook + "result", "result", ("pos", heads, d_model)),
        Port(f"{LAYER}hook_attn_out", "attn_out", ("pos", d_model)),
    ]
    biases = "".join(weight["name"] for weight in part["weights"] if weight["name"].startswith("b"))
    return Node(
        f"{LAYER}hook_attn_out", "attn", "attention", line, tuple(ports), _weights(part), _n_params(part),
        part["multiplied"], dict(sizes),
        signature=f"{line} {sizes['rotary_dim']} {sizes['qk_norm']} {biases}",
    )  # fmt: skip


def mlp_node(part: Mapping[str, Any], sizes: Mapping[str, Any], d_model: int) -> Node:
    """The MLP of one kind of layer, or its experts."""
    d_mlp, experts = sizes["d_mlp"], sizes["n_experts"]
    line = f"{d_model:,} → {d_mlp:,} → {d_model:,}" + (f" · {sizes['activation']}" if sizes["activation"] else "")
    line += ", gated" if sizes["gated"] else ""
    if experts:
        line = f"{sizes['experts_per_token']} of {experts} experts · {line}"
    hook = LAYER + "mlp.hook_"
    # Experts have no hook points of their own: pre and post are what enters and leaves all of them.
    wide = ("pos", d_model if experts else d_mlp)
    ports = [Port(f"{LAYER}hook_mlp_in", "mlp_in", ("pos", d_model)), Port(hook + "pre", "pre", wide)]
    ports += [Port(hook + "pre_linear", "pre_linear", wide)] if sizes["gated"] and not experts else []
    ports += [Port(hook + "post", "post", wide), Port(f"{LAYER}hook_mlp_out", "mlp_out", ("pos", d_model))]
    biases = "".join(weight["name"] for weight in part["weights"] if weight["name"].startswith("b"))
    return Node(
        f"{LAYER}hook_mlp_out", "mlp", "mixture of experts" if experts else "MLP", line, tuple(ports), _weights(part),
        _n_params(part), part["multiplied"], {**sizes, "d_model": d_model}, signature=f"{line} {biases}",
    )  # fmt: skip


def residual_node(name: str, d_model: int) -> Node:
    """The stream at one of its three points in a layer."""
    line = {
        "resid_pre": "as the layer reads it", "resid_mid": "after attention has written", "resid_post": "as the layer leaves it",
    }[name]  # fmt: skip
    hook = f"{LAYER}hook_{name}"
    return Node(hook, name, "residual stream", line, (Port(hook, name, ("pos", d_model)),), signature=str(d_model))
