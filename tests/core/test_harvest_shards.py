"""A harvest equals a brute-force computation, and any split and any order of merging gives the same bytes."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interp_core.errors import HarvestError
from interp_core.harvest import accumulate
from interp_core.harvest.accumulate import Accumulator
from interp_core.harvest.corpus import cut_corpus
from interp_core.harvest.correlations import between_features
from interp_core.harvest.documents import Texts
from interp_core.harvest.encoder import encoder_of
from interp_core.harvest.histogram import N_BINS, bin_edges
from interp_core.harvest.plan import AROUND, PAIR_WIDTH, HarvestPlan
from interp_core.harvest.selection import bins_of, first_of_groups, priorities, token_priorities
from interp_core.harvest.shard import run_shard
from interp_core.harvest.state import COUNTS, Entries, HarvestState, from_bytes, merge, to_bytes
from interp_core.hooks import forward
from interp_core.jobs import finish
from interp_core.sae.loading import load_sae
from interp_core.sae.spec import SaeSpec
from tests.core import harvest_reference
from tests.core.test_saes import write_sae

TEXTS = (
    "The cat sat on the mat and looked at the cat.", "", "One two three four five six seven.", "The cat sat on the mat.",
    "The cat sat on the mat and looked at the cat.", "a", "Numbers: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
)  # fmt: skip
PLAN = HarvestPlan(context=12, shard_windows=4, rows=3)


@pytest.fixture
def make_sae(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path / "saes"))

    numbers = itertools.count()

    def make(architecture="topk", **options):
        name = f"one-{next(numbers)}"
        write_sae(tmp_path / "saes" / name, tiny, architecture, **options)
        return load_sae(tiny, SaeSpec("folder", name))

    return make


def cut(loaded, folder, plan=PLAN, texts=TEXTS):
    return cut_corpus(encoder_of(loaded), Texts(texts), plan, folder)


def whole(loaded, sae, corpus, plan=PLAN):
    """Every shard's state, merged."""
    state = HarvestState.empty(sae.d_sae)
    for index in range(corpus.n_shards):
        state = merge(state, finish(run_shard(loaded, sae, corpus, index, plan)))
    return state


def brute_acts(loaded, sae, corpus):
    """Feature activations and what counts, one window at a time."""
    acts = torch.zeros(corpus.n_windows, corpus.context, sae.d_sae)
    read = torch.zeros(corpus.n_windows, corpus.context, sae.config.d_in)
    keep = torch.zeros(corpus.n_windows, corpus.context, dtype=torch.bool)
    for index in range(corpus.n_shards):
        windows = corpus.shard(index)
        for row, length in enumerate(windows.lengths.tolist()):
            x = forward(loaded.model, windows.tokens[row : row + 1, :length].long(), keep=[sae.hook]).kept[sae.hook]
            acts[windows.first + row, :length] = sae.encode(x)[0]
            read[windows.first + row, :length] = sae.flat(x)[0]
            keep[windows.first + row, :length] = x[0].flatten(1).norm(dim=-1) <= (sae.config.norm_limit or np.inf)
    return acts, read, keep


