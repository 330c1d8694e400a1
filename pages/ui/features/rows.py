"""Features as rows: a table in which a click selects one, and the same data to take along."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages.ui.features import words
from pages.ui.features.data import Browser
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    import pyarrow as arrow

Extra = dict[str, tuple[Sequence[Any], Any]]
"""Further columns by heading: values, and Streamlit's column configuration or None."""
_ROW_PX, _MOST_ROWS = 35, 16
_EFFECT_HELP = (
    "How much the loss of the next token rises when the feature is removed where it fires: the mean over its own top examples. "
    "Exact, on the clean model; measured on demand, and empty where nobody did."
)


def show(state: UrlState, browser: Browser, found: "arrow.Table", name: str, extra: Extra | None = None) -> None:
    """Draw rows of features; a click on one selects it. `name` changes whenever other rows are shown."""
    rows, extra, sae = found.to_pydict(), extra or {}, browser.sae
    columns: dict[str, Any] = {"feature": [sae.title(feature) for feature in rows["feature"]]}
    columns |= {heading: list(values) for heading, (values, _) in extra.items()}
    columns["your label"] = [own and words.shown(own) for own in rows["own"]]
    config: dict[str, Any] = {heading: made for heading, (_, made) in extra.items() if made is not None}
    config["feature"] = st.column_config.TextColumn(width="small", pinned=True)
    config["your label"] = st.column_config.TextColumn(width="small")
    if browser.harvested:
        columns["automatic label"] = [own and words.shown(own) for own in rows["automatic"]]
        columns["fires on"] = [words.tokens(one) for one in rows["top_tokens"]]
        columns["density"] = [None if value is None else 100 * value for value in rows["density"]]
        columns |= {"largest": rows["largest"], "mean": rows["mean"]}
        columns["loss effect, nats"] = pd.Series(rows["loss_effect"], dtype="float64")
        config |= {
            "fires on": st.column_config.ListColumn(width="medium", help="Tokens at the peaks of its strongest examples."),
            "density": st.column_config.NumberColumn(format="%.4f %%", help="Share of the harvested tokens on which it is active."),
            "largest": st.column_config.NumberColumn(format="%.2f", help="Largest activation, in the SAE's own units."),
            "mean": st.column_config.NumberColumn(format="%.2f", help="Mean of the activations above 0, in the SAE's own units."),
            "loss effect, nats": st.column_config.NumberColumn(format="%+.3f", help=_EFFECT_HELP),
        }  # fmt: skip
    if browser.atlas is not None and not browser.atlas.without_tokens:
        columns["promotes"] = [words.tokens(one) for one in rows["promoted"]]
        config["promotes"] = st.column_config.ListColumn(
            width="medium", help="Tokens whose logits its decoder row raises most."
        )
    key = f"browse.rows.{name}"

    def choose() -> None:
        selection = st.session_state[key].selection
        picked = [*selection.rows, *(row for row, _ in selection.cells)]
        if picked and 0 <= picked[0] < len(rows["feature"]):
            state.set("feature", int(rows["feature"][picked[0]]))

    st.dataframe(
        pd.DataFrame(columns), key=key, hide_index=True, on_select=choose, selection_mode="single-cell", column_config=config,
        height=_ROW_PX * (min(_MOST_ROWS, len(found)) + 1) + 3, placeholder="",
        alt="Table of features. A click on a row selects the feature.",
    )  # fmt: skip


def show_downloads(name: str, table: Callable[[], pd.DataFrame], code: str) -> None:
    """Buttons for all rows as CSV and Parquet, and the Python that gives them."""
    with st.expander("Take it along: data, code"):
        with st.container(horizontal=True):
            st.download_button(
                "Data as CSV",
                lambda: _csv(table()),
                f"{name}.csv",
                "text/csv",
                on_click="ignore",
                key=f"browse.csv.{name}",
            )
            st.download_button(
                "Data as Parquet", lambda: table().to_parquet(None, index=False), f"{name}.parquet",
                "application/vnd.apache.parquet", on_click="ignore", key=f"browse.parquet.{name}",
            )  # fmt: skip
        st.caption("The Python that reproduces it")
        st.code(code, language="python")


def full(browser: Browser, found: "arrow.Table", extra: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Rows to take along: the user's label and the automatic one in columns of their own."""
    made = found.to_pandas().rename(columns={"own": "label_of_user", "automatic": "label_automatic"})
    made.insert(0, "name", [browser.sae.title(feature) for feature in made["feature"]])
    return made.assign(**{name: list(values) for name, values in (extra or {}).items()})


def _csv(table: pd.DataFrame) -> str:
    """Lists of tokens become JSON, which any reader takes apart again."""
    lists = {
        name: [None if one is None else json.dumps(list(one), ensure_ascii=False) for one in table[name]]
        for name in ("top_tokens", "promoted", "suppressed")
    }
    return table.assign(**lists).to_csv(index=False)
