"""What was loaded, in plain values: what a page shows and an artefact records."""

from dataclasses import dataclass
from typing import Any

from interp_core.checkpoints import Checkpoint
from interp_core.default_model import QUANTISATION
from interp_core.tokens import Tokenizer
from interp_core.types import ModelSpec, Processing

_PROCESSING = {
    "compatibility": "norms folded into the next weights, writing weights and unembedding centred where exact",
    "raw": "none: the checkpoint's own weights",
}


@dataclass(frozen=True)
class ModelCard:
    """One loaded model."""

    name: str
    source: str
    revision: str
    quantisation: str
    dtype: str
    device: str
    processing: Processing
    processing_note: str
    architecture: str
    tokenizer: str
    bos_token: str | None
    has_chat_template: bool
    n_params: int
    n_ctx: int
    n_layers: int
    n_heads: int
    n_key_value_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    windows: tuple[int, ...] = ()
    """How many positions back each layer may look, itself included; 0 where there is no such limit."""


def make_card(spec: ModelSpec, checkpoint: Checkpoint, bridge: Any, tokenizer: Tokenizer, device: str) -> ModelCard:
    """What there is to say of a model that was just loaded."""
    cfg = bridge.cfg
    on_hub = checkpoint.folder.parent.name == "snapshots"
    return ModelCard(
        name=spec.name,
        source={"default": "Python package index", "hub": "Hugging Face hub", "folder": "local folder"}[spec.source],
        revision=checkpoint.folder.name if on_hub else checkpoint.fingerprint,
        quantisation=QUANTISATION
        if spec.source == "default"
        else f"not quantised (stored as {', '.join(checkpoint.stored_dtypes)})",
        dtype=spec.dtype,
        device=device,
        processing=spec.processing,
        processing_note=_PROCESSING[spec.processing],
        architecture=str(cfg.architecture),
        tokenizer=tokenizer.name,
        bos_token=tokenizer.bos_token,
        has_chat_template=tokenizer.has_chat_template,
        n_params=checkpoint.n_params,
        n_ctx=int(cfg.n_ctx),
        n_layers=int(cfg.n_layers),
        n_heads=int(cfg.n_heads),
        n_key_value_heads=int(getattr(cfg, "n_key_value_heads", None) or cfg.n_heads),
        d_model=int(cfg.d_model),
        d_head=int(cfg.d_head),
        d_mlp=int(getattr(cfg, "d_mlp", None) or 0),
        d_vocab=int(cfg.d_vocab),
        windows=tuple(map(_window, bridge.blocks)),
    )


def _window(block: Any) -> int:
    attention = getattr(getattr(block, "attn", None), "original_component", None)
    return int(getattr(attention, "sliding_window", None) or 0)
