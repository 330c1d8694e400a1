"""The model of `benchmarks/feature_model.py` as HookedTransformer, for tools that know no other; runs in their environments."""

import os
from pathlib import Path
from typing import Any

import torch
from transformer_lens import HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions.gpt2 import convert_gpt2_weights
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel


def cpu_seconds() -> float:
    """User and system time of this process and of those it started and waited for."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def load_model(model_class: Any, folder: Path, threads: int) -> Any:
    """The same weights with the same processing as ours.

    Args:
        model_class: HookedTransformer or what is made of it.
        folder: Of the Hugging Face model.
        threads: Of torch.
    """
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    config = GPT2Config.from_pretrained(folder)
    sizes = HookedTransformerConfig(
        n_layers=config.n_layer, d_model=config.n_embd, n_ctx=config.n_positions, d_head=config.n_embd // config.n_head,
        n_heads=config.n_head, d_mlp=4 * config.n_embd, d_vocab=config.vocab_size, act_fn="gelu_new",
        normalization_type="LN", device="cpu",
    )  # fmt: skip
    model = model_class(sizes, tokenizer=AutoTokenizer.from_pretrained(folder))
    weights = convert_gpt2_weights(GPT2LMHeadModel.from_pretrained(folder), sizes)
    model.load_and_process_state_dict(weights, fold_ln=True, center_writing_weights=True, center_unembed=True)
    return model.eval()
