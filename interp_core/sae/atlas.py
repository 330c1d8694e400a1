"""An SAE's atlas: a place on a flat map and the tokens that it writes, for every feature. Known from the SAE and the model alone.

Made once and kept; `atlas_files` says where.
"""

from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
from jaxtyping import Int
from torch import Tensor

from interp_core.devices import free_bytes
from interp_core.errors import InterpError
from interp_core.memory import check_fits
from interp_core.models import LoadedModel
from interp_core.readout import readout_of
from interp_core.sae.atlas_files import N_TOKENS, SETTINGS, Atlas, kept_file, read_atlas, write_atlas
from interp_core.sae.decoder_logits import row_logits
from interp_core.sae.features import held_sae
from interp_core.sae.layout import layout_steps
from interp_core.sae.loading import LoadedSae
from interp_core.sae.stream_writes import stream_rows
from interp_core.types import Progress

_ROWS = 128
"""Features of one product: 25 MB of logits at 49,152 tokens of vocabulary."""


def make_atlas(loaded: LoadedModel, name: str, out: Path | None = None) -> Generator[Progress, None, Atlas]:
    """Make the atlas of an SAE and keep it.

    Costs an unembedding of every feature, and a UMAP: minutes for 20,000 features, most of it in a process of its own. Where a
    feature's logits cannot be known without a pass, the map is made all the same.

    Args:
        loaded: The model that the SAE belongs to.
        name: The SAE's.
        out: Parquet file to write; under the cache folder if absent.

    Raises:
        InterpError: The SAE does not fit, the map cannot be laid out, or the file cannot be written.
        MemoryLimitError: It would not fit.
    """
    sae = held_sae(loaded, name)
    check_fits(f"The map of {name}", 4 * 4 * sae.d_sae * sae.config.d_in, free_bytes("cpu"))
    rows = sae.decoder.cpu().numpy()
    layout = layout_steps(rows)
    try:
        next(layout)  # it begins in its own process while logits are computed here
        promoted, suppressed, problem = yield from _tokens(loaded, sae)
        while True:
            try:
                step = next(layout)
                yield Progress(0.3 + 0.7 * step.fraction, step.note)
            except StopIteration as stop:
                places = stop.value
                break
    finally:
        layout.close()
    table = arrow.table({
        "feature": arrow.array(np.arange(sae.d_sae, dtype=np.int32)),
        "x": arrow.array(places[:, 0]), "y": arrow.array(places[:, 1]),
        "promoted": promoted, "suppressed": suppressed,
    })  # fmt: skip
    facts: dict[str, Any] = {
        "sae": name, "sae_sha256": sae.checksum, "model": loaded.card.name, "revision": loaded.card.revision,
        "without_tokens": problem, **SETTINGS, "umap_learn": version("umap-learn"),
    }  # fmt: skip
    path = out or kept_file(sae.checksum)
    write_atlas(path, table, facts)
    return read_atlas(path)


def _tokens(loaded: LoadedModel, sae: LoadedSae) -> Generator[Progress, None, tuple[arrow.Array, arrow.Array, str]]:
    """Promoted and suppressed tokens of every feature, and why there are none."""
    k = min(N_TOKENS, loaded.card.d_vocab)
    ids = np.zeros((2, sae.d_sae, k), np.int64)
    try:
        readout = readout_of(loaded, ())
        for first in range(0, sae.d_sae, _ROWS):
            part = slice(first, first + _ROWS)
            logits = row_logits(readout, stream_rows(loaded, sae, part))
            for place, largest in enumerate((True, False)):
                ids[place, part] = _top(logits, k, largest)
            done = min(first + _ROWS, sae.d_sae)
            yield Progress(0.3 * done / sae.d_sae, f"What {done:,} of {sae.d_sae:,} features write")
    except InterpError as error:
        none = arrow.nulls(sae.d_sae, arrow.list_(arrow.string()))
        return none, none, str(error)
    seen = np.unique(ids)
    spelled = np.array(loaded.tokenizer.str_tokens(seen.tolist()), dtype=object)
    words = spelled[np.searchsorted(seen, ids)]
    promoted, suppressed = (arrow.array(side.tolist(), arrow.list_(arrow.string())) for side in words)
    return promoted, suppressed, ""


def _top(logits: Tensor, k: int, largest: bool) -> Int[np.ndarray, "feature k"]:
    return logits.topk(k, dim=-1, largest=largest).indices.cpu().numpy()
