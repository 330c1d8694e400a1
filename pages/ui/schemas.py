"""What stands in the URL of each page: the fields that all pages share, and the page's own."""

from collections.abc import Callable
from typing import Literal, get_args

from interp_core.interventions import MOST_INTERVENTIONS, Intervention
from interp_core.sae.spec import SaeSpec
from interp_core.types import DTYPES, PROCESSINGS, ModelSpec
from pages.ui.text_code import decode_text, encode_text
from pages.ui.url_state import Field, Schema, choice, number, switch, whole

EXAMPLE_PROMPT = "When Mary and John went to the store, John gave a drink to"
"""The prompt of a first visit, so that no page opens empty."""


def _several(options: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split("."))
        if not set(chosen) <= set(options):
            raise ValueError(f"it must be some of {', '.join(options)}, joined by full stops")
        return chosen

    return parse


def _model_name(text: str) -> str:
    return ModelSpec.parse(text).text


def _sae_name(text: str) -> str:
    return SaeSpec.parse(text).text


def _interventions(text: str) -> tuple[Intervention, ...]:
    """Joined by vertical bars, which the texts inside never hold: they are percent-encoded."""
    found = tuple(Intervention.parse(part) for part in decode_text(text).split("|"))
    if len(found) > MOST_INTERVENTIONS:
        raise ValueError(f"it holds {len(found)} interventions and may hold {MOST_INTERVENTIONS}")
    return found


def _interventions_text(specs: tuple[Intervention, ...]) -> str:
    return encode_text("|".join(spec.text for spec in specs))


SHARED: Schema = {
    "model": Field("", _model_name, shared=True),
    "dtype": choice(DTYPES, "float32", shared=True),
    "processing": choice(PROCESSINGS, "compatibility", shared=True),
    "prompt": Field(EXAMPLE_PROMPT, decode_text, encode_text, shared=True),
    "bos": switch(True, shared=True),
    "chat": switch(False, shared=True),
    "pos": whole(None, shared=True),
    "layer": whole(0, most=10_000, shared=True),
    "head": whole(None, most=10_000, shared=True),
    "do": Field((), _interventions, _interventions_text, shared=True),
    "clean": switch(False, shared=True),
    "sae": Field("", _sae_name, shared=True),
    "feature": whole(None, most=100_000_000, shared=True),
}

_SAMPLING: Schema = {
    "tokens": whole(32, least=1, most=2048),
    "temperature": number(0.0, 0.0, 10.0),
    "top_k": whole(0),
    "top_p": number(1.0, 0.01, 1.0),
    "seed": whole(0, most=1_000_000),
}

PROMPT: Schema = {**SHARED, **_SAMPLING}

AttentionPageView = Literal["layer", "heads", "generated", "scores", "similar", "search", "query_key"]
ATTENTION_VIEWS: tuple[AttentionPageView, ...] = get_args(AttentionPageView)
AGGREGATES = ("head", "layer_mean", "mean", "largest", "rollout")
SCORES = ("previous_token", "duplicate_token", "induction", "first_token", "entropy", "distance")
HEAD_TYPES = ("previous_token", "duplicate_token", "induction", "first_token", "none")
PATTERNS = ("previous", "second_previous", "itself", "first", "same_token", "after_same_token", "drawn")
"""Those of `interp_core`, whose modules import torch; a test compares."""


def _zoom(text: str) -> tuple[int, int, int]:
    """Query, key and size of the part of a pattern that is looked at."""
    parts = [int(part) for part in text.split(".") if part.isascii() and part.isdigit() and len(part) < 8]
    if len(parts) != 3 or text.count(".") != 2 or parts[2] < 1:
        raise ValueError("it must be query.key.size")
    return parts[0], parts[1], parts[2]


def _saved(text: str) -> str:
    if not (len(text) == 16 and all(char in "0123456789abcdef" for char in text)):
        raise ValueError("it must be the name of a saved run")
    return text


def _cells(text: str) -> tuple[tuple[int, int], ...]:
    """Drawn cells: query.key, one after another, joined by underlines."""
    cells = [part.split(".") for part in text.split("_")]
    if len(cells) > 2000 or not all(
        len(cell) == 2 and all(part.isascii() and part.isdigit() and len(part) < 8 for part in cell) for cell in cells
    ):
        raise ValueError("it must be cells such as 5.2_7.3")
    return tuple((int(query), int(key)) for query, key in cells)


