"""Which models are drawn, and how far they are unfolded."""

import streamlit as st

from interp_core import catalogue
from interp_core.types import FOLDER_PREFIX
from pages.ui.architecture.data import FAILED, LOADED, MOST
from pages.ui.bench import Bench
from pages.ui.url_state import UrlState

_MODELS, _UPLOAD = "architecture.chosen", "architecture.upload"
_KNOWN = ("gpt2", "EleutherAI/pythia-70m", "google/gemma-2-2b", "meta-llama/Llama-3.2-1B", "Qwen/Qwen2.5-0.5B")


def show(state: UrlState, bench: Bench) -> None:
    """Draw the controls."""
    chosen = list(state["models"])
    st.session_state[_MODELS] = chosen
    offered = [
        LOADED,
        *(FOLDER_PREFIX + name for name in catalogue.local_folders()),
        *catalogue.cached_names(),
        *_KNOWN,
    ]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Models, side by side", list(dict.fromkeys([*offered, *chosen])), key=_MODELS, max_selections=MOST,
            accept_new_options=True, format_func=lambda name: bench.card.name if name == LOADED else name,
            on_change=_choose, args=(state,), placeholder="The loaded model", width=640,
            help="The loaded model, a local folder or any hub name; type one that is not listed. Of the others only the "
            "configuration is read, a few kilobytes.",
        )  # fmt: skip
        st.number_input(
            "Unfolded layers", 0, 1000, key=state.key("layers"), width=140, help="Layers that are unfolded at first."
        )
        with st.popover("Paste a configuration", icon=":material/data_object:"):
            _show_configuration(state)


def _show_configuration(state: UrlState) -> None:
    st.caption(
        "The config.json of a Hugging Face model, a TransformerLens configuration, or transformer_viz's dictionary."
    )
    st.text_area(
        "Configuration as JSON", key=state.key("config"), height=220,
        placeholder='{"n_layers": 6, "d_model": 512, "n_heads": 8, "d_head": 64, "d_mlp": 2048, "d_vocab": 50257}',
    )  # fmt: skip
    st.file_uploader("Or a file", type="json", key=_UPLOAD, on_change=_take_upload, args=(state,))
    st.button("Clear", key="architecture.clear", on_click=lambda: state.set("config", ""))


def _choose(state: UrlState) -> None:
    st.session_state.pop(FAILED, None)
    state.set("models", tuple(st.session_state.get(_MODELS) or (LOADED,))[:MOST])


def _take_upload(state: UrlState) -> None:
    file = st.session_state.get(_UPLOAD)
    if file is not None:
        state.set("config", file.getvalue()[:2_000_001].decode("utf-8", "replace"))
