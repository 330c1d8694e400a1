"""An SAE in memory, bound to the model and the hook point that it was trained on.

Every inference architecture of SAELens 6.54 loads. Only safetensors are read. An SAE keeps state of its own while it
normalises, so it is used in its model's thread alone.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from torch import Tensor

from interp_core.errors import CheckpointError, InterventionError, SaeError
from interp_core.hook_points import HookPoint, point_named
from interp_core.models import LoadedModel
from interp_core.sae.catalogue import fetch_sae
from interp_core.sae.spec import WEIGHTS, SaeConfig, SaeSpec, checksum_of, local_folder, read_config

_ALIASES = {"gpt2-small": "gpt2"}
"""TransformerLens's names that differ from the hub's in more than the owner."""


@dataclass(frozen=True)
class LoadedSae:
    """An SAE and where it belongs."""

    spec: SaeSpec
    config: SaeConfig
    point: HookPoint
    """Of the model that it is bound to."""
    checksum: str
    """SHA-256 over configuration and weights."""
    module: Any
    """The SAELens module, float32, on the model's device."""

    @property
    def hook(self) -> str:
        """The model's name of the hook point that it reads."""
        return self.point.hook(self.config.layer)

    @property
    def d_sae(self) -> int:
        """Features."""
        return self.config.d_sae

    @torch.no_grad()
    def encode(self, activation: Float[Tensor, "batch pos *inner"]) -> Float[Tensor, "batch pos d_sae"]:
        """Feature activations of what the hook point holds; a head axis is flattened."""
        return self.module.encode(self.flat(activation).float())

    @torch.no_grad()
    def decode(self, features: Float[Tensor, "*batch d_sae"]) -> Float[Tensor, "*batch d_out"]:
        """The reconstruction, in the model's units."""
        return self.module.decode(features)

    @torch.no_grad()
    def reconstruct(self, activation: Float[Tensor, "batch pos *inner"]) -> Float[Tensor, "batch pos d_out"]:
        """What it makes of what the hook point holds, in the model's units; parts that are no features included."""
        return self.module(self.flat(activation).float())

    def flat(self, activation: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """An activation without the head axis that the SAE does not know."""
        return activation.flatten(-2) if self.point.axes == "pos head" else activation

    def usual(self, activation: Float[Tensor, "batch pos *inner"]) -> Bool[Tensor, "batch pos"]:
        """Which positions are not beyond the norm up to which it was trained; all, where it names none."""
        norms, limit = self.flat(activation).float().norm(dim=-1), self.config.norm_limit
        return torch.ones_like(norms, dtype=torch.bool) if limit is None else norms <= limit

    @property
    def decoder(self) -> Float[Tensor, "d_sae d_out"]:
        """What each feature writes when its activation is 1, in front of a normalisation that is undone behind it."""
        return self.decoder_rows(slice(None))

    def decoder_rows(self, features: slice | Int[Tensor, " feature"]) -> Float[Tensor, "feature d_out"]:
        """The decoder's rows of some features."""
        rows = self.module.W_dec.detach()[features].float()
        # A top-k SAE may count its activations in units of these norms.
        counts = bool(getattr(self.module.cfg, "rescale_acts_by_decoder_norm", False))
        return rows / rows.norm(dim=-1, keepdim=True) if counts else rows


def load_sae(loaded: LoadedModel, spec: SaeSpec, folder: Path | None = None) -> LoadedSae:
    """Read an SAE and bind it to a model.

    Args:
        loaded: The model.
        spec: Which SAE.
        folder: Where it lies, if that is already known.

    Raises:
        InterpError: One of a release cannot be fetched.
        SaeError: It is not there, is damaged, holds no finite numbers, or belongs to another model, weight processing, hook
            point or width.
    """
    from sae_lens import SAE  # noqa: PLC0415  takes seconds, and only a page with an SAE needs it

    folder = folder or (fetch_sae(spec) if spec.source == "release" else local_folder(spec))
    config = read_config(folder)
    point = fitting_point(loaded, config, spec.text)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise SaeError(f"{folder} holds no {WEIGHTS}. Only safetensors are read: save the SAE again with SAELens 6.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # how SAELens would have the model loaded: `fitting_point` has compared that
            module = SAE.load_from_disk(folder, device=str(loaded.device), dtype="float32").eval()
        module.turn_off_forward_pass_hook_z_reshaping()  # `flat` does it, for every point that has heads
        with torch.no_grad():  # settings that no weight shows, such as a k above d_sae, fail here and not on a page
            module(torch.zeros(1, 1, config.d_in, device=loaded.device))
    except (
        SafetensorError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        AssertionError,
        CheckpointError,
    ) as error:
        raise SaeError(
            f"The SAE in {folder} cannot be loaded ({type(error).__name__}: {str(error)[:200]}). It may be damaged, or of an "
            "architecture that SAELens 6.54 does not know."
        ) from error
    broken = [name for name, value in module.state_dict().items() if not torch.isfinite(value).all()]
    if broken:
        raise SaeError(f"The SAE in {folder} holds numbers that are not finite in {', '.join(broken)}. Fetch it again.")
    if int(module.cfg.d_in) != config.d_in or len(module.W_dec) != config.d_sae:
        raise SaeError(f"The weights of {folder.name} have other sizes than its configuration says. Fetch it again.")
    return LoadedSae(spec, config, point, checksum_of(folder), module)


def fitting_point(loaded: LoadedModel, config: SaeConfig, name: str) -> HookPoint:
    """The hook point of the model that an SAE reads.

    Raises:
        SaeError: It belongs to another model, weight processing, hook point or width.
    """
    card = loaded.card
    if config.model and _plain(config.model) != _plain(card.name):
        raise SaeError(
            f"{name} was trained on {config.model}, and the model is {card.name}. Load that model, or choose another SAE."
        )
    if config.processing != card.processing:
        raise SaeError(
            f"{name} was trained on {config.processing} weights of {card.name}, and they are held {card.processing}. Hold the "
            f"model with {config.processing} weights: Change model, weight processing."
        )
    try:
        point = point_named(loaded.hook_points, config.point)
    except InterventionError as error:
        raise SaeError(f"{name} reads {config.place}, which {card.name} does not have. Choose another SAE.") from error
    if config.layer not in (point.layers or (None,)):
        raise SaeError(f"{name} reads {config.place}, and {card.name} has layers 0 to {card.n_layers - 1} only.")
    width = point.width * max(1, point.n_heads) if point.axes == "pos head" else point.width
    if config.d_in != width or point.axes == "head query_pos key_pos":
        raise SaeError(
            f"{name} reads {config.d_in:,} numbers at each position, and {config.place} of {card.name} has {width:,}. It belongs "
            "to another model."
        )
    return point


def _plain(name: str) -> str:
    """A model's name without owner, spelled as the hub spells it."""
    last = name.rsplit("/", 1)[-1].lower()
    return re.sub(r"[^a-z0-9]+", "-", _ALIASES.get(last, last))
