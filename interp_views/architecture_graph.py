"""A model's description as a graph: nodes, their ports with shapes, and edges, in blocks that many layers share.

Ids are TransformerLens' hook names with `{layer}` in place of the layer's number, so that whatever is known of a hook
point (an activation, a patch, an intervention) has its place. Where things stand on screen is not decided here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interp_views.architecture_nodes import LAYER, Node, Port, attention_node, mlp_node, plain_node, residual_node

Document = Mapping[str, Any]
"""What `interp_core.architecture.Architecture.document` gives."""


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
        plain_node(parts["embed"], "hook_embed", "embed", f"{document['d_vocab']:,} tokens → {d_model:,}", stream),
    ]
    edges = [Edge("tokens", "tokens", "hook_embed", ()), Edge("embed_out", "hook_embed", "stream", ("hook_embed",))]
    if "pos_embed" in parts:
        rows = parts["pos_embed"]["weights"][0]["shape"][0]
        nodes.append(
            plain_node(
                parts["pos_embed"],
                "hook_pos_embed",
                "pos_embed",
                f"{rows:,} positions → {d_model:,}",
                stream,
            )
        )
        edges.append(Edge("pos_embed_out", "hook_pos_embed", "stream", ("hook_pos_embed",)))
    if "embed_norm" in parts:
        norm = parts["embed_norm"]
        nodes.append(plain_node(norm, f"{norm['module']}.hook_out", document["norm"], "of the embedding", stream))
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
            plain_node(
                parts["ln_final"], "ln_final.hook_normalized", document["norm"], "before the unembedding", stream
            )
        )
    unembed = plain_node(
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
            nodes.append(attention_node(part, kind["attention"], document["d_model"]))
        elif name == "mlp":
            nodes.append(mlp_node(part, kind["mlp"], document["d_model"]))
        else:
            before = {"ln1": "before attention", "ln2": "before the MLP"}.get(name, "of what is written")
            if name == "ln1" and document["parallel"] and "ln2" not in parts:
                before = "before attention and MLP"
            nodes.append(plain_node(part, _normed(part), document["norm"], before, stream))
    has_mid = "mlp" in parts and not document["parallel"]
    for name in ("resid_pre", *(["resid_mid"] if has_mid else []), "resid_post"):
        nodes.append(residual_node(name, document["d_model"]))
    return Block(tuple(nodes), tuple(_edges(parts, document["parallel"])), document["parallel"] and "mlp" in parts)


def runs(layers: list[int] | tuple[int, ...]) -> list[tuple[int, int]]:
    """Kinds of layers from the first on: kind, and how many layers of it follow one another."""
    found: list[tuple[int, int]] = []
    for kind in layers:
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + 1)
        else:
            found.append((kind, 1))
    return found


def _normed(norm: Mapping[str, Any]) -> str:
    return f"{LAYER}{norm['module']}.hook_normalized"


def _edges(parts: Mapping[str, Mapping[str, Any]], parallel: bool) -> Iterator[Edge]:
    pre, attn, mlp = LAYER + "hook_resid_pre", LAYER + "hook_attn_out", LAYER + "hook_mlp_out"
    last = LAYER + "hook_resid_post"
    mid = last if parallel or "mlp" not in parts else LAYER + "hook_resid_mid"
    norms = {name: _normed(part) for name, part in parts.items() if name.startswith("ln")}
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
