"""Loading: the only module that names a concrete model class.

Three doors lead to one: the default model, a hub name and a local folder all become a Hugging Face folder of
safetensors, which transformers reads in eager attention and TransformerBridge wraps. Attention is eager because
other kernels do not expose their patterns.
"""

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from interp_core import hub
from interp_core.checkpoints import inspect_checkpoint
from interp_core.default_model import ensure_default_model
from interp_core.devices import free_bytes, is_out_of_memory, resolve_device, trim_memory
from interp_core.errors import CheckpointError
from interp_core.hook_points import HookPoint
from interp_core.hook_survey import find_hook_points
from interp_core.hooks import HookedModel
from interp_core.memory import check_fits, estimate_run
from interp_core.model_card import ModelCard, make_card
from interp_core.settings import models_folder
from interp_core.tokens import Tokenizer
from interp_core.types import DTYPE_BYTES, ModelSpec, Progress

transformers_logging.disable_progress_bar()  # ours is in the page; theirs would fill the log

Report = Callable[[Progress], None]
_NOT_TEXT = ("vision_config", "audio_config", "speech_config")


@dataclass
class LoadedModel:
    """A resident model. Only the engine's thread for it may run it."""

    spec: ModelSpec
    card: ModelCard
    model: HookedModel
    tokenizer: Tokenizer
    folder: Path
    hook_points: tuple[HookPoint, ...]
    """Where the forward pass can be changed."""
    on_layer: Callable[[int], None] | None = None
    """Called with its index before every layer of every forward pass, by which the engine stops one that nobody wants."""
    partial: object = None
    """What a technique that is one long pass has so far, for pages that show it as it grows."""
    edits: dict[Hashable, object] = field(default_factory=dict)
    """Interventions as hooks, by run, with what they needed of other runs; `edits_of` fills it."""
    saes: dict[Hashable, object] = field(default_factory=dict)
    """SAEs in memory, by name; `held_sae` fills it."""
    readout: object = None
    """How logits are read from the stream, once that was compared with the model's own; `readout_of` fills it."""

    def __post_init__(self) -> None:
        for index, block in enumerate(self._bridge.blocks):
            block.register_forward_pre_hook(functools.partial(self._before_layer, index))

    def _before_layer(self, index: int, *_: object) -> None:
        if self.on_layer is not None:
            self.on_layer(index)

    def hook_count(self) -> int:
        """Hook functions in place; what a load leaves behind is the number to which every job must return."""
        modules = self._bridge.modules()
        return sum(
            len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
            for module in modules
        )

    def remove_hooks(self) -> None:
        """Remove every hook function that a job attached."""
        self._bridge.reset_hooks()

    @functools.cached_property
    def hook_names(self) -> frozenset[str]:
        """Every name of every hook point."""
        return frozenset(self._bridge.hook_dict)

    @property
    def device(self) -> torch.device:
        """Where tokens must go."""
        return next(self._bridge.parameters()).device

    @property
    def _bridge(self) -> TransformerBridge:
        assert isinstance(self.model, TransformerBridge)
        return self.model

    def check_run(self, n_pos: int) -> None:
        """Refuse a prompt whose forward pass would not fit.

        Raises:
            MemoryLimitError: It would not.
        """
        needed = estimate_run(n_pos, self.card.n_heads, self.card.d_vocab, DTYPE_BYTES[self.spec.dtype])
        check_fits(f"A forward pass over {n_pos:,} tokens", needed, free_bytes(self.card.device))

    def tokens(self, ids: tuple[int, ...]) -> torch.Tensor:
        """Token ids as the model takes them, `Int "1 pos"`."""
        return torch.tensor([ids], dtype=torch.long, device=self.device)


def find_folder(spec: ModelSpec, report: Report = lambda _: None) -> Path:
    """The folder of a model, fetched first if need be.

    Raises:
        ModelError: It cannot be had.
    """
    if spec.source == "default":
        return ensure_default_model(report)
    if spec.source == "hub":
        return hub.fetch(spec.name, report)
    return models_folder() / spec.name


def load_model(spec: ModelSpec, folder: Path, report: Report = lambda _: None) -> LoadedModel:
    """Load a checked folder as `spec` says.

    Raises:
        CheckpointError: The folder cannot be loaded safely, or is not a language model that the Bridge knows.
        ModelError: The wanted device or weight processing cannot be had.
    """
    checkpoint = inspect_checkpoint(folder)
    if any(name in checkpoint.config for name in _NOT_TEXT) or checkpoint.config.get("is_encoder_decoder"):
        raise CheckpointError(
            f"{spec.name} is not a decoder-only language model. Pick one that only reads and writes text."
        )
    device = resolve_device(spec.device)
    try:
        report(Progress(0.1, "Reading the weights"))
        reference = load_reference(folder, getattr(torch, spec.dtype))
        torch.nn.Module.to(reference, device)
        report(Progress(0.4, "Attaching hook points"))
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        bridge: Any = TransformerBridge.boot_transformers(  # its `blocks` are known at run time only
            str(folder), hf_model=reference, tokenizer=tokenizer, dtype=getattr(torch, spec.dtype), device=device
        )
        if spec.processing == "compatibility":
            report(Progress(0.6, "Folding norms and centring weights"))
            mapped = {parameter.data_ptr() for parameter in reference.parameters()}
            bridge.enable_compatibility_mode(disable_warnings=True)
            _let_go_of_file(bridge, mapped)
        report(Progress(0.9, "First forward pass"))
        # It brings the mapped weights in, attaches what the Bridge attaches lazily, and finds what cannot run at all.
        bridge.eval()
        hook_points = find_hook_points(bridge)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise
        raise CheckpointError(
            f"{spec.name} cannot be loaded with {spec.processing} weights: {type(error).__name__}: {str(error)[:300]}. "
            "Try raw weights, or another model."
        ) from error
    trim_memory()
    wrapped = Tokenizer(tokenizer, int(bridge.cfg.n_ctx))
    report(Progress(1.0, "Ready"))
    return LoadedModel(spec, make_card(spec, checkpoint, bridge, wrapped, device), bridge, wrapped, folder, hook_points)


def load_reference(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """Hugging Face's own model of a folder, eager attention, on the CPU.

    Raises:
        CheckpointError: The weights lack tensors that the architecture needs.
    """
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", use_safetensors=True, local_files_only=True,
        trust_remote_code=False, output_loading_info=True,
    )  # fmt: skip
    model, info = loaded
    if info["missing_keys"] or info["mismatched_keys"]:
        absent = sorted(map(str, info["missing_keys"] or info["mismatched_keys"]))
        raise CheckpointError(
            f"{folder.name} lacks {len(absent)} tensors that its architecture needs, such as {absent[0]}. "
            "They would have been random. Copy the weights again."
        )
    return model.eval()


def _let_go_of_file(bridge: TransformerBridge, mapped: set[int]) -> None:
    """Copy the parameters that still lie in the mapped weight file: one small one there keeps all of its pages."""
    for parameter in bridge.parameters():
        if parameter.data_ptr() in mapped:
            parameter.data = parameter.data.clone()