def random_acts(n_windows, seed, d_sae=6, levels=5):
    """Few levels, so that equal activations are everywhere."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(-levels, levels, (n_windows, 8, d_sae), generator=generator).float().clamp(min=0) * 0.37
    lengths = torch.randint(1, 9, (n_windows,), generator=generator)
    inside = torch.arange(8) < lengths[:, None]
    return values, inside, inside & (torch.rand(n_windows, 8, generator=generator) > 0.1)


def accumulated(acts, keep, inside, batches, pair_share=0.5):
    made = Accumulator(acts.shape[2], torch.device("cpu"), context=8, pair_share=pair_share, neurons=True)
    for batch in batches:
        made.add(acts[batch], acts[batch] * 3, keep[batch], inside[batch], torch.tensor(batch), 1)
    return made.state()


@pytest.mark.parametrize("architecture", ["topk", "standard", "jumprelu"])
def test_a_harvest_equals_a_brute_force_computation(tiny, make_sae, tmp_path, architecture):
    corpus = cut(tiny, tmp_path / "corpus")
    _, read, inside = brute_acts(tiny, make_sae(), corpus)
    sae = make_sae(architecture, norm_limit=float(read.norm(dim=-1)[inside].quantile(0.8)) + 1e-3)
    state = whole(tiny, sae, corpus)
    acts, _, keep = brute_acts(tiny, sae, corpus)
    assert 0 < keep.sum() == state.count("tokens") < corpus.n_tokens
    assert state.count("left_out") == corpus.n_tokens - keep.sum()
    assert torch.equal(state.fired, ((acts > 0) & keep[..., None]).sum((0, 1)))
    assert torch.allclose(state.total / 65536, (acts.clamp(min=0) * keep[..., None]).sum((0, 1)), atol=1e-3)
    assert torch.equal(state.histogram.sum(1), state.fired)


@pytest.mark.parametrize("pending", [1, 40, 2**17])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_quantity_equals_a_plain_loop_exactly(monkeypatch, pending, seed):
    monkeypatch.setattr(accumulate, "_PENDING", pending)
    acts, inside, keep = random_acts(60, seed)
    state = accumulated(acts, keep, inside, [list(range(i, min(i + 7, 60))) for i in range(0, 60, 7)])
    for feature, expected in enumerate(harvest_reference.reference(acts, keep, inside, 8, 6)):
        for name in ("fired", "windows_fired", "total", "largest", "smallest"):
            assert getattr(state, name)[feature].item() == expected[name], name
        assert state.histogram[feature].tolist() == expected["histogram"]
        for name in ("top", "samples"):
            entries = getattr(state, name)
            mine = entries.take((entries.feature == feature).nonzero().flatten())
            assert list(zip(mine.value.tolist(), mine.position.tolist(), strict=True)) == expected[name]
            for place, position in enumerate(mine.position.tolist()):
                near = harvest_reference.around(acts.numpy(), keep, position // 8, position % 8, feature)
                assert np.array_equal(mine.around[place].numpy(), near, equal_nan=True)


def test_sampled_tokens_are_those_of_low_priority_with_all_that_is_active_on_them():
    acts, inside, keep = random_acts(60, 3)
    state = accumulated(acts, keep, inside, [list(range(60))], pair_share=0.3)
    positions = torch.arange(480).reshape(60, 8)
    sampled = keep & (token_priorities(positions.flatten()).reshape(60, 8) <= -(2**63) + int(0.3 * 2**64))
    assert state.count("sampled") == sampled.sum() > 20
    rows, features = (acts.flatten(0, 1) * sampled.flatten()[:, None] > 0).nonzero().unbind(1)
    assert torch.equal(state.pair_position, rows)
    assert torch.equal(state.pair_feature, features)
    assert torch.equal(state.pair_value, acts.flatten(0, 1)[rows, features])
    assert 0 < len(state.neuron_position) < sampled.sum()
    assert torch.equal(state.neuron_value, (acts.flatten(0, 1)[state.neuron_position] * 3).half())


def test_of_a_token_with_very_many_active_features_the_strongest_enter_the_pairs():
    acts = torch.arange(1.0, 401.0).reshape(1, 1, 400)
    keep = torch.ones(1, 1, dtype=torch.bool)
    state = accumulated(acts, keep, keep, [[0]], pair_share=1.0)
    assert state.pair_feature.tolist() == list(range(400 - PAIR_WIDTH, 400))


def test_features_of_which_none_is_active_on_a_sampled_token_are_correlated_with_nothing():
    acts, inside, keep = random_acts(6, 5, d_sae=600)
    acts[..., 256:512] = 0  # as many as are looked at together
    found = between_features(accumulated(acts, keep, inside, [list(range(6))], pair_share=1.0))
    silent = np.isin([found.feature, found.other], range(256, 512))
    assert not silent.any() and found.feature.min() < 256 and found.feature.max() >= 512
    rows = acts[keep].double().numpy()
    for feature in (0, 599):
        pearson = [
            np.corrcoef(rows[:, feature], rows[:, other])[0, 1] for other in found.other[found.feature == feature]
        ]
        assert np.allclose(found.pearson[found.feature == feature], pearson, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_any_split_and_any_order_of_merging_gives_the_same_bytes(seed, data):
    acts, inside, keep = random_acts(24, seed)
    everything = to_bytes(accumulated(acts, keep, inside, [[window] for window in range(24)]))
    order = data.draw(st.permutations(range(24)))
    edges = sorted({0, 24, *data.draw(st.lists(st.integers(1, 23), max_size=5))})
    states = [
        accumulated(acts, keep, inside, [[window] for window in order[begin:end]])
        for begin, end in itertools.pairwise(edges)
    ]
    while len(states) > 1:
        one = states.pop(data.draw(st.integers(0, len(states) - 1)))
        other = states.pop(data.draw(st.integers(0, len(states) - 1)))
        states.append(merge(one, other))
    assert to_bytes(merge(states[0], HarvestState.empty(6))) == everything
    assert to_bytes(from_bytes(everything)) == everything


def test_the_same_document_many_times_gives_ties_that_are_broken_by_position(tiny, make_sae, tmp_path):
    sae = make_sae()
    plan = HarvestPlan(context=12, shard_windows=7, rows=3)
    corpus = cut(tiny, tmp_path / "corpus", plan, ["The cat sat."] * 50)
    state = whole(tiny, sae, corpus, plan)
    for feature in range(sae.d_sae):
        top = state.top.take((state.top.feature == feature).nonzero().flatten())
        if len(top):
            assert (top.position // 12).tolist() == list(range(20))
            assert len(set(top.value.tolist())) == 1


def test_where_shards_end_changes_nothing_that_is_counted(tiny, make_sae, tmp_path):
    sae = make_sae()
    made = []
    for shard_windows in (1, 3, 100):
        plan = HarvestPlan(context=12, shard_windows=shard_windows, rows=1)
        made.append(to_bytes(whole(tiny, sae, cut(tiny, tmp_path / str(shard_windows), plan), plan)))
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("hook", ["blocks.1.mlp.hook_pre", "blocks.1.mlp.hook_post"])
def test_an_sae_on_neurons_keeps_what_it_read(tiny, make_sae, tmp_path, hook):
    sae = make_sae(hook=hook, d_in=64)
    plan = HarvestPlan(context=12, shard_windows=100, rows=4)
    corpus = cut(tiny, tmp_path / "corpus", plan, [f"{number} cats sat on {number} mats." for number in range(60)])
    state = whole(tiny, sae, corpus, plan)
    _, read, _ = brute_acts(tiny, sae, corpus)
    assert 20 < len(state.neuron_position) < state.count("sampled") / 4
    expected = read.flatten(0, 1)[state.neuron_position]
    assert torch.allclose(state.neuron_value.float(), expected, atol=2e-3, rtol=2e-3)


def test_activations_that_are_not_finite_are_refused(tiny, make_sae, tmp_path):
    sae = make_sae()
    corpus = cut(tiny, tmp_path / "corpus")
    weight = tiny.model.blocks[0].attn.o.weight
    before = weight.detach().clone()
    try:
        weight.data.fill_(float("nan"))
        with pytest.raises(HarvestError, match="are not finite"):
            whole(tiny, sae, corpus)
    finally:
        weight.data.copy_(before)


def test_bins_lie_between_their_edges():
    edges = bin_edges()
    assert len(edges) == N_BINS + 1
    for value in (1e-30, 2**-8, 0.1, 0.99999994, 1.0, 1.124, 1.126, 3.7, 255.9, 256.0, 1e20):
        place = int(bins_of(torch.tensor([value]))[0])
        assert edges[place] <= np.float32(value) < edges[place + 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=30), st.integers(1, 4))
def test_the_first_of_every_group_are_found(pairs, n):
    groups, keys = (torch.tensor([pair[i] for pair in pairs], dtype=torch.int64) for i in (0, 1))
    index, ranks = first_of_groups(n, groups, keys, torch.arange(len(pairs)))
    expected = []
    for group in range(4):
        expected += sorted((key, place) for place, (of, key) in enumerate(pairs) if of == group)[:n]
    assert index.tolist() == [place for _, place in expected]
    assert all(rank < n for rank in ranks.tolist())


def test_priorities_are_those_of_splitmix64():
    position, feature = torch.tensor([0, 5, 2**40]), torch.tensor([0, 7, 4607])
    expected = [harvest_reference.priority(p, f) for p, f in zip(position.tolist(), feature.tolist(), strict=True)]
    assert priorities(position, feature).tolist() == expected
    assert int(token_priorities(torch.tensor([9]))[0]) == harvest_reference.signed(harvest_reference.mix(9))


def test_a_state_of_nothing_is_of_the_same_kind():
    state = HarvestState.empty(4)
    assert to_bytes(merge(state, state)) == to_bytes(state)
    assert Entries.none().around.shape == (0, AROUND)
    assert all(state.count(name) == 0 for name in COUNTS)
    assert {field.name for field in dataclasses.fields(state)} >= {"top", "samples"}
