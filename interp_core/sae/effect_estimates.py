"""Two estimates of what removing a feature costs, beside the exact effect of `effects`.

`direct_effects` takes the feature's write from the final residual stream and reads that out: what later layers make of the
feature is left out (as sae_vis does, McDougall 2024). `gradient_effects` multiplies it with the loss's gradient: first order in
the activation, later layers included (attribution, Syed et al. 2023, arXiv:2310.10348), for all features at once.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from interp_core.attached import attached
from interp_core.edits import edits_of
from interp_core.errors import InterpError
from interp_core.gradients import score_gradients
from interp_core.hook_points import FINAL_RESID_HOOK, layer_hook
from interp_core.hooks import as_hooks, forward
from interp_core.models import LoadedModel
from interp_core.readout import LensNorm, Readout, readout_of
from interp_core.sae.features import check_can_act, check_features, held_sae
from interp_core.sae.reading import check_plain_point, encode_prompt
from interp_core.sae.stream_writes import stream_rows
from interp_core.types import Run

_ROWS = 256
"""Rows whose logits are held at once."""


def direct_effects(
    loaded: LoadedModel, run: Run, name: str, cells: Sequence[tuple[int, int]], *, norm: LensNorm = "recomputed"
) -> Float[np.ndarray, " cell"]:
    """Loss of the token after a position with the feature's write taken from the final stream there, less the loss as it is.

    Nats, above 0 where the feature helps; NaN at the last position. Costs one forward pass, and an unembedding of one row a
    cell.

    Args:
        loaded: The model.
        run: Its interventions stay in force.
        name: The SAE.
        cells: Features and positions.
        norm: The final norm's scale: `recomputed` from what is left of the stream, or `frozen` as it is.

    Raises:
        InterpError: The SAE does not fit, a feature or position is not there, or the SAE's place does not write into the
            stream by a matrix alone.
        MemoryLimitError: The pass would not fit.
    """
    n_pos = len(run.tokens)
    sae = held_sae(loaded, name)
    check_can_act(sae.config, name)
    check_plain_point(sae, name)
    check_features(sae.config, name, [feature for feature, _ in cells])
    over = [pos for _, pos in cells if not 0 <= pos < n_pos]
    if over:
        raise InterpError(f"The prompt has {n_pos} tokens, so there is no position {over[0]}. Give 0 to {n_pos - 1}.")
    loaded.check_run(n_pos)
    readout = readout_of(loaded, edits_of(loaded, run))
    kept = forward(loaded.model, loaded.tokens(run.tokens), readout.edits, keep=[sae.hook, FINAL_RESID_HOOK]).kept
    encoded = encode_prompt(loaded, sae, kept[sae.hook])
    found = np.full(len(cells), np.nan, np.float32)
    for pos in sorted({pos for _, pos in cells if pos < n_pos - 1}):
        rows = [row for row, cell in enumerate(cells) if cell[1] == pos]
        features = torch.tensor([cells[row][0] for row in rows], device=loaded.device)
        written = encoded.activations[pos, features, None] * encoded.scale[pos] * stream_rows(loaded, sae, features)
        found[rows] = _read_without(readout, kept[FINAL_RESID_HOOK][0, pos], written, pos, run.tokens[pos + 1], norm)
    return found


@torch.no_grad()
def _read_without(
    readout: Readout,
    final: Float[Tensor, " d_model"],
    written: Float[Tensor, "row d_model"],
    pos: int,
    target: int,
    norm: LensNorm,
) -> Float[np.ndarray, " row"]:
    """Loss without each write, less the loss with all. Every row stands at the position, as one of a batch."""
    streams = torch.cat([final[None], final - written.to(final.dtype)])
    scale = readout.norm.inverse_scale(final[None], readout.normed(final[None], pos)).expand(_ROWS)
    losses = []
    with attached(readout.model, as_hooks(readout.behind_stream, pos)):
        for part in streams.split(_ROWS):
            own = norm == "recomputed"
            normed = readout.model.ln_final(part[:, None])[:, 0] if own else readout.frozen(part, scale[: len(part)])
            logits = readout.cap(readout.model.unembed(normed[:, None])[:, 0].float() * readout.factor)
            losses.append(logits.logsumexp(-1).double() - logits[:, target].double())
    found = torch.cat(losses).cpu().numpy()
    return (found[1:] - found[0]).astype(np.float32)


def gradient_effects(
    loaded: LoadedModel, run: Run, name: str, *, read: int | None = None
) -> Float[np.ndarray, "pos d_sae"]:
    """First-order estimate of the loss with each feature removed at each position, less the loss as it is.

    Nats, above 0 where the feature helps, 0 where it is silent. Costs about three forward passes and two products with the
    SAE's matrices, whatever the number of features.

    Args:
        loaded: The model.
        run: Its interventions stay in force.
        name: The SAE.
        read: The loss of the token after this position; None: the sum over all positions.

    Raises:
        InterpError: The SAE does not fit, or no token follows the position.
        MemoryLimitError: The activations of all features would not fit.
    """
    n_pos = len(run.tokens)
    sae = held_sae(loaded, name)
    check_can_act(sae.config, name)
    check_plain_point(sae, name)
    if n_pos < 2 or not (read is None or 0 <= read < n_pos - 1):
        raise InterpError(
            f"The prompt has {n_pos} tokens, and no token follows position {n_pos - 1 if read is None else read}. Give 0 to "
            f"{n_pos - 2}, or a longer prompt."
        )
    loaded.check_run(n_pos)
    targets = loaded.tokens(run.tokens)[0, 1:]
    chosen = slice(None, -1) if read is None else slice(read, read + 1)

    def score(logits: Float[Tensor, "pos d_vocab"]) -> Float[Tensor, ""]:
        return cross_entropy(logits[chosen].float(), targets if read is None else targets[chosen], reduction="sum")

    edits, tokens = edits_of(loaded, run), loaded.tokens(run.tokens)
    encoded = encode_prompt(loaded, sae, forward(loaded.model, tokens, edits, keep=[sae.hook]).kept[sae.hook])
    # Attention's write is added to the stream, so that both have one gradient.
    through, layer = sae.hook, sae.config.layer
    if sae.point.name == "resid_mid" and layer is not None:
        through = layer_hook("attn_out", layer)
    gradient = score_gradients(loaded.model, tokens, edits, [through], score)[through]
    with torch.no_grad():
        slope = sae.flat(gradient)[0].float() @ sae.decoder.T
        return (-slope * encoded.activations * encoded.scale).cpu().numpy()
