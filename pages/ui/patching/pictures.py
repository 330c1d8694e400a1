"""The pictures of a sweep: layers by positions, layers by heads."""

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from jaxtyping import Bool, Float

from interp_views.head_map import HeadMapView, head_map_payload, head_map_selection
from interp_views.position_map import PositionMapView, position_map_payload, position_map_selection
from pages.ui.mount import picture
from pages.ui.patching import neurons
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.model_card import ModelCard
    from interp_core.patching import PatchingSweep, SweepPlan
    from interp_core.path_plan import PathPlan, PathSweep
    from interp_core.tokens import Tokenised

_MOST_ROWS = 60


@dataclass(frozen=True)
class Shown:
    """What is drawn of a sweep."""

    values: np.ndarray
    name: str
    unit: str
    base: float
    """The value of a patch without effect."""
    signed: bool

    @property
    def range(self) -> tuple[float, float]:
        """Values of the first and the last colour: every finite one is among them."""
        known = self.values[np.isfinite(self.values)]
        if self.signed:
            return -1.0 * max(1e-6, float(np.abs(known).max(initial=0))), max(1e-6, float(np.abs(known).max(initial=0)))
        low, high = float(known.min(initial=self.base)), float(known.max(initial=self.base))
        return low, max(high, low + 1e-6)

    def part(self, values: np.ndarray) -> "Shown":
        """The same, of some of the values."""
        return replace(self, values=np.ascontiguousarray(values))


def shown_of(state: UrlState, made: "PatchingSweep | PathSweep") -> Shown:
    """What the page asks for: a fraction or the metric itself."""
    noising = made.plan.direction == "noising"
    if state["scale"] == "raw":
        base = made.clean_score if noising else made.corrupted_score
        return _beyond_group(
            Shown(made.score, "metric after the patch", made.unit, base, made.unit == "logits"), made.plan
        )
    return _beyond_group(_fraction(made.effect, noising, ""), made.plan)


def shown_of_pairs(state: UrlState, values: Float[np.ndarray, "..."], what: str, plan: "SweepPlan | PathPlan") -> Shown:
    """A statistic of the recovered fraction over pairs."""
    if state["statistic"] == "error":
        return Shown(values, what, "of the fraction", 0.0, False)
    return _beyond_group(_fraction(values, plan.direction == "noising", f", {what}"), plan)


def _beyond_group(shown: Shown, plan: "SweepPlan | PathPlan") -> Shown:
    """Of senders that send together with a group: what each adds to the group alone, whose value its own cells have."""
    group = getattr(plan, "group", ())
    if not group:
        return shown
    alone = shown.values[group[0].layer, -1 if group[0].head is None else group[0].head]
    return replace(
        shown, values=shown.values - alone, name=f"{shown.name}, added to the group's", base=0.0, signed=True
    )


def _fraction(effect: Float[np.ndarray, "..."], noising: bool, what: str) -> Shown:
    if noising:
        return Shown(1 - effect, "lost fraction" + what, "(0 as clean, 1 as corrupted)", 0.0, True)
    return Shown(effect, "recovered fraction" + what, "(0 as corrupted, 1 as clean)", 0.0, True)


def sharing(card: "ModelCard", plan: "SweepPlan | PathPlan") -> int:
    """How many query heads, which is what is selected on every page, read one of the heads that are swept."""
    return card.n_heads // card.n_key_value_heads if getattr(plan, "site", "") in ("k", "v") else 1


