"""What sweeps refuse because an intervention in force acts in the same place."""

import pytest

from interp_core.ablation import AblationPlan, ablate_each
from interp_core.errors import InterventionError
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.metrics import Metric
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_patching import patch_paths
from interp_core.path_plan import PathPlan
from interp_core.prompt_pairs import PromptPair
from interp_core.types import Run

METRIC = Metric("logit_difference", (5,), (9,))


def test_attention_s_output_is_not_swept_under_an_intervention_that_acts_through_it(tiny):
    zero = (Intervention("zero", "resid_mid", layers=(0,), positions=(1,)),)
    clean, corrupted = (Run(tiny.spec, tokens, zero) for tokens in ((0, 17, 201, 33, 5), (0, 17, 201, 7, 5)))
    pair = PromptPair(clean, corrupted)
    for sweep in (
        patch_sweep(tiny, pair, METRIC, SweepPlan("attn_out")),
        patch_paths(tiny, pair, METRIC, PathPlan()),
        ablate_each(tiny, clean, METRIC, AblationPlan("attention")),
        ablate_each(tiny, clean, METRIC, AblationPlan("layer")),
    ):
        with pytest.raises(InterventionError, match="resid_mid is in force"):
            finish(sweep)
    assert finish(patch_sweep(tiny, pair, METRIC, SweepPlan("resid_mid"))).complete
    assert finish(ablate_each(tiny, clean, METRIC, AblationPlan("component"))).complete
