"""A dashboard from a file, ours or Neuronpedia's, shown below the one of the bench."""

# ruff: noqa: PLC0415  torch must not delay the first paint

import json
import zlib
from dataclasses import replace
from itertools import islice
from typing import Any

import streamlit as st

from interp_core.errors import InterpError
from interp_views.feature_dashboard import feature_dashboard_payload
from interp_views.feature_document import feature_view
from pages.ui.markdown import plain
from pages.ui.mount import picture
from pages.ui.sae.bench import SaeBench

_READ = "feature.file.read"
_MOST = 100
_MOST_UNPACKED = 400_000_000
"""A page reads in its own time, so less than the command line takes."""


def show(sae: SaeBench) -> None:
    """Draw the way in and, where a file was given, its dashboard."""
    with st.expander("Open a dashboard from a file"):
        file = st.file_uploader(
            "JSON of Hookscope or of Neuronpedia's API, or a zip of an export of Neuronpedia", type=["json", "zip"],
            key="feature.file",
        )  # fmt: skip
    if file is None:
        st.session_state.pop(_READ, None)
        return
    place = st.container()
    try:
        document = _chosen(_read(file))
        view = feature_view(document)
        facts = (("file", file.name[:80]), ("form", _form(document)), *view.facts)
        # Features beside it are of its own SAE, which is not on the bench: there is nowhere to go.
        tables = tuple(replace(table, kind="") for table in view.tables)
        view = replace(view, facts=facts, tables=tables, about=f"{file.file_id}.{view.index}")
        payload = feature_dashboard_payload(view)
    except (InterpError, ValueError) as error:
        st.error(plain(str(error)))
        return
    place.subheader(f"From {plain(file.name[:80])}", anchor=False)
    place.caption(_whose(document.get("sae_sha256"), sae))
    picture("feature_dashboard", payload, key="feature.file.dashboard", events={})


def _whose(checksum: Any, sae: SaeBench) -> str:
    if not checksum:
        return "It does not say of exactly which SAE it is."
    return (
        "It is of the SAE on the bench."
        if checksum == sae.checksum
        else "It is of another SAE than the one on the bench."
    )


def _read(file: Any) -> list[bytes]:
    """The first dashboards of a file, each as compressed JSON, read once.

    Raises:
        InterpError: It holds none, or cannot be read.
    """
    known, found = st.session_state.get(_READ, (None, []))
    if known != file.file_id:
        from interp_core.errors import ExchangeError
        from interp_core.exchange.opening import open_dashboards

        with st.spinner("Reading the file"):
            reading = open_dashboards(file.getvalue(), file.name[:80], most_bytes=_MOST_UNPACKED)
            found = [zlib.compress(json.dumps(document).encode()) for document in islice(reading, _MOST)]
        if not found:
            raise ExchangeError(f"{file.name[:80]} holds no dashboard. Pick another file.")
        st.session_state[_READ] = (file.file_id, found)
    return found


def _chosen(found: list[bytes]) -> dict[str, Any]:
    documents = [json.loads(zlib.decompress(one)) for one in found]
    place = 0
    if len(documents) > 1:
        place = st.selectbox(
            "Dashboard of the file", range(len(documents)), key="feature.file.which", width=420,
            format_func=lambda place: plain(str(documents[place].get("name"))[:60]),
            help=f"The first {_MOST} of a file." if len(documents) == _MOST else None,
        )  # fmt: skip
    return documents[place or 0]


def _form(document: dict[str, Any]) -> str:
    form = "Neuronpedia's" if document.get("origin") == "Neuronpedia" else "Hookscope's"
    label = document.get("label")
    author = label.get("author") if isinstance(label, dict) else None
    return f"{form}, label by {author[:80]}" if isinstance(author, str) and author else form
