"""Labels that a user writes on features: one JSON file an SAE, named by the SAE's checksum. No torch here.

A label here is what a person said of a feature. Automatic labels are part of a harvest and are never written here.
"""

import datetime
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from interp_core.errors import DiskError, LabelError
from interp_core.files import write_json
from interp_core.settings import labels_folder

MOST_CHARACTERS = 200
FORMAT = "hookscope feature labels"
VERSION = 1
_PATIENCE = 10.0
"""Seconds that a writer waits for another one: a write takes some milliseconds."""
_LARGEST_FILE = 100_000_000
_REFUSED = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of the text behind them round."""


@dataclass(frozen=True)
class Label:
    """What the user called a feature."""

    text: str
    """1 to 200 characters in one line; untrusted where it is shown."""
    written: str
    """UTC, ISO 8601."""


def labels_of(checksum: str) -> dict[int, Label]:
    """The user's labels of an SAE, by feature. Reads one file.

    Args:
        checksum: Of the SAE's configuration and weights, as `spec.checksum_of` gives it.

    Raises:
        LabelError: The file is there and cannot be used; it is left as it is.
    """
    path = _file(checksum)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError("it is larger than 100 MB")
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
            raise ValueError(f"it is not version {VERSION} of this format")
        return {
            _feature(int(index)): Label(check_label(one["text"]), str(one["written"]))
            for index, one in content["labels"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, LabelError) as error:
        raise LabelError(
            f"The file of labels {path} cannot be used ({type(error).__name__}: {error}). Mend it, or move it away: labels then "
            "begin anew."
        ) from error


def set_label(checksum: str, feature: int, text: str, *, sae: str) -> Label:
    """Write the user's label of a feature; it replaces an earlier one. Other processes' labels are kept.

    Args:
        checksum: Of the SAE's configuration and weights.
        feature: Its number, from 0.
        text: Spaces around it are left out.
        sae: Name of the SAE, for whoever reads the file.

    Raises:
        LabelError: The text cannot be a label, or the file is damaged or in use.
        DiskError: The file cannot be written.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    label = Label(check_label(text), now)
    _change(checksum, sae, lambda labels: labels | {_feature(feature): label})
    return label


def clear_label(checksum: str, feature: int, *, sae: str) -> None:
    """Take the user's label of a feature away, if there is one.

    Raises:
        LabelError: The file is damaged or in use.
        DiskError: The file cannot be written.
    """
    _change(checksum, sae, lambda labels: {index: one for index, one in labels.items() if index != feature})


def check_label(text: str) -> str:
    """A label as it is kept.

    Raises:
        LabelError: It is empty, longer than 200 characters, of several lines, or holds characters that cannot be seen.
    """
    if not isinstance(text, str) or not text.strip():
        raise LabelError("The label is empty. Type a few words, or take the label away.")
    text = text.strip()
    if len(text) > MOST_CHARACTERS:
        raise LabelError(f"The label has {len(text):,} characters and may have {MOST_CHARACTERS}. Shorten it.")
    refused = next((char for char in text if unicodedata.category(char) in _REFUSED or char in _TURNING), None)
    if refused is not None:
        raise LabelError(
            f"The label holds the character U+{ord(refused):04X}, which is a line break or cannot be seen. Type it in one line."
        )
    return text


def _change(checksum: str, sae: str, change: Callable[[dict[int, Label]], dict[int, Label]]) -> None:
    path = _file(checksum)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_PATIENCE):
            labels = change(labels_of(checksum))
            kept = {str(index): {"text": one.text, "written": one.written} for index, one in sorted(labels.items())}
            write_json(path, {"format": FORMAT, "version": VERSION, "sae": sae, "checksum": checksum, "labels": kept})
    except Timeout as error:
        raise LabelError(f"Another process holds {path}. Try again in a moment; nothing was changed.") from error
    except OSError as error:
        raise DiskError(f"{path} cannot be written ({error.strerror}). Free some space or check the rights.") from error


def _file(checksum: str) -> Path:
    assert re.fullmatch(r"[0-9a-f]{64}", checksum), checksum
    return labels_folder() / f"{checksum}.json"


def _feature(index: int) -> int:
    if not 0 <= index < 2**31:
        raise LabelError(f"There is no feature {index}: features are numbered from 0.")
    return index
