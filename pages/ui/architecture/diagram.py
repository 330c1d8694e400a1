"""The diagram, what stands on it, and what a click in it does elsewhere."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from interp_views.architecture import MOST_MARKS, ArchitectureView, architecture_payload, facts
from interp_views.architecture_hooks import HookMark
from interp_views.component import Component
from pages.ui import interventions, share
from pages.ui.architecture import data
from pages.ui.bench import Bench, plain
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

_GO = "architecture.go"
_PAGES = {"open": "pages/attention.py", "stream": "pages/lens.py"}
_POINTS = {
    "attn": "attn_out",
    "mlp": "mlp_out",
    "resid_pre": "resid_pre",
    "resid_mid": "resid_mid",
    "resid_post": "resid_post",
}


def leave_if_asked(state: UrlState) -> None:
    """Go to the page that a button in the diagram names."""
    target = st.session_state.pop(_GO, None)
    if target:
        extra = {"view": "stream"} if target == _PAGES["stream"] else {}
        st.switch_page(target, query_params={**state.shared_link(), **extra})


def show(state: UrlState, bench: Bench) -> None:
    """Draw the picture and what can be taken along."""
    drawn = data.documents(state, bench)
    for problem in drawn.problems:
        st.error(plain(problem))
    marks = _marks(bench) if drawn.has_loaded else ()
    view = ArchitectureView(drawn.documents, marks, max_layers=int(state["layers"]), acts=drawn.has_loaded)
    payload = architecture_payload(view)
    picture(
        "architecture", payload, key="picture.architecture", events={"act": lambda value: _act(state, bench, value)}
    )
    names = ", ".join(document["name"] for document in drawn.documents)
    share.show_downloads(
        "architecture",
        lambda: _table(drawn.documents),
        lambda: Component.load("architecture").standalone(payload, f"Architecture of {names}"),
        _code(state, bench, drawn.sources, marks),
    )


def _marks(bench: Bench) -> tuple[HookMark, ...]:
    marks = []
    for index, one in enumerate(bench.interventions):
        try:
            marks += [HookMark(name, one.label, index % 8, heads) for name, heads in data.places(one, bench)]
        except InterpError as error:
            st.warning(plain(str(error)))
    if len(marks) > MOST_MARKS:
        st.warning(
            f"The interventions stand in {len(marks):,} places, and {MOST_MARKS} can be marked: the last "
            f"{len(marks) - MOST_MARKS:,} are left out. Switch off some to see them."
        )
    return tuple(marks[:MOST_MARKS])


def _act(state: UrlState, bench: Bench, value: Mapping[str, Any]) -> None:
    """What the browser asks for, if this model has it."""
    layer, head, part, what = (value.get(name) for name in ("layer", "head", "part", "what"))
    if not isinstance(layer, int) or not 0 <= layer < bench.card.n_layers:
        return
    head = head if isinstance(head, int) and 0 <= head < bench.card.n_heads else None
    if what in _PAGES:
        state.set("layer", layer)
        state.set("head", head)
        st.session_state[_GO] = _PAGES[what]
    elif what == "ablate" and part in _POINTS:
        point, heads = (_POINTS[part], None) if head is None else ("z", (head,))
        interventions.add(state, Intervention("zero", point, layers=(layer,), heads=heads))


def _table(documents: tuple[dict[str, Any], ...]) -> pd.DataFrame:
    return pd.DataFrame([{"model": document["name"], **dict(facts(document))} for document in documents])


def _code(state: UrlState, bench: Bench, sources: tuple[str | None, ...], marks: tuple[HookMark, ...]) -> str:
    # What stands in a link is text of anyone's: only its repr goes into code.
    described = ", ".join(
        f"json.loads({state['config']!r})" if name is None else repr(bench.spec.text if name == data.LOADED else name)
        for name in sources
    )
    entries = [
        (mark.name, mark.label) if mark.heads is None else (mark.name, mark.label, {"heads": list(mark.heads)})
        for mark in marks
    ]
    hooks = "".join(f"    {entry!r},\n" for entry in entries)
    hooks = f", hooks=[\n{hooks}]" if hooks else ""
    imports = "import json\n\n" if None in sources else ""
    return (
        f"{imports}import hookscope\n\nhookscope.architecture({described}, max_layers={int(state['layers'])}{hooks})\n"
    )
