"""Finding heads by their pattern: a known one, or one that the user draws."""

# ruff: noqa: PLC0415  interp_core.pattern_search imports torch

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from interp_core.errors import InterpError
from interp_views.component import Component
from interp_views.head_grid import HeadGridView, head_grid_payload, thumbnails
from interp_views.pattern_sketch import MAX_CELLS, MAX_TOKENS, PatternSketchView, pattern_sketch_payload
from pages.ui import schemas, share, tables
from pages.ui.attention import controls, data
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.attention_survey import AttentionSurvey
    from interp_core.pattern_search import Cells, PatternSearch

_SHOWN = 24
_LABELS = {
    "previous": "The token just before",
    "second_previous": "The token before that one",
    "itself": "The token itself",
    "first": "The first token",
    "same_token": "Earlier occurrences of the same token",
    "after_same_token": "The token after an earlier occurrence of the same token",
    "drawn": "A pattern that I draw",
}


def show(state: UrlState, bench: Bench) -> None:
    """Draw the view."""
    st.selectbox(
        "Heads that attend to",
        schemas.PATTERNS,
        key=state.key("pattern"),
        width=480,
        format_func=lambda name: _LABELS[name],
    )
    if state["pattern"] == "drawn":
        _show_sketch(state, bench)
    cells = _cells(state, bench)
    if cells is None:
        st.info("Draw the cells that a head of this kind should attend to: rows are queries, columns keys.")
        return
    survey = data.survey(bench)  # first: asking for something else would stop a survey that is under way
    found = data.search(bench, cells)
    order = np.argsort(-np.nan_to_num(found.score, nan=-1).ravel(), kind="stable")[:_SHOWN]
    st.markdown(f"**The {len(order)} heads that fit best**")
    st.caption(
        f"Score: attention that falls on the {cells.shape[1]:,} cells of the pattern, mean over the {found.n_queries:,} queries "
        "that have one; 0 to 1. Click a head to open it."
    )
    payload = _grid(bench, survey, found, order)
    picture(
        "head_grid", payload, key="picture.search",
        events={"open": lambda value: controls.select_head(state, bench, value, "layer")},
    )  # fmt: skip
    share.show_downloads(
        "search",
        lambda: tables.scores_table(found.score[None], ("fit",)),
        lambda: Component.load("head_grid").standalone(payload, share.title(bench, "Heads by pattern")),
        share.load_code(bench) + f"hookscope.search_heads({share.source(bench)}, {_code(state)})",
    )


def _code(state: UrlState) -> str:
    return f"pattern={state['pattern']!r}" if state["pattern"] != "drawn" else f"cells={state['cells']!r}"


def _cells(state: UrlState, bench: Bench) -> "Cells | None":
    from interp_core.pattern_search import drawn_cells, known_cells

    if state["pattern"] != "drawn":
        return known_cells(state["pattern"], bench.run.tokens)
    return drawn_cells(state["cells"], len(bench.run.tokens)) if state["cells"] else None


def _show_sketch(state: UrlState, bench: Bench) -> None:
    tokens = bench.tokenised
    if len(tokens.ids) > MAX_TOKENS:
        raise InterpError(
            f"Patterns can be drawn on prompts of up to {MAX_TOKENS} tokens, and this one has {len(tokens.ids):,}. Shorten it, "
            "or pick one of the known patterns."
        )
    inside = tuple(cell for cell in state["cells"] if 0 <= cell[1] <= cell[0] < len(tokens.ids))
    if len(inside) < len(state["cells"]):
        st.warning(f"{len(state['cells']) - len(inside)} drawn cells do not lie in this prompt and are left out.")
        state.set("cells", inside)
    view = PatternSketchView(tokens.str_tokens, tokens.special, inside, data.about(bench, "sketch"))
    picture(
        "pattern_sketch", pattern_sketch_payload(view), key="picture.sketch",
        events={"sketch": lambda value: _draw(state, value, len(tokens.ids))},
    )  # fmt: skip


def _draw(state: UrlState, value: dict[str, Any], n_pos: int) -> None:
    """Take what was drawn, if it lies in the pattern."""
    cells = value.get("cells")
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        return
    fits = [
        (cell[0], cell[1])
        for cell in cells
        if isinstance(cell, list)
        and len(cell) == 2
        and all(isinstance(part, int) for part in cell)
        and 0 <= cell[1] <= cell[0] < n_pos
    ]
    state.set("cells", tuple(sorted(set(fits))))


def _grid(bench: Bench, survey: "AttentionSurvey", found: "PatternSearch", order: np.ndarray) -> bytes:
    n_pos, n_heads = len(bench.tokenised.ids), bench.card.n_heads
    name = data.about(bench, "search", found.score.tobytes())

    def make() -> bytes:
        levels, pool = thumbnails(survey.levels, n_pos, survey.pool, True, 64)
        return head_grid_payload(
            HeadGridView(
                bench.tokenised.str_tokens, bench.tokenised.special, levels, n_pos, pool, True, 1.0,
                "attention probability", name, order=tuple(divmod(int(place), n_heads) for place in order),
                scores=found.score, score_label="fit, 0 to 1", windows=bench.card.windows,
            )
        )  # fmt: skip

    return data.packed(name, make)
