"""The Python that gives what the feature browser shows."""

from typing import TYPE_CHECKING

from interp_core.types import Run
from pages.ui import share
from pages.ui.bench import Bench
from pages.ui.features.data import Browser

if TYPE_CHECKING:
    from interp_core.feature_table import FeatureQuery


def of_table(browser: Browser, query: "FeatureQuery") -> str:
    """The table."""
    harvest = browser.sae.harvest
    imports = "from interp_core.feature_table import FeatureQuery, FeatureTable\n"
    imports += "from interp_core.harvest.bundle import open_harvest\n" if harvest else ""
    imports += "from interp_core.sae.atlas_files import find_atlas\n" if browser.atlas else ""
    imports += "from interp_core.sae.known_effects import MeasuredOn, known_effects\n" if browser.effects() else ""
    path = (
        ""
        if harvest is None
        else f"from pathlib import Path\n\n{imports}\nharvest = open_harvest(Path({str(harvest.folder)!r}))\n"
    )
    lines = path or imports + "\n"
    atlas = "None"
    if browser.atlas:
        facts = browser.atlas.facts
        lines += f"atlas = find_atlas({browser.sae.checksum!r}, {facts['model']!r}, {facts['revision']!r})\n"
        atlas = "atlas.table"
    table = "harvest.table()" if harvest else "None"
    lines += f"table = FeatureTable({browser.sae.config.d_sae}, {table}, {atlas})\n"
    if browser.effects():
        lines += f"known = known_effects({browser.on!r})\n"
        lines += "table.set_effects({feature: one.mean for feature, one in known.items() if one.mean is not None})\n"
    return f"{lines}table.find({query!r}).to_pandas()"


def of_neighbours(bench: Bench, browser: Browser, feature: int) -> str:
    """Cosines with one feature."""
    return (
        "from interp_core.sae.neighbours import neighbours_of\n" + share.load_code(bench)
        + f"neighbours_of(model, {browser.sae.name!r}, {feature}).cosine"
    )  # fmt: skip


def of_writes(bench: Bench, browser: Browser, token: int) -> str:
    """Writes on one token."""
    return (
        "from interp_core.sae.token_writes import writes_on\n" + share.load_code(bench)
        + f"writes_on(model, {browser.sae.name!r}, {token}).write"
    )  # fmt: skip


def of_text(bench: Bench, browser: Browser, run: Run) -> str:
    """Features of one text."""
    lines = share.load_code(bench).split("prompt = ", 1)[0]
    edits, imported = "", ""
    if run.interventions:
        texts = ", ".join(repr(one.text) for one in run.interventions)
        imported = "from interp_core.edits import fitted\nfrom interp_core.interventions import Intervention\n"
        edits = f", fitted(model, tuple(map(Intervention.parse, ({texts},))), tokens)"
    return (
        f"{imported}from interp_core.sae.text_features import fires_on\nfrom interp_core.types import Run\n{lines}"
        f"tokens = {run.tokens!r}\nfires_on(model, Run(model.spec, tokens{edits}), {browser.sae.name!r})"
    )
