"""How Neuronpedia names a model, a set of SAEs, one SAE (a source) and what belongs to it. No torch here."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from interp_core.hook_points import layer_hook

CREATOR = "clkht01d40000jv08hvalcvly"
"""The account under which Neuronpedia's own tools file what names no author: rows of other accounts are not shown."""
_LONGEST = 80
_LAYER = re.compile(r"L(\d{1,4})F\d+")
_PLACE = re.compile(r"(\w+) of layer (\d{1,4})")


@dataclass(frozen=True)
class SourceNames:
    """What every row of a source says of itself."""

    model: str
    """Lower-case letters, digits, dashes and underscores, as Neuronpedia asks."""
    source: str
    """The layer, a dash, and the set."""
    source_set: str
    hook: str | None
    """TransformerLens's name of the hook point; None where it is not known."""
    creator: str = CREATOR

    def row_id(self, *parts: object) -> str:
        """A primary key like Neuronpedia's cuids: the same parts give the same one."""
        text = "/".join(map(str, (self.model, self.source, *parts)))
        return "c" + hashlib.sha256(text.encode()).hexdigest()[:24]


def names_of(document: dict[str, Any], creator: str = CREATOR) -> SourceNames:
    """Under which names a dashboard of ours goes on Neuronpedia."""
    source_set = _plain(document["sae"].removeprefix("folder:").removeprefix("release:")) or "sae"
    found, place = _LAYER.fullmatch(document["name"]), _PLACE.fullmatch(document.get("place") or "")
    layer = found[1] if found else "0"  # every source begins with a layer
    return SourceNames(
        model=_plain(document["model"].rpartition("/")[2]) or "model",
        source=f"{layer}-{source_set}",
        source_set=source_set,
        hook=_hook(place[1], int(place[2])) if place else None,
        creator=creator,
    )


def _hook(point: str, layer: int) -> str | None:
    try:
        return layer_hook(point, layer)
    except KeyError:
        return None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:_LONGEST]
