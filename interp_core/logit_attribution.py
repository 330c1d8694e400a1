"""Direct logit attribution: what each part of the model writes towards one token's logit.

With the final norm's scale frozen, the logit is a sum over everything that was written into the residual stream at the
position: the embedding, every layer's attention and MLP, and constants. Attention is a sum over heads and over the
positions that they read from; an MLP is a sum over its neurons. (Elhage et al. 2021, A Mathematical Framework for
Transformer Circuits; Wang et al. 2022, arXiv:2211.00593.) Only direct effects count: what a head does to later layers
does not. A soft cap on the logits is left out: logits are those in front of it.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.errors import InterpError, MetricError
from interp_core.hooks import watch
from interp_core.layer_writes import LayerWrites, layer_writes
from interp_core.models import LoadedModel
from interp_core.readout import Readout, readout_of
from interp_core.types import Run
from interp_core.write_looks import Looks
from interp_core.write_routes import UNDERSTOOD


@dataclass(frozen=True)
class LogitAttribution:
    """A logit, or the difference of two, as a sum. All numbers are logits, in front of a soft cap."""

    pos: int
    answer: int
    foil: int | None
    logit: float
    """The model's own, of the answer less that of the foil."""
    capped: float
    """The same behind the soft cap; equal to `logit` without one."""
    embedding: float
    """Of the token, and of its position where that has an embedding."""
    attention: Float[np.ndarray, " layer"]
    mlp: Float[np.ndarray, " layer"]
    constant: float
    """The final norm's and the unembedding's bias."""
    interventions: Float[np.ndarray, " layer"]
    """What interventions on the stream itself added behind each layer; 0 without them."""
    heads: Float[np.ndarray, "layer head"]
    """Parts of `attention`; NaN where their way into the stream is not shown."""
    head_bias: Float[np.ndarray, " layer"]
    """What attention's output bias adds."""
    sources: Float[np.ndarray, "layer head key_pos"]
    """Parts of `heads`: attention times value, by the position that was read from."""
    neurons: Float[np.ndarray, "layer neuron"]
    """Parts of `mlp`; NaN where their way into the stream is not shown."""
    neuron_bias: Float[np.ndarray, " layer"]
    """What the MLP's output bias adds."""

    @property
    def total(self) -> float:
        """Embedding, attention, MLPs, constant and interventions together."""
        parts = (self.attention, self.mlp, self.interventions)
        return self.embedding + self.constant + float(sum(part.sum(dtype=np.float64) for part in parts))

    @property
    def remainder(self) -> float:
        """What the sum leaves over: rounding, or an intervention behind the final norm."""
        return self.logit - self.total

    @property
    def head_remainder(self) -> Float[np.ndarray, " layer"]:
        """What heads and bias leave over of `attention`: rounding, or an intervention on it."""
        return self.attention - self.heads.sum(1) - self.head_bias

    @property
    def source_remainder(self) -> Float[np.ndarray, "layer head"]:
        """What the positions leave over of `heads`: rounding, or an intervention on `z`."""
        return self.heads - self.sources.sum(2)

    @property
    def neuron_remainder(self) -> Float[np.ndarray, " layer"]:
        """What neurons and bias leave over of `mlp`: rounding, or an intervention on it."""
        return self.mlp - self.neurons.sum(1) - self.neuron_bias


def attribute_logit(
    loaded: LoadedModel, run: Run, answer: int, foil: int | None = None, *, pos: int | None = None
) -> LogitAttribution:
    """Take the logit of `answer` after position `pos` apart; the difference to `foil`'s, if given. `pos` is the last by
    default.

    Costs one forward pass without the unembedding, and a product with each of the model's output matrices.

    Raises:
        InterpError: There is no such position, or the architecture's writes do not add up to its stream.
        MetricError: Answer and foil are the same token.
        MemoryLimitError: The pass would not fit.
    """
    n_pos = len(run.tokens)
    pos = n_pos - 1 if pos is None else pos
    if not 0 <= pos < n_pos:
        raise InterpError(f"The prompt has {n_pos} tokens, so there is no position {pos}. Give 0 to {n_pos - 1}.")
    if answer == foil:
        raise MetricError("Answer and foil are the same token, so their difference is 0. Name different ones.")
    loaded.check_run(n_pos)
    edits = edits_of(loaded, run)
    readout = readout_of(loaded, edits)
    direction = readout.direction(answer, foil)
    writes = layer_writes(loaded, readout.norm.pull_back(direction))
    looks = Looks(loaded, writes, pos, n_pos)
    watch(loaded.model, loaded.tokens(run.tokens), edits, looks.wanted())
    return _add_up(loaded, run, readout, direction, writes, looks, (pos, answer, foil))


def _add_up(
    loaded: LoadedModel,
    run: Run,
    readout: Readout,
    direction: Float[Tensor, " d_model"],
    writes: LayerWrites,
    looks: Looks,
    asked: tuple[int, int, int | None],
) -> LogitAttribution:
    pos, answer, foil = asked
    final = looks.streams[-1]
    normed = readout.normed(looks.final, pos)
    scale = float(readout.norm.inverse_scale(final, normed[0].double().cpu()))
    logits = readout.uncapped(normed, pos)[0]
    read = functools.partial(_along, writes.direction * scale)
    gained = torch.stack([after - before for before, after in zip(looks.streams, looks.streams[1:], strict=False)])
    unexplained = gained - looks.attention - looks.mlp
    if not run.interventions:
        _check_understood(loaded, unexplained, torch.stack(looks.streams))
    constant = float(direction @ readout.norm.bias) + _of(
        readout.uncapped(torch.zeros_like(normed), pos)[0], answer, foil
    )
    return LogitAttribution(
        pos=pos,
        answer=answer,
        foil=foil,
        logit=_of(logits, answer, foil),
        capped=_of(readout.cap(logits), answer, foil),
        embedding=float(read(looks.streams[0])),
        attention=read(looks.attention),
        mlp=read(looks.mlp),
        constant=constant,
        interventions=read(unexplained) if run.interventions else np.zeros(len(gained), np.float32),
        heads=looks.heads(scale),
        head_bias=looks.head_bias(scale),
        sources=looks.sources(scale),
        neurons=looks.neurons(scale),
        neuron_bias=looks.neuron_bias(scale),
    )


def _along(direction: Float[Tensor, " d_model"], vectors: Float[Tensor, "*any d_model"]) -> Float[np.ndarray, "*any"]:
    return (vectors @ direction).numpy().astype(np.float32)


def _of(logits: Float[Tensor, " d_vocab"], answer: int, foil: int | None) -> float:
    difference = logits[answer].double() - (0 if foil is None else logits[foil].double())
    return float(difference)


def _check_understood(
    loaded: LoadedModel, unexplained: Float[Tensor, "layer d_model"], streams: Float[Tensor, "row d_model"]
) -> None:
    most = unexplained.abs().amax(1)
    if (most <= UNDERSTOOD[loaded.spec.dtype] * streams.abs().amax(1)[1:].clamp_min(1e-6)).all():
        return
    raise InterpError(
        f"In {loaded.card.name} ({loaded.card.architecture}) what attention and MLP write in layer {int(most.argmax())} is "
        "not what the residual stream gains there, so its logits cannot be attributed. Pick another model."
    )
