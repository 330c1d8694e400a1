"""The frame around every page: title, navigation, sidebar. Drawn before anything is computed."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from interp_core.lane import Lane
from interp_core.types import ModelSpec
from pages.ui import cached, hook_functions, model_chooser
from pages.ui.bench import plain, wanted_spec
from pages.ui.url_state import UrlState

_ASSETS = Path(__file__).parent / "assets"

GROUPS = {
    "Start": {"home": ("Home", ":material/home:")},
    "Look": {
        "prompt": ("Prompt", ":material/notes:"),
        "attention": ("Attention", ":material/grid_on:"),
        "lens": ("Lens", ":material/search:"),
    },
    "Intervene": {
        "ablate": ("Ablate", ":material/block:"),
        "patching": ("Patching", ":material/healing:"),
    },
    "Features": {
        "features": ("Feature browser", ":material/travel_explore:"),
        "feature": ("Feature", ":material/lightbulb:"),
        "prompt_features": ("Prompt features", ":material/view_column:"),
        "saes": ("SAEs and harvests", ":material/data_object:"),
    },
    "Model": {
        "architecture": ("Architecture", ":material/account_tree:"),
        "model": ("Trust and facts", ":material/verified:"),
    },
    "Workspace": {
        "saved": ("Saved runs", ":material/inventory_2:"),
        "settings": ("Settings", ":material/tune:"),
    },
}


def frame() -> None:
    """Draw the frame and run the page that the URL names."""
    st.set_page_config("Hookscope", _ASSETS / "favicon.png", "wide")
    hook_functions.settle()
    st.logo(_ASSETS / "logo.svg", icon_image=_ASSETS / "mark.svg", size="large")
    pages = {
        group: [
            st.Page(f"pages/{name}.py", title=title, icon=icon, url_path=name, default=name == "home")
            for name, (title, icon) in members.items()
        ]
        for group, members in GROUPS.items()
    }
    page = st.navigation(pages, position="hidden")
    page.run()


def ensure_frame() -> None:
    """First line of every page. Where a deep link came before any session had run `app.py`, start over with it.

    With a top-level `pages/` folder, Streamlit serves the first such link without the frame (seen in 1.67). The flag
    is private, so a browser test holds this up.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        frame()  # in place rather than by a rerun, which would lose a button that was just pressed
        st.stop()


def show_sidebar(state: UrlState, *, waits: bool) -> None:
    """Draw navigation and model; the links carry the model and the prompt.

    Args:
        state: Of the page.
        waits: Whether the page itself waits for the model; where it does not, the model's card looks again by itself.
    """
    link, spec = state.shared_link(), wanted_spec(state)
    with st.sidebar:
        for group, members in GROUPS.items():
            st.caption(group)
            for name, (title, icon) in members.items():
                st.page_link(f"pages/{name}.py", label=title, icon=icon, query_params=link, width="stretch")
        st.divider()
        st.caption("Model")
        lane = _lane(spec)
        if waits or (lane and lane.settled.is_set()):
            _show_card(spec, lane)
        else:
            st.fragment(_watch, run_every=1.0)(spec)
        st.button(
            "Change model", icon=":material/swap_horiz:", width="stretch", key="shell.change",
            on_click=model_chooser.open_choice,
        )  # fmt: skip
    model_chooser.show(state, spec)


def _lane(spec: ModelSpec) -> Lane | None:
    return next((lane for lane in cached.engine().lanes() if lane.spec == spec), None)


def _watch(spec: ModelSpec) -> None:
    lane = _lane(spec)
    if lane and lane.settled.is_set():
        st.rerun()
    _show_card(spec, lane)


def _count(number: int) -> str:
    return f"{number / 1e6:,.0f} M" if number >= 1e6 else f"{number:,}"


def _show_card(spec: ModelSpec, lane: Lane | None) -> None:
    card = lane.loaded.card if lane and lane.loaded else None
    st.markdown(f"**{plain(spec.name)}**")
    if lane and lane.error:
        st.caption(f"could not be loaded: {plain(str(lane.error))}")
        return
    if card is None:
        st.caption(f"loading: {plain(lane.progress.note)}" if lane else "not loaded yet")
        return
    st.caption(
        f"{_count(card.n_params)} parameters, {card.n_layers} layers × {card.n_heads} heads  \n"
        f"{card.dtype} on {card.device}, {card.processing} weights  \n{plain(card.quantisation)}"
    )


def warm_up(state: UrlState) -> None:
    """Begin to load the model behind a page that does not need it yet."""
    cached.engine().open(wanted_spec(state))
