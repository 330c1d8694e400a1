"""A dashboard of ours from rows of Neuronpedia's tables, of which nothing is trusted. What it does not say stays unknown.

The columns are those that `neuronpedia_rows` writes; rows may come from Neuronpedia's exports, its API, or SAEDashboard.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from interp_core.errors import ExchangeError
from interp_core.exchange.neuronpedia_columns import Row, index_of, number_of, numbers_of, text_of, texts_of
from interp_core.exchange.neuronpedia_rows import HUMAN, TOP
from interp_core.hook_points import canonical_name
from interp_core.sae.dashboard import FORMAT, VERSION

MOST_EXAMPLES = 500
"""Of one feature."""
_NOTE = "As Neuronpedia has it."
_WHERE = re.compile(r"(\d{1,15}):(-?\d{1,15})")
_LAYER = re.compile(r"(\d{1,4})-")


def document_of(
    feature: Row, activations: Sequence[Row], explanations: Sequence[Row], source: Row | None = None
) -> Row:
    """The dashboard of one feature.

    Args:
        feature: A row of `Neuron`.
        activations: Rows of `Activation` of that feature, in the order of the file.
        explanations: Rows of `Explanation` of it.
        source: The row of `Source`, which says what text was read.

    Raises:
        ExchangeError: A column is of another kind than it should be, or there are too many examples.
    """
    index = index_of(feature)
    try:
        return _document(feature, activations, explanations, source or {}, index)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise ExchangeError(
            f"Feature {index} of {str(feature.get('layer'))[:60]!r} cannot be read: {str(error)[:160]}. Export it from Neuronpedia "
            "again."
        ) from error


def _document(feature: Row, activations: Sequence[Row], explanations: Sequence[Row], source: Row, index: int) -> Row:
    if len(activations) > MOST_EXAMPLES:
        raise ValueError(f"it has {len(activations):,} activations and may have {MOST_EXAMPLES}")
    where = text_of(feature, "layer")
    layer, hook = _LAYER.match(where), text_of(feature, "hookName")
    point, number = canonical_name(hook) if hook else ("", None)
    bands, examples = _examples(activations)
    return {
        "format": FORMAT, "version": VERSION, "model": text_of(feature, "modelId"), "sae": where,
        "sae_sha256": "", "place": point if number is None else f"{point} of layer {number}",
        "name": f"L{layer[1]}F{index}" if layer else f"F{index}", "feature": index, "d_sae": None, "origin": "Neuronpedia",
        "label": _label(explanations), "record": _record(feature, bands, examples), "logits": _logits(feature),
        "tables": _tables(feature), "examples": examples, "text": _source_text(source),
    }  # fmt: skip


def _record(feature: Row, bands: list[Row], examples: list[Row]) -> Row | None:
    density, largest = number_of(feature, "frac_nonzero"), number_of(feature, "maxActApprox")
    histogram = _histogram(feature, "freq_hist_data")
    if examples and not largest:
        largest = max(example["activation"] for example in examples)
    if density is None and not largest and not examples and histogram is None:
        return None
    return {
        "tokens": None, "fired": None, "windows": None, "density": density, "largest": largest, "smallest": None, "mean": None,
        "quantiles": [], "bands": bands, "histogram": histogram,
    }  # fmt: skip


def _logits(feature: Row) -> Row | None:
    promoted, suppressed = (
        [
            [token, None, value]
            for token, value in zip(texts_of(feature, f"{end}_str"), numbers_of(feature, f"{end}_values"), strict=True)
        ]
        for end in ("pos", "neg")
    )
    histogram = _histogram(feature, "logits_hist_data")
    if not promoted and not suppressed and histogram is None:
        return None
    return {"promoted": promoted, "suppressed": suppressed, "histogram": histogram}


def _histogram(feature: Row, name: str) -> Row | None:
    """Counts between edges, from heights at the middles of bars. Heights that are no counts are left out."""
    heights, middles = numbers_of(feature, f"{name}_bar_heights"), numbers_of(feature, f"{name}_bar_values")
    counts = [round(height or 0) for height in heights]
    if len(heights) != len(middles):
        raise ValueError(f"{name} has {len(heights)} bars at {len(middles)} places")
    if not any(counts) or None in middles:
        return None
    known = [middle for middle in middles if middle is not None]
    if len(known) == 1:
        half = abs(known[0]) / 2 or 0.5
        return {"counts": counts, "edges": [known[0] - half, known[0] + half], "log": False}
    inner = [(low + high) / 2 for low, high in pairwise(known)]
    edges = [known[0] - (inner[0] - known[0]), *inner, known[-1] + (known[-1] - inner[-1])]
    return {"counts": counts, "edges": edges, "log": False}


def _tables(feature: Row) -> list[Row]:
    made = []
    for title, kind, columns, decimals, names, scales in (
        ("Neuron alignment", "neuron", ["neuron", "value", "% of L1"], [3, 1],
         ("neuron_alignment_indices", "neuron_alignment_values", "neuron_alignment_l1"), (1, 100)),
        ("Correlated neurons", "neuron", ["index", "Pearson", "cosine"], [3, 3],
         ("correlated_neurons_indices", "correlated_neurons_pearson", "correlated_neurons_l1"), (1, 1)),
        ("Correlated features", "feature", ["index", "Pearson", "cosine"], [3, 3],
         ("correlated_features_indices", "correlated_features_pearson", "correlated_features_l1"), (1, 1)),
        ("Nearest decoder rows", "feature", ["index", "cosine"], [3], ("topkCosSimIndices", "topkCosSimValues"), (1,)),
    ):  # fmt: skip
        indices, *values = (numbers_of(feature, name) for name in names)
        scaled = [
            [value if value is None or scale == 1 else float(f"{scale * value:.6g}") for value in column]
            for column, scale in zip(values, scales, strict=True)
        ]
        rows = [[int(index or 0), *row] for index, *row in zip(indices, *scaled, strict=True)]
        if rows:
            made.append(
                {"title": title, "kind": kind, "columns": columns, "decimals": decimals, "note": _NOTE, "rows": rows}
            )
    return made


def _examples(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Bands from the highest down, and the examples by band: the highest ones of all in front."""
    keys = [_band(row) for row in rows]
    bands = sorted({key for key in keys if key is not None}, key=lambda key: (-key[1], -key[0]))
    kinds = {None: 0} | {key: place for place, key in enumerate(bands, start=1)}
    examples = [_example(row, kinds[key]) for row, key in zip(rows, keys, strict=True)]
    made = [{"from": low, "to": high, "share": share} for low, high, share in bands]
    return made, sorted(examples, key=lambda example: example["kind"])