ATTENTION: Schema = {
    **SHARED,
    **_SAMPLING,
    "tokens": whole(24, least=1, most=2048),
    "view": choice(ATTENTION_VIEWS, "layer"),
    "saved": Field("", _saved),
    "direction": choice(("from", "to"), "from"),
    "weighted": switch(False),
    "scale": choice(("full", "stretched"), "full"),
    "zoom": Field(None, _zoom, lambda zoom: ".".join(map(str, zoom))),
    "key": whole(None),
    "order": choice(("layers", *SCORES), "layers"),
    "from_layer": whole(0, most=10_000),
    "to_layer": whole(None, most=10_000),
    "types": Field((), _several(HEAD_TYPES), ".".join),
    "score": choice(SCORES, "induction"),
    "on": choice(("prompt", "repeated", "batch"), "prompt"),
    "over": choice(("prompt", "batch"), "prompt"),
    "pattern": choice(PATTERNS, "after_same_token"),
    "cells": Field((), _cells, lambda cells: "_".join(f"{query}.{key}" for query, key in cells)),
    "how": choice(AGGREGATES, "head"),
    "row": choice(("wrote", "own"), "wrote"),
    "power": number(1.0, 0.05, 4.0),
    "cutoff": Field(None, number(0.0, 0.0, 10.0).parse, lambda value: f"{value:g}"),
    "ignore": whole(0, most=1000),
    "observed": whole(None),
    "observer": whole(None),
}

STREAM_SITES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
HEAD_SITES = ("z", "q", "k", "v", "pattern")

_METRIC: Schema = {
    "metric": choice(("logit_difference", "log_probability", "probability", "rank", "kl"), "logit_difference"),
    "answers": Field(" Mary", decode_text, encode_text),
    "foils": Field(" John", decode_text, encode_text),
}

_SET = ("prompt", "set")


def _set_name(text: str) -> str:
    if not (0 < len(text) <= 40 and all(char.isascii() and (char.isalnum() or char in "-_") for char in text)):
        raise ValueError("it must be the name of a set of pairs")
    return text


_OVER: Schema = {
    "over": choice(_SET, "prompt"),
    "set": Field("indirect-object", _set_name),
    "statistic": choice(("mean", "error", "pair"), "mean"),
    "pair": whole(0, most=1000),
}
"""Over what a sweep goes: the prompt on the bench, or a set of pairs, and what is shown of that."""

RECEIVER_KINDS = ("logits", "q", "k", "v", "mlp")
"""Those of `interp_core.path_plan`, which imports torch; a test compares."""
_Receiver = tuple[str, int, int]
MOST_RECEIVERS, MOST_SENDERS = 32, 64
"""What a link may hold."""


def _receivers(text: str) -> tuple[_Receiver, ...]:
    """Such as `logits`, or `q.9.6_k.9.6_mlp.3.0`: kind, layer and head."""
    found: list[_Receiver] = []
    for part in text.split("_"):
        kind, *place = part.split(".")
        places = [int(number) for number in place if number.isascii() and number.isdigit() and len(number) < 6]
        if kind not in RECEIVER_KINDS or len(place) != len(places) or len(places) != (0 if kind == "logits" else 2):
            raise ValueError("it must be receivers such as logits or q.9.6_mlp.3.0")
        layer, head = places or (0, 0)
        found.append((kind, layer, 0 if kind == "mlp" else head))  # an MLP has no heads
    if len(found) > MOST_RECEIVERS:
        raise ValueError(f"it may hold {MOST_RECEIVERS} receivers")
    return tuple(dict.fromkeys(found))


def _receivers_text(receivers: tuple[_Receiver, ...]) -> str:
    return "_".join(kind if kind == "logits" else f"{kind}.{layer}.{head}" for kind, layer, head in receivers)


_Sender = tuple[int, int | None]


def _senders(text: str) -> tuple[_Sender, ...]:
    """Such as `9.6_9.9_3.mlp`: layer and head, or layer and MLP."""
    found: list[_Sender] = []
    for part in text.split("_"):
        layer, _, head = part.partition(".")
        numbers = [layer] if head == "mlp" else [layer, head]
        if not all(number.isascii() and number.isdigit() and len(number) < 6 for number in numbers):
            raise ValueError("it must be senders such as 9.6_3.mlp")
        found.append((int(layer), None if head == "mlp" else int(head)))
    if len(found) > MOST_SENDERS:
        raise ValueError(f"it may hold {MOST_SENDERS} senders")
    return tuple(dict.fromkeys(found))


def _senders_text(senders: tuple[_Sender, ...]) -> str:
    return "_".join(f"{layer}.{'mlp' if head is None else head}" for layer, head in senders)


