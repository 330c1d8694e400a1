"""Everything that a feature's dashboard shows, as one plain document: what pages draw, files hold and tools exchange.

A document is JSON (`docs/features.md` describes it). Pages and notebooks draw it with `interp_views.feature_document`, which
trusts none of it: it may come from a file.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from interp_core.errors import SaeError
from interp_core.harvest.bundle import Harvest
from interp_core.harvest.histogram import band_shares
from interp_core.harvest.plan import N_BANDS
from interp_core.harvest.records import QUANTILES, Correlated, Example, FeatureRecord
from interp_core.jobs import finish
from interp_core.models import LoadedModel
from interp_core.sae.decoder_logits import DecoderLogits, read_decoder_logits
from interp_core.sae.example_effects import TokenEffect
from interp_core.sae.features import check_features, held_sae

FORMAT, VERSION = "hookscope feature dashboard", 1
Document = dict[str, Any]
_PRIVILEGED = ("mlp_pre", "mlp_post")
"""Places whose coordinates are neurons."""
_ALIGNED = 3


def feature_document(
    loaded: LoadedModel, name: str, feature: int, harvest: Harvest | None = None, *, label: str = "", written: DecoderLogits | None = None
) -> Document:  # fmt: skip
    """The dashboard of one feature. Costs an unembedding of one row, and some milliseconds of reading.

    Args:
        loaded: The model.
        name: The SAE.
        feature: Which feature.
        harvest: Where its examples come from; without one there are only its logits.
        label: The user's own; the harvest's automatic one where it is empty.
        written: What decoder rows write, this feature's too, where it was read for many at once.

    Raises:
        InterpError: The SAE does not fit, or lacks the feature; or the harvest is damaged.
    """
    sae = held_sae(loaded, name)
    check_features(sae.config, name, [feature])
    record = harvest.feature(feature) if harvest else None
    automatic = harvest.labels()[feature] if harvest else ""
    layer = "" if sae.config.layer is None else f"L{sae.config.layer}"
    return {
        "format": FORMAT, "version": VERSION, "model": loaded.card.name, "sae": name, "sae_sha256": sae.checksum,
        "place": sae.config.place, "name": f"{layer}F{feature}", "feature": feature, "d_sae": sae.d_sae,
        "label": {"text": label or automatic, "by": "user" if label else "automatic"} if label or automatic else None,
        "record": _record(record) if record else None,
        "logits": _logits(loaded, name, feature, written),
        "tables": _tables(loaded, name, feature, record),
        "examples": [_example(example) for example in record.examples] if record else [],
        "text": _text(harvest) if harvest else None,
    }  # fmt: skip


def with_effects(
    loaded: LoadedModel, document: Document, effects: dict[int, tuple[int, Sequence[TokenEffect]]]
) -> Document:
    """The document with effects on the loss of some examples.

    Args:
        loaded: The model, which spells the tokens.
        document: It is left as it is.
        effects: By the example's number: the position of its first token in its window, and the effects found there.
    """
    examples = [dict(example) for example in document["examples"]]
    for number, (first, found) in effects.items():
        n = len(examples[number]["tokens"])
        losses: dict[str, list[Any]] = {
            name: [None] * n for name in ("exact", "direct", "before", "after", "up", "down")
        }
        for one in found:
            at = one.pos - first
            if not 0 <= at < n:
                continue
            values = {"exact": one.exact, "direct": one.direct, "before": one.before, "after": one.after}
            for what, value in values.items():
                losses[what][at] = _number(value)
            for what, ends in (("up", one.raised), ("down", one.lowered)):
                words = loaded.tokenizer.str_tokens([token for token, _ in ends])
                losses[what][at] = [[word, _number(value)] for word, (_, value) in zip(words, ends, strict=True)]
        examples[number]["losses"] = losses
    return {**document, "examples": examples}


def with_second(document: Document, other: str, found: Sequence[Correlated]) -> Document:
    """The document with a table of correlated features of a second SAE."""
    note = "Over the windows of this feature's examples; Pearson first."
    table = correlated_table(f"Correlated features of {other}", "second", found, note)
    return {**document, "tables": [*document["tables"], table]}


def with_sources(document: Document, number: int, sources: Float[np.ndarray, " pos"]) -> Document:
    """The document with one example's direct feature attribution by source token."""
    examples = list(document["examples"])
    examples[number] = {**examples[number], "sources": list(map(_number, sources.tolist()))}
    return {**document, "examples": examples}


