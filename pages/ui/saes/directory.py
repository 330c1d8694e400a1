"""SAELens's directory of releases: searched offline, and one of them fetched from the hub."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from interp_core.errors import InterpError
from interp_core.sae.spec import SaeSpec
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.sae import data
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.sae.catalogue import Release

_MOST_ROWS = 1000


def show(state: UrlState, bench: Bench) -> None:
    """Draw the search, the releases, and the SAEs of the chosen one."""
    from interp_core.sae.catalogue import find_releases  # noqa: PLC0415  torch must not delay the first paint

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.text_input("Search", key=state.key("find"), placeholder="name, repository or model", width=420)
        st.toggle("Of every model", key=state.key("all_models"))
    mine = [] if state["all_models"] else find_releases(state["find"], bench.card.name)
    found = mine or find_releases(state["find"])
    if not found:
        st.info("No release of SAELens has these words in its name, repository or model. Try others.")
        return
    if not mine and not state["all_models"]:
        st.caption(f"None of them is for {plain(bench.card.name)}: these are of other models.")
    st.caption(f"{len(found):,} releases of SAELens's own directory, which comes with it. Choose one for its SAEs.")
    chosen = st.dataframe(
        pd.DataFrame([_row(one) for one in found[:_MOST_ROWS]]), hide_index=True, width="stretch", key="saes.releases",
        on_select="rerun", selection_mode="single-row", height=360,
    )  # fmt: skip
    rows = chosen["selection"]["rows"]  # type: ignore[index]
    if rows:
        _show_release(state, bench, found[rows[0]])


def _row(one: "Release") -> dict[str, Any]:
    return {
        "release": one.name, "model": one.model, "SAEs": len(one.sae_ids), "repository": one.repository,
        "can be loaded": one.loadable,
    }  # fmt: skip


def _show_release(state: UrlState, bench: Bench, release: "Release") -> None:
    st.subheader(plain(release.name), anchor=False)
    if not release.loadable:
        st.warning("The weights of this release are Python pickles, which Hookscope never opens.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox("SAE", release.sae_ids, key=f"saes.id.{release.name}", width=520)
        pressed = st.button("Fetch it from the hub", key="saes.fetch", type="primary", icon=":material/download:")
    figures = [
        f"{what} {known[name]:g}, as its authors say"
        for what, known in (("L0", release.expected_l0), ("explained variance", release.expected_variance))
        if name in known
    ]
    if figures:
        st.caption(" · ".join(figures))
    if pressed:
        spec = SaeSpec("release", release.name, name)
        try:
            folder = data.fetch(bench.spec, spec)
        except InterpError as error:
            st.error(plain(str(error)))
            return
        st.success(f"Fetched into {plain(str(folder))}. It can be chosen above if it belongs to the model.")
        st.page_link(
            "pages/saes.py", label="Put it on the bench", icon=":material/check:",
            query_params=state.shared_link(sae=spec.text),
        )  # fmt: skip
