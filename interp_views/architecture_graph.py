"""A model's description as a graph: nodes, their ports with shapes, and edges, in blocks that many layers share.

Ids are TransformerLens' hook names with `{layer}` in place of the layer's number, so that whatever is known of a hook
point (an activation, a patch, an intervention) has its place. Where things stand on screen is not decided here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
"""What `interp_core.architecture.Architecture.document` gives."""
_LAYER = "blocks.{layer}."


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


@dataclass(frozen=True)
class Edge:
    """An arrow. `key` is its name in the layout: `resid_pre`, `attn_in`, `mlp_out` and so on."""

    key: str
    source: str
    target: str
    hooks: tuple[str, ...]
    """Hook points that lie on it, without the layer."""


@dataclass(frozen=True)
class Block:
    """What stands before the layers, a kind of layer, or what stands after them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    parallel: bool = False


def before_block(document: Document) -> Block:
    """Tokens and embeddings, up to the stream."""
    d_model = document["d_model"]
    parts = {part["name"]: part for part in document["before"]}
    stream = ("pos", d_model)
    nodes = [
        Node("tokens", "tokens", "tokens", "ids of the prompt", (Port("", "tokens", ("pos",)),)),
        _node(parts["embed"], "hook_embed", "embed", f"{document['d_vocab']:,} tokens → {d_model:,}", stream),
    ]
    edges = [Edge("tokens", "tokens", "hook_embed", ()), Edge("embed_out", "hook_embed", "stream", ("hook_embed",))]
    if "pos_embed" in parts:
        rows = parts["pos_embed"]["weights"][0]["shape"][0]
        nodes.append(
            _node(
                parts["pos_embed"],
                "hook_pos_embed",
                "pos_embed",
                f"{rows:,} positions → {d_model:,}",
                stream,
            )
        )
        edges.append(Edge("pos_embed_out", "hook_pos_embed", "stream", ("hook_pos_embed",)))
    if "embed_norm" in parts:
        nodes.append(_node(parts["embed_norm"], "embed_ln.hook_out", document["norm"], "of the embedding", stream))
    return Block(tuple(nodes), tuple(edges))


def after_block(document: Document) -> Block:
    """The final norm and the unembedding, down to the logits."""
    parts = {part["name"]: part for part in document["after"]}
    d_vocab = parts["unembed"]["weights"][0]["shape"][1]
    logits, stream = ("pos", d_vocab), ("pos", document["d_model"])
    tied = " · tied" if document["tied"] else ""
    nodes = []
    if "ln_final" in parts:
        nodes.append(
            _node(parts["ln_final"], "ln_final.hook_normalized", document["norm"], "before the unembedding", stream)
        )
    unembed = _node(
        parts["unembed"], "unembed.hook_out", "unembed", f"{document['d_model']:,} → {d_vocab:,}{tied}", logits
    )
    nodes += [
        unembed,
        Node("logits", "logits", "logits", "one score a token of the vocabulary", (Port("", "logits", logits),)),
    ]
    edges = [
        Edge("final", "stream", nodes[0].id, ()),
        *([Edge("ln_final_out", nodes[0].id, unembed.id, ())] if "ln_final" in parts else []),
        Edge("logits", unembed.id, "logits", ()),
    ]
    return Block(tuple(nodes), tuple(edges))


def layer_block(document: Document, kind: Mapping[str, Any]) -> Block:
    """One kind of layer."""
    parts = {part["name"]: part for part in kind["parts"]}
    stream = ("pos", document["d_model"])
    nodes: list[Node] = []
    for name, part in parts.items():
        if name == "attn":
            nodes.append(_attention(part, kind["attention"], document["d_model"]))
        elif name == "mlp":
            nodes.append(_mlp(part, kind["mlp"], document["d_model"]))
        else:
            before = {"ln1": "before attention", "ln2": "before the MLP"}.get(name, "of what is written")
            if name == "ln1" and document["parallel"] and "ln2" not in parts:
                before = "before attention and MLP"
            nodes.append(_node(part, f"{_LAYER}{name}.hook_normalized", document["norm"], before, stream))
    has_mid = "mlp" in parts and not document["parallel"]
    for name in ("resid_pre", *(["resid_mid"] if has_mid else []), "resid_post"):
        nodes.append(_residual(name, document["d_model"]))
    return Block(tuple(nodes), tuple(_edges(set(parts), document["parallel"])), document["parallel"] and "mlp" in parts)


def runs(layers: list[int] | tuple[int, ...]) -> list[tuple[int, int]]:
    """Kinds of layers from the first on: kind, and how many layers of it follow one another."""
    found: list[tuple[int, int]] = []
    for kind in layers:
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + 1)
        else:
            found.append((kind, 1))
    return found


def _node(part: Mapping[str, Any], node_id: str, title: str, line: str, shape: tuple[str | int, ...]) -> Node:
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


