"""The selected feature in a few lines, and what can be done with it."""

import streamlit as st

from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from pages.ui import interventions
from pages.ui.features import words
from pages.ui.features.data import Browser
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState


def show(state: UrlState, browser: Browser) -> None:
    """Draw the card; where nothing is selected, say how to."""
    feature, sae = state["feature"], browser.sae
    if feature is None:
        st.caption("No feature is selected.")
        return
    row = browser.table.rows([feature]).to_pylist()[0]
    with st.container(border=True, key="features-selected"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{sae.title(feature)}** · {words.label_line(row['own'], row['automatic'])}")
            if row["fired"] == 0:
                st.markdown(":gray-badge[dead in the harvest]")
        lines = []
        if row["fired"]:
            lines.append(f"Fires on {words.chips(row['top_tokens'], 'blue')}")
        if row["promoted"]:
            lines.append(
                f"Promotes {words.chips(row['promoted'], 'green')} · suppresses {words.chips(row['suppressed'], 'gray')}"
            )
        if row["fired"]:
            lines.append(
                f"Density {row['density']:.2e} · largest activation {row['largest']:.2f} · mean {row['mean']:.2f}, in the SAE's own units"
            )
        known = browser.effects().get(feature)
        if known and known.mean is not None:
            lines.append(
                f"Loss effect {known.mean:+.3f} nats, exact: the mean over {known.tokens:,} tokens of its {known.examples} top examples"
            )
        st.markdown("  \n".join(lines))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.page_link(
                "pages/feature.py", label="Open its dashboard", icon=":material/lightbulb:",
                query_params=state.shared_link(feature=feature),
            )  # fmt: skip
            if state["view"] != "near":
                st.button(
                    "Its neighbours",
                    key="browse.near",
                    icon=":material/hub:",
                    on_click=state.set,
                    args=("view", "near"),
                )
            _show_acts(state, browser, feature, row["largest"])


def _show_acts(state: UrlState, browser: Browser, feature: int, largest: float | None) -> None:
    from interp_core.sae.features import check_can_act  # noqa: PLC0415  torch must not delay the first paint

    sae = browser.sae
    try:
        check_can_act(sae.config, sae.name)
    except InterpError as error:
        st.caption(plain(str(error)))
        return
    st.button(
        "Ablate it", key="browse.ablate", icon=":material/block:", on_click=interventions.add,
        args=(state, Intervention("zero", "", units=(feature,), sae=sae.name)),
        help="Its activation becomes 0 wherever it fires, on every page.",
    )  # fmt: skip
    strength = round(float(largest or 5.0), 2)
    st.button(
        "Steer with it", key="browse.steer", icon=":material/tune:", on_click=interventions.add,
        args=(state, Intervention("add", "", units=(feature,), factor=strength, sae=sae.name)),
        help=f"{strength:g} decoder rows are added at every position, on every page"
        + (": its largest activation." if largest else ".") + " The feature's dashboard takes any strength.",
    )  # fmt: skip
