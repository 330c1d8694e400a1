"""A dashboard of ours as rows of Neuronpedia's tables `Neuron`, `Activation` and `Explanation`. No torch here.

The format is that of Neuronpedia's exports (`v1/`): the columns of its database as JSON, one row a line. Followed here:
hijohnnylin/neuronpedia at 1a80fe9 (`export-data.py`) with its schema at 008d504 (`schema.prisma`) and its reader at efd6e35
(`import.ts`), and what SAEDashboard's `neuronpedia_export.py` (3ea1249) writes into the columns. `docs/features.md` says
what each holds and what is lost.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from interp_core.exchange.neuronpedia_columns import Row
from interp_core.exchange.neuronpedia_names import SourceNames, names_of

HUMAN = "human"
"""`typeName` of what a person wrote. Other types and models must be known to the database, so automatic labels name none."""
AUTOMATIC = "Automatic label of Hookscope."
TOP = -1
"""`binMin` and `binContains` of the highest activations, which are no band."""
_BARS = 50


def feature_json(document: Row, names: SourceNames | None = None) -> Row:
    """One feature as Neuronpedia's API gives it (`/api/feature/MODEL/SOURCE/INDEX`), with activations and explanations."""
    names = names or names_of(document)
    return {
        **feature_row(document, names),
        "activations": activation_rows(document, names),
        "explanations": explanation_rows(document, names),
    }


def feature_row(document: Row, names: SourceNames) -> Row:
    """A row of `Neuron`."""
    record, logits = document["record"] or {}, document["logits"] or {}
    tables = {_table_kind(table): table for table in document["tables"]}
    alignment, neurons, features = (tables.get(kind) for kind in ("alignment", "neuron", "feature"))
    fired, tokens = record.get("fired"), record.get("tokens")
    density = fired / tokens if fired is not None and tokens else record.get("density")
    heights, values = _even_bars(record.get("histogram"))
    promoted, suppressed = logits.get("promoted") or [], logits.get("suppressed") or []
    return {
        **_whose(document, names), "sourceSetName": names.source_set, "creatorId": names.creator, "hookName": names.hook,
        "maxActApprox": record.get("largest") or 0, "frac_nonzero": density or 0,
        "hasVector": False, "vector": [], "vectorLabel": None, "vectorDefaultSteerStrength": record.get("largest"),
        "topkCosSimIndices": [], "topkCosSimValues": [],
        "neuron_alignment_indices": _column(alignment, 0), "neuron_alignment_values": _column(alignment, 1),
        "neuron_alignment_l1": [value / 100 for value in _column(alignment, 2)],
        "correlated_neurons_indices": _column(neurons, 0), "correlated_neurons_pearson": _column(neurons, 1),
        "correlated_neurons_l1": _column(neurons, 2),
        "correlated_features_indices": _column(features, 0), "correlated_features_pearson": _column(features, 1),
        "correlated_features_l1": _column(features, 2),
        "pos_str": [row[0] for row in promoted], "pos_values": [row[2] for row in promoted],
        "neg_str": [row[0] for row in suppressed], "neg_values": [row[2] for row in suppressed],
        "freq_hist_data_bar_heights": heights, "freq_hist_data_bar_values": values,
        "logits_hist_data_bar_heights": (logits.get("histogram") or {}).get("counts") or [],
        "logits_hist_data_bar_values": _middles((logits.get("histogram") or {}).get("edges") or []),
        "decoder_weights_dist": [],
    }  # fmt: skip


def activation_rows(document: Row, names: SourceNames) -> list[Row]:
    """Rows of `Activation`, one an example. Positions that were left out read 0."""
    bands = (document["record"] or {}).get("bands") or []
    return [_activation(document, names, number, example, bands) for number, example in enumerate(document["examples"])]


def explanation_rows(document: Row, names: SourceNames) -> list[Row]:
    """Rows of `Explanation`: the label, if there is one."""
    label = document["label"]
    if not label:
        return []
    by_user = label["by"] == "user"
    return [
        {
            "id": names.row_id(document["feature"], "label", label["by"]), **_whose(document, names), "authorId": names.creator,
            "description": label["text"], "typeName": HUMAN if by_user else None, "explanationModelName": None,
            "notes": None if by_user else AUTOMATIC,
        }
    ]  # fmt: skip


def _activation(document: Row, names: SourceNames, number: int, example: Row, bands: list[Row]) -> Row:
    values = [value or 0 for value in example["activations"]]
    sources, kind, largest = example.get("sources"), example["kind"], max(values)
    band = (
        bands[kind - 1]
        if 0 < kind <= len(bands)
        else {"from": TOP, "to": bands[0]["to"] if bands else None, "share": TOP}
    )
    known = example["document"] is not None
    return {
        "id": names.row_id(document["feature"], "activation", number), **_whose(document, names), "creatorId": names.creator,
        "tokens": example["tokens"], "values": values, "maxValue": largest, "maxValueTokenIndex": values.index(largest),
        "minValue": min(values), "qualifyingTokenIndex": example["peak"],
        "binMin": band["from"], "binMax": band["to"], "binContains": band["share"],
        "dataSource": (document["text"] or {}).get("source"),
        "dataIndex": f"{example['document']}:{example['place'] or 0}" if known else None,
        "dfaValues": [value or 0 for value in sources or []], "dfaTargetIndex": example["peak"] if sources else None,
        "dfaMaxValue": max((value or 0 for value in sources), default=0) if sources else None,
        "lossValues": [], "logitContributions": None,
    }  # fmt: skip


def _whose(document: Row, names: SourceNames) -> Row:
    return {"modelId": names.model, "layer": names.source, "index": str(document["feature"])}


def _table_kind(table: Row) -> str:
    alignment = table.get("kind") == "neuron" and len(table["columns"]) == 3 and table["columns"][1] == "value"
    return "alignment" if alignment else str(table.get("kind"))


def _column(table: Row | None, place: int) -> list[Any]:
    return [row[place] or 0 for row in table["rows"]] if table else []


def _middles(edges: list[float]) -> list[float]:
    return [(low + high) / 2 for low, high in pairwise(edges)]


def _even_bars(histogram: Row | None) -> tuple[list[int], list[float]]:
    """Counts and middles of bars of equal width, as Neuronpedia draws them, counted linearly within our bars; sums stay."""
    if not histogram:
        return [], []
    edges = np.array(histogram["edges"], np.float64)
    ends = np.linspace(edges[0], edges[-1], _BARS + 1)
    below = np.interp(ends, edges, np.concatenate([[0], np.cumsum(histogram["counts"])]))
    return np.diff(np.rint(below).astype(np.int64)).tolist(), [
        float(f"{value:.6g}") for value in _middles(ends.tolist())
    ]
