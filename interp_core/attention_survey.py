"""A survey of all heads on one prompt: every pattern small, every score, and what it takes to look closer.

One forward pass. Patterns are pooled by their maximum to a side that depends on shapes alone, so memory stays bounded
(`LEVEL_BYTES`) however long the prompt is; any layer can then be had exactly from its recorded inputs.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from interp_core.attention import LivePatterns, Patterns, PatternShape
from interp_core.head_scores import HEAD_SCORE_NAMES, HeadScores, TokenMatches, count_queries, score_pattern
from interp_core.models import LoadedModel
from interp_core.replay import LayerInputs, record_layer_inputs
from interp_core.types import Run

MOST_SIDE = 512
"""Pooled patterns are at most this wide: more cells than that no picture shows at once."""
LEVEL_BYTES = 64 * 1024**2
"""What the pooled patterns of all heads may take together."""


@dataclass(frozen=True)
class AttentionSurvey:
    """Every head on one prompt."""

    levels: UInt8[np.ndarray, "layer head cell"]
    """Attention probability in steps of 1/255, rounded; the largest of `pool` x `pool` neighbours.

    Cells of the lower triangle, row by row, of a square of ceil(n_pos / pool)."""
    pool: int
    present: Bool[np.ndarray, " layer"]
    """Whether the layer was seen: not one without softmax attention, nor one that a pass under way has yet to reach."""
    scores: HeadScores
    value_norms: Float[np.ndarray, "layer head key_pos"]
    """Euclidean norm of the value vector that each head reads at each position, in the model's own units."""
    inputs: LayerInputs | None = None
    """What enters the layers; None in a survey that is not complete, or of a saved run."""

    @property
    def complete(self) -> bool:
        """Whether the pass has ended."""
        return self.inputs is not None


def pool_for(shape: PatternShape) -> int:
    """How many neighbouring positions become one, so that all patterns keep within `LEVEL_BYTES`."""
    cells = LEVEL_BYTES // (shape.n_layers * shape.n_heads)
    side = min(MOST_SIDE, math.isqrt(2 * cells))
    return max(1, math.ceil(shape.n_pos / side))


class Surveyor:
    """Looks at one pattern after another, and says what there is so far."""

    def __init__(self, tokens: tuple[int, ...], shape: PatternShape) -> None:
        self._matches = TokenMatches.of(tokens)
        pool = pool_for(shape)
        side = math.ceil(shape.n_pos / pool)
        self._triangle = torch.tril_indices(side, side)
        heads = (shape.n_layers, shape.n_heads)
        scores = np.full((len(HEAD_SCORE_NAMES), *heads), np.nan, np.float32)
        self._survey = AttentionSurvey(
            levels=np.zeros((*heads, self._triangle.shape[1]), np.uint8),
            pool=pool,
            present=np.zeros(shape.n_layers, bool),
            scores=HeadScores(scores, count_queries(self._matches)),
            value_norms=np.full((*heads, shape.n_pos), np.nan, np.float32),
        )

    def see_pattern(self, layer: int, pattern: Float[Tensor, "head query_pos key_pos"]) -> None:
        """Reduce one layer's pattern."""
        made = self._survey
        pooled = pool_pattern(pattern, made.pool)
        rows, columns = self._triangle.to(pattern.device)
        levels = (pooled[:, rows, columns] * 255).round().clamp(0, 255).to(torch.uint8)
        made.levels[layer] = levels.cpu().numpy()
        made.scores.values[:, layer] = score_pattern(pattern, self._matches)
        made.present[layer] = True

    def see_values(self, layer: int, values: Float[Tensor, "pos key_value_head d_head"]) -> None:
        """Reduce one layer's values. Query heads share the value heads in equal groups, in order."""
        norms = values.float().norm(dim=-1).T.cpu().numpy()
        self._survey.value_norms[layer] = norms.repeat(self._survey.value_norms.shape[1] // len(norms), axis=0)

    def so_far(self) -> AttentionSurvey:
        """What has been seen; its arrays fill up as the pass goes on."""
        return self._survey

    def finished(self, inputs: LayerInputs | None) -> AttentionSurvey:
        """The survey after its pass. The arrays are its own: a reader of `so_far` keeps others."""
        made = self._survey
        return replace(made, inputs=inputs)


def pool_pattern(
    pattern: Float[Tensor, "head query_pos key_pos"], pool: int
) -> Float[Tensor, "head query_cell key_cell"]:
    """The largest of each `pool` by `pool` cells; what sticks out at the end is pooled too."""
    # Queries first, then keys: a quarter of the time that torch's own pooling takes.
    return pattern if pool == 1 else _largest(_largest(pattern, 1, pool), 2, pool)


def _largest(values: Float[Tensor, "head row column"], axis: int, pool: int) -> Float[Tensor, "head fewer_rows fewer"]:
    whole = values.shape[axis] // pool * pool
    pooled = values.narrow(axis, 0, whole).unflatten(axis, (-1, pool)).amax(axis + 1)
    if whole == values.shape[axis]:
        return pooled
    rest = values.narrow(axis, whole, values.shape[axis] - whole).amax(axis, keepdim=True)
    return torch.cat([pooled, rest], dim=axis)


def survey_attention(loaded: LoadedModel, run: Run) -> AttentionSurvey:
    """Survey every head on a run. Costs one forward pass without the unembedding.

    While it runs, `loaded.partial` is the survey so far, for pages that show heads as they come.

    Raises:
        InterpError: No layer has softmax attention.
        MemoryLimitError: The pass would not fit.
    """
    patterns = LivePatterns(loaded, run)
    surveyor = Surveyor(run.tokens, patterns.shape)

    def see(layer: int, pattern: Tensor) -> None:
        surveyor.see_pattern(layer, pattern)
        loaded.partial = surveyor.so_far()

    with record_layer_inputs(loaded.model) as inputs:
        patterns.walk(see, surveyor.see_values)
    return surveyor.finished(inputs)


def survey_saved(patterns: Patterns, value_norms: Float[np.ndarray, "layer head key_pos"]) -> AttentionSurvey:
    """The same survey from patterns that are on disk."""
    surveyor = Surveyor(patterns.tokens, patterns.shape)
    patterns.walk(surveyor.see_pattern)
    return replace(surveyor.finished(None), value_norms=value_norms)
