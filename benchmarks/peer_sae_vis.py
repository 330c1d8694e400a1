"""Makes sae_vis's page of the first features, in its own environment, and prints what it cost as JSON.

`python -m benchmarks.peer_sae_vis FOLDER TEXT SAE THREADS COUNT OUT`, on what `benchmarks/feature_model.py` wrote.
"""

# Packages are those of its own environment.
# pyright: reportMissingImports=false, reportCallIssue=false, reportAbstractUsage=false

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sae_lens import SAE, HookedSAETransformer, SAEConfig
from sae_vis.data_config_classes import SaeVisConfig
from sae_vis.data_storing_fns import SaeVisData
from safetensors.torch import load_file

from benchmarks.peer_model import cpu_seconds, load_model


def load_sae(folder: Path, context: int) -> Any:
    """The SAE as the SAELens that sae_vis works with knows it: version 5 reads the same weights and another configuration."""
    said = json.loads((folder / "cfg.json").read_text(encoding="utf-8"))
    hook = said["metadata"]["hook_name"]
    config = SAEConfig(
        architecture="topk", d_in=said["d_in"], d_sae=said["d_sae"], activation_fn_str="topk",
        activation_fn_kwargs={"k": said["k"]}, apply_b_dec_to_input=True, finetuning_scaling_factor=False,
        context_size=context, model_name="random", hook_name=hook, hook_layer=int(hook.split(".")[1]),
        hook_head_index=None, prepend_bos=True, dataset_path="", dataset_trust_remote_code=False,
        normalize_activations="none", dtype="float32", device="cpu", sae_lens_training_version=None,
    )  # fmt: skip
    sae = SAE(config)
    sae.load_state_dict(load_file(folder / "sae_weights.safetensors"))
    return sae


def main(arguments: list[str]) -> None:
    """Make the page once."""
    folder, text, name, threads, count, out = arguments
    model = load_model(HookedSAETransformer, Path(folder) / "models" / "random", int(threads))
    tokens = torch.from_numpy(np.load(Path(text) / "tokens.npy")).long()
    sae = load_sae(Path(folder) / "saes" / name, tokens.shape[1])
    start = cpu_seconds()
    # Its defaults, but for the features.
    config = SaeVisConfig(features=list(range(int(count))))
    made = SaeVisData.create(sae=sae, model=model, tokens=tokens, cfg=config)
    gathered = cpu_seconds()
    made.save_feature_centric_vis(out)
    said = {
        "start": start, "gather": gathered - start, "write": cpu_seconds() - gathered,
        "bytes": Path(out).stat().st_size, "largest": made.feature_stats.max[:64],
    }  # fmt: skip
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1:])
