"""What a page lets its user take along: a link, the data, a file that works alone, the Python that reproduces it."""

import io
from urllib.parse import urlencode, urlsplit

import pandas as pd
import streamlit as st

from pages.ui.bench import Bench
from pages.ui.text_code import LINK_CHARS, is_by_reference
from pages.ui.url_state import UrlState


def show_link(state: UrlState) -> None:
    """The permalink of what is on screen, with what it cannot carry."""
    st.caption("A link to exactly this view")
    address = urlsplit(st.context.url or "")
    query = urlencode(state.link())
    st.code(
        f"{address.scheme}://{address.netloc}{address.path}{'?' + query if query else ''}",
        language=None,
        wrap_lines=True,
    )
    if is_by_reference(state["prompt"]):
        st.warning(
            f"This prompt takes more than the {LINK_CHARS:,} characters that a link may have, even compressed. The link "
            "works on this server until it restarts; elsewhere, send the text itself."
        )


def show_downloads(table: pd.DataFrame, page: str, standalone: str, code: str) -> None:
    """Buttons for the data as CSV and Parquet and for the picture as one HTML file, and the code."""
    with st.expander("Take it along: data, picture, code"):
        csv, parquet, html = st.columns(3)
        csv.download_button(
            "Data as CSV",
            table.to_csv(index=False),
            f"{page}.csv",
            "text/csv",
            on_click="ignore",
            width="stretch",
            key=f"{page}.csv",
        )
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        parquet.download_button(
            "Data as Parquet",
            buffer.getvalue(),
            f"{page}.parquet",
            on_click="ignore",
            width="stretch",
            key=f"{page}.parquet",
        )
        html.download_button(
            "Picture as HTML, works offline",
            standalone,
            f"{page}.html",
            "text/html",
            on_click="ignore",
            width="stretch",
            key=f"{page}.html",
        )
        st.caption("The Python that reproduces it")
        st.code(code, language="python")


def load_code(bench: Bench) -> str:
    """The lines that load this model and tokenise this prompt in a notebook."""
    spec, prompt = bench.spec, bench.prompt
    return (
        "import hookscope\n\n"
        f"model = hookscope.load({spec.text!r}, dtype={spec.dtype!r}, processing={spec.processing!r})\n"
        f"prompt = hookscope.Prompt({prompt.text!r}, prepend_bos={prompt.prepend_bos}, chat={prompt.chat})\n"
    )
