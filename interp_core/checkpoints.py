"""What lies in a Hugging Face folder, read without torch: is it whole, is it safe, how large is it?

Only safetensors are read. A pickle is never opened, remote code is never run, and a weight file that is shorter
than its own header says is named as truncated before anything is loaded from it.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

from interp_core.errors import CheckpointError

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt")
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Checkpoint:
    """A folder that can be loaded."""

    folder: Path
    config: dict
    """`config.json` as it stands."""
    n_params: int
    """Elements of all stored tensors (tied weights are stored once)."""
    stored_dtypes: tuple[str, ...]
    """safetensors names, such as `F32` or `BF16`."""
    fingerprint: str
    """16 hexadecimal digits over the configuration, the headers and the ends of every weight file."""

    @property
    def n_tied_params(self) -> int:
        """Elements that a tied unembedding gets of its own once the final norm is folded into it."""
        text = self.config.get("text_config") or self.config
        tied = text.get("tie_word_embeddings", self.config.get("tie_word_embeddings", True))
        width = text.get("hidden_size") or text.get("n_embd") or text.get("d_model") or 0
        return int(text.get("vocab_size", 0)) * int(width) if tied else 0


def inspect_checkpoint(folder: Path) -> Checkpoint:
    """Check a folder and measure it.

    Raises:
        CheckpointError: It holds no configuration, no tokenizer, no safetensors, a truncated or damaged file, or
            needs code of its own to run.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"There is no folder {folder}. Put a Hugging Face model folder there, or pick another model."
        )
    config = _read_json(folder / "config.json")
    if config.get("auto_map"):
        raise CheckpointError(
            f"{folder.name} needs Python code of its own (auto_map in config.json), which Hookscope never runs. "
            "Pick a model whose architecture transformers knows."
        )
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise CheckpointError(
            f"{folder.name} holds no tokenizer (none of {', '.join(_TOKENIZERS)}). Save one beside the weights."
        )
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    n_params, dtypes = 0, set()
    for path in _weight_files(folder):
        header = _read_header(path)
        for name, tensor in header.items():
            if name != "__metadata__":
                n_params += math.prod(tensor["shape"])
                dtypes.add(tensor["dtype"])
        digest.update(_ends(path))
    return Checkpoint(folder, config, n_params, tuple(sorted(dtypes)), digest.hexdigest()[:16])


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = sorted(set(_read_json(index).get("weight_map", {}).values()))
        if any(Path(name).name != name for name in shards):
            raise CheckpointError(f"{index} names files outside its folder. Save the model again.")
        missing = [name for name in shards if not (folder / name).is_file()]
        if missing or not shards:
            raise CheckpointError(
                f"{folder.name} lacks weight files: {', '.join(missing) or 'its index names none'}. Copy them again."
            )
        return [folder / name for name in shards]
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise CheckpointError(
            f"{folder.name} holds its weights as a pickle ({pickles[0]}), which can run code when it is opened, so "
            "Hookscope never opens one. Convert it with transformers: save_pretrained(folder, safe_serialization=True)."
        )
    raise CheckpointError(
        f"{folder.name} holds no weights (model.safetensors, or its index and shards). Copy them there."
    )


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path.parent.name} has no {path.name}, so it is no Hugging Face model folder."
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path.parent.name}/{path.name} cannot be read as JSON ({error}). Copy it again."
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.parent.name}/{path.name} is not a JSON object. Copy it again.")
    return content


def _read_header(path: Path) -> dict:
    """The header of a safetensors file, after checking that the file is as long as the header says."""
    size = path.stat().st_size
    damaged = CheckpointError(
        f"{path.parent.name}/{path.name} is truncated or damaged ({size:,} bytes). Copy it again."
    )
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= min(_LONGEST_HEADER, size - 8):
            raise damaged
        try:
            header = json.loads(file.read(length))
            tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
            expected = 8 + length + max((tensor["data_offsets"][1] for tensor in tensors), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise damaged from None
    if size != expected:
        raise CheckpointError(
            f"{path.parent.name}/{path.name} has {size:,} bytes where its header promises {expected:,}: it is "
            "truncated or damaged. Copy it again."
        )
    return header


def _ends(path: Path, count: int = 1024 * 1024) -> bytes:
    with path.open("rb") as file:
        start = file.read(count)
        file.seek(max(0, path.stat().st_size - count))
        return start + file.read(count)
