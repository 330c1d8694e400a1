"""Direct logit attribution: which parts of the model write towards one token, and that they add up to its logit."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from pages.ui import share
from pages.ui.bench import Bench, plain
from pages.ui.lens import answer, data, parts
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.logit_attribution import LogitAttribution

_SHOWN_REMAINDER = 1e-3
_HOW_TO_READ = (
    "Everything that is written into the residual stream adds up, and with the final norm's scale taken as it is, the logit "
    "is that sum read along one direction: each part's share is a dot product, in logits. The embedding, every layer's "
    "attention and MLP, and the constant (biases of final norm and unembedding) give the logit; heads, and the positions that "
    "they read from, give attention; neurons give an MLP. In maps, orange pushes towards the answer, blue away from it. Shares are "
    "**direct** effects: what a part does to later layers counts as theirs. A part can be large because another takes it away "
    "again; patching says what is needed. Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits*; Wang et al. "
    "2022, arXiv:2211.00593."
)


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        asked = answer.show(state, bench, foil=True)
        st.segmented_control(
            "By",
            list(parts.PARTS),
            key=state.key("by"),
            format_func=lambda name: parts.PARTS[name].label,
            required=True,
        )
    found = data.attribution(bench, asked.answer, asked.foil, answer.position(state, bench))
    st.caption(plain(f"Of {asked.name}, {answer.place(state, bench)}."))
    _show_sum(bench, found)
    part = parts.PARTS[state["by"]]
    left_over = part.left_over(found)
    if not np.isfinite(left_over):
        raise InterpError(
            f"{bench.card.name} ({bench.card.architecture}) does not show in every layer its {part.label.lower()}, or how they "
            "get into the residual stream, so the sum cannot be split that far. Choose components."
        )
    standalone = part.show(state, bench, found, asked)
    st.caption(_said(bench, part, left_over))
    with st.expander("How to read this"):
        st.markdown(_HOW_TO_READ)
    share.show_downloads(
        f"attribution-{state['by']}",
        lambda: part.table(bench, found),
        standalone,
        share.load_code(bench) + _code(bench, found, asked),
        arrays=lambda: _arrays(found),
    )


def _show_sum(bench: Bench, found: "LogitAttribution") -> None:
    """The check that the parts are all there, in numbers."""
    with st.container(horizontal=True, gap="large"):
        st.metric(
            "Sum of all parts", f"{found.total:.4f}", help="Embedding, attention and MLP of every layer, constant."
        )
        st.metric("The model's own", f"{found.logit:.4f}", help="Logits, from a forward pass.")
        changed = bool(bench.run.interventions) and abs(found.remainder) > _SHOWN_REMAINDER
        left_over = f"{found.remainder:.4f}" if changed else f"{found.remainder:.0e}"
        st.metric(
            "Left over", f"−{left_over[1:]}" if found.remainder < 0 else left_over,
            help="What interventions behind the residual stream changed." if changed else "Rounding.",
        )  # fmt: skip
        if np.abs(found.interventions).max() > _SHOWN_REMAINDER:
            st.metric(
                "Put in by interventions", f"{found.interventions.sum():+.4f}",
                help="What interventions on the stream itself added; it is part of the sum.",
            )  # fmt: skip
    if found.capped != found.logit:
        st.caption(
            f"These are logits in front of the soft cap, by which {plain(bench.card.name)} makes {found.capped:.4f} of them: "
            "only there are they a sum."
        )


def _said(bench: Bench, part: "parts.Part", left_over: float) -> str:
    if left_over <= _SHOWN_REMAINDER:
        return f"{part.adds_up} The largest difference is {left_over:.0e} logits."
    why = f"{bench.card.dtype} rounds"
    if bench.run.interventions:
        why = "interventions changed what they add up to"
    return f"{part.adds_up} Here up to {left_over:.3f} logits are not in these parts: {why}."


def _code(bench: Bench, found: "LogitAttribution", asked: answer.Answer) -> str:
    wanted = answer.spelled(bench, asked.answer, asked.answer_text)
    foil = ""
    if asked.foil is not None and asked.foil_text is not None:
        foil = f", foil={answer.spelled(bench, asked.foil, asked.foil_text)}"
    return f"hookscope.logit_attribution(model, prompt, {wanted}{foil}, pos={found.pos})"


def _arrays(found: "LogitAttribution") -> dict[str, Any]:
    names = ("attention", "mlp", "interventions", "heads", "head_bias", "sources", "neurons", "neuron_bias")
    single = ("embedding", "constant", "logit", "total", "remainder", "answer", "pos")
    return {name: getattr(found, name) for name in names} | {name: np.asarray(getattr(found, name)) for name in single}
