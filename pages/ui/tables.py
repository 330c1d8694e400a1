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
    tokens: "Tokenised",
    pattern: Float[np.ndarray, "query_pos key_pos"],
    value_norms: Float[np.ndarray, " key_pos"],
    layer: int,
    head: int,
) -> pd.DataFrame:
    """One row an unmasked weight of one head: query, key, attention probability, and that times the value's norm."""
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
            "attention_times_value_norm": pattern[query, key] * value_norms[key],
        }
    )


def scores_table(
    values: Float[np.ndarray, "score layer head"],
    names: tuple[str, ...],
    spread: Float[np.ndarray, "score layer head"] | None = None,
) -> pd.DataFrame:
    """One row a head: every score, and its standard deviation where there is one."""
    layer, head = np.indices(values.shape[1:])
    table = pd.DataFrame({"layer": layer.ravel(), "head": head.ravel()})
    for place, name in enumerate(names):
        table[name] = values[place].ravel()
        if spread is not None:
            table[f"{name}_standard_deviation"] = spread[place].ravel()
    return table


def similarity_table(
    labels: tuple[str, ...], similarity: Float[np.ndarray, " head"], place: Float[np.ndarray, "head 2"]
) -> pd.DataFrame:
    """One row a head: its similarity to the chosen one, and its place on the map."""
    return pd.DataFrame({"head": labels, "similarity": similarity, "x": place[:, 0], "y": place[:, 1]})


def query_key_table(
    tokens: "Tokenised",
    q: Float[np.ndarray, " d_head"],
    k: Float[np.ndarray, "key_pos d_head"],
    scores: Float[np.ndarray, " key_pos"],
    pattern: Float[np.ndarray, " key_pos"],
    scale: float,
) -> pd.DataFrame:
    """One row a key: token, score, attention, and the scaled product of every dimension."""
    table = pd.DataFrame(
        {
            "key_position": np.arange(len(k)),
            "key_token": tokens.str_tokens[: len(k)],
            "score": scores,
            "attention": pattern,
        }
    )
    products = pd.DataFrame(k * q * scale, columns=[f"product_{dim}" for dim in range(len(q))])
    return pd.concat([table, products], axis=1)


def generated_table(
    tokens: "Tokenised", n_prompt: int, rows: Float[np.ndarray, "row key"], shown: Float[np.ndarray, "row key"]
) -> pd.DataFrame:
    """One row a query and key: the raw weight and the one that is shown. The first query is the prompt's last token."""
    row, key = np.nonzero(np.tri(*rows.shape, k=n_prompt - 1, dtype=bool))
    query = row + n_prompt - 1
    names = np.asarray(tokens.str_tokens, dtype=object)
    return pd.DataFrame(
        {
            "query_position": query,
            "query_token": names[query],
            "key_position": key,
            "key_token": names[key],
            "attention": rows[row, key],
            "shown": shown[row, key],
        }
    )
