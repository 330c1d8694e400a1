"""Hookscope in a notebook: one call from a model and a prompt to a picture.

import hookscope

model = hookscope.load()                      # the default model; or a name, or "folder:NAME"
hookscope.show_attention(model, "When Mary and John went", layer=18, head=6)

What looks at attention takes a saved run in the model's place, and no prompt: `hookscope.open_run(folder)`.
"""

from hookscope.architectures import architecture
from hookscope.attention import (
    head_scores,
    query_key,
    search_heads,
    show_attention,
    show_generated,
    show_heads,
    similar_heads,
)
from hookscope.changes import ablate_each, compare, patch, patch_paths, sweep_pairs
from hookscope.feature_files import open_dashboards, write_features
from hookscope.features import (
    feature_activations,
    feature_document,
    remove_features,
    show_dashboard,
    show_feature,
    show_features_on,
)
from hookscope.lens import (
    head_writes,
    logit_attribution,
    logit_lens,
    residual_stream,
    show_head_writes,
    show_logit_attribution,
    show_logit_lens,
)
from hookscope.models import intervene, load, load_hooks, open_run
from hookscope.prompts import show_prompt
from hookscope.values import show_top_k, show_values
from interp_core.ablation import AblationPlan
from interp_core.generation import Sampling
from interp_core.pair_sets import PairRow
from interp_core.patching import SweepPlan
from interp_core.path_plan import PathPlan, Receiver, Sender
from interp_core.prompts import Prompt
from interp_core.user_hooks.declaring import hook

__all__ = [
    "AblationPlan",
    "PairRow",
    "PathPlan",
    "Prompt",
    "Receiver",
    "Sampling",
    "Sender",
    "SweepPlan",
    "ablate_each",
    "architecture",
    "compare",
    "feature_activations",
    "feature_document",
    "head_scores",
    "head_writes",
    "hook",
    "intervene",
    "load",
    "load_hooks",
    "logit_attribution",
    "logit_lens",
    "open_dashboards",
    "open_run",
    "patch",
    "patch_paths",
    "query_key",
    "remove_features",
    "residual_stream",
    "search_heads",
    "show_attention",
    "show_dashboard",
    "show_feature",
    "show_features_on",
    "show_generated",
    "show_head_writes",
    "show_heads",
    "show_logit_attribution",
    "show_logit_lens",
    "show_prompt",
    "show_top_k",
    "show_values",
    "similar_heads",
    "sweep_pairs",
    "write_features",
]
