"""Tokens by features over the whole prompt, as one picture."""

import numpy as np
import pandas as pd
import streamlit as st

from interp_core.labels import labels_of
from interp_views.component import Component
from interp_views.position_map import PositionMapView, position_map_payload, position_map_selection
from pages.ui import share
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.sae import data, left_out
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState

_SKIP_FIRST = "The first position carries features of its own and is left out of the choice of rows."


def show(state: UrlState, bench: Bench, sae: SaeBench) -> None:
    """Draw the picture of the features that are largest on this prompt."""
    st.number_input("Features", 1, 50, key=state.key("count"), width=140)
    features, values = largest_on(bench, sae, state["count"])
    if not len(features):
        st.info(f"No feature is active on this prompt behind its first token.{_left_out(bench, sae)}")
        return
    view = _view(bench, sae, features, values)
    rows = [int(feature) for feature in features]
    row = rows.index(state["feature"]) if state["feature"] in rows and state["pos"] is not None else None
    picture(
        "position_map", position_map_payload(view), key="prompt_features.map",
        parts=[position_map_selection(view.about, row=row, pos=state["pos"])],
        events={"select": lambda value: _select(state, rows, len(bench.tokenised.ids), value)},
    )  # fmt: skip
    st.caption(
        f"Rows: the features with the largest activation anywhere behind the first token, largest first. {_SKIP_FIRST}"
        + _left_out(bench, sae)
    )


def standalone(bench: Bench, sae: SaeBench, count: int) -> str:
    """The picture as one HTML file."""
    features, values = largest_on(bench, sae, count)
    payload = position_map_payload(_view(bench, sae, features, values))
    return Component.load("position_map").standalone(payload, share.title(bench, f"Features of {sae.name}"))


def _view(bench: Bench, sae: SaeBench, features: np.ndarray, values: np.ndarray) -> PositionMapView:
    labels = _labels(sae)
    return PositionMapView(
        values=values,
        rows=tuple(f"{sae.title(int(feature))} {labels.get(int(feature), '')}".strip()[:40] for feature in features),
        tokens=bench.tokenised.str_tokens,
        special=bench.tokenised.special,
        name="activation",
        unit="SAE units",
        low=0.0,
        high=float(np.nanmax(values[:, 1:], initial=1e-6)),
        row_name="feature",
        about=f"{sae.checksum[:12]}.{len(features)}.{'_'.join(map(str, bench.run.tokens))}"[:200],
    )


def largest_on(bench: Bench, sae: SaeBench, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The features with the largest activations on the prompt, and these: 0 where one is silent, NaN where a position is left out."""
    found = data.reading(bench.run, sae)
    behind = (found.pos > 0) | (found.n_pos == 1)
    largest = np.zeros(found.d_sae, np.float32)
    np.maximum.at(largest, found.feature[behind], found.activation[behind])
    features = np.argsort(-largest, kind="stable")[:count]
    features = features[largest[features] > 0]
    values = np.zeros((len(features), found.n_pos), np.float32)
    for row, feature in enumerate(features.tolist()):
        values[row] = found.of(feature)
    return features, values


def table(bench: Bench, sae: SaeBench, count: int) -> pd.DataFrame:
    """One row an activation."""
    features, values = largest_on(bench, sae, count)
    row, pos = np.nonzero(np.nan_to_num(values))
    tokens = np.asarray(bench.tokenised.str_tokens, dtype=object)
    return pd.DataFrame(
        {"feature": features[row], "position": pos, "token": tokens[pos], "activation": values[row, pos]}
    )


def _left_out(bench: Bench, sae: SaeBench) -> str:
    found = data.reading(bench.run, sae)
    return left_out.counted(found.left_out, found.n_pos)


def _labels(sae: SaeBench) -> dict[int, str]:
    written = {feature: label.text for feature, label in labels_of(sae.checksum).items()}
    if sae.harvest is None:
        return written
    return {index: label for index, label in enumerate(sae.harvest.labels()) if label} | written


def _select(state: UrlState, rows: list[int], n_pos: int, value: dict) -> None:
    row, pos = value.get("row"), value.get("pos")
    if isinstance(pos, int) and 0 <= pos < n_pos:
        state.set("pos", pos)
        if isinstance(row, int) and 0 <= row < len(rows):
            state.set("feature", rows[row])
