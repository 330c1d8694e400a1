"""Path patching against a slow, obvious reference: whole forward passes with every frozen activation written out."""

import numpy as np
import pytest
import torch

from interp_core.attached import attached
from interp_core.errors import InterpError, MetricError
from interp_core.hook_points import point_named
from interp_core.hooks import forward
from interp_core.jobs import finish
from interp_core.metrics import Metric
from interp_core.models import load_model
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.path_patching import patch_paths
from interp_core.path_plan import PathPlan, Receiver, Sender
from interp_core.prompt_pairs import PromptPair
from interp_core.types import ModelSpec, Run

CLEAN = (0, 17, 201, 33, 5, 90, 17, 300, 41)
CORRUPTED = (0, 17, 201, 7, 5, 9, 17, 300, 41)
METRIC = Metric("logit_difference", (5,), (9,))
RECEIVERS = (
    (Receiver(),),
    (Receiver("q", 2, 1),),
    (Receiver("k", 2, 1), Receiver("v", 1, 0)),
    (Receiver("mlp", 1),),
    (Receiver("mlp", 2), Receiver("q", 1, 3), Receiver("v", 2, 0)),
)


@pytest.fixture(scope="module", params=["gpt2", "gpt_neox", "llama", "gemma2"])
def loaded(request, tiny_folders):
    return load_model(ModelSpec("folder", f"tiny-{request.param}", device="cpu"), tiny_folders[request.param])


def pair_of(loaded):
    return PromptPair(Run(loaded.spec, CLEAN), Run(loaded.spec, CORRUPTED))


def slow_path_patch(loaded, layer, head, plan):
    """Wang et al. 2022, step by step; `head` None is the layer's MLP."""
    return slow_group_patch(loaded, {(layer, head), *((one.layer, one.head) for one in plan.group)}, plan)


def slow_group_patch(loaded, senders, plan):
    """The same from several senders at once."""
    n_layers = loaded.card.n_layers

    def name(point, at):
        return point_named(loaded.hook_points, point).hook(at)

    names = [name(point, at) for point in ("z", "mlp_out") for at in range(n_layers)]
    into, source = (CLEAN, CORRUPTED) if plan.direction == "noising" else (CORRUPTED, CLEAN)
    here, there = (forward(loaded.model, loaded.tokens(tokens), keep=names).kept for tokens in (into, source))
    kept, hooks = {}, []
    for at in range(n_layers):

        def freeze_z(z, hook, at=at):
            made = here[name("z", at)].clone()
            for layer, head in senders:
                if at == layer and head is not None:
                    made[:, :, head] = there[name("z", at)][:, :, head]
            return made

        def set_mlp(written, hook, at=at):
            kept[name("mlp_out", at)] = written
            if (at, None) in senders:
                return there[name("mlp_out", at)]
            return here[name("mlp_out", at)] if plan.mlps == "frozen" else written

        hooks += [(name("z", at), freeze_z), (name("mlp_out", at), set_mlp)]
        for label in (name(point, at) for point in ("q", "k", "v")):

            def note(value, hook, label=label):
                kept[label] = value.clone()

            hooks.append((label, note))
    with torch.no_grad(), attached(loaded.model, hooks):
        logits = loaded.model(loaded.tokens(into))[0, -1]
    if plan.receivers[0].kind != "logits":
        hooks = []
        for one in plan.receivers:
            label = name("mlp_out" if one.kind == "mlp" else one.kind, one.layer)

            def put(value, hook, label=label, one=one):
                made = value.clone()
                if one.kind == "mlp":
                    made[:] = kept[label]
                else:
                    made[:, :, one.head] = kept[label][:, :, one.head]
                return made

            hooks.append((label, put))
        with torch.no_grad(), attached(loaded.model, hooks):
            logits = loaded.model(loaded.tokens(into))[0, -1]
    return float(METRIC.score(logits[None])[0])


@pytest.mark.parametrize(("mlps", "direction"), [("recomputed", "noising"), ("frozen", "denoising")])
@pytest.mark.parametrize("receivers", RECEIVERS, ids=lambda receivers: "+".join(one.kind for one in receivers))
def test_every_sender_equals_the_slow_reference(loaded, receivers, mlps, direction):
    plan = PathPlan(receivers, mlps, direction)
    made = finish(patch_paths(loaded, pair_of(loaded), METRIC, plan, budget=30))
    assert made.complete
    for layer in range(3):
        for head in (0, 3):
            expected = slow_path_patch(loaded, layer, head, plan)
            assert made.heads[layer, head] == pytest.approx(expected, abs=1e-4), (layer, head)
        assert made.mlps[layer] == pytest.approx(slow_path_patch(loaded, layer, None, plan), abs=1e-4), layer


@pytest.mark.parametrize(("mlps", "direction"), [("recomputed", "denoising"), ("frozen", "noising")])
def test_both_directions_are_the_slow_reference_s_under_both_kinds_of_mlps(tiny, mlps, direction):
    plan = PathPlan(RECEIVERS[-1], mlps, direction)
    made = finish(patch_paths(tiny, pair_of(tiny), METRIC, plan))
    for layer in range(3):
        assert made.heads[layer, 1] == pytest.approx(slow_path_patch(tiny, layer, 1, plan), abs=1e-4)


