"""From a configuration to an architecture. No torch here; `architecture_sources` finds configurations."""

import json
from collections.abc import Mapping
from typing import Any

from interp_core.architecture import Architecture
from interp_core.architecture_fields import encodable
from interp_core.architecture_hugging_face import read_hugging_face
from interp_core.architecture_parts import assemble
from interp_core.architecture_transformer_lens import read_transformer_lens
from interp_core.errors import ArchitectureError

_LARGEST = 2_000_000
"""Characters; configurations have a few thousand."""
_HUGGING_FACE = ("model_type", "hidden_size", "num_hidden_layers", "n_embd", "text_config")


def read_architecture(config: Mapping[str, Any], name: str = "") -> Architecture:
    """The architecture that a configuration describes: Hugging Face's, TransformerLens' or transformer_viz's.

    Raises:
        ArchitectureError: Something in it is missing or cannot be; the text says what.
    """
    named = [config.get(key) for key in ("model_name", "_name_or_path", "name_or_path", "model_type")]
    name = name or next((one for one in named if isinstance(one, str) and one), "this configuration")
    name = encodable(name, 120)
    if any(key in config for key in _HUGGING_FACE):
        design, family = read_hugging_face(config, name)
        return assemble(design, name, family, "Hugging Face")
    written = config.get("original_architecture")
    family = encodable(written, 80) if isinstance(written, str) else ""
    return assemble(read_transformer_lens(config, name), name, family, "TransformerLens")


def parse_architecture(text: str, name: str = "") -> Architecture:
    """The architecture of a configuration as JSON.

    Raises:
        ArchitectureError: It is no JSON object, or does not describe a model.
    """
    what = encodable(name, 120) or "The configuration"
    if len(text) > _LARGEST:
        raise ArchitectureError(
            f"{what} has {len(text):,} characters, and configurations are far smaller. Give another."
        )
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArchitectureError(f"{what} cannot be read as JSON ({error}). Paste the whole of config.json.") from None
    if not isinstance(config, dict):
        raise ArchitectureError(f'{what} is no JSON object, such as {{"n_layers": 2, ...}}. Paste all of config.json.')
    return read_architecture(config, name)