def draw(
    state: UrlState,
    card: "ModelCard",
    tokens: "Tokenised",
    shown: Shown,
    plan: "SweepPlan | PathPlan",
    exact: Bool[np.ndarray, "..."] | None,
) -> tuple[str, bytes]:
    """Draw a sweep by its axes; return which component draws its standalone picture, and the data of that."""
    shared = sharing(card, plan)
    if "unit" in plan.axes:
        neurons.show(state, tokens, plan, shown, exact)
        return "position_map", _neuron_payload(tokens, plan, shown)
    if plan.axes == ("layer", "pos"):
        return "position_map", position_picture(state, tokens, shown)
    if plan.axes == ("layer", "sender"):
        return "head_map", head_picture(state, shown.part(shown.values[:, :-1]), shown.values[:, -1])
    if plan.axes == ("layer", "head"):
        return "head_map", head_picture(state, shown, shared=shared)
    off = np.nan_to_num(np.abs(shown.values - shown.base))
    strongest = np.take_along_axis(shown.values, off.argmax(1)[:, None], 1)[:, 0]
    st.caption("Each head at the position where it matters most. Click one to see its positions.")
    payload = head_picture(state, shown.part(strongest), shared=shared)
    head = state["head"] // shared if state["head"] is not None else int(off.max((0, 1)).argmax())
    st.caption(f"{'Key and value head' if shared > 1 else 'Head'} {head} of every layer, by position.")
    position_picture(state, tokens, shown.part(shown.values[:, :, head]))
    return "head_map", payload


def _about(*what: Any) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def head_picture(
    state: UrlState, shown: Shown, mlps: Float[np.ndarray, " layer"] | None = None, *, shared: int = 1
) -> bytes:
    """Draw layers by heads, each of which `shared` query heads read, and the MLPs beside them; return what was drawn."""
    about = _about("heads", shown.values.tobytes(), None if mlps is None else mlps.tobytes(), shown.name)
    low, high = shown.range if mlps is None else shown.part(np.column_stack([shown.values, mlps])).range
    payload = head_map_payload(
        HeadMapView(
            shown.values, shown.name, shown.unit, low, high, signed=shown.signed, decimals=3, about=about, mlps=mlps,
            missing="not computed yet",
        )
    )  # fmt: skip
    mlp = mlps is not None and state["mlp"]
    head = None if mlp or state["head"] is None else state["head"] // shared
    picture(
        "head_map", payload, key="picture.patching.heads",
        parts=[head_map_selection(about, layer=state["layer"] if mlp or head is not None else None, head=head, mlp=mlp)],
        events={
            "open": lambda value: select(
                state, value.get("layer"), head=value.get("head"), mlp=value.get("mlp"), shared=shared
            )
        },
    )  # fmt: skip
    return payload


def position_picture(state: UrlState, tokens: "Tokenised", shown: Shown) -> bytes:
    """Draw layers by positions, and return what was drawn."""
    about = _about("positions", shown.values.tobytes(), shown.name)
    payload = _position_payload(tokens, shown, tuple(map(str, range(len(shown.values)))), about)
    picture(
        "position_map", payload, key="picture.patching.positions",
        parts=[position_map_selection(about, row=state["layer"] if state["pos"] is not None else None, pos=state["pos"])],
        events={"open": lambda value: select(state, value.get("row"), pos=value.get("pos"))},
    )  # fmt: skip
    return payload


def _position_payload(tokens: "Tokenised", shown: Shown, rows: tuple[str, ...], about: str) -> bytes:
    return position_map_payload(
        PositionMapView(
            shown.values,
            rows,
            tokens.str_tokens,
            tokens.special,
            shown.name,
            shown.unit,
            *shown.range,
            signed=shown.signed,
            decimals=3,
            about=about,
        )
    )


def _neuron_payload(tokens: "Tokenised", plan: "SweepPlan | PathPlan", shown: Shown) -> bytes:
    """The strongest neurons by position, for the file that is taken along."""
    by_position = shown.values if shown.values.ndim == 2 else np.repeat(shown.values[None], len(tokens.ids), 0)
    top = np.argsort(-np.nan_to_num(np.abs(by_position - shown.base)).max(0), kind="stable")[:_MOST_ROWS]
    rows = tuple(f"L{getattr(plan, 'layer', 0)}N{unit}" for unit in top)
    return _position_payload(tokens, shown.part(by_position[:, top].T), rows, "")


def select(state: UrlState, layer: Any, *, head: Any = None, pos: Any = None, mlp: Any = None, shared: int = 1) -> None:
    """What was clicked, on this page and on every other; of a head that several query heads share, the first of them."""
    if isinstance(layer, int):
        state.set("layer", layer)
    if isinstance(head, int):
        state.set("head", head * shared)
    if isinstance(pos, int):
        state.set("pos", pos)
    state.set("mlp", mlp is True)
