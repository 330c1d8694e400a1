"""Which models there are to choose from, without importing torch: local folders, the hub's cache, the registries.

The registries are TransformerLens' own lists, read as the data files they are: importing the package takes seconds
that a page that only shows names must not spend.
"""

import ast
import functools
import importlib.util
import json
import os
from pathlib import Path

from interp_core.settings import models_folder


def local_folders() -> list[str]:
    """Names of the folders under the models folder that have a `config.json`, sorted."""
    root = models_folder()
    if not root.is_dir():
        return []
    return sorted(path.parent.name for path in root.glob("*/config.json"))


def hub_cache() -> Path:
    """Where huggingface_hub keeps what it fetched, by the same environment variables that it reads."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def cached_names() -> list[str]:
    """Repositories of which the hub's cache holds a snapshot with weights, sorted."""
    found = {path.parents[2].name for path in hub_cache().glob("models--*/snapshots/*/*.safetensors")}
    return sorted(name.removeprefix("models--").replace("--", "/") for name in found)


@functools.cache
def registry_names() -> tuple[str, ...]:
    """Every name that TransformerLens or its Bridge knows: verified models first, then by name."""
    package = _transformer_lens_folder()
    registry = json.loads((package / "tools/model_registry/data/supported_models.json").read_text(encoding="utf-8"))
    verified = {model["model_id"] for model in registry["models"] if model.get("status") == 1}
    names = {model["model_id"] for model in registry["models"]} | set(_literal("OFFICIAL_MODEL_NAMES"))
    return tuple(sorted(names, key=lambda name: (name not in verified, name.lower())))


@functools.cache
def aliases() -> dict[str, str]:
    """TransformerLens' short names, such as `gpt2-small`, to the repository each stands for."""
    return {alias: name for name, shorts in _literal("MODEL_ALIASES").items() for alias in shorts}


def search(query: str, limit: int = 50) -> list[str]:
    """Names that contain every word of the query: what is cached first, then the registries' order."""
    words = query.lower().split()
    cached = cached_names()
    wanted = [aliases()[query]] if query in aliases() else []
    names = dict.fromkeys([*wanted, *cached, *registry_names()])
    return [name for name in names if name in wanted or all(word in name.lower() for word in words)][:limit]


def _transformer_lens_folder() -> Path:
    spec = importlib.util.find_spec("transformer_lens")
    assert spec is not None and spec.origin is not None, "transformer-lens is pinned in requirements.txt"
    return Path(spec.origin).parent


@functools.cache
def _literal(name: str):
    """The value of one literal assignment in TransformerLens' list of models, read without running it."""
    tree = ast.parse((_transformer_lens_folder() / "supported_models.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", None) == name and node.value:
            return ast.literal_eval(node.value)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"transformer_lens.supported_models no longer defines {name}")
