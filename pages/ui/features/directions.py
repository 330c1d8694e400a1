"""The map: decoder directions laid out flat, so that features that write alike lie together."""

import hashlib

import numpy as np
import streamlit as st

from interp_views.feature_map import FeatureMapView, Note, cluster_notes, feature_map
from pages.ui import schemas
from pages.ui.bench import Bench
from pages.ui.features import code, controls, data, offers, rows, selected, words
from pages.ui.features.data import Browser
from pages.ui.url_state import UrlState

_COLOURS = {"density": "How often it fires", "similarity": "Similarity to the selected feature"}
_MOST_NOTES, _WORDS_UP_TO = 12, 30_000
_HOW_TO_READ = (
    "Each point is a feature; its place comes from its decoder direction alone, by UMAP with cosine distance (McInnes, Healy and "
    "Melville 2018, arXiv:1802.03426; Bricken et al. 2023, *Towards Monosemanticity*, for features). Points that lie together "
    "mostly write in similar directions. Distances across the map, sizes of groups and empty places mean nothing, and another seed "
    "gives another map: check a neighbourhood under **Near a feature**, where cosines are exact. Words on the map are automatic "
    "labels or promoted tokens that several neighbouring features share."
)


def show(state: UrlState, bench: Bench, browser: Browser) -> None:
    """Draw the view."""
    query = controls.show(state, browser, ordered=False)
    if browser.atlas is None:
        offers.show(bench, browser)
        return
    st.segmented_control(
        "Colour", schemas.MAP_COLOURS, key=state.key("colour"), format_func=lambda name: _COLOURS[name], required=True
    )
    found = browser.table.matching(query) if controls.is_narrowed(query) else None
    view = _view(state, bench, browser, found)
    figure = feature_map(view, dark=st.context.theme.type == "dark")
    # A key of its own for each SAE and search: a selection counts points, and other points have other counts.
    about = hashlib.sha256(repr((browser.sae.checksum, query)).encode()).hexdigest()[:16]
    key = f"browse.map.{about}"

    def choose() -> None:
        points = st.session_state[key].selection.points
        if points:
            feature = points[0].get("customdata")
            if isinstance(feature, int) and 0 <= feature < browser.sae.config.d_sae:
                state.set("feature", feature)

    st.plotly_chart(
        figure, key=key, on_select=choose, selection_mode="points", theme=None, config={"scrollZoom": True},
        alt="Map of all features: those with similar decoder directions lie together.",
    )  # fmt: skip
    counted = (
        f"{len(view.x):,} features"
        if found is None
        else f"{len(found):,} of {len(view.x):,} features found; the others fade"
    )
    st.caption(f"{counted}. Click a point to select a feature; drag to move, scroll to zoom.")
    selected.show(state, browser)
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    rows.show_downloads(
        "feature-map", lambda: rows.full(browser, browser.table.find(query)), code.of_table(browser, query)
    )


def _view(state: UrlState, bench: Bench, browser: Browser, found: np.ndarray | None) -> FeatureMapView:
    from interp_core.feature_table import FeatureQuery  # noqa: PLC0415  duckdb must not delay the first paint

    everything, sae = browser.table.find(FeatureQuery()), browser.sae
    known = {name: everything[name].to_pylist() for name in ("own", "automatic")}
    tokens = {
        name: everything[name].to_pylist() if len(everything) <= _WORDS_UP_TO else [None] * len(everything)
        for name in ("top_tokens", "promoted")
    }
    x, y = (everything[name].to_numpy() for name in ("x", "y"))
    hover = []
    for feature, (own, automatic, top, promoted) in enumerate(
        zip(known["own"], known["automatic"], tokens["top_tokens"], tokens["promoted"], strict=True)
    ):
        lines = [sae.title(feature)]
        lines += [f"your label: {own}"] if own else []
        lines += [f"automatic label: {automatic}"] if automatic else []
        lines += ["fires on " + " ".join(words.tokens(top))] if top else []
        lines += ["promotes " + " ".join(words.tokens(promoted))] if promoted else []
        hover.append(lines)
    titles = [own or automatic or "" for own, automatic in zip(known["own"], known["automatic"], strict=True)]
    if not browser.harvested:
        titles = [words.tokens(one)[0] if one else own for own, one in zip(titles, tokens["promoted"], strict=True)]
    colour, label, grey, signed = _colour(state, bench, browser, everything["density"].to_numpy())
    return FeatureMapView(
        x, y, hover, colour, label, grey, signed, found, state["feature"], _notes(x, y, titles, found, sae.title)
    )


def _colour(
    state: UrlState, bench: Bench, browser: Browser, density: np.ndarray
) -> tuple[np.ndarray | None, str, str, bool]:
    """Values, what they stand for, what grey stands for, and whether they are signed."""
    if state["colour"] == "similarity" and state["feature"] is not None:
        cosine = np.array(data.neighbours(bench, browser.sae, state["feature"]).cosine)
        cosine[state["feature"]] = np.nan  # itself: 1, beside which all others would look alike
        return cosine, f"cosine with {browser.sae.title(state['feature'])}", "itself", True
    if state["colour"] == "similarity":
        st.caption("Select a feature, and all others are coloured by their similarity to it.")
    if not browser.harvested or state["colour"] == "similarity":
        return (
            None,
            "",
            "features" if state["colour"] == "similarity" else "not harvested: densities are not known",
            False,
        )
    with np.errstate(divide="ignore"):
        log = np.log10(density.astype(np.float64))
    return np.where(np.isfinite(log), log, np.nan), "log10 density", "dead in the harvest", False


def _notes(x: np.ndarray, y: np.ndarray, titles: list[str], found: np.ndarray | None, name) -> list[Note]:
    """Names of what a search has found, if they are few; else words that clusters share."""
    if found is None:
        return cluster_notes(x, y, titles, _MOST_NOTES)
    if len(found) <= _MOST_NOTES:
        return [
            Note(float(x[one]), float(y[one]), titles[one] or name(one))
            for one in found.tolist()
            if np.isfinite(x[one])
        ]
    chosen = set(found.tolist())
    return cluster_notes(x, y, [title if index in chosen else "" for index, title in enumerate(titles)], _MOST_NOTES)
