"""The features of one position: ranked, each as a column of its dashboard, and all of them as a table."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from interp_core.errors import InterpError
from interp_core.labels import labels_of
from interp_views.feature_dashboard import features_payload
from interp_views.feature_document import feature_view
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.mount import picture
from pages.ui.sae import data
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.sae.ranking import ActiveFeatures

_SAYS = {"activation": "Activation", "quantile": "Quantile", "effect": "Loss effect"}
_EXAMPLES = 10


def show(state: UrlState, bench: Bench, sae: SaeBench) -> None:
    """Draw controls, columns and table."""
    n_pos = len(bench.tokenised.ids)
    pos = n_pos - 1 if state["pos"] is None else state["pos"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Rank by", list(_SAYS), key=state.key("rank"), format_func=_SAYS.__getitem__, required=True,
            help="Quantile: how large the activation is among all of this feature in the harvest. Loss effect: of the next token, by "
            "the gradient's estimate for all, then exactly for those shown.",
        )  # fmt: skip
        st.number_input("Features", 1, 50, key=state.key("count"), width=140)
    found = data.active(bench.run, sae, pos)
    token = plain(repr(bench.tokenised.str_tokens[pos]))
    if found.left_out:
        st.info(
            f"The SAE was not made for position {pos}, {token}: its norm there is beyond those that it was trained on, so its "
            "features are not read there. Click another token of the prompt."
        )
        return
    if not len(found.feature):
        st.info(f"No feature is active at position {pos}, {token}. Click another token of the prompt.")
        return
    last = pos == n_pos - 1
    st.markdown(
        f"**{len(found.feature)} features** are active at position {pos}, {token}"
        + ("." if last else f", in front of {plain(repr(bench.tokenised.str_tokens[pos + 1]))}.")
        + " Click a token of the prompt for another position."
    )
    if found.without_effects:
        st.info(f"Loss effects do not apply. {plain(found.without_effects)}")
    elif last and state["rank"] == "effect":
        st.info("No token follows the last position, so there is no loss to have an effect on. Click an earlier token.")
    if state["rank"] == "quantile" and sae.harvest is None:
        st.info("Quantiles need a harvest of this SAE. Ranked by activation instead.")
    places = found.ranked(state["rank"])[: state["count"]]
    exact = _exact(bench, sae, found, places, last)
    if np.isfinite(exact).any() and state["rank"] == "effect":
        order = np.argsort(-np.abs(np.nan_to_num(exact)), kind="stable")
        places, exact = places[order], exact[order]
    features = tuple(int(found.feature[place]) for place in places)
    made = data.documents(bench.spec, sae, features, _labels(sae, features))
    views = [
        feature_view(one, score=_score(found, place, effect), examples=_EXAMPLES)
        for one, place, effect in zip(made, places, exact, strict=True)
    ]
    picture(
        "feature_dashboard", features_payload(views), key="prompt_features.columns",
        events={"choose": lambda value: _choose(state, sae, value), "example": lambda value: _choose(state, sae, value)},
    )  # fmt: skip
    with st.expander(f"All {len(found.feature)} active features as a table"):
        st.dataframe(table(found, places, exact), hide_index=True, width="stretch", key="prompt_features.table")


def table(found: "ActiveFeatures", places: np.ndarray, exact: np.ndarray) -> pd.DataFrame:
    """One row a feature: what is known of it at this position."""
    effects = np.full(len(found.feature), np.nan, np.float32)
    effects[places] = exact
    order = found.ranked("activation")
    return pd.DataFrame({
        "feature": found.feature[order], "activation": found.activation[order], "quantile": found.quantile[order],
        "loss_effect_estimate_nats": found.estimate[order], "loss_effect_exact_nats": effects[order],
    })  # fmt: skip


def _exact(bench: Bench, sae: SaeBench, found: "ActiveFeatures", places: np.ndarray, last: bool) -> np.ndarray:
    """Exact effects of those that are shown; NaN where there can be none."""
    nothing = np.full(len(places), np.nan, np.float32)
    if last or found.without_effects:
        return nothing
    cells = tuple((int(found.feature[place]), found.pos) for place in places)
    try:
        return data.removals(bench.run, sae, cells, "next").effect[:, found.pos]
    except InterpError as error:
        st.warning(plain(str(error)))
        return nothing


def _score(found: "ActiveFeatures", place: int, exact: float) -> str:
    parts = [f"activation {found.activation[place]:.2f}"]
    if np.isfinite(found.quantile[place]):
        parts.append(f"above {found.quantile[place]:.1%} of its own")
    if np.isfinite(exact):
        parts.append(f"loss effect {exact:+.3f} nats, exact (estimate {found.estimate[place]:+.3f})")
    return " · ".join(parts)


def _labels(sae: SaeBench, features: tuple[int, ...]) -> tuple[str, ...]:
    try:
        written = labels_of(sae.checksum)
    except InterpError as error:
        st.warning(plain(str(error)))
        written = {}
    return tuple(written[feature].text if feature in written else "" for feature in features)


def _choose(state: UrlState, sae: SaeBench, value: dict[str, Any]) -> None:
    index = value.get("index")
    if isinstance(index, int) and 0 <= index < sae.config.d_sae:
        state.set("feature", index)