PATCHING: Schema = {
    **SHARED,
    **_METRIC,
    **_OVER,
    "view": choice(("activations", "paths"), "activations"),
    "receivers": Field((("logits", 0, 0),), _receivers, _receivers_text),
    "senders": Field((), _senders, _senders_text),
    "mlps": choice(("recomputed", "frozen"), "recomputed"),
    "mlp": switch(False),
    "corrupted": Field("When Mary and John went to the store, Mary gave a drink to", decode_text, encode_text),
    "site": choice((*STREAM_SITES, *HEAD_SITES, "mlp_post"), "resid_pre"),
    "by_position": switch(False),
    "to": choice(("denoising", "noising"), "denoising"),
    "scale": choice(("recovered", "raw"), "recovered"),
    "unit": whole(None),
}

ABLATE: Schema = {
    **SHARED,
    **_METRIC,
    **_OVER,
    "part": choice(("component", "attention", "layer"), "component"),
    "mlp": switch(False),
    "kind": choice(("zero", "mean", "resample"), "zero"),
    "seed": whole(0, most=1_000_000),
}

LENS_VIEWS = ("lens", "stream", "attribution", "heads")
STREAM_KINDS = (*STREAM_SITES, "attention_cosine", "mlp_cosine", "between")

LENS: Schema = {
    **SHARED,
    "view": choice(LENS_VIEWS, "lens"),
    "measure": choice(("top", "entropy", "kl", "rank", "probability"), "top"),
    "norm": choice(("recomputed", "frozen"), "recomputed"),
    "row": whole(None, most=10_001),
    "answer": Field("", decode_text, encode_text),
    "foil": Field("", decode_text, encode_text),
    "kind": choice(STREAM_KINDS, "resid_post"),
    "at_position": switch(False),
    "by": choice(("component", "head", "position", "neuron"), "component"),
    "one_layer": switch(False),
    "side": choice(("promoted", "suppressed"), "promoted"),
}

FEATURE_ORDERS = ("feature", "density", "largest", "mean", "loss_effect", "label")
FEATURE_STATES = ("all", "alive", "dead", "labelled")
"""Those of `interp_core.feature_table`, which imports duckdb; a test compares."""
BROWSER_VIEWS = ("table", "map", "near", "writes", "text")
MAP_COLOURS = ("density", "similarity")
_DENSITY = Field(None, number(0.0, 0.0, 1.0).parse, lambda value: f"{value:g}")

FEATURES: Schema = {
    **SHARED,
    "view": choice(BROWSER_VIEWS, "table"),
    "find": Field("", decode_text, encode_text),
    "order": choice(FEATURE_ORDERS, "feature"),
    "descending": switch(False),
    "least": _DENSITY,
    "most": _DENSITY,
    "show": choice(FEATURE_STATES, "all"),
    "page": whole(1, least=1, most=1_000_000),
    "colour": choice(MAP_COLOURS, "density"),
    "near": choice(("similar", "opposite"), "similar"),
    "token": Field("", decode_text, encode_text),
    "side": choice(("promoted", "suppressed"), "promoted"),
    "text": Field("", decode_text, encode_text),
}

FEATURE: Schema = {
    **SHARED,
    "losses": choice(("none", "top", "all"), "none"),
    "second": Field("", _sae_name),
    "example": whole(None, most=100_000),
    "text": Field("", decode_text, encode_text),
    "by": choice(("activation", "effect"), "activation"),
    **_SAMPLING,
    "strength": number(1.0, -10.0, 10.0),
}

RANKINGS = ("activation", "quantile", "effect")

PROMPT_FEATURES: Schema = {
    **SHARED,
    "rank": choice(RANKINGS, "activation"),
    "count": whole(10, least=1, most=50),
    "picture": choice(("columns", "tokens"), "columns"),
}

MOST_ARCHITECTURES = 4


def _model_names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split("|")))
    if len(names) > MOST_ARCHITECTURES:
        raise ValueError(f"it names {len(names)} models and may name {MOST_ARCHITECTURES}")
    if "" in names:
        raise ValueError("it has an empty name: it must be names such as loaded|gpt2")
    return tuple(name if name == "loaded" else ModelSpec.parse(name).text for name in names)


ARCHITECTURE: Schema = {
    **SHARED,
    "models": Field(("loaded",), _model_names, "|".join),
    "layers": whole(1, most=1000),
    "config": Field("", decode_text, encode_text),
}

SAES: Schema = {
    **SHARED,
    "view": choice(("chosen", "catalogue", "harvest"), "chosen"),
    "find": Field("", decode_text, encode_text),
    "all_models": switch(False),
}
