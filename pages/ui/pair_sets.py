"""A set of prompt pairs to sweep over: chosen or uploaded, with a report of what cannot be used and why."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import BatchError, InterpError
from interp_core.pair_sets import PairFormat, PairSet, read_pairs, read_shipped, shipped_sets
from pages.ui import cached
from pages.ui.answers import METRICS
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.pair_fit import PairNeed, UsablePair

_UPLOADED, _PROBLEM = "pair_sets.uploaded", "pair_sets.problem"
UPLOADED = "uploaded"
_ABOUT = {
    "agreement": "Subject-verb agreement",
    "antonyms": "Antonyms",
    "capitals": "Capital cities",
    "greater-than": "Greater-than (years)",
    "indirect-object": "Indirect object identification",
    "induction": "Induction",
    "pronouns": "Gendered pronouns",
}


def show_over(state: UrlState, here: str) -> bool:
    """Draw the choice between what is on the bench, called `here`, and a set; return whether it is a set."""
    st.segmented_control(
        "Over", ["prompt", "set"], key=state.key("over"), format_func={"prompt": here, "set": "A set of pairs"}.__getitem__,
        required=True, help="One question on many prompts: the mean, how sure it is, and every pair for itself.",
    )  # fmt: skip
    return state["over"] == "set"


def show_metric(state: UrlState) -> Any:
    """Draw the metric's kind; answers and foils come from the set. Return the kind."""
    st.selectbox(
        "Metric", list(METRICS), key=state.key("metric"), format_func=METRICS.__getitem__, width=190,
        help="What the model says at the last position of each prompt, of the pair's own answer and foil.",
    )  # fmt: skip
    return state["metric"]


def show(state: UrlState, bench: Bench, need: "PairNeed") -> "tuple[UsablePair, ...]":
    """Draw the choice of a set and the report on it; return the pairs that can be used.

    Raises:
        InterpError: There is no such set, or it has no pair that can be used.
    """
    names = {name: _ABOUT.get(name, name) for name in shipped_sets()}
    uploaded = st.session_state.get(_UPLOADED)
    if uploaded or state["set"] == UPLOADED:
        names[UPLOADED] = f"Yours: {uploaded[UPLOADED]}" if uploaded else "An uploaded set"
    if state["set"] not in names:
        st.warning(
            plain(f"There is no pair set {state['set']!r}, so another is shown. Choose one of {', '.join(names)}.")
        )
        state.set("set", state.schema["set"].default)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Set", list(names), key=state.key("set"), format_func=names.__getitem__, width=320)
        with st.popover("Use your own pairs", icon=":material/upload_file:"):
            _show_upload(state)
    made = _read(state["set"])
    pairs, problems = _usable(bench, made, need)
    _report(made, pairs, problems)
    if not pairs:
        raise InterpError("No pair of this set can be used on this model. The report above says why.")
    return pairs


def _show_upload(state: UrlState) -> None:
    st.caption(
        "A csv or jsonl file with the columns clean, corrupted, answer and perhaps foil. Answer and foil are one token each, "
        "with their space in front. Both prompts of a pair need the same number of tokens."
    )
    file = st.file_uploader("File", type=["csv", "jsonl"], key="pair_sets.file", label_visibility="collapsed")
    st.button(
        "Use these pairs", type="primary", key="pair_sets.use", on_click=_use, args=(state, file), disabled=not file
    )
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))


def _use(state: UrlState, file: Any) -> None:
    try:
        kind: PairFormat = "jsonl" if file.name.lower().endswith(".jsonl") else "csv"
        read = read_pairs(file.getvalue(), kind)
    except InterpError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[_UPLOADED] = {UPLOADED: file.name[:60], "set": read}
    state.set("set", UPLOADED)


def _read(name: str) -> PairSet:
    if name != UPLOADED:
        return read_shipped(name)
    if _UPLOADED not in st.session_state:
        raise BatchError(
            "This view is of pairs that somebody uploaded, and a link does not carry them. Upload the file here, or choose a "
            "set that ships."
        )
    return st.session_state[_UPLOADED]["set"]


def _usable(bench: Bench, made: PairSet, need: "PairNeed") -> "tuple[tuple[UsablePair, ...], list[str]]":
    results, key = cached.engine().results, (bench.spec, "usable pairs", made, need, bench.prompt.prepend_bos)
    known = results.get(key)
    if known is None:
        from interp_core.pair_fit import usable_pairs  # noqa: PLC0415  imports the tokenizer's library

        pairs, problems = usable_pairs(
            cached.loaded(bench.spec).tokenizer, made.rows, need, bos=bench.prompt.prepend_bos
        )
        known = (tuple(pairs), problems)
        results.put(key, known)
    return known


def _report(made: PairSet, pairs: "tuple[UsablePair, ...]", problems: list[str]) -> None:
    left_out = [*made.problems, *problems]
    said = f"{len(pairs):,} of {len(made.rows) + len(made.problems):,} pairs can be used on this model. They stand in for the prompt above."
    if not left_out:
        st.caption(said)
        return
    st.warning(said)
    with st.expander(f"Why others cannot ({len(left_out):,})", expanded=not pairs):
        for sentence in left_out[:100]:
            st.text(sentence)
