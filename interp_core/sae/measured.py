"""How faithful an SAE is on this machine: measured on text at hand and remembered, for those that bring no figures along."""

import dataclasses
import hashlib
import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import torch

from interp_core.errors import SaeError
from interp_core.files import write_json
from interp_core.harvest.bundle import Harvest
from interp_core.harvest.encoder import encoder_of
from interp_core.model_card import ModelCard
from interp_core.models import LoadedModel
from interp_core.sae.features import held_sae
from interp_core.sae.quality import SaeQuality, measure_quality
from interp_core.sae.reading import check_plain_point
from interp_core.sae.spec import SaeConfig, checked_quality
from interp_core.settings import cache_folder
from interp_core.types import Progress

_ROWS = 4
_MOST, _CONTEXT = 40, 256
_TEXTS = Path(__file__).parent.parent.parent / "data"


def measured_quality(checksum: str, card: ModelCard) -> dict[str, Any] | None:
    """What was measured here before of the SAE with that checksum in a model; None where nothing usable is there."""
    try:
        return checked_quality(json.loads(_file(checksum, card).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return None


def measure_here(
    loaded: LoadedModel, name: str, windows: Sequence[tuple[int, ...]], text: str
) -> Generator[Progress, None, dict[str, Any]]:
    """Measure an SAE on windows of tokens and remember it. Costs five forward passes over them, three without a norm limit.

    Args:
        loaded: The model, as the SAE needs it.
        name: The SAE.
        windows: Of one length, BOS included where the SAE was trained with it.
        text: What the windows are, in words.

    Raises:
        SaeError: It is a transcoder, does not fit, or there is no window.
        DiskError: The figures cannot be written.
    """
    sae = held_sae(loaded, name)
    check_plain_point(sae, name)
    if "transcoder" in sae.config.architecture:
        raise SaeError(
            f"{name} is a transcoder: it does not give back what it reads, so these figures do not apply to it."
        )
    if not windows:
        raise SaeError(f"There is no text to measure {name} on. Harvest one first.")
    found: SaeQuality = yield from measure_quality(
        loaded, sae, sae.hook, torch.tensor(windows), norm_limit=sae.config.norm_limit, rows=_ROWS,
        # What a temporal SAE predicts from earlier positions is none of its features.
        reconstruct=sae.reconstruct if sae.config.architecture == "temporal" else None,
    )  # fmt: skip
    figures = {
        "text": text, "model": loaded.card.name, "dtype": loaded.card.dtype,
        "without_left_out": dataclasses.asdict(found.kept) | {"ce_recovered": found.kept.ce_recovered},
        "with_left_out": dataclasses.asdict(found.everywhere) | {"ce_recovered": found.everywhere.ce_recovered},
        "dead_share": found.dead_share,
    }  # fmt: skip
    write_json(_file(sae.checksum, loaded.card), figures)
    return figures


def windows_at_hand(
    loaded: LoadedModel, config: SaeConfig, harvest: Harvest | None
) -> tuple[list[tuple[int, ...]], str]:
    """Windows of one length to measure on, and what they are: of the SAE's harvest, or of the texts that ship."""
    said = config.content.get("metadata")
    said = said.get("context_size") if isinstance(said, dict) else None
    context = min(said if isinstance(said, int) and said > 1 else _CONTEXT, _CONTEXT, loaded.tokenizer.n_ctx)
    if harvest:
        context = min(int(harvest.facts["plan"]["context"]), loaded.tokenizer.n_ctx)
        windows = [tokens for tokens in harvest.windows(_MOST) if len(tokens) == context]
        if windows:
            return windows, f"{len(windows)} windows of {context} tokens of the harvest {harvest.folder.name}"
    lines = (_TEXTS / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    text = "\n\n".join(json.loads(line)["text"] for line in lines)
    bos = [] if loaded.tokenizer.bos_id is None else [loaded.tokenizer.bos_id]
    ids, step = encoder_of(loaded).encode(text), context - len(bos)
    windows = [(*bos, *ids[start : start + step]) for start in range(0, len(ids) - step + 1, step)][:_MOST]
    return windows, f"{len(windows)} windows of {context} tokens that the default model wrote"


def _file(checksum: str, card: ModelCard) -> Path:
    """Where the figures of an SAE in a model are kept: one that names no model fits every model of its width."""
    model = hashlib.sha256(f"{card.name} {card.revision} {card.dtype}".encode()).hexdigest()
    return cache_folder() / "quality" / f"{checksum}-{model[:16]}.json"
