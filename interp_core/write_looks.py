"""What an attribution looks at while a forward pass goes by: the writes at one position, reduced at once."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.hook_points import FINAL_RESID_HOOK, layer_hook
from interp_core.hooks import pattern_hook
from interp_core.layer_writes import LayerWrite, LayerWrites
from interp_core.models import LoadedModel
from interp_core.write_routes import Part

Look = Callable[[Tensor], object]


class Looks:
    """Sees every activation that an attribution at `pos` needs. Numbers lack the final norm's scale until asked for."""

    def __init__(self, loaded: LoadedModel, writes: LayerWrites, pos: int, n_pos: int) -> None:
        card = loaded.card
        self._loaded, self._writes, self._pos = loaded, writes, pos
        self._kept: dict[str, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self._has = {point.name: set(point.layers) for point in loaded.hook_points}
        self._n_layers, self._n_heads = card.n_layers, card.n_heads
        self._shape = (card.n_layers, card.n_heads, n_pos)
        self._sources = np.full(self._shape, np.nan, np.float32)
        self.final = torch.empty(0)
        """The stream that the final norm reads, `"1 d_model"`, as the model holds it."""

    def wanted(self) -> dict[str, Look]:
        """What to look at, by hook name."""
        look: dict[str, Look] = {FINAL_RESID_HOOK: self._see_final}
        for layer in range(self._n_layers):
            for site in ("resid_pre", "attn_out", "mlp_out", "z", "mlp_post"):
                if layer in self._has.get(site, ()):
                    look[layer_hook(site, layer)] = self._keeper(layer_hook(site, layer))
            for write in (self._writes.attention[layer], self._writes.mlp[layer]):
                if write and write.norm:
                    look[write.norm_reads] = self._keeper(write.norm_reads)
            # A pattern that the model only shows is no hook point that can be edited, and as good to read.
            shown = pattern_hook(layer) in self._loaded.hook_names and layer in self._has.get("v", ())
            if self._writes.attention[layer] and shown:
                look[layer_hook("v", layer)] = lambda values, layer=layer: self._see_values(layer, values[0])
                look[pattern_hook(layer)] = lambda pattern, layer=layer: self._see_pattern(layer, pattern[0])
        return look

    @property
    def streams(self) -> list[Float[Tensor, " d_model"]]:
        """What enters each layer, and what leaves the last."""
        return [
            *(self._kept[layer_hook("resid_pre", layer)] for layer in range(self._n_layers)),
            self._double(self.final[0]),
        ]

    @property
    def attention(self) -> Float[Tensor, "layer d_model"]:
        """What attention writes; 0 in layers without it."""
        return self._writes_at("attn_out")

    @property
    def mlp(self) -> Float[Tensor, "layer d_model"]:
        """What the MLP writes; 0 in layers without it."""
        return self._writes_at("mlp_out")

    def heads(self, scale: float) -> Float[np.ndarray, "layer head"]:
        """Logits of every head."""
        found = np.full(self._shape[:2], np.nan, np.float32)
        for layer, write in enumerate(self._writes.attention):
            if write:
                z = self._kept[layer_hook("z", layer)].reshape(write.weights.shape)
                found[layer] = (z * write.weights).sum(-1).numpy() * scale * self._post_scale(layer, write, "attn")
        return found

    def sources(self, scale: float) -> Float[np.ndarray, "layer head key_pos"]:
        """Logits of every head by the position that it reads from; 0 behind the query."""
        factors = [
            scale * self._post_scale(layer, write, "attn") if write else np.nan
            for layer, write in enumerate(self._writes.attention)
        ]
        return self._sources * np.asarray(factors, np.float32)[:, None, None]

    def neurons(self, scale: float) -> Float[np.ndarray, "layer neuron"]:
        """Logits of every neuron."""
        width = max((len(write.weights) for write in self._writes.mlp if write), default=0)
        found = np.full((self._n_layers, width), np.nan, np.float32)
        for layer, write in enumerate(self._writes.mlp):
            if write:
                post = self._kept[layer_hook("mlp_post", layer)]
                factor = scale * self._post_scale(layer, write, "mlp")
                found[layer, : len(post)] = (post * write.weights).numpy() * factor
        return found

    def head_bias(self, scale: float) -> Float[np.ndarray, " layer"]:
        """Logits of attention's output bias."""
        return self._biases(self._writes.attention, scale, "attn")

    def neuron_bias(self, scale: float) -> Float[np.ndarray, " layer"]:
        """Logits of the MLP's output bias."""
        return self._biases(self._writes.mlp, scale, "mlp")

    def _biases(self, writes: tuple[LayerWrite | None, ...], scale: float, part: Part) -> Float[np.ndarray, " layer"]:
        found = [
            (write.bias * self._post_scale(layer, write, part) + write.norm_bias) * scale if write else np.nan
            for layer, write in enumerate(writes)
        ]
        return np.asarray(found, np.float32)

    def _post_scale(self, layer: int, write: LayerWrite, part: Part) -> float:
        """1 / scale of the norm behind at the position; 1 where there is none."""
        if write.norm is None:
            return 1.0
        leaving = self._kept[layer_hook(f"{part}_out", layer)]
        return float(write.norm.inverse_scale(self._kept[write.norm_reads], leaving))

    def _writes_at(self, site: str) -> Float[Tensor, "layer d_model"]:
        nothing = torch.zeros_like(self._double(self.final[0]))
        return torch.stack([self._kept.get(layer_hook(site, layer), nothing) for layer in range(self._n_layers)])

    def _keeper(self, name: str) -> Look:
        return lambda activation: self._kept.update({name: self._double(activation[0, self._pos])})

    def _see_final(self, resid: Float[Tensor, "1 pos d_model"]) -> None:
        self.final = resid[0, self._pos : self._pos + 1].clone()

    def _see_values(self, layer: int, values: Float[Tensor, "pos key_value_head d_head"]) -> None:
        """What each head's value counts for at each position. Query heads share the value heads in equal groups."""
        write = self._writes.attention[layer]
        assert write
        shared = values.float().repeat_interleave(self._n_heads // values.shape[1], dim=1)
        self._values[layer] = torch.einsum("phd,hd->hp", shared, write.weights.to(shared))

    def _see_pattern(self, layer: int, pattern: Float[Tensor, "head query_pos key_pos"]) -> None:
        found = pattern[:, self._pos].float() * self._values.pop(layer)
        self._sources[layer] = found.cpu().numpy()

    @staticmethod
    def _double(activation: Tensor) -> Tensor:
        return activation.detach().double().cpu()
