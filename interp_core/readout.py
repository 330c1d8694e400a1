"""From the residual stream to logits: the final norm and the unembedding, as this model does it.

Two ways to read a stream that has not passed all layers: the final norm with a scale of its own (recomputed), or with
the scale of the final stream at that position (frozen), under which the readout is linear.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.attached import attached
from interp_core.errors import InterpError
from interp_core.hook_points import FINAL_RESID_HOOK
from interp_core.hooks import Edit, as_hooks, forward
from interp_core.models import LoadedModel
from interp_core.norms import NormParts, take_apart

LensNorm = Literal["recomputed", "frozen"]
LENS_NORMS: tuple[LensNorm, ...] = get_args(LensNorm)
_SAME = 2e-2
"""How far the readout of a stream may lie from the model's own logits, relative to the largest; float16 rounds."""


@dataclass(frozen=True)
class Readout:
    """Final norm and unembedding of a model, under a run's interventions."""

    model: Any
    edits: Sequence[Edit]
    factor: float
    """Logits are this multiple of the unembedding's; 1 nearly everywhere."""
    soft_cap: float | None
    """Logits are soft_cap * tanh(x / soft_cap), where there is one."""

    @functools.cached_property
    def norm(self) -> NormParts:
        """The final norm."""
        like = next(self.model.ln_final.parameters(), next(self.model.parameters()))
        return take_apart(self.model.ln_final, int(self.model.cfg.d_model), like)

    @functools.cached_property
    def behind_stream(self) -> list[Edit]:
        """The interventions that a stream which was recorded in front of the final norm does not have in it."""
        return [edit for edit in self.edits if FINAL_RESID_HOOK not in {name for name, _ in edit.hooks(0)[0]}]

    @torch.no_grad()
    def normed(self, resid: Float[Tensor, "pos d_model"], first: int = 0) -> Float[Tensor, "pos d_model"]:
        """A stream after the final norm, with its own scale; `first` is the position of its first row.

        Interventions on what the final norm reads are not applied: a stream that was recorded there has them in it.
        """
        with attached(self.model, as_hooks(self.behind_stream, first)):
            return self.model.ln_final(resid[None])[0]

    @torch.no_grad()
    def frozen(
        self, resid: Float[Tensor, "pos d_model"], inverse_scale: Float[Tensor, " pos"]
    ) -> Float[Tensor, "pos d_model"]:
        """A stream after the final norm with a given 1 / scale."""
        norm = self.norm
        scaled = norm.centred(resid.double().cpu()) * inverse_scale[:, None] * norm.weight + norm.bias
        return scaled.to(resid)

    @torch.no_grad()
    def uncapped(self, normed: Float[Tensor, "pos d_model"], first: int = 0) -> Float[Tensor, "pos d_vocab"]:
        """Logits before the soft cap."""
        with attached(self.model, as_hooks(self.edits, first)):
            logits = self.model.unembed(normed[None])[0].float()
        return logits if self.factor == 1 else logits * self.factor

    def logits(self, normed: Float[Tensor, "pos d_model"], first: int = 0) -> Float[Tensor, "pos d_vocab"]:
        """Logits as the model gives them."""
        return self.cap(self.uncapped(normed, first))

    def cap(self, logits: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """The soft cap, where there is one."""
        return logits if self.soft_cap is None else self.soft_cap * torch.tanh(logits / self.soft_cap)

    def direction(self, answer: int, foil: int | None) -> Float[Tensor, " d_model"]:
        """What a normed stream is multiplied with to give the answer's logit, less the foil's. Float64, on the CPU."""
        wanted = torch.zeros(int(self.model.cfg.d_vocab), dtype=torch.float64)
        wanted[answer] += self.factor
        if foil is not None:
            wanted[foil] -= self.factor
        return pull_back(self.model.unembed, (int(self.model.cfg.d_model),), wanted)


def readout_of(loaded: LoadedModel, edits: Sequence[Edit]) -> Readout:
    """The readout of a model, compared with the model's own logits on a few tokens the first time.

    Raises:
        InterpError: The model does not read its logits from the stream in a way that is known here.
    """
    if not isinstance(loaded.readout, Readout):
        loaded.readout = _checked(loaded)
    assert isinstance(loaded.readout, Readout)
    return replace(loaded.readout, edits=edits) if edits else loaded.readout


def _checked(loaded: LoadedModel) -> Readout:
    model: Any = loaded.model
    refusal = InterpError(
        f"{loaded.card.name} ({loaded.card.architecture}) does not read its logits from the residual stream through one "
        "norm and one matrix, so its stream cannot be read early. Pick a decoder such as Llama, GPT-2 or Gemma."
    )
    if not hasattr(model, "ln_final") or not hasattr(model, "unembed") or FINAL_RESID_HOOK not in loaded.hook_names:
        raise refusal
    tokens = loaded.tokens(tuple(range(min(4, loaded.card.d_vocab))))
    passed = forward(model, tokens, keep=[FINAL_RESID_HOOK])
    wanted = passed.output[0].float()
    cap = float(getattr(model.cfg, "output_logits_soft_cap", None) or 0)
    plain = Readout(model, (), 1.0, cap if cap > 0 else None)
    found = plain.logits(plain.normed(passed.kept[FINAL_RESID_HOOK][0]))
    factor = 1.0 if cap > 0 else float((wanted * found).sum() / (found * found).sum())
    if not torch.allclose(found * factor, wanted, rtol=0, atol=_SAME * float(wanted.abs().max())):
        raise refusal
    # Rounding moves the factor a little; a factor that an architecture has lies far from 1.
    return plain if abs(factor - 1) < _SAME else Readout(model, (), factor, None)


def pull_back(module: Any, shape: tuple[int, ...], direction: Float[Tensor, " d_out"]) -> Float[Tensor, "..."]:
    """W d for a module that computes x W + b on inputs of `shape`: what each input counts for. Float64, on the CPU.

    By the module's own derivative, so that it holds however the weights are stored.
    """
    weight = next(module.parameters())
    with torch.enable_grad():
        place = torch.zeros(1, 1, *shape, dtype=weight.dtype, device=weight.device, requires_grad=True)
        output = module(place)
        (found,) = torch.autograd.grad(output, place, direction.to(output).expand_as(output))
    return found[0, 0].double().cpu()
