"""Parity: how far the numbers stand from Hugging Face's own forward pass over the same folder.

The reference is a second copy, loaded from the folder before any processing, in float32 and eager attention, and
freed afterwards. Log-probabilities are compared, never logits: centring the unembedding shifts those by a constant
per position. A model held in half precision is compared with the float32 reference too, so that its figure says
what that costs. Beside the largest difference stands the yardstick: how far the reference itself is from its own
float64 pass on that prompt. float32 cannot do better than that, on either side.
"""

import importlib.metadata
import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from interp_core.checkpoints import inspect_checkpoint
from interp_core.devices import trim_memory
from interp_core.errors import CheckpointError, ContextLengthError
from interp_core.files import write_json
from interp_core.hooks import forward
from interp_core.memory import available_bytes, check_fits, estimate_load
from interp_core.models import LoadedModel, load_reference
from interp_core.prompts import Prompt
from interp_core.settings import cache_folder
from interp_core.types import ModelSpec, Progress

PROBES = Path(__file__).parent.parent / "data" / "probes.json"
"""Twenty prompts of different kinds."""


@dataclass(frozen=True)
class Parity:
    """Largest difference to the reference over some prompts."""

    log_prob_difference: float
    """Largest absolute difference of a log-probability over every position and token of the vocabulary, nats."""
    rounding: float
    """Largest absolute difference of the reference's float32 log-probabilities to its float64 ones, on the worst
    prompt: what float32 leaves open."""
    same_top: bool
    """Whether the likeliest next token is the same at every position."""
    n_prompts: int
    n_pos: int
    """Positions compared, over all prompts."""
    worst_prompt: str
    """The prompt with the largest difference."""


def reference_bytes(loaded: LoadedModel) -> int:
    """What the second copy takes while it is there: float32, then float64 for the yardstick."""
    held = ModelSpec(loaded.spec.source, loaded.spec.name, "float32", "raw")
    return 3 * estimate_load(inspect_checkpoint(loaded.folder), held).resident


def probe_prompts() -> list[str]:
    """The fixed probe set."""
    return [probe["text"] for probe in json.loads(PROBES.read_text(encoding="utf-8"))]


def measure_parity(loaded: LoadedModel, prompts: Sequence[Prompt]) -> Generator[Progress, None, Parity]:
    """Compare a model with its reference. Costs two forward passes a prompt and one load.

    Raises:
        MemoryLimitError: The second copy does not fit.
        PromptError: A prompt cannot be run; probes that do not fit a short context are cut.
    """
    check_fits("A second copy of the model", reference_bytes(loaded), available_bytes())
    yield Progress(0.0, "Loading Hugging Face's own copy")
    reference = load_reference(loaded.folder, torch.float32)
    try:
        worst, same_top, n_pos = _Comparison(-1.0, True, (), torch.empty(0, 0), ""), True, 0
        for place, prompt in enumerate(prompts):
            yield Progress(0.1 + 0.7 * place / len(prompts), f"Comparing prompt {place + 1} of {len(prompts)}")
            found = _compare(loaded, reference, prompt)
            n_pos += len(found.ids)
            same_top &= found.same_top
            if not found.difference <= worst.difference:  # so that a NaN is kept and shown
                worst = found
        yield Progress(0.85, "Measuring float32's own rounding on the worst prompt")
        exact = _log_probs(reference.double(), worst.ids)
        rounding = float((worst.theirs.double() - exact).abs().max())
        return Parity(worst.difference, rounding, same_top, len(prompts), n_pos, worst.text)
    finally:
        del reference
        trim_memory()


@dataclass(frozen=True)
class _Comparison:
    difference: float
    same_top: bool
    ids: tuple[int, ...]
    theirs: Float[Tensor, "pos d_vocab"]
    text: str


@torch.no_grad()
def _compare(loaded: LoadedModel, reference: PreTrainedModel, prompt: Prompt) -> _Comparison:
    ids = loaded.tokenizer.tokenise(prompt).ids
    ours = forward(loaded.model, loaded.tokens(ids)).output[0].float().log_softmax(-1).cpu()
    theirs = _log_probs(reference, ids)
    same_top = bool((ours.argmax(-1) == theirs.argmax(-1)).all())
    return _Comparison(float((ours - theirs).abs().max()), same_top, ids, theirs, prompt.text)


@torch.no_grad()
def _log_probs(reference: PreTrainedModel, ids: tuple[int, ...]) -> Float[Tensor, "pos d_vocab"]:
    return reference(torch.tensor([ids]), use_cache=False).logits[0].log_softmax(-1)


def measure_probes(loaded: LoadedModel) -> Generator[Progress, None, Parity]:
    """Parity over the fixed probe set, measured once for a model and kept in the cache folder."""
    kept = _kept_file(loaded)
    if kept.is_file():
        try:
            return Parity(**json.loads(kept.read_text(encoding="utf-8")))
        except (ValueError, TypeError, OSError):
            kept.unlink(missing_ok=True)  # of another version, or damaged: measure again
    fitting = []
    for text in probe_prompts():
        try:
            loaded.tokenizer.tokenise(Prompt(text))
            fitting.append(Prompt(text))
        except ContextLengthError:
            continue
    if not fitting:
        raise CheckpointError(
            f"The context of {loaded.card.name} is shorter than every probe. Compare your own prompt."
        )
    parity = yield from measure_parity(loaded, fitting)
    write_json(kept, asdict(parity))
    return parity


def _kept_file(loaded: LoadedModel) -> Path:
    spec, versions = (
        loaded.spec,
        [importlib.metadata.version(name) for name in ("torch", "transformers", "transformer-lens")],
    )
    fingerprint = inspect_checkpoint(loaded.folder).fingerprint
    name = "-".join([fingerprint, spec.dtype, spec.processing, loaded.card.device.replace(":", ""), *versions])
    return cache_folder() / "parity" / f"{name}.json"
