"""The data behind the lens page's pictures, as tables to download."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pages.ui.schemas import STREAM_KINDS

if TYPE_CHECKING:
    from interp_core.head_writes import HeadWrites
    from interp_core.logit_attribution import LogitAttribution
    from interp_core.logit_lens import LogitLens
    from interp_core.residual_stream import ResidualStream
    from interp_core.tokens import Tokenised


def lens_table(tokens: "Tokenised", found: "LogitLens") -> pd.DataFrame:
    """One row a layer and position; the last layer's number is that of the model's own output."""
    n_rows, n_pos, count = found.top_ids.shape
    row, pos = (axis.ravel() for axis in np.indices((n_rows, n_pos)))
    names = np.asarray(tokens.str_tokens, dtype=object)
    table = pd.DataFrame(
        {
            "layer": row,
            "is_output": row == n_rows - 1,
            "position": pos,
            "token": names[pos],
            "entropy_nats": found.entropy.ravel(),
            "kl_to_output_nats": found.kl.ravel(),
        }
    )
    for place in range(count):
        table[f"top_{place + 1}"] = [found.top_tokens[int(index)] for index in found.top_ids[..., place].ravel()]
        table[f"top_{place + 1}_probability"] = found.top_probability[..., place].ravel()
    if found.token is not None:
        table["chosen_token_id"] = found.token
        table["chosen_token_probability"] = found.token_probability.ravel()
        table["chosen_token_rank"] = found.token_rank.ravel()
    return table


def stream_table(tokens: "Tokenised", found: "ResidualStream") -> pd.DataFrame:
    """One row a layer and position: every norm, and the cosines of what is written with the stream."""
    layer, pos = (axis.ravel() for axis in np.indices(found.norms.shape[1:]))
    names = np.asarray(tokens.str_tokens, dtype=object)
    table = pd.DataFrame({"layer": layer, "position": pos, "token": names[pos]})
    for place, site in enumerate(STREAM_KINDS[: len(found.norms)]):
        table[f"{site}_norm"] = found.norms[place].ravel()
    table["attention_cosine"], table["mlp_cosine"] = found.writes[0].ravel(), found.writes[1].ravel()
    return table


def between_table(found: "ResidualStream") -> pd.DataFrame:
    """One row a pair of layers."""
    layer, other = (axis.ravel() for axis in np.indices(found.between.shape))
    return pd.DataFrame({"layer": layer, "other_layer": other, "cosine": found.between.ravel()})


def components_table(found: "LogitAttribution") -> pd.DataFrame:
    """One row a part of the sum, with the sum, the model's logit and what is left over at the end."""
    n_layers = len(found.attention)
    parts = [("embedding", None, found.embedding)]
    for layer in range(n_layers):
        parts += [("attention", layer, found.attention[layer]), ("mlp", layer, found.mlp[layer])]
        parts += [("interventions", layer, found.interventions[layer])] if found.interventions[layer] else []
    parts += [("constant", None, found.constant), ("sum", None, found.total), ("model", None, found.logit)]
    parts += [("left over", None, found.remainder)]
    table = pd.DataFrame(parts, columns=["part", "layer", "logits"])
    return table.astype({"layer": "Int64", "logits": float})


def heads_table(found: "LogitAttribution") -> pd.DataFrame:
    """One row a head."""
    layer, head = (axis.ravel() for axis in np.indices(found.heads.shape))
    return pd.DataFrame({"layer": layer, "head": head, "logits": found.heads.ravel()})


def sources_table(tokens: "Tokenised", found: "LogitAttribution") -> pd.DataFrame:
    """One row a head and position that it reads from, up to the query."""
    layer, head, pos = (axis.ravel() for axis in np.indices((*found.heads.shape, found.pos + 1)))
    names = np.asarray(tokens.str_tokens, dtype=object)
    values = found.sources[:, :, : found.pos + 1].ravel()
    return pd.DataFrame({"layer": layer, "head": head, "position": pos, "token": names[pos], "logits": values})


def neurons_table(found: "LogitAttribution") -> pd.DataFrame:
    """One row a neuron."""
    layer, neuron = (axis.ravel() for axis in np.indices(found.neurons.shape))
    return pd.DataFrame({"layer": layer, "neuron": neuron, "logits": found.neurons.ravel()})


def head_table(found: "HeadWrites", layer: int, head: int) -> pd.DataFrame:
    """One head's tokens, most promoted and most suppressed side by side."""
    words = found.tokens
    return pd.DataFrame(
        {
            "promoted": [words[int(index)] for index in found.promoted_ids[layer, head]],
            "promoted_logits": found.promoted[layer, head],
            "suppressed": [words[int(index)] for index in found.suppressed_ids[layer, head]],
            "suppressed_logits": found.suppressed[layer, head],
        }
    )


def writes_table(found: "HeadWrites") -> pd.DataFrame:
    """Every head's tokens, one row each."""
    made = []
    for layer, head in np.ndindex(*found.norms.shape):
        table = head_table(found, layer, head)
        table.insert(0, "rank", np.arange(1, len(table) + 1))
        table.insert(0, "head", head)
        table.insert(0, "layer", layer)
        made.append(table)
    return pd.concat(made, ignore_index=True)
