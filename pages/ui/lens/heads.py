"""What each head writes at a position: the tokens that it promotes and suppresses by itself."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from interp_views.component import Component
from interp_views.position_map import CellWords, PositionMapView, position_map_payload, position_map_selection
from pages.ui import share
from pages.ui.attention.data import about, packed
from pages.ui.bench import Bench, plain
from pages.ui.lens import answer, data, tables
from pages.ui.mount import picture
from pages.ui.tables import shown
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.head_writes import HeadWrites

_SIDES = {"promoted": "Promoted", "suppressed": "Suppressed"}
_HOW_TO_READ = (
    "A head's output at this position, `z W_O`, is put through the final norm, with the scale that the final stream has "
    "there, and through the unembedding. The cell names the token whose logit it raises most (or lowers most), and the colour "
    "says by how much, against the mean over the vocabulary. This is the head's **direct** effect: most heads in early and "
    "middle layers write for later layers to read, and their tokens look like noise. The numbers are those of *Attribution*: "
    "two tokens' difference here is the head's share of their logit difference. Elhage et al. 2021, *A Mathematical "
    "Framework for Transformer Circuits*."
)


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    st.segmented_control(
        "Tokens", list(_SIDES), key=state.key("side"), format_func=lambda name: _SIDES[name], required=True
    )
    pos = answer.position(state, bench)
    found = data.head_writes(bench, pos)
    st.caption(plain(f"What every head predicts {answer.place(state, bench)}. Click a head for more of its tokens."))
    name = about(bench, "head writes", state["side"], pos)
    payload = packed(name, lambda: position_map_payload(_view(bench, found, state["side"], name)))
    held = state["head"] is not None
    picture(
        "position_map", payload, key="picture.head_writes",
        parts=[position_map_selection(name, row=state["layer"] if held else None, pos=state["head"])],
        events={"open": lambda value: select_head(state, bench, value.get("row"), value.get("pos"))},
    )  # fmt: skip
    if held:
        layer, head = state["layer"], state["head"]
        st.markdown(f"**L{layer}H{head}** writes a vector of norm {found.norms[layer, head]:.2f} (model units)")
        st.dataframe(
            shown(tables.head_table(found, layer, head)), hide_index=True, width="stretch", key="lens.head_table"
        )
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    share.show_downloads(
        "head-writes",
        lambda: tables.writes_table(found),
        lambda: Component.load("position_map").standalone(payload, share.title(bench, "What heads write")),
        share.load_code(bench) + f"hookscope.head_writes(model, prompt, pos={pos})",
        arrays=lambda: {
            "promoted_ids": found.promoted_ids, "promoted": found.promoted, "suppressed_ids": found.suppressed_ids,
            "suppressed": found.suppressed, "norms": found.norms,
        },
    )  # fmt: skip


def select_head(state: UrlState, bench: Bench, layer: object, head: object) -> None:
    """Select the head that the browser names, if the model has it."""
    if (
        isinstance(layer, int)
        and isinstance(head, int)
        and 0 <= layer < bench.card.n_layers
        and 0 <= head < bench.card.n_heads
    ):
        state.set("layer", layer)
        state.set("head", head)


def _view(bench: Bench, found: "HeadWrites", side: str, name: str) -> PositionMapView:
    promoted = side == "promoted"
    ids, logits = (found.promoted_ids, found.promoted) if promoted else (found.suppressed_ids, found.suppressed)
    most = max(float(np.nanmax(np.abs(logits))), 1e-6)
    heads = tuple(f"H{head}" for head in range(bench.card.n_heads))
    return PositionMapView(
        logits[..., 0], tuple(map(str, range(bench.card.n_layers))), heads, (False,) * len(heads),
        f"{_SIDES[side]} most by each head", "logits above the mean" if promoted else "logits, below the mean", -most, most,
        signed=True, decimals=2, missing="heads not shown by this architecture", numbered=False, about=name,
        words=CellWords(ids[..., :5], found.tokens, logits[..., :5], "logits, less the mean over the vocabulary"),
    )  # fmt: skip
