"""Questions about an SAE's features, each answered in the model's thread and kept."""

# ruff: noqa: PLC0415  torch must not delay the first paint

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from interp_core.jobs import Job
from interp_core.types import ModelSpec, Run
from pages.ui import cached
from pages.ui.sae.bench import SaeBench

if TYPE_CHECKING:
    from interp_core.harvest.records import Correlated
    from interp_core.models import LoadedModel
    from interp_core.sae.effects import Cell, Reach
    from interp_core.sae.example_effects import ExampleEffects, Stretch
    from interp_core.sae.feature_sources import FeatureSources
    from interp_core.sae.reading import FeatureReading


def reading(run: Run, sae: SaeBench) -> "FeatureReading":
    """Every active feature on a run."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.reading import read_features

        return read_features(model, run, sae.name)

    return cached.ask(run.model, ("features", run, sae.checksum), work, "Reading the features")


def document(spec: ModelSpec, sae: SaeBench, feature: int, label: str) -> dict[str, Any]:
    """The dashboard of a feature."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.dashboard import feature_document

        return feature_document(model, sae.name, feature, sae.harvest, label=label)

    key = ("dashboard", sae.checksum, sae.harvest and sae.harvest.fingerprint, feature, label)
    return cached.ask(spec, key, work, "Opening the feature")


def example_effects_job(
    spec: ModelSpec, sae: SaeBench, feature: int, stretches: "Sequence[Stretch]", so_far: "ExampleEffects | None"
) -> Job:
    """Loss effects on examples, under way or done; it goes on from `so_far`, where it was stopped before."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.example_effects import example_effects

        return example_effects(model, sae.name, feature, stretches, so_far=so_far)

    return cached.engine().submit(spec, ("example effects", sae.checksum, feature, tuple(stretches)), work)


def second_features(
    spec: ModelSpec, sae: SaeBench, feature: int, other: str, windows: "Sequence[tuple[int, ...]]"
) -> "tuple[Correlated, ...]":
    """Features of a second SAE that go with one."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.second_sae import correlate_with

        return correlate_with(model, sae.name, feature, other, windows)

    key = ("second SAE", sae.checksum, feature, other, tuple(windows))
    return cached.ask(spec, key, work, f"Correlating with {other}")


def removals(run: Run, sae: SaeBench, cells: "tuple[Cell, ...]", reach: "Reach") -> Any:
    """The exact cost of removing features."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.effects import remove_features

        return remove_features(model, run, sae.name, cells, reach=reach)

    return cached.ask(run.model, ("removals", run, sae.checksum, cells, reach), work, "Removing features one by one")


def sources(spec: ModelSpec, sae: SaeBench, feature: int, tokens: tuple[int, ...], pos: int) -> "FeatureSources":
    """Where a feature of an SAE on heads gets its input from."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.feature_sources import feature_sources

        return feature_sources(model, Run(spec, tokens), sae.name, feature, pos)

    return cached.ask(spec, ("sources", sae.checksum, feature, tokens, pos), work, "Attributing to source tokens")
