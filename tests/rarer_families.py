"""Tiny random models of families that are built otherwise than those in `tiny`: parallel layers, ALiBi, norms behind."""

import shutil
from pathlib import Path

import torch
import transformers

from interp_core.models import LoadedModel, load_model
from interp_core.types import ModelSpec
from tests.tiny import D_VOCAB

_IDS = {"vocab_size": D_VOCAB, "bos_token_id": 0, "eos_token_id": 1}
_SIZES = {**_IDS, "hidden_size": 32, "initializer_range": 0.3}
_LLAMA = {
    **_SIZES, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 256, "pad_token_id": 1,
}  # fmt: skip
_CONFIGS = {
    "bloom": {**_SIZES, "n_layer": 3, "n_head": 4},
    "falcon": {**_SIZES, "num_hidden_layers": 3, "num_attention_heads": 4, "multi_query": True, "parallel_attn": True},
    "gptj": {**_IDS, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256, "rotary_dim": 4, "initializer_range": 0.3},
    "granite": {**_LLAMA, "residual_multiplier": 0.22, "embedding_multiplier": 12.0, "logits_scaling": 0.1},
    "olmo2": _LLAMA,
    "opt": {
        **_IDS, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "init_std": 0.3,
        "max_position_embeddings": 256, "word_embed_proj_dim": 32, "pad_token_id": 1,
    },
}  # fmt: skip


def load_family(family: str, folder: Path, tokenizer: Path) -> LoadedModel:
    """Make, save and load one, with the tokenizer of another model's folder; the seed is fixed."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(family, **_CONFIGS[family])
    model = transformers.AutoModelForCausalLM.from_config(config)
    for name, value in model.named_parameters():  # fresh norms and biases leave nothing to get wrong
        if "norm" in name or name.endswith("bias") or ".ln_" in name:
            value.data += 0.3 * torch.randn_like(value)
    model.save_pretrained(folder)
    for path in tokenizer.glob("*token*"):
        shutil.copy(path, folder)
    return load_model(ModelSpec("folder", f"tiny-{family}", device="cpu", processing="raw"), folder)
