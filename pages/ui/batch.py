"""A batch of prompts: pasted or uploaded once, stepped through on every page."""

from typing import Any

import streamlit as st

from interp_core.errors import InterpError
from interp_core.prompts import Batch, BatchFormat, read_batch
from pages.ui.bench import plain
from pages.ui.url_state import UrlState

_BATCH, _ITEM, _PROBLEM = "batch.prompts", "batch.item", "batch.problem"


def show_input(state: UrlState) -> None:
    """Draw the fields that take a batch."""
    st.caption(
        "Several prompts: one a line, or a csv or jsonl file with a column 'prompt' or 'text'. Every page can step through them."
    )
    pasted = st.text_area("One prompt a line", key="batch.pasted", height=120)
    upload = st.file_uploader("or a file", type=["txt", "csv", "jsonl"], key="batch.upload")
    with st.container(horizontal=True):
        st.button("Use this batch", type="primary", key="batch.use", on_click=_use, args=(state, pasted, upload))
        st.button("Clear", key="batch.clear", on_click=lambda: st.session_state.pop(_BATCH, None))
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))


def _use(state: UrlState, pasted: str, upload: Any) -> None:
    try:
        kind: BatchFormat = upload.name.rsplit(".", 1)[-1].lower() if upload else "txt"
        read = read_batch(upload.getvalue() if upload else pasted.encode("utf-8", "surrogatepass"), kind)
    except InterpError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[_BATCH] = read
    _take(state, read.prompts, 0)


def prompts_in_use() -> tuple[str, ...]:
    """The prompts of the batch in use, or none."""
    batch = st.session_state.get(_BATCH)
    return batch.prompts if batch else ()


def show_selector(state: UrlState) -> None:
    """Draw what steps through the batch, where there is one. The chosen prompt goes into the URL, the batch does not."""
    place = st.empty()
    batch = st.session_state.get(_BATCH)
    if batch:
        with place.container():
            _show_steps(state, batch)


def _show_steps(state: UrlState, batch: Batch) -> None:
    prompts = batch.prompts
    here = _item(prompts, state["prompt"])
    before, box, after = st.columns([1, 8, 1], vertical_alignment="bottom")
    box.selectbox(
        f"Prompt of the batch ({len(prompts):,})", range(len(prompts)), index=here, key=f"batch.item.{here}",
        format_func=lambda item: f"{item + 1}: {prompts[item][:100]}", placeholder="The prompt above is not of the batch",
        on_change=lambda: _take(state, prompts, st.session_state[f"batch.item.{here}"]),
    )  # fmt: skip
    before.button("", icon=":material/chevron_left:", key="batch.before", help="Previous prompt", disabled=here in (None, 0),
                  on_click=_take, args=(state, prompts, (here or 0) - 1))  # fmt: skip
    after.button("", icon=":material/chevron_right:", key="batch.after", help="Next prompt", disabled=here == len(prompts) - 1,
                 on_click=_take, args=(state, prompts, 0 if here is None else here + 1))  # fmt: skip
    if batch.skipped:
        with st.expander(f"About this file ({len(batch.skipped)})"):
            for sentence in batch.skipped[:50]:
                st.text(sentence)


def _item(prompts: tuple[str, ...], text: str) -> int | None:
    """Which prompt of the batch is on the bench; the one last taken, where several read alike."""
    taken = st.session_state.get(_ITEM)
    if taken is not None and taken < len(prompts) and prompts[taken] == text:
        return taken
    return prompts.index(text) if text in prompts else None


def _take(state: UrlState, prompts: tuple[str, ...], item: int | None) -> None:
    if item is not None and 0 <= item < len(prompts):
        st.session_state[_ITEM] = item
        state.set("prompt", prompts[item])
        state.set("pos", None)
