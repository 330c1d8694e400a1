"""Loss effects of features that were measured on this machine, kept so that features can be ordered by them. No torch here.

One JSON file in the cache folder for each SAE, harvest and model. It can be made again, so a damaged one is set aside.
"""

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from filelock import FileLock, Timeout

from interp_core.errors import DiskError
from interp_core.files import write_json
from interp_core.harvest.bundle import Harvest
from interp_core.model_card import ModelCard
from interp_core.settings import cache_folder

FORMAT = "hookscope loss effects"
VERSION = 1
_PATIENCE = 10.0
"""Seconds that a writer waits for another one: a write takes some milliseconds."""
_LARGEST_FILE = 100_000_000


@dataclass(frozen=True)
class KnownEffect:
    """What removing a feature costs on its own top examples: all tokens in front of which it is active there."""

    mean: float | None
    """Loss of such a token with the feature removed at the token before, less the loss as it is; nats, the mean over the tokens,
    above 0 where the feature helps. None where there is no such token."""
    tokens: int
    examples: int


@dataclass(frozen=True)
class MeasuredOn:
    """All that decides the figures, but for rounding."""

    sae: str
    """Checksum of its configuration and weights."""
    harvest: str
    """Fingerprint of the harvest that the examples are from."""
    model: str
    """Name, revision and dtype."""

    @classmethod
    def of(cls, card: ModelCard, checksum: str, harvest: Harvest) -> "MeasuredOn":
        """Of a model as it was loaded, an SAE's checksum and a harvest of it."""
        return cls(checksum, harvest.fingerprint, f"{card.name} {card.revision} {card.dtype}")

    @property
    def file(self) -> Path:
        """Where the figures are kept. Only the beginnings fit into a name; the file holds all of it."""
        model = hashlib.sha256(self.model.encode()).hexdigest()
        return cache_folder() / "effects" / f"{self.sae[:24]}-{self.harvest[:16]}-{model[:16]}.json"


def known_effects(on: MeasuredOn) -> Mapping[int, KnownEffect]:
    """What was measured, by feature; nothing where no usable file is there. Reads the file only when it has changed."""
    path = on.file
    try:
        stat = path.stat()
    except OSError:
        return MappingProxyType({})
    return _read(path, on, (stat.st_mtime_ns, stat.st_size, stat.st_ino))


def remember_effects(on: MeasuredOn, found: Mapping[int, KnownEffect], *, sae: str) -> None:
    """Keep figures beside those that are there, other processes' too. A file that cannot be used is set aside as `.damaged`.

    Args:
        on: What they were measured on.
        found: By feature; they replace earlier ones.
        sae: Name of the SAE, for whoever reads the file.

    Raises:
        DiskError: The file cannot be written, or another process holds it.
    """
    path = on.file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_PATIENCE):
            kept = {str(index): asdict(one) for index, one in sorted({**_usable(path, on), **found}.items())}
            write_json(path, {"format": FORMAT, "version": VERSION, "name": sae, **asdict(on), "effects": kept})
    except Timeout as error:
        raise DiskError(f"Another process holds {path}. Try again in a moment; nothing was changed.") from error
    except OSError as error:
        raise DiskError(f"{path} cannot be written ({error.strerror}). Free some space or check the rights.") from error


def _usable(path: Path, on: MeasuredOn) -> dict[int, KnownEffect]:
    """What a file holds, for its only writer: a damaged one makes room for the next."""
    try:
        return _parsed(path, on)
    except FileNotFoundError:
        return {}
    except ValueError:
        path.replace(path.with_suffix(".damaged"))
        return {}


@functools.lru_cache(maxsize=8)
def _read(path: Path, on: MeasuredOn, changed: tuple[int, ...]) -> Mapping[int, KnownEffect]:
    """`changed` is all that tells one state of the file from another."""
    try:
        return MappingProxyType(_parsed(path, on))
    except (OSError, ValueError):
        return MappingProxyType({})


def _parsed(path: Path, on: MeasuredOn) -> dict[int, KnownEffect]:
    """Raises ValueError where the file is not what was written."""
    if path.stat().st_size > _LARGEST_FILE:
        raise ValueError("larger than 100 MB")
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        said = {"format": FORMAT, "version": VERSION, **asdict(on)}
        if {name: content[name] for name in said} != said:
            raise ValueError("of another kind")
        return {_number(int(index)): _known(**one) for index, one in content["effects"].items()}
    except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError("not what was written") from error


def _known(mean: Any, tokens: Any, examples: Any) -> KnownEffect:
    value = None if mean is None else float(mean)
    if (value is None) != (tokens == 0) or (value is not None and not math.isfinite(value)):
        raise ValueError("no mean")
    return KnownEffect(value, _number(tokens), _number(examples))


def _number(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError("no number")
    return value
