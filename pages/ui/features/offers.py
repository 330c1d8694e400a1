"""What is missing, and how to get it: a harvest, the atlas."""

import streamlit as st

from interp_core.jobs import Job
from pages.ui.bench import Bench
from pages.ui.features import data
from pages.ui.features.data import Browser
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState


def show_harvest(state: UrlState, browser: Browser) -> None:
    """Say that nothing was harvested, and where to do it."""
    if browser.harvested:
        counts = browser.sae.harvest.counts if browser.sae.harvest else {}
        st.caption(
            f"Densities, activations and automatic labels are of a harvest over {counts.get('tokens', 0):,} tokens."
        )
        return
    st.info(
        "Nothing was harvested with this SAE yet, so it is not known when its features fire: densities, automatic labels and the "
        "tokens that they fire on are missing. Neighbours, writes on a token, the map and your own texts work without."
    )
    st.page_link(
        "pages/saes.py", label="Make a harvest", icon=":material/agriculture:",
        query_params=state.shared_link() | {"view": "harvest"},
    )  # fmt: skip


def show(bench: Bench, browser: Browser) -> None:
    """Offer the atlas where there is none; while it is made, say how far it is."""
    if browser.atlas is not None:
        if browser.atlas.without_tokens:
            st.caption(plain(f"What features promote is not known: {browser.atlas.without_tokens}"))
        return
    job = data.atlas_job(bench, browser.sae)
    if job is not None and not job.done.is_set():
        st.fragment(_watch, run_every=1.0)(job)
        return
    from interp_core.sae.layout import layout_seconds  # noqa: PLC0415  only where it is asked

    if job is not None and job.error is not None:
        st.error(plain(str(job.error)))
    minutes = layout_seconds(browser.sae.config.d_sae) / 60
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.caption(
            "The map and the tokens that features promote are computed once and kept: "
            + (f"about {minutes:.0f} minutes" if minutes >= 1.5 else "about a minute")
            + " on one core, in the background."
        )
        st.button(
            "Make the map", type="primary", icon=":material/map:", key="browse.atlas", on_click=data.start_atlas,
            args=(bench, browser.sae),
        )  # fmt: skip


def _watch(job: Job) -> None:
    if job.done.is_set():
        st.rerun(scope="app")
    fraction, note = job.progress.fraction, job.progress.note or "Waiting for its turn"
    st.progress(min(1.0, max(0.0, fraction)), text=f"Making the map: {note}. You can go on meanwhile.")
    st.button("Stop", key="browse.atlas.stop", on_click=job.cancel, icon=":material/stop:")
