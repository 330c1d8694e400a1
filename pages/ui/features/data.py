"""What the feature browser asks: all features as a table, and questions to the model's thread."""

# ruff: noqa: PLC0415  torch must not delay the first paint

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import LabelError
from interp_core.harvest.bundle import TABLE
from interp_core.jobs import Job
from interp_core.labels import labels_of
from interp_core.types import Run
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.markdown import plain
from pages.ui.sae.bench import SaeBench

if TYPE_CHECKING:
    from interp_core.feature_table import FeatureTable
    from interp_core.models import LoadedModel
    from interp_core.sae.atlas_files import Atlas
    from interp_core.sae.known_effects import KnownEffect, MeasuredOn
    from interp_core.sae.measured_effects import MeasuredEffects
    from interp_core.sae.neighbours import Neighbours
    from interp_core.sae.text_features import TextFeatures
    from interp_core.sae.token_writes import TokenWrites


@dataclass(frozen=True)
class Browser:
    """All that is known of an SAE's features before the model is asked."""

    sae: SaeBench
    table: "FeatureTable"
    atlas: "Atlas | None"
    on: "MeasuredOn | None"
    """What loss effects are measured on; None without a harvest."""

    @property
    def harvested(self) -> bool:
        """Whether it is known when features fire."""
        return self.sae.harvest is not None

    def effects(self) -> "Mapping[int, KnownEffect]":
        """The loss effects that are known by now, which the table uses from then on."""
        from interp_core.sae.known_effects import known_effects

        known = known_effects(self.on) if self.on else {}
        self.table.set_effects({feature: one.mean for feature, one in known.items() if one.mean is not None})
        return known


def browser(bench: Bench, sae: SaeBench) -> Browser:
    """Join harvest, atlas, labels and loss effects; says so where the user's labels cannot be read.

    Raises:
        HarvestError: The harvest is not what was written.
    """
    from interp_core.sae.atlas_files import find_atlas
    from interp_core.sae.known_effects import MeasuredOn

    on = MeasuredOn.of(bench.card, sae.checksum, sae.harvest) if sae.harvest else None
    atlas = find_atlas(sae.checksum, bench.card.name, bench.card.revision)
    keys = (
        sae.checksum,
        sae.harvest and (str(sae.harvest.folder), sae.harvest.checksums[TABLE]),
        atlas and atlas.facts["parquet_sha256"],
        on,
    )
    table = _table(sae, atlas, keys)
    try:
        table.set_labels({feature: label.text for feature, label in labels_of(sae.checksum).items()})
    except LabelError as error:
        st.warning(plain(str(error)))
    found = Browser(sae, table, atlas, on)
    found.effects()
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _table(_sae: SaeBench, _atlas: "Atlas | None", keys: Hashable) -> "FeatureTable":
    from interp_core.feature_table import FeatureTable

    return FeatureTable(
        _sae.config.d_sae, _sae.harvest.table() if _sae.harvest else None, _atlas.table if _atlas else None
    )


@st.cache_resource(show_spinner=False)
def _atlas_jobs() -> dict[Hashable, Job]:
    """The last atlas that was asked for, by model and SAE, so that every session sees how far it is."""
    return {}


def atlas_job(bench: Bench, sae: SaeBench) -> Job | None:
    """The job that makes the atlas, under way or ended; None where nobody asked."""
    return _atlas_jobs().get((bench.spec, sae.checksum))


def start_atlas(bench: Bench, sae: SaeBench) -> None:
    """Begin to make the atlas. Nobody leaves this job, so it goes on whichever page is looked at."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.atlas import make_atlas

        return make_atlas(model, sae.name)

    job = cached.engine().submit(bench.spec, ("atlas", sae.checksum), work, keep=False)
    _atlas_jobs()[bench.spec, sae.checksum] = job


def effects_job(bench: Bench, sae: SaeBench, features: tuple[int, ...], so_far: "MeasuredEffects | None") -> Job:
    """Loss effects of features under way; what is known already costs nothing, so the result need not be cached."""
    harvest = sae.harvest
    assert harvest is not None

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.measured_effects import measure_effects

        return measure_effects(model, sae.name, harvest, features, so_far=so_far)

    key = ("measure effects", sae.checksum, harvest.fingerprint, features)
    return cached.engine().submit(bench.spec, key, work, keep=False)


def neighbours(bench: Bench, sae: SaeBench, feature: int) -> "Neighbours":
    """How a feature's decoder row lies to all others."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.neighbours import neighbours_of

        return neighbours_of(model, sae.name, feature)

    return cached.ask(bench.spec, ("neighbours", sae.checksum, feature), work, "Comparing with all features")


def token_writes(bench: Bench, sae: SaeBench, token: int) -> "TokenWrites":
    """What all features write on a token."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.token_writes import writes_on

        return writes_on(model, sae.name, token)

    return cached.ask(bench.spec, ("token writes", sae.checksum, token), work, "Reading what all features write")


def text_features(run: Run, sae: SaeBench) -> "TextFeatures":
    """The features that fire on a run."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.text_features import fires_on

        return fires_on(model, run, sae.name)

    return cached.ask(run.model, ("text features", run, sae.checksum), work, "Reading the features")
