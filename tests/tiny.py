"""Tiny random models of several families, saved as ordinary Hugging Face folders."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from interp_core.parity import probe_prompts

D_VOCAB = 400
N_CTX = 256
_IDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
_LLAMA = {
    "vocab_size": D_VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": N_CTX,
    "initializer_range": 0.3,
    **_IDS,
}


def _model(family: str) -> PreTrainedModel:
    if family == "gpt2":
        config = GPT2Config(
            vocab_size=D_VOCAB, n_embd=32, n_layer=3, n_head=4, n_positions=N_CTX, initializer_range=0.3, **_IDS
        )
        return GPT2LMHeadModel(config)
    if family == "gpt_neox":
        return GPTNeoXForCausalLM(GPTNeoXConfig(**{**_LLAMA, "num_key_value_heads": 4}))
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**_LLAMA))
    if family == "qwen2":
        return Qwen2ForCausalLM(Qwen2Config(**_LLAMA))
    return Gemma2ForCausalLM(Gemma2Config(**_LLAMA, head_dim=8, query_pre_attn_scalar=8, sliding_window=16))


def save_tiny_model(family: str, folder: Path) -> Path:
    """Make and save one; the seed is fixed, so that every test run sees the same weights."""
    torch.manual_seed(0)
    _model(family).save_pretrained(folder)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=D_VOCAB,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(probe_prompts(), trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>",
        chat_template="{{ bos_token }}user: {{ messages[0]['content'] }}\nassistant:",
    )  # fmt: skip
    wrapped.save_pretrained(folder)
    return folder


def rewrite_config(folder: Path, **changes: object) -> None:
    """Change values of a folder's configuration; None removes one."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
