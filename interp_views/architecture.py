"""The architecture of one to four models as a diagram in the style of the Transformer Circuits figures.

The graph is `architecture_graph`, hooks are placed by `architecture_hooks`. The scripts: `architecture_layout.js` says where
things stand, `architecture_shapes.js` draws them, `architecture_diagram.js` keeps the layers that are in sight,
`architecture_panel.js` and `architecture_flow.js` show one part large, and `architecture.js` is the picture as a whole.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from interp_views.architecture_graph import Block, Document, after_block, before_block, layer_block, runs
from interp_views.architecture_hooks import HookMark, place_hook
from interp_views.architecture_words import WORDS
from interp_views.wire import pack

MOST_DIAGRAMS = 4
MOST_MARKS = 500


@dataclass(frozen=True)
class ArchitectureView:
    """What the picture shows."""

    documents: tuple[Document, ...]
    """One to four models, as `Architecture.document` gives them; differences are marked against the first."""
    hooks: tuple[HookMark, ...] = ()
    """What stands on hook points of the first model."""
    max_layers: int = 1
    """Layers that are unfolded at first."""
    explain: bool = True
    """Whether parts are explained at first; the reader can switch it."""
    acts: bool = False
    """Whether the host opens and ablates what is asked for."""
    width: int = 0
    """Width of one diagram in CSS pixels; 0 for what there is room for."""


def architecture_payload(view: ArchitectureView) -> bytes:
    """Check a view and pack it for `architecture.js`.

    Hooks of a place that the model does not have are left out, and named in the picture.

    Raises:
        ValueError: No model, more than four, or far too many hooks.
    """
    if not 1 <= len(view.documents) <= MOST_DIAGRAMS:
        raise ValueError(f"There are {len(view.documents)} models to draw: give 1 to {MOST_DIAGRAMS}.")
    if len(view.hooks) > MOST_MARKS:
        raise ValueError(f"There are {len(view.hooks)} hooks to mark: give {MOST_MARKS} at most.")
    blocks = [_blocks(document) for document in view.documents]
    marks, problems = _placed(view, blocks[0])
    seen = _signatures(blocks[0])
    header = {
        "diagrams": [
            _diagram(document, block, None if index == 0 else seen)
            for index, (document, block) in enumerate(zip(view.documents, blocks, strict=True))
        ],
        "marks": marks,
        "problems": problems,
        "words": {name: {"text": text, "source": source} for name, (text, source) in WORDS.items()},
        "max_layers": max(0, view.max_layers),
        "explain": view.explain,
        "acts": view.acts,
        "width": view.width,
        "about": "architecture",
    }
    return pack(header, {})


_Blocks = tuple[Block, tuple[Block, ...], Block]


def _blocks(document: Document) -> _Blocks:
    kinds = tuple(layer_block(document, kind) for kind in document["kinds"])
    return before_block(document), kinds, after_block(document)


def _signatures(blocks: _Blocks) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for block in (blocks[0], *blocks[1], blocks[2]):
        for node in block.nodes:
            found.setdefault(node.part, set()).add(node.signature)
    return found


def _diagram(document: Document, blocks: _Blocks, seen: Mapping[str, set[str]] | None) -> dict[str, Any]:
    before, kinds, after = blocks

    def plain(block: Block) -> dict[str, Any]:
        made = asdict(block)
        for node in made["nodes"]:
            node["differs"] = seen is not None and node["signature"] not in seen.get(node["part"], ())
            del node["signature"]
        return made

    return {
        "name": document["name"],
        "notes": list(document["notes"]),
        "n_layers": document["n_layers"],
        "n_params": document["n_params"],
        "positions": document["positions"],
        "runs": runs(document["layers"]),
        "facts": facts(document),
        "before": plain(before),
        "kinds": [plain(kind) for kind in kinds],
        "after": plain(after),
    }


def _placed(view: ArchitectureView, blocks: _Blocks) -> tuple[list[dict[str, Any]], list[str]]:
    marks, problems = [], []
    for mark in view.hooks:
        try:
            places = place_hook(mark, *blocks, view.documents[0]["n_layers"])
        except ValueError as error:
            problems.append(f"Not marked: {error}")
            continue
        if not places:
            problems.append(
                f"Not marked: {mark.name[:200]} is no hook point of a part that {view.documents[0]['name']} has."
            )
            continue
        marks.append(
            {
                "name": mark.name[:200], "label": mark.label[:200], "colour": mark.colour % 8, "heads": mark.heads,
                "places": [asdict(place) for place in places],
            }
        )  # fmt: skip
    return marks, problems


def facts(document: Document) -> list[tuple[str, str]]:
    """What is compared between models: name and value, the same names for every model."""
    kinds = [document["kinds"][index] for index in dict.fromkeys(document["layers"])]
    attention, mlps = kinds[0]["attention"], [kind["mlp"] for kind in kinds if kind["mlp"]]
    windows = sorted({kind["attention"]["window"] for kind in kinds} - {0})
    heads, grouped = attention["n_heads"], attention["n_key_value_heads"]
    mlp = mlps[-1] if mlps else None
    layer = {"parallel": "attention and MLP in parallel", "serial": "attention, then MLP", "alone": "attention alone"}
    experts = f"{mlp['experts_per_token']} of {mlp['n_experts']}" if mlp and mlp["n_experts"] else "none"
    params = f"{document['n_params']:,}" + ("" if document["exact"] else " (estimate)")
    return [
        ("Parameters", params),
        ("Layers", f"{document['n_layers']:,}"),
        ("Width (d_model)", f"{document['d_model']:,}"),
        ("Heads × d_head", f"{heads} × {attention['d_head']}"),
        ("Key/value heads", f"{grouped}" + ("" if grouped != heads else " (one each)")),
        ("MLP width (d_mlp)", f"{mlp['d_mlp']:,}" if mlp else "no MLP"),
        ("MLP", (f"{mlp['activation'] or 'not said'}{', gated' if mlp['gated'] else ''}") if mlp else "none"),
        ("Experts a token", experts),
        ("Layer", layer["alone" if not mlp else "parallel" if document["parallel"] else "serial"]),
        ("Norm", document["norm"]),
        ("Positions", _positions(document, attention)),
        ("Sliding window", ", ".join(f"{one:,}" for one in windows) or "none"),
        ("Vocabulary", f"{document['d_vocab']:,}"),
        ("Unembedding", "tied to the embedding" if document["tied"] else "its own matrix"),
        ("Context", f"{document['n_ctx']:,} tokens" if document["n_ctx"] else "not said"),
        ("Weights, float32", _bytes(4 * document["n_params"])),
        ("Weights, bfloat16", _bytes(2 * document["n_params"])),
        ("Cache a token, bfloat16", _bytes(2 * document["cached_per_token"])),
        ("Operations a token", f"{_flops(document['flops'])}, looking back {document['context']:,}"),
    ]


def _positions(document: Document, attention: Mapping[str, Any]) -> str:
    if document["positions"] == "rotary":
        share = (
            ""
            if attention["rotary_dim"] == attention["d_head"]
            else f" ({attention['rotary_dim']} of {attention['d_head']})"
        )
        return f"rotary{share}"
    return {"alibi": "ALiBi", "other": "not drawn"}.get(document["positions"], str(document["positions"]))


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"


def _flops(count: int) -> str:
    for unit, size in (("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6)):
        if count >= size:
            return f"{count / size:,.2f} {unit}"
    return f"{count:,} FLOP"
