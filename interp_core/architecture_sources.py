"""Where configurations come from: a folder, a name, a loaded model, an object of another library. No weights are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interp_core import catalogue, hub
from interp_core.architecture import Architecture
from interp_core.architecture_reading import parse_architecture, read_architecture
from interp_core.default_model import ensure_default_model
from interp_core.errors import ArchitectureError
from interp_core.models import LoadedModel
from interp_core.settings import models_folder
from interp_core.types import ModelSpec


def architecture_of(source: LoadedModel | Mapping[str, Any] | str | Any) -> Architecture:
    """The architecture of a loaded model, a configuration, a name, or what has a `cfg` or a `config` with `to_dict()`.

    Of a TransformerBridge the wrapped model's configuration is read, which says the biases and ties that its own does not.

    Raises:
        ModelError: There is no such model, the hub does not answer, or the configuration does not describe a model.
    """
    if isinstance(source, LoadedModel):
        return architecture_of_model(source)
    if isinstance(source, str):
        return architecture_of_name(source)
    if isinstance(source, Mapping):
        return read_architecture(source)
    wrapped = getattr(source, "original_model", None)
    config = (
        getattr(wrapped, "config", None) or getattr(source, "cfg", None) or getattr(source, "config", None) or source
    )
    as_dict = getattr(config, "to_dict", None)
    if as_dict is None:
        raise ArchitectureError(
            f"A {type(source).__name__} has no configuration. Give a model, its name, or its configuration as a dictionary."
        )
    return read_architecture(as_dict())


def architecture_of_folder(folder: Path, name: str = "") -> Architecture:
    """The architecture of a Hugging Face folder, by its `config.json` alone.

    Raises:
        ArchitectureError: It has none, or it does not describe a model.
    """
    try:
        text = (folder / "config.json").read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise ArchitectureError(
            f"There is no readable config.json in {folder}. Give a Hugging Face model folder."
        ) from None
    return parse_architecture(text, name or folder.name)


def architecture_of_name(name: str) -> Architecture:
    """The architecture of a model by the name that links use: empty, `folder:NAME`, or a hub name.

    Of a hub's model a few kilobytes are fetched; the default model is fetched whole where it is not there yet.

    Raises:
        ModelError: There is no such model, or the hub does not answer.
    """
    spec = ModelSpec.parse(name)
    if spec.source == "default":
        return architecture_of_folder(ensure_default_model(), spec.name)
    folder = models_folder() / spec.name if spec.source == "folder" else hub.fetch_config(spec.name).parent
    return architecture_of_folder(folder, catalogue.aliases().get(name, name).removeprefix("folder:"))


def architecture_of_model(model: LoadedModel) -> Architecture:
    """The architecture of a loaded model: of its checkpoint, whatever was folded since.

    Raises:
        ArchitectureError: Its configuration is of a kind that cannot be drawn.
    """
    return architecture_of_folder(model.folder, model.spec.name)
