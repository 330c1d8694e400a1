"""Questions about an SAE's features, each answered in the model's thread and kept."""

# ruff: noqa: PLC0415  torch must not delay the first paint

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interp_core.jobs import Job
from interp_core.sae.spec import SaeSpec
from interp_core.types import ModelSpec, Run
from pages.ui import cached
from pages.ui.sae.bench import SaeBench

if TYPE_CHECKING:
    from interp_core.harvest.documents import Documents
    from interp_core.harvest.records import Correlated
    from interp_core.models import LoadedModel
    from interp_core.sae.effects import Cell, Reach
    from interp_core.sae.example_effects import ExampleEffects, Stretch
    from interp_core.sae.feature_sources import FeatureSources
    from interp_core.sae.ranking import ActiveFeatures
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


def documents(
    spec: ModelSpec, sae: SaeBench, features: tuple[int, ...], labels: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The dashboards of several features."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.dashboard import feature_document

        return [
            feature_document(model, sae.name, feature, sae.harvest, label=label)
            for feature, label in zip(features, labels, strict=True)
        ]

    key = ("dashboards", sae.checksum, sae.harvest and sae.harvest.fingerprint, features, labels)
    return cached.ask(spec, key, work, "Opening the features")


def active(run: Run, sae: SaeBench, pos: int) -> "ActiveFeatures":
    """The features that are active at a position, with estimates of their effect."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.ranking import active_features

        return active_features(model, run, sae.name, pos, sae.harvest)

    key = ("active features", run, sae.checksum, sae.harvest and sae.harvest.fingerprint, pos)
    return cached.ask(run.model, key, work, "Reading the features")


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


def measure(spec: ModelSpec, sae: SaeBench) -> dict[str, Any]:
    """The SAE's figures, on windows of its harvest or on the texts that ship."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.measured import measure_here, windows_at_hand

        return measure_here(model, sae.name, *windows_at_hand(model, sae.config, sae.harvest))

    return cached.ask(spec, ("measure", sae.checksum), work, "Measuring the SAE")


def fetch(spec: ModelSpec, sae: SaeSpec) -> Path:
    """Fetch an SAE of a release from the hub."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.sae.catalogue import fetch_sae

        return fetch_sae(sae)

    return cached.ask(spec, ("fetch", sae.text), work, f"Fetching {sae.text}")


def keep_upload(path: Path, content: bytes) -> None:
    """Keep an uploaded text until its harvest is done, so that an interrupted one can go on."""
    from interp_core.errors import DiskError
    from interp_core.harvest.commit import write_whole

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise DiskError(f"{path} cannot be written ({error.strerror}). Free some space or check the rights.") from error


def _plan(context: int) -> Any:
    from interp_core.harvest.plan import HarvestPlan

    # Small shards: what is lost at most when somebody stops it.
    return HarvestPlan(context=context, shard_windows=64)


def harvest_cost(spec: ModelSpec, sae: SaeBench, documents: "Documents", context: int, out: Path) -> str:
    """What a harvest would cost, in words."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.harvest.executors import in_words
        from interp_core.harvest.harvesting import estimate, prepare, work_folder
        from interp_core.sae.features import held_sae

        prepared = prepare(model, held_sae(model, sae.name), documents, _plan(context), work_folder(out))
        cost = estimate(model, held_sae(model, sae.name), prepared, _plan(context))
        corpus = prepared.corpus
        left_out = corpus.n_empty + corpus.n_unreadable
        return (
            f"{corpus.n_documents:,} documents ({left_out:,} empty or no text) with {corpus.n_tokens:,} tokens in "
            f"{corpus.n_windows:,} windows: about {in_words(cost.seconds)} on this machine, and {cost.n_bytes / 1e6:,.0f} MB of disk "
            "while it is under way."
        )

    return cached.ask(spec, ("harvest cost", sae.checksum, documents.checksum(), context, out), work, "Estimating")


def harvest_job(spec: ModelSpec, sae: SaeBench, documents: "Documents", context: int, out: Path) -> Job:
    """A harvest under way; whoever waits for it joins it."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.harvest.harvesting import harvest
        from interp_core.sae.features import held_sae

        return harvest(model, held_sae(model, sae.name), documents, _plan(context), out)

    key = ("harvest", sae.checksum, documents.checksum(), context, out)
    job = cached.engine().submit(spec, key, work, keep=False)
    job.leave()  # each wait joins for itself
    return job
