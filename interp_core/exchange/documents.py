"""Dashboards of an SAE one at a time, and our own JSON of them: one, or an array with one on each line."""

import json
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from typing import Any

from interp_core.errors import ExchangeError, SaeError
from interp_core.exchange.plain_json import values_in
from interp_core.harvest.bundle import Harvest
from interp_core.jobs import finish
from interp_core.labels import labels_of
from interp_core.models import LoadedModel
from interp_core.sae.dashboard import FORMAT, VERSION, Document, feature_document
from interp_core.sae.decoder_logits import read_decoder_logits
from interp_core.sae.features import check_features, held_sae

_AT_ONCE = 64
"""Features whose decoder rows are read in one product."""


def dashboards(loaded: LoadedModel, name: str, harvest: Harvest | None, features: Iterable[int]) -> Iterator[Document]:
    """Dashboards of some features with the user's labels, one at a time.

    Raises:
        InterpError: The SAE does not fit, lacks a feature, or the harvest or the labels are damaged.
    """
    sae, chosen = held_sae(loaded, name), tuple(features)
    check_features(sae.config, name, chosen)
    labels = labels_of(sae.checksum)
    for first in range(0, len(chosen), _AT_ONCE):
        part = chosen[first : first + _AT_ONCE]
        try:
            written = finish(read_decoder_logits(loaded, name, part))
        except SaeError:  # it writes into the stream by no matrix alone: its dashboards have no logits
            written = None
        for feature in part:
            label = labels[feature].text if feature in labels else ""
            yield feature_document(loaded, name, feature, harvest, label=label, written=written)


def document_json(document: Document, *, indent: int | None = None) -> str:
    """A dashboard as JSON. The same dashboard gives the same text."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent)


def write_documents(documents: Iterable[Document], file: BufferedIOBase) -> int:
    """Write an array of dashboards, one on each line; returns how many. Holds one at a time."""
    count = 0
    for document in documents:
        file.write(("[\n" if count == 0 else ",\n").encode() + document_json(document).encode(errors="replace"))
        count += 1
    file.write(b"\n]\n" if count else b"[]\n")
    return count


def read_documents(file: BufferedIOBase, what: str = "The file") -> Iterator[Document]:
    """The dashboards that a file of ours holds, one at a time. What is in them is left to `interp_views.feature_document`.

    Raises:
        ExchangeError: It is no JSON of dashboards, or of a version that cannot be read.
    """
    for value in values_in(file, what):
        yield check_document(value, what)


def check_document(value: Any, what: str = "The file") -> Document:
    """A value that says of itself that it is a dashboard of ours, in the version that is read here.

    Raises:
        ExchangeError: It does not say so, or is of another version.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ExchangeError(
            f"{what} holds something else than dashboards of features (their format is {FORMAT!r}). Pick a JSON file that "
            "Hookscope or Neuronpedia wrote."
        )
    version = value.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ExchangeError(
            f"{what} holds a dashboard of version {str(version)[:20]!r}, and this Hookscope reads version {VERSION}. Open it "
            "with the Hookscope that wrote it, or update this one."
        )
    return value
