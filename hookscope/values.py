"""Numbers of your own on a text, in a notebook."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from interp_views.component import Component, NotebookPicture
from interp_views.signed_text import SignedTextView, signed_text_payload
from interp_views.top_k_table import TopKView, top_k_table_payload


def show_values(
    tokens: Sequence[str],
    values: Sequence[float] | Float[np.ndarray, " pos"],
    *,
    name: str = "activation",
    unit: str = "",
) -> NotebookPicture:
    """Text coloured by one signed number a token, such as a neuron's activations."""
    view = SignedTextView(tuple(tokens), (False,) * len(tokens), np.asarray(values, np.float32), name, unit)
    return Component.load("signed_text").notebook(signed_text_payload(view), name)


def show_top_k(
    tokens: Sequence[str],
    values: Float[np.ndarray, "pos layer object"],
    *,
    object_type: str = "neuron",
    k: int = 10,
    unit: str = "",
) -> NotebookPicture:
    """The tokens on which each object (neuron, head, feature) of each layer is largest or smallest."""
    _, n_layers, n_objects = values.shape
    view = TopKView(
        tuple(tokens),
        (False,) * len(tokens),
        np.asarray(values, np.float32),
        object_type,
        tuple(f"Layer {layer}" for layer in range(n_layers)),
        tuple(f"{object_type.capitalize()} {index}" for index in range(n_objects)),
        k=k,
        unit=unit,
    )
    return Component.load("top_k_table").notebook(top_k_table_payload(view), f"Top tokens of each {object_type}")
