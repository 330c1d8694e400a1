"""What every technique is given: a model's name, a run, and how far a job has come. No torch here."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from interp_core.errors import UnknownModelError
from interp_core.interventions import Intervention

Source = Literal["default", "folder", "hub"]
Dtype = Literal["float32", "bfloat16", "float16"]
Processing = Literal["compatibility", "raw"]

DTYPES: tuple[Dtype, ...] = get_args(Dtype)
PROCESSINGS: tuple[Processing, ...] = get_args(Processing)
DTYPE_BYTES: dict[Dtype, int] = {"float32": 4, "bfloat16": 2, "float16": 2}

FOLDER_PREFIX = "folder:"


@dataclass(frozen=True)
class ModelSpec:
    """Which model, and how it is held: everything that changes its numbers."""

    source: Source = "default"
    name: str = "SmolLM2-135M-Instruct"
    """Name of the folder under the models folder, or repository on the hub (`owner/name`)."""
    dtype: Dtype = "float32"
    processing: Processing = "compatibility"
    """`compatibility`: norms folded, weights centred where that changes nothing; `raw`: the checkpoint as it is."""
    device: str = "cpu"

    @classmethod
    def parse(cls, text: str) -> "ModelSpec":
        """Read the form that URLs and widgets use: empty for the default, `folder:NAME`, else a hub name.

        Raises:
            UnknownModelError: The text cannot be a model's name.
        """
        if not text:
            return cls()
        folder = text.startswith(FOLDER_PREFIX)
        name = text.removeprefix(FOLDER_PREFIX)
        parts = name.split("/")
        plain = all(part and part.strip(".") and _is_plain(part) for part in parts)
        if not plain or len(name) > 200 or len(parts) > (1 if folder else 2):
            raise UnknownModelError(
                f"{text[:80]!r} cannot be a model's name. Give a TransformerLens or Hugging Face name such as "
                "'gpt2' or 'EleutherAI/pythia-70m', or 'folder:NAME' for a folder under your models folder."
            )
        return cls(source="folder" if folder else "hub", name=name)

    @property
    def text(self) -> str:
        """The inverse of `parse`."""
        return {"default": "", "folder": FOLDER_PREFIX + self.name, "hub": self.name}[self.source]

    def held_as(self, dtype: Dtype, processing: Processing, device: str) -> "ModelSpec":
        """The same model, held in another way."""
        return replace(self, dtype=dtype, processing=processing, device=device)


def _is_plain(part: str) -> bool:
    return all(char.isascii() and (char.isalnum() or char in "._-") for char in part)


@dataclass(frozen=True)
class Run:
    """What a technique looks at: one model, one token sequence, the interventions in force."""

    model: ModelSpec
    tokens: tuple[int, ...]
    """Token ids, BOS included where there is one."""
    interventions: tuple[Intervention, ...] = ()
    """Those in force, fitted to the model, in the order in which they are applied."""


class Progress(NamedTuple):
    """What a long job yields between its steps."""

    fraction: float
    """0 to 1."""
    note: str = ""
    partial: object = None
    """What there is so far, for pages that show a result as it grows."""
