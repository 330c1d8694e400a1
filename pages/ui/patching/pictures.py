"""The pictures of a sweep: layers by positions, layers by heads."""

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from interp_views.head_map import HeadMapView, head_map_payload, head_map_selection
from interp_views.position_map import PositionMapView, position_map_payload, position_map_selection
from pages.ui.bench import Bench
from pages.ui.mount import picture
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.patching import PatchingSweep

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


def shown_of(state: UrlState, made: "PatchingSweep") -> Shown:
    """What the page asks for: a fraction or the metric itself."""
    noising = made.plan.direction == "noising"
    if state["scale"] == "raw":
        base = made.clean_score if noising else made.corrupted_score
        return Shown(made.score, "metric after the patch", made.unit, base, made.unit == "logits")
    if noising:
        return Shown(1 - made.effect, "lost fraction", "(0 as clean, 1 as corrupted)", 0.0, True)
    return Shown(made.effect, "recovered fraction", "(0 as corrupted, 1 as clean)", 0.0, True)


def _about(*what: Any) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def head_picture(state: UrlState, shown: Shown) -> bytes:
    """Draw layers by heads, and return what was drawn."""
    about = _about("heads", shown.values.tobytes(), shown.name)
    payload = head_map_payload(
        HeadMapView(shown.values, shown.name, shown.unit, *shown.range, signed=shown.signed, decimals=3, about=about)
    )
    picture(
        "head_map", payload, key="picture.patching.heads",
        parts=[head_map_selection(about, layer=None if state["head"] is None else state["layer"], head=state["head"])],
        events={"open": lambda value: select(state, value.get("layer"), head=value.get("head"))},
    )  # fmt: skip
    return payload


def position_picture(state: UrlState, bench: Bench, shown: Shown) -> bytes:
    """Draw layers by positions, and return what was drawn."""
    about = _about("positions", shown.values.tobytes(), shown.name)
    payload = _position_payload(bench, shown, tuple(map(str, range(len(shown.values)))), about)
    picture(
        "position_map", payload, key="picture.patching.positions",
        parts=[position_map_selection(about, row=state["layer"] if state["pos"] is not None else None, pos=state["pos"])],
        events={"open": lambda value: select(state, value.get("row"), pos=value.get("pos"))},
    )  # fmt: skip
    return payload


def _position_payload(bench: Bench, shown: Shown, rows: tuple[str, ...], about: str) -> bytes:
    tokens = bench.tokenised
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


def neuron_payload(bench: Bench, made: "PatchingSweep", shown: Shown) -> bytes:
    """The strongest neurons by position, for the file that is taken along."""
    by_position = shown.values if shown.values.ndim == 2 else np.repeat(shown.values[None], len(bench.tokenised.ids), 0)
    top = np.argsort(-np.nan_to_num(np.abs(by_position - shown.base)).max(0), kind="stable")[:_MOST_ROWS]
    rows = tuple(f"L{made.plan.layer}N{unit}" for unit in top)
    return _position_payload(bench, shown.part(by_position[:, top].T), rows, "")


def select(state: UrlState, layer: Any, *, head: Any = None, pos: Any = None) -> None:
    """What was clicked, on this page and on every other."""
    if isinstance(layer, int):
        state.set("layer", layer)
    if isinstance(head, int):
        state.set("head", head)
    if isinstance(pos, int):
        state.set("pos", pos)
