"""SAELens's directory of releases, which comes with the package and needs no network, and fetching one of them.

A fetched SAE is kept in the cache folder as an SAELens folder, so that it is asked of the hub once. Releases whose weights
are pickles are listed and refused.
"""

import functools
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from interp_core.errors import DiskError, SaeError
from interp_core.files import sync_file
from interp_core.hub import ask_about
from interp_core.sae.spec import CONFIG, WEIGHTS, SaeSpec
from interp_core.settings import cache_folder

_PICKLED = frozenset({"connor_rob_hook_z", "goodfire", "deepseek_r1", "qwen_scope", "dictionary_learning_1"})
"""Conversions of SAELens 6.54 that open a pickle."""


@dataclass(frozen=True)
class Release:
    """A family of SAEs on the hub."""

    name: str
    model: str
    repository: str
    sae_ids: tuple[str, ...]
    expected_l0: dict[str, float]
    """By id, where the authors say it."""
    expected_variance: dict[str, float]
    """Explained variance by id, where the authors say it."""
    loadable: bool
    """False where the weights are pickles, which are never opened."""


@functools.cache
def releases() -> tuple[Release, ...]:
    """All that SAELens knows, by name. Takes two seconds the first time, after sae_lens is imported."""
    from sae_lens.loading import pretrained_saes_directory as directory  # noqa: PLC0415  takes seconds

    return tuple(
        Release(
            name,
            one.model,
            one.repo_id,
            tuple(one.saes_map),
            {name: float(value) for name, value in (one.expected_l0 or {}).items()},
            {name: float(value) for name, value in (one.expected_var_explained or {}).items()},
            one.conversion_func not in _PICKLED,
        )
        for name, one in sorted(directory.get_pretrained_saes_directory().items())
    )


def find_releases(text: str = "", model: str = "") -> list[Release]:
    """Releases that have every word of `text` in their name, repository or model; of one model, where one is given."""
    wanted = text.lower().split()
    return [
        one
        for one in releases()
        if all(word in f"{one.name} {one.repository} {one.model}".lower() for word in wanted)
        and (not model or _last(one.model) == _last(model))
    ]


def fetched_folder(spec: SaeSpec) -> Path:
    """Where an SAE of a release is kept."""
    return cache_folder() / "saes" / spec.name / spec.sae_id.replace("/", "--")


def fetched_saes() -> list[SaeSpec]:
    """SAEs of releases that were fetched before, by name."""
    root = cache_folder() / "saes"
    return [
        SaeSpec("release", path.parent.parent.name, path.parent.name.replace("--", "/"))
        for path in sorted(root.glob(f"*/*/{CONFIG}"))
        if not path.parent.name.startswith(".")
    ]


def fetch_sae(spec: SaeSpec) -> Path:
    """The folder of an SAE of a release, from the cache or from the hub.

    Raises:
        SaeError: There is no such release or SAE, its weights are pickles, or what came is no SAE.
        ModelError: The hub does not answer, or has no such repository.
        DiskError: The cache cannot be written.
    """
    release = next((one for one in releases() if one.name == spec.name), None)
    if release is None or spec.sae_id not in release.sae_ids:
        known = "" if release is None else f" It has {len(release.sae_ids):,}, such as {release.sae_ids[0]}."
        raise SaeError(f"SAELens has no SAE {spec.sae_id[:80]!r} in a release {spec.name[:80]!r}.{known}")
    if not release.loadable:
        raise SaeError(
            f"The weights of {spec.name} are Python pickles, which Hookscope never opens. Choose another release."
        )
    folder = fetched_folder(spec)
    if not ((folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()):
        _fetch(spec, release, folder)
    return folder


def _fetch(spec: SaeSpec, release: Release, folder: Path) -> None:
    ask_about(release.repository)  # within seconds where there is no hub: the download behind it tries for minutes
    from sae_lens import SAE  # noqa: PLC0415  takes seconds

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as scratch, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how SAELens would have the model loaded
            made = Path(scratch) / "sae"
            SAE.from_pretrained(spec.name, spec.sae_id, device="cpu").save_model(made)
            for path in made.iterdir():
                sync_file(path)
            shutil.rmtree(folder, ignore_errors=True)
            made.replace(folder)
    except OSError as error:
        raise DiskError(
            f"{spec.text} cannot be fetched into {folder.parent} ({error}). Check space and network."
        ) from error
    except (ValueError, KeyError, TypeError, RuntimeError, AssertionError) as error:
        raise SaeError(
            f"What the hub gave for {spec.text} is no SAE that SAELens 6.54 can load ({type(error).__name__}: {str(error)[:200]})."
        ) from error


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1].lower()