def correlated_table(title: str, kind: str, found: Sequence[Correlated], note: str) -> Document:
    """A table of what goes with a feature."""
    return {
        "title": title, "kind": kind, "columns": ["index", "Pearson", "cosine"], "decimals": [3, 3], "note": note,
        "rows": [[one.index, _number(one.pearson), _number(one.cosine)] for one in found],
    }  # fmt: skip


def _record(record: FeatureRecord) -> Document:
    shares = band_shares(record.histogram, record.edges, record.smallest, record.largest)
    return {
        "tokens": record.n_tokens, "fired": record.fired, "windows": record.windows_fired,
        "largest": record.largest, "smallest": record.smallest, "mean": record.mean,
        "quantiles": [[share, value] for share, value in zip(QUANTILES, record.quantiles, strict=True)],
        "bands": [{"from": record.largest * (1 - (kind + 1) / N_BANDS), "to": record.largest * (1 - kind / N_BANDS), "share": share}
                  for kind, share in enumerate(shares)] if record.fired else [],
        "histogram": _histogram(record) if record.fired else None,
    }  # fmt: skip


def _histogram(record: FeatureRecord) -> Document:
    """The bins from the first to the last that holds an activation, the outermost cut to these."""
    held = np.flatnonzero(record.histogram)
    first, last = int(held[0]), int(held[-1])
    edges = record.edges[first : last + 2].tolist()
    if first == 0:
        edges[0] = min(record.smallest, edges[1] / 2)
    if edges[-1] == float("inf"):
        edges[-1] = max(record.largest, edges[-2] * 1.125)
    return {"counts": record.histogram[first : last + 1].tolist(), "edges": edges, "log": True}


def _logits(loaded: LoadedModel, name: str, feature: int, written: DecoderLogits | None) -> Document | None:
    """None where a feature does not write into the stream by a matrix alone."""
    try:
        found: DecoderLogits = written or finish(read_decoder_logits(loaded, name, [feature]))
    except SaeError:
        return None
    spell, at = loaded.tokenizer.str_tokens, int(np.flatnonzero(found.feature == feature)[0])

    def scores(ids: np.ndarray, values: np.ndarray) -> list[list[Any]]:
        return [
            [word, int(token), _number(value)]
            for word, token, value in zip(spell(ids.tolist()), ids, values.tolist(), strict=True)
        ]

    return {
        "promoted": scores(found.promoted_ids[at], found.promoted[at]),
        "suppressed": scores(found.suppressed_ids[at], found.suppressed[at]),
        "histogram": {"counts": found.counts[at].tolist(), "edges": found.edges[at].tolist(), "log": False},
    }


@torch.no_grad()
def _tables(loaded: LoadedModel, name: str, feature: int, record: FeatureRecord | None) -> list[Document]:
    sae, made = held_sae(loaded, name), []
    if sae.point.name in _PRIVILEGED:
        row = sae.decoder_rows(slice(feature, feature + 1))[0].cpu()
        largest = row.abs().topk(min(_ALIGNED, len(row))).indices.tolist()
        total = float(row.abs().sum()) or 1.0
        made.append({
            "title": "Neuron alignment", "kind": "neuron", "columns": ["neuron", "value", "% of L1"], "decimals": [3, 1],
            "note": "Largest components of the decoder row, whose coordinates are neurons here.",
            "rows": [[at, _number(float(row[at])), _number(100 * float(row[at].abs()) / total)] for at in largest],
        })  # fmt: skip
    if record:
        note = "Over a sample of the harvest's tokens; Pearson first."
        if record.neurons:
            made.append(correlated_table("Correlated neurons", "neuron", record.neurons, note))
        made.append(correlated_table("Correlated features", "feature", record.features, note))
    return made


def _example(example: Example) -> Document:
    return {
        "kind": example.kind, "activation": example.activation, "document": example.document, "place": example.place,
        "peak": example.peak, "tokens": list(example.str_tokens), "ids": list(example.tokens),
        "activations": _numbers(example.activations.tolist()),
    }  # fmt: skip


def _text(harvest: Harvest) -> Document:
    return {
        "tokens": harvest.counts["tokens"], "documents": harvest.documents["all"], "context": harvest.facts["plan"]["context"],
        "source": harvest.facts.get("source"), "left_out": harvest.counts["left_out"],
    }  # fmt: skip


def _numbers(values: list[float]) -> list[float | None]:
    if not math.isfinite(sum(values)):
        return list(map(_number, values))
    return list(map(float, ("%.6g " * len(values) % tuple(values)).split()))  # as `_number` does, all at once


def _number(value: float) -> float | None:
    """To six digits; None for what is no number."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
