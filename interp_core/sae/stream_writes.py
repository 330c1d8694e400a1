"""What an SAE's features write into the residual stream, wherever the SAE reads."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.errors import SaeError
from interp_core.hook_points import PostNorm
from interp_core.layer_writes import output_matrix, post_norm
from interp_core.models import LoadedModel
from interp_core.sae.loading import LoadedSae

_IN_STREAM = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "embed")
_BEFORE: dict[str, tuple[tuple[str, str], PostNorm]] = {
    "z": (("attn", "o"), "ln1_post"),
    "mlp_post": (("mlp", "out"), "ln2_post"),
}
"""Places from which one matrix, and in some architectures a further norm, leads into the stream."""


@torch.no_grad()
def stream_rows(loaded: LoadedModel, sae: LoadedSae, features: slice | Tensor) -> Float[Tensor, "feature d_model"]:
    """Decoder rows as they arrive in the stream: those of heads through W_O, those of neurons through the MLP's output.

    Raises:
        SaeError: The SAE reads a place that does not write into the stream by a matrix alone.
    """
    rows, name = sae.decoder_rows(features), sae.point.name
    if name in _IN_STREAM and rows.shape[1] == loaded.card.d_model:
        return rows
    path, norm = _BEFORE.get(name, (None, None))
    block: Any = None if path is None else loaded.model.blocks[sae.config.layer]
    module = None if path is None else output_matrix(block, path)
    if path is None or norm is None or module is None or post_norm(block, norm, loaded.card.d_model) is not None:
        raise SaeError(
            f"{sae.spec.text} reads {sae.config.place}, from where no matrix alone leads into the residual stream in "
            f"{loaded.card.name}, so what a feature writes there is not known without a pass. Look at its exact effects."
        )
    weight = next(module.parameters())
    still = module(torch.zeros(1, 1, rows.shape[1]).to(weight))
    return (module(rows[None].to(weight)) - still)[0].float()
