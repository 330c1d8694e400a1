"""Path patching: do senders reach the output through chosen receivers, with everything else held as it is?

Senders (heads and MLPs) take their values from the other run, all other attention is frozen to this run, and so are the MLPs
unless they are said to be part of the path; what arrives at the receivers is noted, and then put into a plain run of this
prompt, in which everything after the receivers is computed as usual. A sweep tries every sender: alone, or together with a
chosen group.

Sources: Wang et al. 2022, arXiv:2211.00593 (MLPs recomputed); Goldowsky-Dill et al. 2023, arXiv:2304.05969 (all other
parts frozen).
"""

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import torch

from interp_core.metrics import Metric
from interp_core.models import LoadedModel
from interp_core.path_passes import PathPasses
from interp_core.path_plan import PathPlan, PathSweep
from interp_core.prompt_pairs import PromptPair
from interp_core.row_sweeps import BUDGET
from interp_core.types import Progress

_STEPS = 8
"""A sweep comes in at least so many parts, so that a reader sees it fill in."""


def patch_paths(
    loaded: LoadedModel,
    pair: PromptPair,
    metric: Metric,
    plan: PathPlan,
    *,
    budget: int = BUDGET,
    so_far: PathSweep | None = None,
) -> Generator[Progress, None, PathSweep]:
    """Patch the paths from every head and every MLP, yielding the `PathSweep` so far. The metric is read at the last token.

    Costs two recorded runs and, per sender, the layers from it on, twice where the receivers are inside the model.

    Args:
        loaded: The model.
        pair: Clean and corrupted run.
        metric: What is measured.
        plan: Which paths.
        budget: Rows times positions that one pass may hold.
        so_far: Of the same question, stopped before: what is exact there is not computed again.

    Raises:
        InterpError: A receiver or a sender is not there, or the pair or the metric does not fit.
        MemoryLimitError: The runs would not fit.
    """
    paths = PathPasses(loaded, pair, metric.checked(), plan)
    made = so_far or paths.empty()
    yield Progress(0.0, "both runs", made)
    done, total = int(made.exact.sum()), made.exact.size
    n_suffix = len(pair.clean.tokens) - pair.first_difference
    senders = np.argwhere(~made.exact)
    size = max(1, min(budget // n_suffix, -(-len(senders) // _STEPS)))
    for start in range(0, len(senders), size):
        chunk = senders[start : start + size]
        made = replace(made, score=made.score.copy(), exact=made.exact.copy())
        made.score[tuple(chunk.T)] = paths.scores(torch.from_numpy(chunk))[bool(plan.group) :]
        made.exact[tuple(chunk.T)] = True
        done += len(chunk)
        yield Progress(done / total, f"{done:,} of {total:,} senders", made)
    return made