def _attention(part: Mapping[str, Any], sizes: Mapping[str, Any], d_model: int) -> Node:
    heads, grouped, d_head = sizes["n_heads"], sizes["n_key_value_heads"], sizes["d_head"]
    name = "multi-head" if heads == grouped else "multi-query" if grouped == 1 else "grouped-query"
    line = f"{name} · {heads} heads × {d_head}"
    line += f" · {grouped} key/value head{'s' if grouped > 1 else ''}" if grouped != heads else ""
    line += f" · window {sizes['window']:,}" if sizes["window"] else ""
    hook = _LAYER + "attn.hook_"
    ports = [
        Port(f"{_LAYER}hook_{one}_input", f"{one} input", ("pos", heads if one == "q" else grouped, d_model))
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
        Port(f"{_LAYER}hook_attn_out", "attn_out", ("pos", d_model)),
    ]
    biases = "".join(weight["name"] for weight in part["weights"] if weight["name"].startswith("b"))
    return Node(
        f"{_LAYER}hook_attn_out", "attn", "attention", line, tuple(ports), _weights(part), _n_params(part),
        part["multiplied"], dict(sizes),
        signature=f"{line} {sizes['rotary_dim']} {sizes['qk_norm']} {biases}",
    )  # fmt: skip


def _mlp(part: Mapping[str, Any], sizes: Mapping[str, Any], d_model: int) -> Node:
    d_mlp, experts = sizes["d_mlp"], sizes["n_experts"]
    line = f"{d_model:,} → {d_mlp:,} → {d_model:,}" + (f" · {sizes['activation']}" if sizes["activation"] else "")
    line += ", gated" if sizes["gated"] else ""
    if experts:
        line = f"{sizes['experts_per_token']} of {experts} experts · {line}"
    hook = _LAYER + "mlp.hook_"
    wide = ("pos", d_mlp)
    ports = [Port(f"{_LAYER}hook_mlp_in", "mlp_in", ("pos", d_model)), Port(hook + "pre", "pre", wide)]
    ports += [Port(hook + "pre_linear", "pre_linear", wide)] if sizes["gated"] else []
    ports += [Port(hook + "post", "post", wide), Port(f"{_LAYER}hook_mlp_out", "mlp_out", ("pos", d_model))]
    biases = "".join(weight["name"] for weight in part["weights"] if weight["name"].startswith("b"))
    return Node(
        f"{_LAYER}hook_mlp_out", "mlp", "mixture of experts" if experts else "MLP", line, tuple(ports), _weights(part),
        _n_params(part), part["multiplied"], {**sizes, "d_model": d_model}, signature=f"{line} {biases}",
    )  # fmt: skip


def _residual(name: str, d_model: int) -> Node:
    line = {
        "resid_pre": "as the layer reads it", "resid_mid": "after attention has written", "resid_post": "as the layer leaves it",
    }[name]  # fmt: skip
    hook = f"{_LAYER}hook_{name}"
    return Node(hook, name, "residual stream", line, (Port(hook, name, ("pos", d_model)),), signature=str(d_model))


def _edges(parts: set[str], parallel: bool) -> Iterator[Edge]:
    pre, attn, mlp = _LAYER + "hook_resid_pre", _LAYER + "hook_attn_out", _LAYER + "hook_mlp_out"
    last = _LAYER + "hook_resid_post"
    mid = last if parallel or "mlp" not in parts else _LAYER + "hook_resid_mid"
    norms = {name: f"{_LAYER}{name}.hook_normalized" for name in parts if name.startswith("ln")}
    yield Edge("resid_pre", pre, mid, ("hook_resid_pre", "hook_in"))
    if "ln1" in parts:
        yield Edge("ln1_in", pre, norms["ln1"], ())
    inputs = ("hook_attn_in", "hook_q_input", "hook_k_input", "hook_v_input", "attn.hook_in")
    yield Edge(
        "attn_in",
        norms.get("ln1", pre),
        attn,
        (*inputs, *(f"attn.hook_{one}_input" for one in "qkv"), "attn.hook_attn_in"),
    )
    if "ln1_post" in parts:
        yield Edge("attn_raw", attn, norms["ln1_post"], ("attn.hook_out", "attn.o.hook_out"))
    yield Edge("attn_out", norms.get("ln1_post", attn), mid, ("hook_attn_out",))
    if "mlp" in parts:
        stream = pre if parallel else mid
        source = norms.get("ln2", norms.get("ln1", stream) if parallel else stream)
        if mid != last:
            yield Edge("resid_mid", mid, last, ("hook_resid_mid",))
        if "ln2" in parts:
            yield Edge("ln2_in", stream, norms["ln2"], ())
        yield Edge("mlp_in", source, mlp, ("hook_mlp_in", "mlp.hook_in"))
        if "ln2_post" in parts:
            yield Edge("mlp_raw", mlp, norms["ln2_post"], ("mlp.hook_out", "mlp.out.hook_out"))
        yield Edge("mlp_out", norms.get("ln2_post", mlp), last, ("hook_mlp_out",))
    yield Edge("resid_post", last, "stream", ("hook_resid_post", "hook_out"))
