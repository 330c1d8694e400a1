"""Loss effects of the features on screen: measured on demand, each kept as soon as it is known."""

from typing import TYPE_CHECKING

import streamlit as st

from interp_core.errors import InterpError
from pages.ui.bench import Bench
from pages.ui.features import data
from pages.ui.features.data import Browser
from pages.ui.following import Followed, follow, go_on
from pages.ui.markdown import plain

if TYPE_CHECKING:
    import pyarrow as arrow

_NAME = "browse.effects"
_WANTED = f"{_NAME}.wanted"


def show(bench: Bench, browser: Browser, found: "arrow.Table") -> Followed | None:
    """Offer to measure the rows on screen, or say how far it is; returns what is still being measured."""
    if not browser.harvested:
        return None
    known = browser.effects()
    unknown = tuple(row["feature"] for row in found.to_pylist() if row["fired"] and row["feature"] not in known)
    asked = st.session_state.get(_WANTED)
    if asked is None or asked[0] != browser.on:
        _offer(browser, unknown)
        return None
    with st.container(border=True):
        said = st.empty()  # above the progress, after which alone it is known
        try:
            followed = follow(
                _NAME, asked, lambda so_far: data.effects_job(bench, browser.sae, asked[1], so_far), "Loss effects"
            )
        except InterpError as error:
            st.session_state.pop(_WANTED)
            st.error(plain(str(error)))
            return None
        if followed.made is not None and followed.made.complete:
            st.session_state.pop(_WANTED)
            said.caption(f"Done: {_known_of(browser, asked[1])}")
            return None
        if followed.job is None:
            said.caption(f"Stopped: {_known_of(browser, asked[1])}")
            if set(unknown) - set(asked[1]):
                _offer(browser, unknown)
            return None
        said.caption(_known_of(browser, asked[1]))
    return followed


def go_on_measuring(followed: Followed | None) -> None:
    """At the end of the page: wait for the next feature, and draw the page anew."""
    if followed is not None:
        go_on(followed, lambda made: len(made.found), 1)


def _known_of(browser: Browser, asked: tuple[int, ...]) -> str:
    known = browser.effects()
    return f"{sum(feature in known for feature in asked):,} of {len(asked):,} features are known. Each is kept at once, on this machine."


def _offer(browser: Browser, unknown: tuple[int, ...]) -> None:
    from interp_core.harvest.plan import N_TOP  # noqa: PLC0415  only where it is asked

    if not unknown:
        return
    n, context = len(unknown), int(browser.sae.harvest.facts["plan"]["context"]) if browser.sae.harvest else 0
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Loss effects: {n:,} features × up to {N_TOP} examples, {n * N_TOP:,} passes over up to {context} tokens, and shorter ones "
            "for each token where a feature fires. On a CPU that can take a minute a feature. The time left is said on the way, and "
            "what is known is kept."
        )
        st.button(
            f"Measure loss effects of these {n:,}" if n > 1 else "Measure the loss effect of this one",
            key="browse.measure", icon=":material/science:", on_click=_want, args=((browser.on, unknown),),
        )  # fmt: skip


def _want(asked: object) -> None:
    st.session_state[_WANTED] = asked
