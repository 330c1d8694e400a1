"""Choosing a model: where it comes from, how it is held, what that will take, before anything starts."""

from pathlib import Path

import streamlit as st

from interp_core import catalogue
from interp_core.checkpoints import inspect_checkpoint
from interp_core.errors import InterpError
from interp_core.memory import MemoryEstimate, available_bytes, check_fits, estimate_load
from interp_core.settings import GIB, models_folder
from interp_core.types import DTYPES, FOLDER_PREFIX, PROCESSINGS, ModelSpec
from pages.ui import cached
from pages.ui.bench import DEVICE, plain
from pages.ui.url_state import UrlState

_OPEN = "model.open"
_SOURCES = {"default": "Default model", "folder": "Local folder", "hub": "By name"}
_PROCESSING_HELP = (
    "Compatibility: norms folded into the next weights, weights centred where that changes nothing; the convention of "
    "TransformerLens analyses. Raw: the checkpoint as it is."
)


def show(state: UrlState, current: ModelSpec) -> None:
    """Draw the choice where it was asked for; Load makes it the model of every page.

    Not a dialog: Streamlit would let it wait while the page computes.
    """
    place = st.empty()  # always there: what is left out would shift the rest, and old pieces would show twice
    if not st.session_state.get(_OPEN):
        return
    with place.container(border=True):
        st.subheader("Choose a model", anchor=False)
        spec = _show_choice(current)
        with st.container(horizontal=True):
            st.button(
                "Load", type="primary", disabled=spec is None, key="model.load", on_click=_load, args=(state, spec)
            )
            st.button("Cancel", key="model.cancel", on_click=close)


def open_choice() -> None:
    """Show the choice from the next run on."""
    st.session_state[_OPEN] = True


def close() -> None:
    """Show it no more."""
    st.session_state[_OPEN] = False


def _load(state: UrlState, spec: ModelSpec) -> None:
    state.set("model", spec.text)
    state.set("dtype", spec.dtype)
    state.set("processing", spec.processing)
    st.session_state[DEVICE] = spec.device
    cached.engine().open(spec, retry=True)
    close()


def _show_choice(current: ModelSpec) -> ModelSpec | None:
    """What is chosen, if it can be loaded."""
    source = st.segmented_control(
        "Where from", list(_SOURCES), default=current.source, format_func=_SOURCES.__getitem__, required=True,
        key="model.source",
    )  # fmt: skip
    text = {"default": _default, "folder": _folder, "hub": _hub}[source or "default"]()
    left, middle, right = st.columns(3)
    dtype = left.selectbox("Number type", DTYPES, DTYPES.index(current.dtype), key="model.dtype")
    processing = middle.selectbox(
        "Weights", PROCESSINGS, PROCESSINGS.index(current.processing), key="model.processing", help=_PROCESSING_HELP
    )
    devices = list(dict.fromkeys([*cached.devices(), current.device]))
    device = right.selectbox(
        "Device",
        devices,
        devices.index(current.device),
        key="model.device",
        help="auto: the first accelerator, or the CPU.",
    )
    if text is None:
        return None
    try:
        spec = ModelSpec.parse(text).held_as(dtype, processing, device)
        return spec if _show_estimate(spec) else None
    except InterpError as error:
        st.error(plain(str(error)))
        return None


def _default() -> str:
    st.caption(
        "SmolLM2-135M-Instruct, Apache-2.0: 30 layers, 9 heads. It comes from the Python package index as a Q4_1 "
        "quantisation and is dequantised, so its numbers differ a little from the hub's own weights."
    )
    return ""


def _folder() -> str | None:
    names = catalogue.local_folders()
    if not names:
        st.info(
            f"There is no model folder under {plain(str(models_folder()))}. Put Hugging Face folders there "
            "(config, tokenizer, safetensors), or set HOOKSCOPE\\_MODELS to where they are."
        )
        return None
    name = st.selectbox(f"Folders under {plain(str(models_folder()))}", names, key="model.folder")
    return FOLDER_PREFIX + name if name else None


def _hub() -> str | None:
    cached_names = set(catalogue.cached_names())
    query = st.text_input(
        f"Search {len(catalogue.registry_names()):,} names that TransformerLens knows, or give any name",
        placeholder="pythia 70m", key="model.query",
    )  # fmt: skip
    found = catalogue.search(query)
    exact = [query] if "/" in query and query not in found else []
    names = [*found, *exact]
    if not names:
        st.info(
            "No known name holds all of these words. Type a full name, such as owner/model, to try one that is not listed."
        )
        return None
    return st.selectbox(
        "Name", names, format_func=lambda name: f"{name}  (cached)" if name in cached_names else name, key="model.name"
    )


def _show_estimate(spec: ModelSpec) -> bool:
    """Say what a load will take, and whether it fits."""
    free = available_bytes() + sum(
        lane.estimate.resident for lane in cached.engine().lanes() if lane.idle and lane.estimate and lane.spec != spec
    )
    estimate = _estimate(spec)
    if estimate is None:
        return True
    st.markdown(f"**Memory:** {estimate}. Free for it: {free / GIB:.1f} GiB, after letting go of idle models.")
    try:
        check_fits(f"Loading {spec.name} as {spec.dtype}", estimate.peak, free)
    except InterpError as error:
        st.error(plain(str(error)))
        return False
    return True


def _estimate(spec: ModelSpec) -> MemoryEstimate | None:
    """Of what is on this machine; the hub is asked only when the user wants that."""
    folder = _folder_on_disk(spec)
    if folder is not None:
        return estimate_load(inspect_checkpoint(folder), spec)
    if spec.source == "default":
        st.caption("It is fetched first: 93 MB, then converted once into 540 MB. Loading it takes about 2 GiB.")
    elif st.button("Ask the hub for its size", key="model.ask"):
        from interp_core import hub  # noqa: PLC0415  huggingface_hub: after the first paint

        with st.spinner("Asking the hub"):
            size = hub.download_bytes(spec.name)
        st.markdown(f"**Download:** {size / 1e6:,.0f} MB. The memory for it is checked before it is loaded.")
    else:
        st.caption("Not on this machine yet: it would be downloaded, and its memory checked before it is loaded.")
    return None


def _folder_on_disk(spec: ModelSpec) -> Path | None:
    if spec.source == "folder":
        return models_folder() / spec.name
    if spec.source == "hub":
        snapshots = sorted((catalogue.hub_cache() / f"models--{spec.name.replace('/', '--')}" / "snapshots").glob("*"))
        return snapshots[-1] if snapshots else None
    from interp_core.default_model import default_model_folder, is_ready  # noqa: PLC0415  torch: after the first paint

    return default_model_folder() if is_ready() else None
