"""Features of sparse autoencoders in a notebook: dashboards, what is active on a prompt, and what removing features costs.

An SAE goes by its name in the dashboard: one that ships, `folder:NAME`, or `release:RELEASE:ID` once it was fetched.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hookscope.models import Asked, run_of
from interp_core.errors import DiskError, InterpError
from interp_core.exchange.documents import dashboards
from interp_core.harvest.bundle import Harvest, open_harvest
from interp_core.harvest.library import find_harvests
from interp_core.jobs import finish
from interp_core.models import LoadedModel
from interp_core.sae.dashboard import with_effects
from interp_core.sae.effects import Cell, Reach, Removals
from interp_core.sae.effects import remove_features as _remove_features
from interp_core.sae.example_effects import example_effects
from interp_core.sae.features import found_folder, held_sae
from interp_core.sae.known_effects import MeasuredOn, remember_effects
from interp_core.sae.measured_effects import stretches_of, top_effect
from interp_core.sae.ranking import RANKINGS, ActiveFeatures, Ranking, active_features
from interp_core.sae.reading import FeatureReading, read_features
from interp_core.sae.spec import checksum_of
from interp_views.component import Component, NotebookPicture
from interp_views.feature_dashboard import feature_dashboard_payload, features_payload
from interp_views.feature_document import feature_view

Harvested = Harvest | str | Path | None
"""A harvest, its folder, or None: the largest of the SAE on this machine."""
_COLUMN_EXAMPLES = 10


def show_feature(
    model: LoadedModel, sae: str, feature: int, *, harvest: Harvested = None, effects: bool = False
) -> NotebookPicture:
    """The dashboard of one feature; without a harvest it has no examples.

    `effects` adds exact effects on the loss to the top examples: two forward passes an example, and a partial one for each
    position at which the feature is active. Their mean is kept: the feature browser shows it.

    Raises:
        InterpError: There is no such SAE or feature, it does not fit, or the harvest is damaged.
    """
    document = feature_document(model, sae, feature, harvest=harvest, effects=effects)
    return show_dashboard(document)


def feature_document(
    model: LoadedModel, sae: str, feature: int, *, harvest: Harvested = None, effects: bool = False
) -> dict[str, Any]:
    """What `show_feature` shows, as plain values; `docs/features.md` describes it."""
    found = harvest_of(model, sae, harvest)
    (document,) = dashboards(model, sae, found, [feature])
    if not effects:
        return document
    if found is None:
        raise InterpError(f"Loss effects are measured on examples, and {sae} has no harvest here. Make one first.")
    examples = found.feature(feature).examples
    top = [number for number, one in enumerate(examples) if one.kind == 0]
    stretches = stretches_of(found, [examples[number] for number in top])
    made = finish(example_effects(model, sae, feature, stretches))
    if known := top_effect(examples, top, made.found):
        on = MeasuredOn.of(model.card, held_sae(model, sae).checksum, found)
        with contextlib.suppress(DiskError):  # the picture needs no room on a disk
            remember_effects(on, {feature: known}, sae=sae)
    pairs = zip(top, stretches, made.found, strict=True)
    return with_effects(model, document, {number: (stretch.first, effect) for number, stretch, effect in pairs})


def show_dashboard(document: Any) -> NotebookPicture:
    """A dashboard as `feature_document` or a file has it.

    Raises:
        InterpError: It cannot be drawn; the text says why.
    """
    try:
        view = feature_view(document)
        payload = feature_dashboard_payload(view)
    except ValueError as error:
        raise InterpError(str(error)) from error
    return Component.load("feature_dashboard").notebook(payload, f"{view.name}, {view.sae}")


def show_features_on(
    model: LoadedModel,
    prompt: Asked,
    sae: str,
    *,
    pos: int = -1,
    rank: Ranking = "activation",
    k: int = 10,
    harvest: Harvested = None,
) -> NotebookPicture:
    """The features that carry one position of a prompt, side by side.

    Ranked by activation, by the quantile of it in the harvest, or by the effect on the next token's loss: those with the largest
    estimates are then ordered by their exact effect, which costs a partial pass. Negative positions count from the end.

    Raises:
        InterpError: The SAE or an intervention does not fit, or no feature is active there.
    """
    run, found = run_of(model, prompt), harvest_of(model, sae, harvest)
    n_pos = len(run.tokens)
    at = pos + n_pos if pos < 0 else pos
    if not 0 <= at < n_pos:
        raise InterpError(
            f"The prompt has {n_pos} tokens, so there is no position {pos}. Give {-n_pos} to {n_pos - 1}."
        )
    if rank not in RANKINGS:
        raise InterpError(f"Features are not ranked by {rank!r}. Choose one of {', '.join(RANKINGS)}.")
    if rank == "effect" and at == n_pos - 1:
        raise InterpError(
            "No token follows the last position, so there is no loss to have an effect on. Give an earlier pos."
        )
    active = active_features(model, run, sae, at, found)
    if active.left_out:
        raise InterpError(
            f"The stream at position {at} is beyond the norm that {sae} was trained up to, so its features mean nothing "
            "there. Choose another position."
        )
    if not len(active.feature):
        raise InterpError(f"No feature of {sae} is active at position {at}. Choose another position.")
    places, exact = active.ranked(rank)[:k], np.full(k, np.nan)
    if rank == "effect":
        cells = [(int(active.feature[place]), at) for place in places]
        exact = finish(_remove_features(model, run, sae, cells)).effect[:, at]
        order = np.argsort(-np.abs(np.nan_to_num(exact)), kind="stable")
        places, exact = places[order], exact[order]
    documents = dashboards(model, sae, found, [int(active.feature[place]) for place in places])
    views = [
        feature_view(document, score=_score(active, place, effect), examples=_COLUMN_EXAMPLES)
        for document, place, effect in zip(documents, places, exact, strict=False)
    ]
    return Component.load("feature_dashboard").notebook(features_payload(views), f"Features at position {at}, {sae}")


def feature_activations(model: LoadedModel, prompt: Asked, sae: str) -> FeatureReading:
    """Every feature that is active on a prompt, under its interventions; `.dense()` has the zeros too.

    Costs a forward pass up to the SAE's hook point, and one encoding.
    """
    return read_features(model, run_of(model, prompt), sae)


def remove_features(
    model: LoadedModel, prompt: Asked, sae: str, cells: Sequence[int | Cell], *, reach: Reach = "later"
) -> Removals:
    """What removing each feature in turn changes in the loss of every later token, or of the next one alone; exact.

    A number removes the feature wherever it is active, a pair `(feature, position)` at that position alone. Interventions of the
    prompt stay in force.
    """
    wanted = [(cell, None) if isinstance(cell, int) else cell for cell in cells]
    return finish(_remove_features(model, run_of(model, prompt), sae, wanted, reach=reach))


def harvest_of(model: LoadedModel, sae: str, harvest: Harvested = None) -> Harvest | None:
    """The harvest that is named, or the largest of the SAE on this model and machine; None where there is none.

    Raises:
        InterpError: There is no such SAE, or the harvest that was named cannot be opened.
    """
    if isinstance(harvest, Harvest):
        return harvest
    if harvest is not None:
        return open_harvest(Path(harvest))
    found, _ = find_harvests(checksum_of(found_folder(sae)), model.card)
    return found[0] if found else None


def _score(active: ActiveFeatures, place: int, exact: float) -> str:
    parts = [f"activation {active.activation[place]:.2f}"]
    if np.isfinite(active.quantile[place]):
        parts.append(f"above {active.quantile[place]:.1%} of its own")
    if np.isfinite(exact):
        parts.append(f"loss effect {exact:+.3f} nats, exact (estimate {active.estimate[place]:+.3f})")
    return " · ".join(parts)
