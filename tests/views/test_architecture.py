"""The graph of a model, where hooks stand in it, and what makes no picture."""

import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from interp_core.models import load_model
from interp_core.types import ModelSpec
from interp_views.architecture import ArchitectureView, architecture_payload, facts
from interp_views.architecture_graph import after_block, before_block, layer_block, runs
from interp_views.architecture_hooks import HookMark, Place, place_hook
from interp_views.architecture_words import WORDS
from tests.architectures import CONFIGS, document
from tests.views.reading import unpack


def blocks(name):
    described = document(name)
    return (
        before_block(described),
        tuple(layer_block(described, kind) for kind in described["kinds"]),
        after_block(described),
    )


def targets(hook, name="llama", heads=None):
    """(target, layers) of every place of a hook."""
    places = place_hook(HookMark(hook, "f", heads=heads), *blocks(name), document(name)["n_layers"])
    return {(place.target, place.layers) for place in places}


def header(*names, **changes):
    return unpack(architecture_payload(ArchitectureView(tuple(map(document, names)), **changes)))[0]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_edge_leads_from_a_node_to_a_node(name):
    before, kinds, after = blocks(name)
    for block in (before, *kinds, after):
        ids = {node.id for node in block.nodes} | {"stream"}
        assert {edge.source for edge in block.edges} | {edge.target for edge in block.edges} <= ids
        assert len({node.id for node in block.nodes}) == len(block.nodes)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_parts_hold_all_parameters_between_them(name):
    described = document(name)
    before, kinds, after = blocks(name)
    total = sum(node.n_params for block in (before, after) for node in block.nodes)
    for kind in described["layers"]:
        total += sum(node.n_params for node in kinds[kind].nodes)
    assert total == described["n_params"]


def test_ports_are_hook_points_of_the_loaded_model_with_its_shapes(tiny):
    described = document("llama")
    block = layer_block(described, described["kinds"][0])
    ports = {port.hook.replace("{layer}", "0"): port.shape for node in block.nodes for port in node.ports}
    assert set(ports) <= tiny.hook_names
    points = {point.hook(0): point for point in tiny.hook_points if 0 in point.layers}
    known = {name: points[name] for name in ports if name in points}
    assert len(known) >= 12
    for name, point in known.items():
        if point.axes == "pos head":
            assert (len(ports[name]), ports[name][0]) == (3, "pos")
        elif point.axes == "pos":
            assert (len(ports[name]), ports[name][0]) == (2, "pos")
        else:
            assert ports[name][1:] == ("query", "key")