def _band(row: Row) -> tuple[float, float, float] | None:
    low, high, share = (number_of(row, name) for name in ("binMin", "binMax", "binContains"))
    return None if low is None or high is None or share is None or share == TOP or high <= low else (low, high, share)


def _example(row: Row, kind: int) -> Row:
    tokens, values = texts_of(row, "tokens"), numbers_of(row, "values")
    if not tokens or len(tokens) != len(values):
        raise ValueError(f"an activation has {len(tokens)} tokens and {len(values)} values")
    peak = number_of(row, "qualifyingTokenIndex") if kind else None
    peak = int(number_of(row, "maxValueTokenIndex") or 0) if peak is None else int(peak)
    if not 0 <= peak < len(tokens):
        raise ValueError(f"an activation has {len(tokens)} tokens and its peak at {peak}")
    where, sources = _WHERE.fullmatch(text_of(row, "dataIndex")), numbers_of(row, "dfaValues")
    made = {
        "kind": kind, "activation": values[peak] or 0.0, "document": int(where[1]) if where else None,
        "place": int(where[2]) if where else None, "peak": peak, "tokens": tokens, "ids": None, "activations": values,
    }  # fmt: skip
    return {**made, "sources": sources} if len(sources) == len(tokens) else made


def _label(rows: Sequence[Row]) -> Row | None:
    """What a person wrote, else the first."""
    rows = [row for row in rows if text_of(row, "description").strip()]
    if not rows:
        return None
    written = [row for row in rows if text_of(row, "typeName") == HUMAN]
    row = (written or rows)[0]
    author = text_of(row, "explanationModelName") or text_of(row, "typeName").removeprefix(HUMAN)
    return {"text": text_of(row, "description"), "by": "user" if written else "automatic", "author": author[:80]}


def _source_text(source: Row) -> Row | None:
    dataset, context = text_of(source, "dataset"), number_of(source, "num_tokens_in_prompt")
    if not dataset and context is None:
        return None
    return {
        "tokens": None,
        "documents": None,
        "context": context and int(context),
        "source": dataset or None,
        "left_out": None,
    }
