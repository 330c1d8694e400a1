"""Which SAE: one that ships, a folder of the user's, or a release of the hub. No torch here."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from interp_core.errors import SaeError
from interp_core.hook_points import canonical_name
from interp_core.settings import saes_folder

SaeSource = Literal["shipped", "folder", "release"]
SHIPPED = Path(__file__).parent.parent.parent / "data" / "saes"
CONFIG, WEIGHTS, QUALITY = "cfg.json", "sae_weights.safetensors", "quality.json"
_FIGURES = ("n_pos", "l0", "explained_variance", "ce", "ce_with_sae", "ce_zero", "ce_recovered")
_LARGEST_CONFIG = 10_000_000
_LARGEST_NORM = 1e38
"""Of float32 numbers; a limit beyond it, or one that is no number, is none."""


@dataclass(frozen=True)
class SaeSpec:
    """Which SAE, as URLs and widgets name it."""

    source: SaeSource
    name: str
    """Name of the folder that ships or lies under the SAE folder; of the release, for one of the hub."""
    sae_id: str = ""
    """Which SAE of a release."""

    @classmethod
    def parse(cls, text: str) -> "SaeSpec":
        """Read `NAME` (ships), `folder:NAME` or `release:RELEASE:ID`.

        Raises:
            SaeError: The text cannot be an SAE's name.
        """
        source, _, rest = text.partition(":") if ":" in text else ("shipped", "", text)
        name, _, sae_id = rest.partition(":")
        fits = {"shipped": not sae_id, "folder": not sae_id, "release": bool(sae_id)}
        if not fits.get(source) or not _is_plain(name, "") or not (not sae_id or _is_plain(sae_id, "/")):
            raise SaeError(
                f"{text[:80]!r} cannot be an SAE's name. Give the name of one that ships, folder:NAME for a folder under your "
                "SAE folder, or release:RELEASE:ID for one of SAELens's releases."
            )
        return cls(source, name, sae_id)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        """The inverse of `parse`."""
        return {"shipped": self.name, "folder": f"folder:{self.name}", "release": f"release:{self.name}:{self.sae_id}"}[
            self.source
        ]


@dataclass(frozen=True)
class SaeConfig:
    """What an SAE's `cfg.json` says, of what is needed before its weights are read."""

    architecture: str
    trained_as: str
    """The architecture that it was trained as: batch top-k and Matryoshka SAEs are saved as JumpReLU."""
    model: str
    """Name of the model that it was trained on; empty where it does not say."""
    point: str
    """Short name of the hook point that it reads."""
    layer: int | None
    processing: str
    """Weight processing of the model that it was trained on."""
    d_in: int
    d_sae: int
    norm_limit: float | None
    """Positions with a greater norm were left out of training."""
    content: dict[str, Any]
    """All of it."""

    @property
    def place(self) -> str:
        """Hook point and layer, in words."""
        return self.point if self.layer is None else f"{self.point} of layer {self.layer}"


def list_saes() -> list[SaeSpec]:
    """Those that ship, then the user's own folders, each by name."""
    places: tuple[tuple[SaeSource, Path], ...] = (("shipped", SHIPPED), ("folder", saes_folder()))
    found = [SaeSpec(source, path.parent.name) for source, root in places for path in sorted(root.glob(f"*/{CONFIG}"))]
    return [spec for spec in found if _is_plain(spec.name, "")]


def local_folder(spec: SaeSpec) -> Path:
    """The folder of an SAE that is on this machine.

    Raises:
        SaeError: There is none by that name.
    """
    folder = {"shipped": SHIPPED, "folder": saes_folder()}[spec.source] / spec.name
    if not folder.is_dir():
        have = ", ".join(one.text for one in list_saes()) or "none"
        raise SaeError(f"There is no SAE {spec.text!r} on this machine ({folder}). There are: {have}.")
    return folder


