"""A model's tokenizer as a harvest uses it: for texts of any length, and with a checksum."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformers import AutoTokenizer

from interp_core.checksums import file_checksum
from interp_core.models import LoadedModel

_OF_TOKENIZERS = ("tokenizer*", "vocab*", "merges*", "added_tokens*", "special_tokens*", "*.model")
"""Files that a tokenizer is read from."""


@dataclass(frozen=True)
class Encoder:
    """A model's tokenizer for texts of any length."""

    encode: Callable[[str], list[int]]
    """Text to token ids, without special tokens."""
    bos_id: int | None
    checksum: str
    """SHA-256 over its files."""


def encoder_of(loaded: LoadedModel) -> Encoder:
    """The model's tokenizer for texts of any length."""
    tokenizer: Any = AutoTokenizer.from_pretrained(loaded.folder, local_files_only=True, trust_remote_code=False)
    files = sorted({path for name in _OF_TOKENIZERS for path in loaded.folder.glob(name) if path.is_file()})
    said = "".join(f"{path.name}:{file_checksum(path)}" for path in files)
    return Encoder(
        lambda text: list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]),
        loaded.tokenizer.bos_id,
        hashlib.sha256(said.encode()).hexdigest(),
    )