def test_a_head_of_the_last_layer_reaches_the_logits_as_in_plain_patching_if_no_mlp_follows(loaded):
    """In the last layer, path patching with MLPs recomputed is activation patching: nothing else comes after."""
    plain = finish(patch_sweep(loaded, pair_of(loaded), METRIC, SweepPlan("z", False, direction="noising")))
    paths = finish(patch_paths(loaded, pair_of(loaded), METRIC, PathPlan()))
    assert np.allclose(paths.heads[-1], plain.score[-1], atol=1e-4)
    assert not np.allclose(paths.heads[0], plain.score[0], atol=1e-4)


GROUPED = (
    PathPlan(RECEIVERS[0], "recomputed", "noising", (Sender(1, 2),)),
    PathPlan(RECEIVERS[0], "frozen", "denoising", (Sender(2, 0), Sender(0, 3), Sender(0, 1))),
    PathPlan(RECEIVERS[2], "recomputed", "denoising", (Sender(1), Sender(1, 1), Sender(2))),
    PathPlan(RECEIVERS[4], "frozen", "noising", (Sender(0, 3), Sender(1), Sender(0, 0))),
    PathPlan(RECEIVERS[4], "recomputed", "noising", (Sender(2, 3), Sender(2))),
)


@pytest.mark.parametrize("plan", GROUPED, ids=range(len(GROUPED)))
def test_a_group_of_senders_with_each_other_one_equals_the_slow_reference(loaded, plan):
    group = plan.group
    made = finish(patch_paths(loaded, pair_of(loaded), METRIC, plan, budget=30))
    assert made.complete
    alone = slow_group_patch(loaded, {(one.layer, one.head) for one in group}, plan)
    assert made.group_score == pytest.approx(alone, abs=1e-4)
    for layer in range(3):
        for head in (0, 2):
            assert made.heads[layer, head] == pytest.approx(slow_path_patch(loaded, layer, head, plan), abs=1e-4)
        assert made.mlps[layer] == pytest.approx(slow_path_patch(loaded, layer, None, plan), abs=1e-4), layer
    for one in group:
        assert made.score[one.layer, -1 if one.head is None else one.head] == np.float32(made.group_score)


def test_every_sender_at_once_to_the_logits_is_the_other_run_but_for_its_embedding(tiny):
    """With every head and MLP sent, only the embedding of the prompt is left of this run: a closed form."""
    loaded, n_heads = tiny, tiny.card.n_heads
    group = tuple(Sender(layer, head) for layer in range(3) for head in (*range(n_heads), None))
    made = finish(patch_paths(loaded, pair_of(loaded), METRIC, PathPlan(group=group)))
    assert np.ptp(made.score) == 0
    name = point_named(loaded.hook_points, "resid_post").hook(2)
    first = point_named(loaded.hook_points, "resid_pre").hook(0)
    here, there = (
        forward(loaded.model, loaded.tokens(tokens), keep=[name, first]).kept for tokens in (CLEAN, CORRUPTED)
    )
    stream = there[name] - there[first] + here[first]
    with torch.no_grad(), attached(loaded.model, [(name, lambda value, hook: stream)]):
        logits = loaded.model(loaded.tokens(CLEAN))[0, -1]
    assert made.group_score == pytest.approx(float(METRIC.score(logits[None])[0]), abs=1e-4)


@pytest.mark.parametrize("group", [(Sender(3, 0),), (Sender(0, 4),), (Sender(-1),)])
def test_senders_that_are_not_there_are_said(tiny, group):
    with pytest.raises(InterpError, match=r"There is no sender .* layers 0 to 2 and heads 0 to 3"):
        finish(patch_paths(tiny, pair_of(tiny), METRIC, PathPlan(group=group)))


def test_senders_after_the_receiver_have_no_path(tiny):
    made = finish(patch_paths(tiny, pair_of(tiny), METRIC, PathPlan((Receiver("q", 1, 0),))))
    assert made.heads[1:] == pytest.approx(made.base_score, abs=1e-5)
    assert made.mlps[1:] == pytest.approx(made.base_score, abs=1e-5)
    assert np.abs(made.heads[0] - made.base_score).max() > 1e-4


@pytest.mark.parametrize(
    ("receivers", "sentence"),
    [
        ((), "No receiver"),
        ((Receiver(), Receiver("q", 1, 0)), "come after every other"),
        ((Receiver("q", 3, 0),), "no receiver q in layer 3"),
        ((Receiver("k", 1, 2),), "heads 0 to 1"),
    ],
)
def test_receivers_that_are_not_there_are_said(tiny, receivers, sentence):
    with pytest.raises(InterpError, match=sentence):
        finish(patch_paths(tiny, pair_of(tiny), METRIC, PathPlan(receivers)))


def test_a_metric_that_cannot_tell_the_two_apart_is_refused(tiny):
    with pytest.raises(MetricError):
        finish(patch_paths(tiny, pair_of(tiny), Metric("logit_difference"), PathPlan()))