def read_config(folder: Path) -> SaeConfig:
    """What `cfg.json` says.

    Raises:
        SaeError: It is not there, is no JSON, or lacks what is needed.
    """
    path = folder / CONFIG
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise SaeError(f"{path} is too large to be an SAE's configuration. Check what lies there.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SaeError(f"{path} cannot be read ({error}). An SAELens folder holds {CONFIG} and {WEIGHTS}.") from error
    return config_of(content, folder.name)


def quality_of(folder: Path) -> dict[str, Any] | None:
    """What was measured of an SAE and saved beside it as `quality.json`; None where nothing usable is there."""
    try:
        return checked_quality(json.loads((folder / QUALITY).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return None


def checked_quality(found: Any) -> dict[str, Any] | None:
    """Figures as they were saved, or None where one of them is missing or no number."""
    try:
        figures = [found["without_left_out"], found["with_left_out"]]
        numbers = [found["dead_share"], *(one[name] for one in figures for name in _FIGURES)]
    except (KeyError, TypeError):
        return None
    return found if all(isinstance(number, int | float) for number in numbers) else None


def checksum_of(folder: Path) -> str:
    """SHA-256 over an SAE's configuration and weights; remembered until one of them changes.

    Raises:
        SaeError: One of them cannot be read.
    """
    try:
        stamps = tuple((folder / name).stat() for name in (CONFIG, WEIGHTS))
        return _checksum(folder, tuple((stamp.st_mtime_ns, stamp.st_size) for stamp in stamps))
    except OSError as error:
        raise SaeError(
            f"{folder} cannot be read ({error.strerror}). An SAELens folder holds {CONFIG} and {WEIGHTS}."
        ) from error


@functools.lru_cache(maxsize=64)
def _checksum(folder: Path, stamps: tuple[tuple[int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        with (folder / name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def config_of(content: Any, name: str) -> SaeConfig:
    """What a configuration says; `name` is the SAE's, for messages.

    Raises:
        SaeError: It lacks what is needed.
    """
    content = content if isinstance(content, dict) else {}
    metadata = content.get("metadata") if isinstance(content.get("metadata"), dict) else content
    sizes = [content.get("d_in"), content.get("d_sae")]
    hook = metadata.get("hook_name") or metadata.get("hook_point")  # as SAELens called it at first
    if not all(isinstance(size, int) and 0 < size < 2**31 for size in sizes) or not isinstance(hook, str):
        raise SaeError(
            f"The configuration of {name} names no hook_name, d_in and d_sae (it says {hook!r}, {sizes[0]!r}, {sizes[1]!r}). "
            "Save the SAE with SAELens 6, or complete its cfg.json."
        )
    limit = metadata.get("norm_limit")
    return SaeConfig(
        architecture=str(content.get("architecture", "standard")),
        trained_as=str(metadata.get("training_architecture") or content.get("architecture", "standard")),
        model=str(metadata.get("model_name") or ""),
        point=canonical_name(hook)[0],
        layer=canonical_name(hook)[1],
        processing=_processing(metadata),
        d_in=int(sizes[0]),
        d_sae=int(sizes[1]),
        norm_limit=float(limit) if isinstance(limit, int | float) and 0 < limit < _LARGEST_NORM else None,
        content=content,
    )


def _processing(metadata: dict[str, Any]) -> str:
    """SAELens loads a HookedTransformer processed unless it is told not to; other classes are never processed."""
    said = metadata.get("weight_processing")
    if said in ("compatibility", "raw"):
        return said
    options = metadata.get("model_from_pretrained_kwargs") or {}
    named = str(metadata.get("model_class_name") or "HookedTransformer")
    unprocessed = isinstance(options, dict) and options.get("center_writing_weights") is False
    return "raw" if unprocessed or "no_processing" in str(options) or named != "HookedTransformer" else "compatibility"


def _is_plain(text: str, also: str) -> bool:
    parts = text.split("/") if also else [text]
    return 0 < len(text) <= 200 and all(
        part.strip(".") and all(char.isascii() and (char.isalnum() or char in "._-") for char in part) for part in parts
    )
