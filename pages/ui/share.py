"""What a page lets its user take along: a link, the data, a file that works alone, the Python that reproduces it."""

import io
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import numpy as np
import pandas as pd
import streamlit as st

from interp_core.user_hooks.library import configured_folder
from pages.ui.bench import Bench
from pages.ui.text_code import LINK_CHARS, is_by_reference
from pages.ui.url_state import UrlState

_TEXTS = {"prompt": "This prompt", "do": "The list of interventions", "corrupted": "The corrupted prompt"}


def show_link(state: UrlState) -> None:
    """The permalink of what is on screen, with what it cannot carry."""
    st.caption("A link to exactly this view")
    address = urlsplit(st.context.url or "")
    link = state.link()
    query = urlencode(link)
    st.code(
        f"{address.scheme}://{address.netloc}{address.path}{'?' + query if query else ''}",
        language=None,
        wrap_lines=True,
    )
    for name in (name for name, code in link.items() if is_by_reference(code)):
        st.warning(
            f"{_TEXTS.get(name, 'A text')} takes more than the {LINK_CHARS:,} characters that a link may have, even compressed. "
            "The link works on this server until it restarts; elsewhere, send the text itself."
        )


def show_downloads(
    page: str,
    table: Callable[[], pd.DataFrame],
    standalone: Callable[[], str],
    code: str,
    arrays: Callable[[], dict[str, np.ndarray]] | None = None,
) -> None:
    """Buttons for the data as CSV, Parquet and npz and for the picture as one HTML file, and the code.

    Table and picture are made when a button is pressed, not whenever the page is drawn.
    """
    with st.expander("Take it along: data, picture, code"):
        with st.container(horizontal=True):
            button("Data as CSV", f"{page}.csv", "text/csv", lambda: table().to_csv(index=False))
            button("Data as Parquet", f"{page}.parquet", "application/vnd.apache.parquet", lambda: _parquet(table()))
            if arrays:
                button("Arrays as npz", f"{page}.npz", "application/octet-stream", lambda: _npz(arrays()))
            button("Picture as HTML, works offline", f"{page}.html", "text/html", standalone)
        st.caption("The Python that reproduces it")
        st.code(code, language="python")


def button(label: str, name: str, mime: str, make: Callable[[], str | bytes]) -> None:
    """A button that makes a file when it is pressed."""
    st.download_button(label, make, name, mime, on_click="ignore", key=f"download.{name}")


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def source(bench: Bench) -> str:
    """The first arguments of a call on what `load_code` loads."""
    return "run" if bench.saved else "model, prompt"


def title(bench: Bench, what: str) -> str:
    """Heading of a file that is taken along: what it shows, of which model and prompt."""
    text = bench.prompt.text if len(bench.prompt.text) <= 80 else bench.prompt.text[:80] + "…"
    return (
        f"{what} · {bench.card.name}, revision {bench.card.revision[:12]}, {bench.card.processing} weights · {text!r}"
    )


def load_code(bench: Bench) -> str:
    """The lines that load this model and tokenise this prompt, or open this saved run, in a notebook."""
    if bench.saved:
        return f"import hookscope\n\nrun = hookscope.open_run({str(bench.saved.folder)!r})\n"
    spec, prompt = bench.spec, bench.prompt
    held = (
        ""
        if (spec.dtype, spec.processing) == ("float32", "compatibility")
        else f"dtype={spec.dtype!r}, processing={spec.processing!r}"
    )
    arguments = ", ".join(part for part in (repr(spec.text) if spec.text else "", held) if part)
    switches = ("" if prompt.prepend_bos else ", prepend_bos=False") + (", chat=True" if prompt.chat else "")
    return (
        "import hookscope\n\n"
        f"model = hookscope.load({arguments})\n"
        f"prompt = hookscope.Prompt({prompt.text!r}{switches})\n" + _load_hooks(bench) + intervene_code(bench, "prompt")
    )


def intervene_code(bench: Bench, name: str) -> str:
    """The line that puts a prompt, held by the variable `name`, under the interventions in what the page shows."""
    if not bench.run.interventions:
        return ""
    texts = ", ".join(repr(spec.text) for spec in bench.run.interventions)
    return f"{name} = hookscope.intervene({name}, {texts})\n"


def _load_hooks(bench: Bench) -> str:
    hooked = any(spec.function for spec in bench.run.interventions)
    return f"hookscope.load_hooks({str(configured_folder())!r})\n" if hooked else ""
