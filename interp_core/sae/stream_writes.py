"""What an SAE's features write into the residual stream, wherever the SAE reads."""

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.errors import SaeError
from interp_core.models import LoadedModel
from interp_core.sae.loading import LoadedSae
from interp_core.write_routes import Part, output_matrix, write_routes

_IN_STREAM = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "embed")
_BEFORE: dict[str, Part] = {"z": "attn", "mlp_post": "mlp"}
"""Places from which one matrix, and in some architectures a norm behind it, leads into the stream."""


@torch.no_grad()
def stream_rows(loaded: LoadedModel, sae: LoadedSae, features: slice | Tensor) -> Float[Tensor, "feature d_model"]:
    """Decoder rows as they arrive in the stream: those of heads through W_O, those of neurons through the MLP's output.

    Raises:
        SaeError: The SAE reads a place that does not write into the stream by a matrix alone.
    """
    rows, name = sae.decoder_rows(features), sae.point.name
    if name in _IN_STREAM and rows.shape[1] == loaded.card.d_model:
        return rows
    part, layer = _BEFORE.get(name), sae.config.layer
    route = None if part is None or layer is None else write_routes(loaded).get((part, layer))
    if part is None or layer is None or route is None or route.norm is not None:
        raise SaeError(
            f"{sae.spec.text} reads {sae.config.place}, from where no matrix alone leads into the residual stream in "
            f"{loaded.card.name}, so what a feature writes there is not known without a pass. Look at its exact effects."
        )
    module = output_matrix(loaded.model.blocks[layer], part)
    weight = next(module.parameters())
    still = module(torch.zeros(1, 1, rows.shape[1]).to(weight))
    return (module(rows[None].to(weight)) - still)[0].float() * route.factor
