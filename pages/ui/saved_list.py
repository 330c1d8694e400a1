"""The list of saved runs: open, take along, delete; and taking in a colleague's."""

# ruff: noqa: PLC0415  interp_core.saved_runs imports torch

import io
import shutil
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError
from interp_core.settings import runs_folder
from pages.ui.bench import plain

if TYPE_CHECKING:
    from interp_core.saved_runs import SavedRun

_NOTE = "saved.note"
_MOST_DOWNLOAD = 200 * 1024**2


def show_upload() -> None:
    """Draw the field that takes in a zip file."""
    with st.expander("Open a run that someone sent you"):
        upload = st.file_uploader("A saved run as a zip file", type=["zip"], key="saved.upload")
        st.button(
            "Take it in", type="primary", key="saved.take", on_click=_take, args=(upload,), disabled=upload is None
        )
    note = st.session_state.pop(_NOTE, None)
    if note:
        (st.success if note[0] else st.error)(plain(note[1]))


def _take(upload: Any) -> None:
    from interp_core.run_archive import read_archive

    try:
        run = read_archive(upload, runs_folder())
        st.session_state[_NOTE] = (True, f"Taken in: {run.facts.prompt.text[:80]}")
    except InterpError as error:
        st.session_state[_NOTE] = (False, str(error))


def show() -> None:
    """Draw the list."""
    from interp_core.saved_runs import saved_runs

    runs, problems = saved_runs(runs_folder())
    st.caption(f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} in {plain(str(runs_folder()))}")
    if not runs:
        st.info("Nothing is saved yet. Press **Save this run** below any picture of the Attention page.")
    for run in runs:
        _show_run(run)
    for problem in problems:
        st.warning(plain(problem))


def _show_run(run: "SavedRun") -> None:
    facts, key = run.facts, run.folder.name
    generated = len(run.tokens) - facts.n_prompt
    with st.container(border=True):
        st.page_link(
            "pages/attention.py", label=f"**{plain(facts.prompt.text[:120] or '(empty)')}**", icon=":material/grid_on:",
            query_params={"saved": key, **({"view": "generated"} if generated else {})},
        )  # fmt: skip
        st.caption(
            plain(
                f"{facts.card.name} · {len(run.tokens):,} tokens, {generated:,} generated · {facts.card.dtype}, "
                f"{facts.card.processing} weights · {facts.created[:16].replace('T', ' ')} UTC · {run.n_bytes / 1e6:,.1f} MB"
            )
        )
        with st.container(horizontal=True):
            if run.n_bytes <= _MOST_DOWNLOAD:
                st.download_button(
                    "Take along (zip)", lambda: _archive(run), f"run-{key}.zip", "application/zip", on_click="ignore",
                    key=f"saved.zip.{key}",
                )  # fmt: skip
            else:
                st.caption(f"Too large for the browser: copy the folder {plain(str(run.folder))}")
            with st.popover("Delete", icon=":material/delete:"):
                st.caption("The files are removed for everyone who uses this server.")
                st.button("Delete it", key=f"saved.delete.{key}", on_click=_delete, args=(run,))


def _archive(run: "SavedRun") -> bytes:
    from interp_core.run_archive import write_archive

    buffer = io.BytesIO()
    write_archive(run, buffer)
    return buffer.getvalue()


def _delete(run: "SavedRun") -> None:
    try:
        shutil.rmtree(run.folder)
        st.session_state[_NOTE] = (True, "Deleted.")
    except OSError as error:
        st.session_state[_NOTE] = (False, f"The run cannot be deleted ({error.strerror}).")
