"""A random model, a random top-k SAE and random text, on disk, the same for every tool that makes dashboards of them.

Text is words of which each is one token, so that all tools see the same ids. What a word is follows Zipf's law, as in language.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sae_lens.registry import SAE_CLASS_REGISTRY
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel

from interp_core.hooks import watch
from interp_core.models import LoadedModel, load_model
from interp_core.types import ModelSpec

D_VOCAB, N_CTX, D_MODEL, N_LAYERS, N_HEADS = 5000, 512, 256, 4, 8
LAYER, K = 2, 20
"""The SAE reads the residual stream in front of this layer; so many of its features are active on a token."""
MODEL = "random"
SPEC = ModelSpec("folder", MODEL).held_as("float32", "compatibility", "cpu")
"""On the CPU, also where there is a GPU."""
TOKENS = "tokens.npy"
DOCUMENTS = "documents.jsonl"
_BOS = 0


@dataclass(frozen=True)
class Case:
    """How large a comparison is."""

    d_sae: int = 2048
    n_windows: int = 512
    context: int = 128

    @property
    def n_tokens(self) -> int:
        """BOS included."""
        return self.n_windows * self.context

    @property
    def sae(self) -> str:
        """Name of the SAE's folder."""
        return f"top-k-{self.d_sae}"


def point_to(folder: Path) -> None:
    """Have this process look for models and SAEs in a benchmark's folder."""
    os.environ["HOOKSCOPE_MODELS"] = str(folder / "models")
    os.environ["HOOKSCOPE_SAES"] = str(folder / "saes")


def write_model(folder: Path) -> LoadedModel:
    """Write the model, load it, and return it."""
    torch.manual_seed(0)
    # Weights are large enough for logits beyond 0.3: below that the other tools' histograms get a million ticks.
    config = GPT2Config(
        vocab_size=D_VOCAB, n_positions=N_CTX, n_embd=D_MODEL, n_layer=N_LAYERS, n_head=N_HEADS, initializer_range=0.2,
        bos_token_id=_BOS, eos_token_id=_BOS,
    )  # fmt: skip
    path = folder / "models" / MODEL
    GPT2LMHeadModel(config).save_pretrained(path)
    words = {"<s>": _BOS} | {f"w{index}": index for index in range(1, D_VOCAB)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<s>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(path / "tokenizer.json"))
    # Written by hand: the libraries that the other tools ask for do not know the class that ours would name.
    special = {name: "<s>" for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": N_CTX, **special}
    (path / "tokenizer_config.json").write_text(json.dumps(said), encoding="utf-8")
    return load_model(SPEC, path)


def write_case(loaded: LoadedModel, folder: Path, case: Case) -> Path:
    """Write the SAE and the text of one size, and return the text's folder."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(10, D_VOCAB + 9)
    ids = rng.choice(np.arange(1, D_VOCAB), (case.n_windows, case.context - 1), p=shares / shares.sum())
    text = folder / f"text-{case.n_windows}x{case.context}"
    text.mkdir(exist_ok=True)
    np.save(text / TOKENS, np.hstack([np.full((case.n_windows, 1), _BOS), ids]))
    lines = (json.dumps({"text": " ".join(f"w{index}" for index in row)}) for row in ids.tolist())
    (text / DOCUMENTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_sae(loaded, folder / "saes" / case.sae, case.d_sae, torch.from_numpy(ids[:8]))
    return text


@torch.no_grad()
def _write_sae(loaded: LoadedModel, path: Path, d_sae: int, sample: torch.Tensor) -> None:
    """Encoder rows are the decoder's, of length 1 and random; the stream's mean is taken off, so that few features are dead."""
    found: list[torch.Tensor] = []
    hook = f"blocks.{LAYER}.hook_resid_pre"
    watch(loaded.model, sample.to(loaded.device), (), {hook: lambda activation: found.append(activation.cpu())})
    torch.manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(d_sae, D_MODEL), dim=-1)
    sae_class, config_class = SAE_CLASS_REGISTRY["topk"]
    config = config_class(d_in=D_MODEL, d_sae=d_sae, k=K)  # type: ignore[call-arg]
    config.metadata.hook_name, config.metadata.model_name = hook, loaded.card.name
    sae = sae_class(config)
    values = {"W_enc": rows.T, "W_dec": rows, "b_dec": found[0].flatten(0, 1).mean(0), "b_enc": torch.zeros(d_sae)}
    for name, value in sae.named_parameters():
        value.copy_(values[name])
    sae.save_model(path)
