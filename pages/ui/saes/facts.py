"""What is known of the chosen SAE: figures, where it comes from, and which harvests there are of it."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from interp_core.harvest.library import find_harvests
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.sae import data
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.harvest.bundle import Harvest

_MEASURE = "saes.measure"
_FIGURES = {
    "n_pos": ("positions", "{:,.0f}"), "l0": ("L0, active features a token", "{:.1f}"),
    "explained_variance": ("explained variance, 1 is perfect", "{:.4f}"), "ce": ("cross-entropy as it is, nats", "{:.3f}"),
    "ce_with_sae": ("with the reconstruction", "{:.3f}"), "ce_zero": ("with zeros", "{:.3f}"),
    "ce_recovered": ("cross-entropy recovered, 1 loses nothing", "{:.4f}"),
}  # fmt: skip


def show(state: UrlState, bench: Bench, sae: SaeBench) -> None:
    """Draw them."""
    st.subheader("How faithful it is", anchor=False)
    if sae.quality is None:
        st.caption("Nobody has measured this SAE here, and it brings no figures along.")
        st.button("Measure it", key=_MEASURE, type="primary", icon=":material/straighten:")
        if st.session_state.get(_MEASURE):
            data.measure(bench.spec, sae)
            st.rerun()
    else:
        _show_quality(sae.quality)
    left, right = st.columns(2)
    with left:
        st.subheader("What it is", anchor=False)
        st.dataframe(_table(_about(sae)), hide_index=True, width="stretch")
    with right:
        st.subheader("Harvests of it", anchor=False)
        _show_harvests(bench, sae)
    with st.expander("Its configuration, as it was saved"):
        st.json(sae.config.content, expanded=1)


def _show_quality(quality: dict[str, Any]) -> None:
    kept, everywhere = quality["without_left_out"], quality["with_left_out"]
    columns = st.columns(4)
    for column, (label, value) in zip(columns, (
        ("L0", f"{kept['l0']:.1f}"), ("Explained variance", f"{kept['explained_variance']:.3f}"),
        ("Cross-entropy recovered", f"{kept['ce_recovered']:.3f}"), ("Dead features", f"{quality['dead_share']:.2%}"),
    ), strict=True):  # fmt: skip
        column.metric(label, value, border=True)
    rows = {label: (form.format(kept[name]), form.format(everywhere[name])) for name, (label, form) in _FIGURES.items()}
    table = pd.DataFrame(
        [(label, *values) for label, values in rows.items()],
        columns=["figure", "without the positions left out", "with them"],
    )
    st.dataframe(table, hide_index=True, width="stretch")
    rule = (quality.get("left_out") or {}).get("rule") or "none is left out unless its norm is over the SAE's limit"
    st.caption(
        f"On {plain(str(quality.get('text', 'unknown text')))}. Positions left out: {plain(str(rule))}; they are neither counted nor "
        "replaced. A feature is dead if it was active on none of the counted positions. Recovered: 1 − (with the reconstruction − as it "
        "is) / (with zeros − as it is)."
    )


def _about(sae: SaeBench) -> dict[str, str]:
    config = sae.config
    said = config.content.get("metadata")
    metadata: dict[str, Any] = said if isinstance(said, dict) else {}
    facts = {
        "Reads": config.place, "Architecture": config.architecture, "Trained as": config.trained_as,
        "Features": f"{config.d_sae:,}", "Width of what it reads": f"{config.d_in:,}", "Model": config.model or "not said",
        "Weight processing": config.processing, "Trained on": str(metadata.get("dataset_path") or "not said"),
        "Tokens seen": f"{metadata['tokens_seen']:,}" if isinstance(metadata.get("tokens_seen"), int) else "not said",
        "Context": str(metadata.get("context_size") or "not said"),
        "Norm limit": "none" if config.norm_limit is None else f"{config.norm_limit:.1f}", "SHA-256": sae.checksum[:16] + "…",
    }  # fmt: skip
    corpus = metadata.get("corpus")
    if isinstance(corpus, list):
        facts["Trained on"] = ", ".join(str(one.get("source")) for one in corpus if isinstance(one, dict))
    return facts


def _show_harvests(bench: Bench, sae: SaeBench) -> None:
    found, _ = find_harvests(sae.checksum, bench.card)
    if not found:
        st.caption("None yet. Harvest a text with it: see the view above.")
        return
    st.dataframe(pd.DataFrame([_harvest_row(one) for one in found]), hide_index=True, width="stretch")
    st.caption("The largest is the one that pages show.")


def _harvest_row(harvest: "Harvest") -> dict[str, Any]:
    size = sum(path.stat().st_size for path in harvest.folder.iterdir() if path.is_file())
    return {
        "name": harvest.folder.name, "tokens": harvest.counts["tokens"], "left out": harvest.counts["left_out"],
        "documents": harvest.documents["all"], "never active": int((harvest.dense("fired") == 0).sum()),
        "MB": round(size / 1e6, 1),
    }  # fmt: skip


def _table(facts: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"Fact": facts.keys(), "Value": facts.values()})
