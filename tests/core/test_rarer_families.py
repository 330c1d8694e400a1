"""Families whose layers are built otherwise: what has no effect is not offered, and sweeps equal whole passes."""

import numpy as np
import pytest

from interp_core.ablation import AblationPlan, ablate_each
from interp_core.attention import LivePatterns
from interp_core.cell_edits import transplant
from interp_core.edits import edits_of, fitted
from interp_core.errors import InterventionError
from interp_core.head_writes import read_head_writes
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.logit_attribution import attribute_logit
from interp_core.metrics import Metric
from interp_core.models import LoadedModel
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_patching import patch_paths
from interp_core.path_plan import PathPlan
from interp_core.prompt_pairs import PromptPair
from interp_core.types import Run
from tests.rarer_families import load_family

CLEAN, CORRUPTED = (0, 17, 201, 33, 5, 90, 17), (0, 17, 201, 7, 5, 90, 17)
METRIC = Metric("logit_difference", (5, 8), (9,))


@pytest.fixture(scope="module")
def family(tiny_folders, tmp_path_factory):
    """Loads each family once."""
    known: dict[str, LoadedModel] = {}

    def load(name: str) -> LoadedModel:
        if name not in known:
            known[name] = load_family(name, tmp_path_factory.mktemp("rarer") / f"tiny-{name}", tiny_folders["llama"])
        return known[name]

    return load


def logits_of(loaded, *texts, tokens=CLEAN):
    run = Run(loaded.spec, tokens, fitted(loaded, [Intervention.parse(text) for text in texts], tokens))
    return forward(loaded.model, loaded.tokens(tokens), edits_of(loaded, run)).output[0]


@pytest.mark.parametrize("name", ["gptj", "opt"])
def test_a_pattern_that_the_model_only_shows_is_read_and_not_edited(family, name):
    loaded = family(name)
    points = {point.name for point in loaded.hook_points}
    assert "z" in points
    assert not points & {"pattern", "attn_scores"}
    for point in ("pattern", "attn_scores"):
        with pytest.raises(InterventionError, match=r"computed without what it shows there.*Act on z"):
            logits_of(loaded, f"zero {point} L0")
    rows: list[float] = []
    LivePatterns(loaded, Run(loaded.spec, CLEAN)).walk(
        lambda layer, pattern: rows.append(float(pattern.sum(-1).mean()))
    )
    assert rows == pytest.approx([1, 1, 1])
    found = attribute_logit(loaded, Run(loaded.spec, CLEAN), 5, 11)
    assert np.abs(found.source_remainder).max() < 1e-4


@pytest.mark.parametrize("point", ["pattern", "attn_scores"])
@pytest.mark.parametrize("name", ["bloom", "falcon", "olmo2"])
def test_a_pattern_that_is_offered_has_an_effect_in_every_layer(family, name, point):
    loaded = family(name)
    plain = logits_of(loaded)
    for layer in range(3):
        assert not logits_of(loaded, f"scale {point} L{layer} x-3").equal(plain)


@pytest.mark.parametrize("plan", [SweepPlan("resid_pre"), SweepPlan("z", False), SweepPlan("mlp_post", False, 2)])
@pytest.mark.parametrize("name", ["bloom", "falcon"])
def test_cells_of_a_sweep_equal_whole_passes(family, name, plan):
    loaded = family(name)
    pair = PromptPair(Run(loaded.spec, CLEAN), Run(loaded.spec, CORRUPTED))
    made = finish(patch_sweep(loaded, pair, METRIC, plan, read=5, preview=False))
    assert made.complete
    point = next(point for point in loaded.hook_points if point.name == plan.site)
    for cell in [(4,), (63,)] if plan.axes == ("unit",) else [(0, 3), (2, 3), (1, 0)]:
        axes = dict(zip(plan.axes, cell, strict=True))
        layer = axes.get("layer", plan.layer)
        source = forward(loaded.model, loaded.tokens(CLEAN), keep=[point.hook(layer)]).kept[point.hook(layer)]
        named = {f"{axis}s": (axes[axis],) for axis in ("head", "unit") if axis in axes}
        positions = (axes["pos"],) if "pos" in axes else None
        spec = Intervention(
            "patch", plan.site, layers=(layer,), positions=positions, sources=("the clean run",), **named
        )
        edited = forward(loaded.model, loaded.tokens(CORRUPTED), [transplant(source, spec, point, layer)]).output[0, 5]
        assert made.score[cell] == pytest.approx(float(METRIC.score(edited[None])[0]), abs=1e-4)
    assert np.ptp(made.score) > 1e-3


@pytest.mark.parametrize("name", ["bloom", "falcon"])
def test_ablations_and_paths_are_swept(family, name):
    loaded = family(name)
    clean = Run(loaded.spec, CLEAN)
    made = finish(ablate_each(loaded, clean, METRIC, AblationPlan("component")))
    for head, text in ((1, "zero z L1 H1"), (4, "zero mlp_out L1")):
        expected = float(METRIC.score(logits_of(loaded, text)[-1:])[0])
        assert made.score[1, head] == pytest.approx(expected, abs=1e-4)
    paths = finish(patch_paths(loaded, PromptPair(clean, Run(loaded.spec, CORRUPTED)), METRIC, PathPlan()))
    assert np.isfinite(paths.score).all()


@pytest.mark.parametrize("name", ["olmo2", "granite"])
def test_heads_and_neurons_are_taken_as_they_arrive_in_the_stream(family, name):
    loaded = family(name)
    run = Run(loaded.spec, CLEAN)
    found = attribute_logit(loaded, run, 5, 11)
    assert abs(found.remainder) < 1e-4
    for left_over in (found.head_remainder, found.source_remainder, found.neuron_remainder):
        assert np.abs(left_over).max() < 1e-4
    assert np.abs(found.attention).max() > 1e-2
    writes = finish(read_head_writes(loaded, run, k=loaded.card.d_vocab))
    logits = np.take_along_axis(writes.promoted, writes.promoted_ids.argsort(-1), -1)
    np.testing.assert_allclose(logits[..., 5] - logits[..., 11], found.heads, atol=2e-4)


def test_heads_whose_way_into_the_stream_is_not_known_are_not_shown(tiny_folders, tmp_path):
    loaded = load_family("granite", tmp_path / "tiny-granite", tiny_folders["llama"])
    loaded.model.hook_dict["blocks.1.hook_attn_out"].add_hook(lambda written, hook: written.tanh())
    found = attribute_logit(loaded, Run(loaded.spec, CLEAN), 5)
    assert abs(found.remainder) < 1e-4
    assert np.isnan(found.heads).any(1).tolist() == [False, True, False]
    assert np.isfinite(found.neurons).all()
    writes = finish(read_head_writes(loaded, Run(loaded.spec, CLEAN)))
    assert np.isnan(writes.norms).any(1).tolist() == [False, True, False]
