"""Several features to take along: their dashboards are made once, as a job, and written in the form that is pressed."""

# ruff: noqa: PLC0415  torch must not delay the first paint

import io
import json
import shlex
import tempfile
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError
from interp_core.exchange.choice import choose_features
from interp_core.labels import labels_of
from interp_core.types import ModelSpec, Progress
from interp_views.feature_document import feature_view
from interp_views.feature_pages import write_feature_set
from pages.ui import cached, share
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.sae.bench import SaeBench

if TYPE_CHECKING:
    from interp_core.models import LoadedModel

_MOST = 200
_WANTED, _MADE = "feature.set.wanted", "feature.set.made"
Packed = tuple[bytes, ...]
"""Each dashboard as compressed JSON: some 8 kB, where the plain values would take 500."""


def show(bench: Bench, sae: SaeBench, made: dict[str, Any]) -> None:
    """Draw the choice of features and, once they are made, the downloads."""
    box = f"feature.set.{sae.checksum}.{made['feature']}"
    with st.expander("Take several along: zip of pages, JSON, or for Neuronpedia"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            text = st.text_input(
                "Features", value=", ".join(map(str, _related(made))), key=box,
                placeholder="Such as 1, 5-9", width=480,
                help="At first this feature and those that correlate with it most. "
                f"Up to {_MOST} at once here; the command below takes all.",
            )  # fmt: skip
            st.button(
                "Make the set", key="feature.set.make", on_click=_want, args=(box,), icon=":material/inventory_2:"
            )
        try:
            features = _chosen(text, sae)
            if st.session_state.get(_WANTED) == (box, text):
                _make(bench, sae, features)
            _show_made(bench.spec, sae, features)
        except InterpError as error:
            st.session_state.pop(_WANTED, None)
            st.error(plain(str(error)))
        st.caption("The command that writes any number of them, one at a time")
        st.code(_command(bench, sae, text), language="bash", wrap_lines=True)


def _related(made: dict[str, Any]) -> list[int]:
    """The feature and those of its table of correlated features."""
    tables = [table for table in made["tables"] if table["kind"] == "feature"]
    return list(dict.fromkeys([made["feature"], *(row[0] for table in tables[:1] for row in table["rows"])]))


def _chosen(text: str, sae: SaeBench) -> tuple[int, ...]:
    features = choose_features(text, sae.config.d_sae)
    if len(features) > _MOST:
        raise InterpError(
            f"{len(features):,} features are more than the {_MOST} that are made here at once. Use the command below, or name fewer."
        )
    return tuple(features)


def _want(box: str) -> None:
    st.session_state[_WANTED] = (box, st.session_state[box])


def _make(bench: Bench, sae: SaeBench, features: tuple[int, ...]) -> None:
    """Do what the button was pressed for; an interrupted job is begun again when the page is next drawn."""

    def work(model: "LoadedModel") -> Generator[Progress, None, Packed]:
        from interp_core.exchange.documents import dashboards, document_json

        packed: list[bytes] = []
        for document in dashboards(model, sae.name, sae.harvest, features):
            packed.append(zlib.compress(document_json(document).encode()))
            yield Progress(len(packed) / len(features), f"{document['name']}, {len(packed)} of {len(features)}")
        return tuple(packed)

    key = _key(sae, features)
    found = cached.ask(bench.spec, (*key, "packed"), work, "Making the set")
    st.session_state[_MADE] = (key, found)
    st.session_state.pop(_WANTED, None)


def _key(sae: SaeBench, features: tuple[int, ...]) -> tuple[Any, ...]:
    """All that decides what is in the set: the user's labels too."""
    labels = labels_of(sae.checksum)
    mine = tuple((feature, labels[feature].text) for feature in features if feature in labels)
    return ("feature set", sae.checksum, sae.harvest and sae.harvest.fingerprint, features, mine)


def _show_made(spec: ModelSpec, sae: SaeBench, features: tuple[int, ...]) -> None:
    key, packed = st.session_state.get(_MADE, (None, ()))
    if key != _key(sae, features):
        return
    name = f"{sae.name.rpartition(':')[2]}-{len(packed)}-features"
    with st.container(horizontal=True):
        share.button("Zip of pages with an index", f"{name}.zip", "application/zip", lambda: _pages(packed, sae))
        share.button("JSON of all", f"{name}.json", "application/json", lambda: _json(packed))
        share.button(
            "Zip for Neuronpedia", f"{name}-neuronpedia.zip", "application/zip", lambda: _neuronpedia(packed, spec)
        )


def _unpacked(packed: Packed) -> Iterator[dict[str, Any]]:
    return (json.loads(zlib.decompress(one)) for one in packed)


def _pages(packed: Packed, sae: SaeBench) -> bytes:
    file = io.BytesIO()
    write_feature_set(file, map(feature_view, _unpacked(packed)), f"{len(packed)} features of {sae.name}")
    return file.getvalue()


def _json(packed: Packed) -> bytes:
    from interp_core.exchange.documents import write_documents

    file = io.BytesIO()
    write_documents(_unpacked(packed), file)
    return file.getvalue()


def _neuronpedia(packed: Packed, spec: ModelSpec) -> bytes:
    from interp_core.exchange.neuronpedia_writing import write_neuronpedia
    from interp_core.jobs import finish

    with tempfile.TemporaryDirectory(prefix="hookscope-") as folder:
        out = Path(folder) / "out.zip"
        finish(write_neuronpedia(_unpacked(packed), len(packed), out, cached.loaded(spec)))
        return out.read_bytes()


def _command(bench: Bench, sae: SaeBench, text: str) -> str:
    spec = bench.spec
    options = {
        "--sae": sae.name, "--features": text.replace(" ", "") or "all", "--out": "features.zip",
        "--harvest": str(sae.harvest.folder) if sae.harvest else "", "--model": spec.text,
        "--dtype": "" if spec.dtype == "float32" else spec.dtype,
        "--processing": "" if spec.processing == "compatibility" else spec.processing,
    }  # fmt: skip
    said = " ".join(f"{option} {shlex.quote(value)}" for option, value in options.items() if value)
    return f"python -m interp_core export --format html {said}"