@pytest.mark.parametrize("family", ["olmo2", "bloom", "mixtral"])
def test_ports_of_other_families_are_hook_points_of_the_loaded_model(family, tiny_folders, tmp_path):
    folder = shutil.copytree(tiny_folders["llama"], tmp_path / family)
    sizes: dict = {**CONFIGS[family], "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    AutoModelForCausalLM.from_config(AutoConfig.for_model(**sizes)).save_pretrained(folder)
    loaded = load_model(ModelSpec("folder", family, processing="raw", device="cpu"), folder)
    described = document(family)
    before, after = before_block(described), after_block(described)
    nodes = (*before.nodes, *layer_block(described, described["kinds"][0]).nodes, *after.nodes)
    ports = {port.hook.replace("{layer}", "0"): port.shape for node in nodes for port in node.ports if port.hook}
    assert set(ports) <= loaded.hook_names
    _, cache = loaded.model.run_with_cache(torch.tensor([[0, 5, 6]]))  # pyright: ignore[reportAttributeAccessIssue]
    lengths = {"pos": 3, "query": 3, "key": 3}
    seen = {
        name: tuple(lengths.get(str(axis), axis) for axis in shape) for name, shape in ports.items() if name in cache
    }
    assert len(seen) > 12
    assert seen == {name: tuple(cache[name].shape[1:]) for name in seen}


@pytest.mark.parametrize(
    ("hook", "wanted"),
    [
        ("blocks.3.attn.hook_z", {("attn", (3,))}),
        ("blocks.3.attn.hook_pattern", {("attn", (3,))}),
        ("blocks.3.attn.o.hook_in", {("attn", (3,))}),
        ("blocks.3.hook_attn_in", {("attn_in", (3,))}),
        ("blocks.3.hook_q_input", {("attn_in", (3,))}),
        ("blocks.3.attn.hook_v_input", {("attn_in", (3,))}),
        ("blocks.3.hook_attn_out", {("attn_out", (3,))}),
        ("blocks.0.mlp.hook_post", {("mlp", (0,))}),
        ("blocks.0.hook_mlp_in", {("mlp_in", (0,))}),
        ("blocks.0.hook_mlp_out", {("mlp_out", (0,))}),
        ("blocks.0.ln1.hook_scale", {("ln1", (0,))}),
        ("blocks.0.ln2", {("ln2", (0,))}),
        ("blocks.5.hook_resid_pre", {("resid_pre", (5,))}),
        ("blocks.5.hook_resid_mid", {("resid_mid", (5,))}),
        ("blocks.5.hook_resid_post", {("resid_post", (5,))}),
        ("blocks.*.hook_resid_post", {("resid_post", None)}),
        ("*.hook_resid_post", {("resid_post", None)}),
        ("blocks.[12].mlp.*", {("mlp", (1, 2)), ("mlp_in", (1, 2))}),
        ("hook_embed", {("embed", None)}),
        ("ln_final.hook_normalized", {("ln_final", None)}),
        ("unembed.*", {("unembed", None)}),
        ("blocks.0.ln1_post.hook_out", set()),
        ("hook_pos_embed", set()),
        ("blocks.1.nothing.hook_z", set()),
        ("nonsense", set()),
        ("", set()),
    ],
)
def test_a_hook_name_leads_to_its_place(hook, wanted):
    assert targets(hook) == wanted


@pytest.mark.parametrize(
    ("name", "hook", "wanted"),
    [
        ("olmo2", "blocks.0.ln1.hook_scale", {("ln1_post", (0,))}),
        ("olmo2", "blocks.0.ln2", {("ln2_post", (0,))}),
        ("olmo2", "blocks.*.ln2.hook_*", {("ln2_post", None)}),
        ("olmo2", "blocks.0.ln1_post.hook_normalized", set()),
        ("gemma2", "blocks.0.ln1_post.hook_normalized", {("ln1_post", (0,))}),
        ("bloom", "embed_ln.hook_out", {("embed_norm", None)}),
        ("bloom", "embed_ln.*", {("embed_norm", None)}),
        ("llama", "embed_ln.hook_out", set()),
    ],
)
def test_a_norm_is_found_by_the_name_that_its_model_gives_it(name, hook, wanted):
    assert targets(hook, name) == wanted


def test_a_wildcard_over_the_blocks_is_everything_in_them():
    everything = {target for target, _ in targets("blocks.*", "gemma2")}
    assert {
        "attn",
        "mlp",
        "ln1",
        "ln1_post",
        "ln2",
        "ln2_post",
        "attn_in",
        "mlp_out",
        "resid_pre",
        "resid_mid",
        "resid_post",
    } <= everything
    assert "embed" not in everything
    assert {"embed", "unembed", "ln_final"} <= {target for target, _ in targets("*", "gemma2")}


def test_a_place_keeps_the_name_of_its_hook_point():
    places = place_hook(HookMark("blocks.2.attn.hook_*", "f"), *blocks("llama"), 6)
    assert Place("attn", (2,), "attn.hook_pattern") in places


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (HookMark("blocks.6.attn.hook_z", "f"), "there is no layer 6. The last one is 5"),
        (HookMark("blocks.0.attn.hook_z", "f", heads=(8,)), "there is no head 8. The last one is 7"),
        (HookMark("blocks.0.mlp.hook_post", "f"), "is no hook point of a part that attention_only has"),
        (HookMark("<img src=x>" * 100, "f"), "is no hook point"),
    ],
)
def test_a_hook_that_has_no_place_is_named_and_the_rest_is_drawn(mark, message):
    name = "attention_only" if "mlp" in mark.name else "llama"
    made = header(name, hooks=(mark, HookMark("blocks.1.attn.hook_z", "good", 1)))
    assert [one["label"] for one in made["marks"]] == ["good"]
    assert message in made["problems"][0]
    assert len(made["problems"][0]) < 400


def test_differences_are_marked_against_the_first_model():
    first, second = header("gpt2", "llama")["diagrams"]
    assert not any(node["differs"] for kind in first["kinds"] for node in kind["nodes"])
    differing = {node["part"] for kind in second["kinds"] for node in kind["nodes"] if node["differs"]}
    assert differing == {"ln1", "attn", "ln2", "mlp"}
    same = header("gpt2", "gpt2")["diagrams"][1]
    assert not any(
        node["differs"] for block in (same["before"], *same["kinds"], same["after"]) for node in block["nodes"]
    )


def test_facts_have_the_same_names_for_every_model():
    names = [[name for name, _ in facts(document(name))] for name in CONFIGS]
    assert all(one == names[0] for one in names)
    found = dict(facts(document("mixtral")))
    assert (found["Experts a token"], found["Layer"]) == ("2 of 4", "attention, then MLP")
    assert dict(facts(document("attention_only")))["MLP width (d_mlp)"] == "no MLP"


def test_everything_in_a_diagram_is_explained():
    parts = {
        node.part
        for name in CONFIGS
        for block in (blocks(name)[0], *blocks(name)[1], blocks(name)[2])
        for node in block.nodes
    }
    special = {"ln1", "ln2", "ln1_post", "ln2_post", "resid_pre", "resid_mid", "resid_post"}
    assert parts - special <= set(WORDS)
    assert all(text and source for text, source in WORDS.values())


def test_layers_travel_as_runs():
    assert runs([0, 0, 1, 0]) == [(0, 2), (1, 1), (0, 1)]
    many = ArchitectureView((document("gpt2", n_layer=10_000),))
    assert len(architecture_payload(many)) < 12_000


def test_what_makes_no_picture_is_refused():
    with pytest.raises(ValueError, match="0 models to draw: give 1 to 4"):
        architecture_payload(ArchitectureView(()))
    with pytest.raises(ValueError, match="5 models"):
        architecture_payload(ArchitectureView((document("gpt2"),) * 5))
    with pytest.raises(ValueError, match="501 hooks"):
        architecture_payload(ArchitectureView((document("gpt2"),), (HookMark("hook_embed", "f"),) * 501))
