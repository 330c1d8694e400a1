"""The data behind a picture, as tables to download."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from interp_views.tokens import visible

if TYPE_CHECKING:
    from interp_core.predictions import Predictions
    from interp_core.tokens import Tokenised


def prompt_table(tokens: "Tokenised", found: "Predictions") -> pd.DataFrame:
    """One row a position: token, loss (nats), probability, rank, and the likeliest next tokens."""
    table = pd.DataFrame(
        {
            "position": np.arange(len(tokens.ids)),
            "id": tokens.ids,
            "token": tokens.str_tokens,
            "special": tokens.special,
            "loss_nats": found.loss,
            "probability": found.probability,
            "rank": pd.Series(found.rank, dtype="Int64").mask(found.rank < 0),
        }
    )
    for place in range(found.top_ids.shape[1]):
        table[f"next_{place + 1}"] = [found.top_tokens[int(index)] for index in found.top_ids[:, place]]
        table[f"next_{place + 1}_probability"] = found.top_probability[:, place]
    return table


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is shown: spaces, newlines and control characters of its texts visible."""
    texts = [name for name in table if pd.api.types.is_string_dtype(table[name])]
    return table.assign(**{name: table[name].map(visible) for name in texts})


def attention_table(
    tokens: "Tokenised", pattern: Float[np.ndarray, "query_pos key_pos"], layer: int, head: int
) -> pd.DataFrame:
    """One row an unmasked weight of one head: query, key, attention probability."""
    query, key = np.tril_indices(len(pattern))
    names = np.asarray(tokens.str_tokens, dtype=object)
    return pd.DataFrame(
        {
            "layer": layer,
            "head": head,
            "query_position": query,
            "query_token": names[query],
            "key_position": key,
            "key_token": names[key],
            "attention": pattern[query, key],
        }
    )
