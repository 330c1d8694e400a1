"""The SAE on the bench: which one, where it reads, how faithful it is, and the harvest that its dashboards are read from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError
from interp_core.harvest.library import find_harvests
from interp_core.sae.spec import SaeConfig, checksum_of, quality_of
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.harvest.bundle import Harvest


@dataclass(frozen=True)
class SaeBench:
    """An SAE that fits the model, and what is known of its features."""

    name: str
    config: SaeConfig
    checksum: str
    quality: dict[str, Any] | None
    """What was measured of it, where that was saved beside it."""
    harvest: "Harvest | None"
    """The largest there is of it."""

    def title(self, feature: int) -> str:
        """The printed name of a feature."""
        return f"F{feature}" if self.config.layer is None else f"L{self.config.layer}F{feature}"


def choose(state: UrlState, bench: Bench) -> SaeBench:
    """Draw the choice of an SAE and its facts. Stops the script, with a sentence, where none fits the model."""
    from interp_core.sae.features import found_folder, readable_saes  # noqa: PLC0415  torch must not delay the first paint
    from interp_core.sae.measured import measured_quality  # noqa: PLC0415

    loaded = cached.loaded(bench.spec)
    offered = readable_saes(loaded)
    if not offered:
        _show_none(state, bench)
        st.stop()
    default = _default(offered)
    if state["sae"] and state["sae"] not in offered:
        _show_refused(state, bench)
    if state["sae"] == default:
        state.set("sae", "")
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.selectbox(
            "SAE", ["", *(name for name in offered if name != default)], key=state.key("sae"), width=420,
            format_func=lambda name: name or default,
            help="Autoencoders on this machine that were trained on this model, as it is held. Others: SAEs and harvests.",
        )  # fmt: skip
        name = state["sae"] or default
        folder = found_folder(name)
        checksum = checksum_of(folder)
        quality = quality_of(folder) or measured_quality(checksum, loaded.card)
        st.caption(_facts(offered[name], quality))
    before = len(state.problems)
    state.restrict("feature", offered[name].d_sae, f"this SAE has features 0 to {offered[name].d_sae - 1:,}")
    harvests, problems = find_harvests(checksum, loaded.card)
    for problem in (*state.problems[before:], *problems):
        st.warning(plain(problem))
    state.commit()
    return SaeBench(name, offered[name], checksum, quality, harvests[0] if harvests else None)


def _default(offered: dict[str, SaeConfig]) -> str:
    """The SAE whose layer lies in the middle of those that are offered."""
    names = sorted(offered, key=lambda name: (offered[name].layer is None, offered[name].layer or 0, name))
    return names[(len(names) - 1) // 2]


def _facts(config: SaeConfig, quality: dict[str, Any] | None) -> str:
    what = f"{config.d_sae:,} features of {plain(config.place)} · {plain(config.trained_as)}"
    if quality is None:
        return f"{what}  \nnot measured on this machine"
    kept = quality["without_left_out"]
    return (
        f"{what}  \nL0 {kept['l0']:.1f} · explained variance {kept['explained_variance']:.3f} · cross-entropy recovered "
        f"{kept['ce_recovered']:.3f} · dead {quality['dead_share']:.2%}"
    )


def _show_none(state: UrlState, bench: Bench) -> None:
    st.info(
        f"No autoencoder on this machine was trained on {plain(bench.card.name)} with {bench.card.processing} weights. The default "
        "model has three; others can be fetched or put into your SAE folder: see SAEs and harvests."
    )
    st.page_link(
        "pages/saes.py", label="SAEs and harvests", icon=":material/data_object:", query_params=state.shared_link()
    )


def _show_refused(state: UrlState, bench: Bench) -> None:
    """Say why the SAE of the link cannot be used, and go on with the default."""
    from interp_core.sae.features import found_config  # noqa: PLC0415
    from interp_core.sae.loading import fitting_point  # noqa: PLC0415

    name, reason = state["sae"], "its place is one that an ordinary pass does not compute."
    try:
        fitting_point(cached.loaded(bench.spec), found_config(name), name)
    except InterpError as error:
        reason = str(error)
    st.warning(f"The SAE {plain(name)} cannot be used here: {plain(reason)} Another one is shown instead.")
    state.set("sae", "")
