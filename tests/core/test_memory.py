"""Estimates against measured peaks, each load in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from interp_core.checkpoints import inspect_checkpoint
from interp_core.errors import MemoryLimitError
from interp_core.memory import check_fits, estimate_run
from tests.tiny import rewrite_config

ROOT = Path(__file__).parent.parent.parent

MEASURE = """
import os, sys
from pathlib import Path
import psutil
from interp_core.checkpoints import inspect_checkpoint
from interp_core.memory import estimate_load
from interp_core.models import load_model
from interp_core.types import ModelSpec

folder, dtype, processing = sys.argv[1:]
spec = ModelSpec("folder", "measured", dtype, processing, "cpu")

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024

Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
base = psutil.Process().memory_info().rss
loaded = load_model(spec, Path(folder))
for parameter in loaded.model.parameters():
    parameter.sum()  # every weight used once
estimate = estimate_load(inspect_checkpoint(Path(folder)), spec)
resident = psutil.Process().memory_info().rss - base
print("bytes estimated", estimate, "measured", peak() - base, resident)
print(estimate.peak / (peak() - base), estimate.resident / resident)
"""


def ratios(folder, dtype, processing):
    command = [sys.executable, "-c", MEASURE, str(folder), dtype, processing]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    print(result.stdout)  # shown where the test fails
    return [float(figure) for figure in result.stdout.split()[-2:]]


def model(family):
    torch.manual_seed(0)
    if family == "llama":
        sizes = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "vocab_size": 30000}
        heads = {"num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": False}
        return LlamaForCausalLM(LlamaConfig(**sizes, **heads))
    config = GPT2Config(n_layer=6, n_embd=768, n_head=12, vocab_size=30000, bos_token_id=0, eos_token_id=1)
    return GPT2LMHeadModel(config)


@pytest.fixture(scope="module")
def medium_folders(tmp_path_factory, tiny_folders):
    """An untied llama and a gpt2 (fused query, key and value), 200 to 300 MB each."""
    made = {}
    for family in ("llama", "gpt2"):
        folder = tmp_path_factory.mktemp(family)
        model(family).save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((tiny_folders["llama"] / name).read_bytes())
        made[family] = folder
    return made


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures peaks by Linux' /proc")
@pytest.mark.parametrize(
    ("family", "processing", "dtype"),
    [
        ("llama", "compatibility", "float32"),
        ("llama", "raw", "bfloat16"),
        ("gpt2", "compatibility", "bfloat16"),
    ],
)
def test_estimates_are_within_a_quarter_of_what_is_measured(medium_folders, family, dtype, processing):
    peak, resident = ratios(medium_folders[family], dtype, processing)
    assert 0.75 < peak < 1.25
    assert 0.75 < resident < 1.25


@pytest.mark.default_model
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures peaks by Linux' /proc")
def test_the_default_model_s_estimates_too(default_folder):
    peak, resident = ratios(default_folder, "float32", "compatibility")
    assert 0.75 < peak < 1.25
    assert 0.75 < resident < 1.25


def test_what_does_not_fit_is_refused_with_both_numbers():
    with pytest.raises(MemoryLimitError, match=r"needs 2\.00 GiB and 1\.00 GiB are free"):
        check_fits("Loading x", 2 * 1024**3, 1024**3)
    check_fits("Loading x", 1024**3, 1024**3)


def test_a_run_takes_memory_quadratic_in_its_length():
    short, long = (estimate_run(n_pos, 9, 49152, 4) for n_pos in (4096, 8192))
    assert 2 < long / short < 4
    assert long > 9 * 8192 * 8192 * 4 * 3


def test_a_prompt_whose_pass_would_not_fit_is_refused_before_it_starts(tiny, monkeypatch):
    monkeypatch.setattr("interp_core.devices.available_bytes", lambda: 1000)
    with pytest.raises(MemoryLimitError, match="A forward pass over 200 tokens needs"):
        tiny.check_run(200)


def test_a_tied_embedding_counts_twice_in_compatibility_mode(copy_of_tiny):
    rewrite_config(copy_of_tiny, tie_word_embeddings=True)
    assert inspect_checkpoint(copy_of_tiny).n_tied_params == 400 * 32
    rewrite_config(copy_of_tiny, tie_word_embeddings=False)
    assert inspect_checkpoint(copy_of_tiny).n_tied_params == 0
