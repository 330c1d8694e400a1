"""A harvest from the app, for small texts: what it would cost first, then progress, and the way to its features."""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import HarvestError, InterpError, JobCancelledError
from interp_core.jobs import Job
from interp_core.settings import harvests_folder
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.sae import data
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState
from pages.ui.waiting import wait_for_job

if TYPE_CHECKING:
    from interp_core.harvest.documents import Documents

_JOB, _ESTIMATE, _DONE = "saes.harvest.job", "saes.harvest.estimate", "saes.harvest.done"
_UPLOADS = ".uploads"


def show(state: UrlState, bench: Bench, sae: SaeBench) -> None:
    """Draw the text, the sizes, the estimate and the progress."""
    st.markdown(
        "One pass over a text notes for every feature at once where it fires, how strongly, and what goes with it. For large "
        "corpora, several machines or a cluster use the command line: see `docs/harvest.md`."
    )
    pasted = st.text_area(
        "Paste a text",
        key="saes.text",
        height=120,
        placeholder="At least some thousand words, so that most features fire",
    )
    upload = st.file_uploader(
        "or a file: .txt, .jsonl or .parquet with a column of texts",
        type=["txt", "jsonl", "parquet"],
        key="saes.upload",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.text_input("Name", key="saes.name", value=f"{sae.name.replace(':', '-')}-mine"[:60], width=360)
        column = st.text_input(
            "Column", key="saes.column", value="text", width=140, help="Column or key that holds the text."
        )
        context = st.number_input(
            "Tokens of a window", 2, bench.card.n_ctx, min(256, bench.card.n_ctx), key="saes.context", width=170
        )
    try:
        documents = _documents(pasted, upload, column)
        out = _out(name)
    except InterpError as error:
        st.error(plain(str(error)))
        return
    with st.container(horizontal=True):
        asked = st.button("What would it cost?", key="saes.estimate", disabled=documents is None)
        st.button(
            "Harvest", key="saes.start", type="primary", icon=":material/agriculture:", disabled=documents is None,
            on_click=_start, args=(bench, sae, documents, int(context), out),
            help="Stopped or interrupted, it goes on where it was when you press again.",
        )  # fmt: skip
        st.button("Stop", key="saes.stop", on_click=_stop, disabled=st.session_state.get(_JOB) is None)
    if asked and documents is not None:
        try:
            st.info(plain(data.harvest_cost(bench.spec, sae, documents, int(context), out)))
        except InterpError as error:
            st.error(plain(str(error)))
    _follow(state, sae)


def _documents(pasted: str, upload: Any, column: str) -> "Documents | None":
    from interp_core.harvest.documents import Files, Texts  # noqa: PLC0415

    if upload is not None:
        content = upload.getvalue()
        suffix = Path(upload.name).suffix.lower()
        path = harvests_folder() / _UPLOADS / f"{hashlib.sha256(content).hexdigest()}{suffix}"
        if not path.is_file():
            data.keep_upload(path, content)
        return Files(path, column)
    return Texts([pasted], "pasted text") if pasted.strip() else None


def _out(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
        raise HarvestError(
            f"{name[:80]!r} cannot be the name of a harvest. Use up to 80 letters, digits, points, hyphens and underlines."
        )
    return harvests_folder() / name


def _start(bench: Bench, sae: SaeBench, documents: "Documents", context: int, out: Path) -> None:
    _stop()
    st.session_state[_DONE] = None
    try:
        st.session_state[_JOB] = data.harvest_job(bench.spec, sae, documents, context, out)
    except InterpError as error:
        st.session_state[_DONE] = ("error", str(error))


def _stop() -> None:
    job: Job | None = st.session_state.get(_JOB)
    if job is not None:
        job.cancel()


def _follow(state: UrlState, sae: SaeBench) -> None:
    """Wait for a harvest that is under way; show how the last one ended."""
    job: Job | None = st.session_state.get(_JOB)
    if job is not None:
        st.caption("It keeps the model busy: other pages wait for their turn meanwhile.")
        job.join()
        try:
            made = wait_for_job(job, "Harvesting")
            st.session_state[_DONE] = ("done", f"{made.counts['tokens']:,} tokens harvested into {made.folder}.")
        except JobCancelledError:
            st.session_state[_DONE] = ("stopped", "Stopped. What was done is kept: press Harvest again to go on.")
        except InterpError as error:
            st.session_state[_DONE] = ("error", str(error))
        st.session_state[_JOB] = None
        st.rerun()
    how, text = st.session_state.get(_DONE) or ("", "")
    if how:
        {"done": st.success, "stopped": st.info, "error": st.error}[how](plain(text))
    if how == "done":
        st.page_link(
            "pages/features.py", label="Browse its features", icon=":material/travel_explore:",
            query_params=state.shared_link(),
        )  # fmt: skip
