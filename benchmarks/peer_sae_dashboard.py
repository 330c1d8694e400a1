"""Makes sae-dashboard's page of the first features, in its own environment, and prints what it cost as JSON.

`python -m benchmarks.peer_sae_dashboard FOLDER TEXT SAE THREADS COUNT OUT`, on what `benchmarks/feature_model.py` wrote.
"""

# Packages are those of its own environment.
# pyright: reportMissingImports=false

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sae_dashboard.data_writing_fns import save_feature_centric_vis
from sae_dashboard.sae_vis_data import SaeVisConfig
from sae_dashboard.sae_vis_runner import SaeVisRunner
from sae_lens import SAE, HookedSAETransformer

from benchmarks.peer_model import cpu_seconds, load_model


def main(arguments: list[str]) -> None:
    """Make the page once."""
    folder, text, name, threads, count, out = arguments
    model = load_model(HookedSAETransformer, Path(folder) / "models" / "random", int(threads))
    sae = SAE.load_from_disk(Path(folder) / "saes" / name, device="cpu")
    sae.cfg.rescale_acts_by_decoder_norm = True  # it takes no other; all rows are of length 1, so that nothing changes
    tokens = torch.from_numpy(np.load(Path(text) / "tokens.npy")).long()
    start = cpu_seconds()
    # Its defaults, but for the hook point and the features.
    config = SaeVisConfig(hook_point=sae.cfg.metadata.hook_name, features=list(range(int(count))))
    made = SaeVisRunner(config).run(encoder=sae, model=model, tokens=tokens)
    gathered = cpu_seconds()
    made.model = model
    save_feature_centric_vis(made, out)
    said = {
        "start": start, "gather": gathered - start, "write": cpu_seconds() - gathered,
        "bytes": Path(out).stat().st_size, "largest": made.feature_stats.max[:64],
    }  # fmt: skip
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1:])
