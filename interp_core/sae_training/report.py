"""The quality of a saved SAE, measured on held-out text and kept beside it: `quality.json` and `sparsity.safetensors`."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from sae_lens import SAE
from safetensors.numpy import save_file
from torch import Tensor

from interp_core.files import write_json
from interp_core.models import LoadedModel
from interp_core.sae.quality import QualityFigures, SaeQuality, measure_quality
from interp_core.types import Progress


def report_quality(
    loaded: LoadedModel,
    folder: Path,
    windows: Int[Tensor, "window context"],
    *,
    rows: int = 4,
    report: Callable[[Progress], None] = lambda _: None,
) -> SaeQuality:
    """Measure the SAE in `folder` as it was saved, on text that it was not trained on, and write what was found there.

    `sparsity.safetensors` is sae_lens's file of that name: log10 of the density of each feature, -10 for none.
    Costs five forward passes.
    """
    metadata = json.loads((folder / "cfg.json").read_text(encoding="utf-8"))["metadata"]
    sae: Any = SAE.load_from_disk(folder, device=str(loaded.device), dtype="float32")
    steps = measure_quality(
        loaded, sae, metadata["hook_name"], windows, norm_limit=metadata.get("norm_limit"), rows=rows
    )
    found = _finished(steps, report)
    n_left_out = found.everywhere.n_pos - found.kept.n_pos
    write_json(
        folder / "quality.json",
        {
            "model": loaded.card.name,
            "model_revision": loaded.card.revision,
            "weight_processing": loaded.card.processing,
            "dtype": loaded.card.dtype,
            "text": f"{len(windows)} held-out windows of {windows.shape[1]} tokens of the mix that it was trained on",
            "corpus_sha256": metadata.get("corpus_sha256"),
            "left_out": {
                "rule": metadata.get("left_out_rule"),
                "norm_limit": found.norm_limit,
                "n_pos": n_left_out,
                "share": n_left_out / found.everywhere.n_pos,
            },
            "without_left_out": _figures(found.kept),
            "with_left_out": _figures(found.everywhere),
            "dead_share": found.dead_share,
            "meaning": {
                "explained_variance": "1 - squared error / squared distance from the mean of the counted positions",
                "ce": "cross-entropy in nats a token over all predicted tokens",
                "ce_recovered": "(ce_zero - ce_with_sae) / (ce_zero - ce); the counted positions are replaced, or set to 0",
                "dead_share": "share of the features that were active on none of the positions without_left_out",
            },
        },
    )
    save_file({"sparsity": np.log10(found.density + 1e-10)}, folder / "sparsity.safetensors")
    return found


def _figures(figures: QualityFigures) -> dict[str, float | int]:
    return dataclasses.asdict(figures) | {"ce_recovered": figures.ce_recovered}


def _finished(steps: Any, report: Callable[[Progress], None]) -> SaeQuality:
    while True:
        try:
            report(next(steps))
        except StopIteration as stop:
            return stop.value
