"""What a feature does to the prediction of the tokens of an example, each in its whole window.

The feature is removed at the position before a token, and nowhere else: the loss of that token is then what the model makes
of all but this one write. The tokens whose log-probability it raises and lowers most there are found on the way.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.edits import edits_of
from interp_core.models import LoadedModel
from interp_core.partial import record_run
from interp_core.sae.effect_estimates import direct_effects
from interp_core.sae.effects import check_removals, without_features
from interp_core.sae.features import held_sae
from interp_core.sae.reading import encode_prompt
from interp_core.types import Progress, Run

N_TOKENS = 5


@dataclass(frozen=True)
class TokenEffect:
    """What a feature's write at one position does to the prediction of the next token."""

    pos: int
    """Of the token that is predicted."""
    exact: float
    """Loss with the feature removed at the position before, less the loss as it is; nats, above 0 where it helps."""
    direct: float
    """The same with its write taken from the final stream alone; NaN where it does not write there by a matrix alone, or where
    it was not asked for."""
    before: float
    """Probability of the token as it is, 0 to 1."""
    after: float
    """With the feature removed."""
    raised: tuple[tuple[int, float], ...]
    """Token ids whose log-probability the feature raises most, and by how much, nats."""
    lowered: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Stretch:
    """A window that the model runs on, and the part of it that is looked at."""

    tokens: tuple[int, ...]
    first: int
    """Position of the first token that is looked at."""
    last: int


@dataclass(frozen=True)
class ExampleEffects:
    """The effects on several examples, as far as they are computed."""

    found: tuple[tuple[TokenEffect, ...], ...]
    """Of the first stretches, in their order; none where the feature is active before no token."""
    of: int

    @property
    def complete(self) -> bool:
        """Whether every stretch was computed."""
        return len(self.found) == self.of


def example_effects(
    loaded: LoadedModel,
    name: str,
    feature: int,
    stretches: Sequence[Stretch],
    *,
    so_far: ExampleEffects | None = None,
    direct: bool = True,
) -> Generator[Progress, None, ExampleEffects]:
    """The effects on all tokens in front of which the feature is active, of every stretch; yields those so far.

    Costs two forward passes a stretch, as far as its last token, and a partial pass for each active position; one pass less
    without the `direct` estimate. What `so_far` has is not computed again.

    Raises:
        InterpError: The SAE does not fit, or lacks the feature.
        MemoryLimitError: A window would not fit.
    """
    made = so_far or ExampleEffects((), len(stretches))
    for stretch in stretches[len(made.found) :]:
        made = ExampleEffects((*made.found, _effects(loaded, name, feature, stretch, direct)), len(stretches))
        yield Progress(len(made.found) / made.of, f"{len(made.found)} of {made.of} examples", made)
    return made


@torch.no_grad()
def _effects(
    loaded: LoadedModel, name: str, feature: int, stretch: Stretch, with_direct: bool
) -> tuple[TokenEffect, ...]:
    # No token has a say in what stands before it, so the rest of the window need not be run.
    tokens = stretch.tokens[: stretch.last + 1]
    if len(tokens) < 2:  # nothing is predicted
        return ()
    run, sae = Run(loaded.spec, tokens), held_sae(loaded, name)
    check_removals(sae, name, [(feature, stretch.first)], len(tokens))
    loaded.check_run(len(tokens))
    recorded = record_run(loaded.model, loaded.tokens(tokens), edits_of(loaded, run), keep=[sae.hook])
    encoded = encode_prompt(loaded, sae, recorded.kept[sae.hook])
    positions = [
        pos for pos in range(max(0, stretch.first - 1), len(tokens) - 1) if float(encoded.activations[pos, feature])
    ]
    if not positions:
        return ()
    nothing = [float("nan")] * len(positions)
    direct = direct_effects(loaded, run, name, [(feature, pos) for pos in positions]) if with_direct else nothing
    found = []
    for pos, estimate in zip(positions, direct, strict=True):
        logits = without_features(recorded, sae, encoded, [(feature, pos)], pos, pos)[0][0]
        found.append(_effect(recorded.logits[pos], logits, pos, tokens[pos + 1], float(estimate)))
    return tuple(found)


def _effect(
    as_is: Float[Tensor, " d_vocab"], removed: Float[Tensor, " d_vocab"], pos: int, target: int, direct: float
) -> TokenEffect:
    before, after = (logits.float().log_softmax(-1) for logits in (as_is, removed))
    raised = before - after
    ends = [
        (1 if largest else -1, (raised if largest else -raised).topk(min(N_TOKENS, len(raised))))
        for largest in (True, False)
    ]
    up, down = (tuple(zip(best.indices.tolist(), (sign * best.values).tolist(), strict=True)) for sign, best in ends)
    return TokenEffect(
        pos + 1, float(before[target] - after[target]), direct, float(before[target].exp()), float(after[target].exp()), up, down
    )  # fmt: skip
