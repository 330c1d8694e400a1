"""The views of the attention page, as scripts: what a reader is told, and what bad input brings."""

import re
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from interp_core.attention import LivePatterns
from interp_core.attention_aggregates import AGGREGATES
from interp_core.head_scores import HEAD_SCORE_NAMES
from interp_core.jobs import finish
from interp_core.pattern_search import KNOWN_PATTERNS
from interp_core.prompts import Prompt
from interp_core.run_writing import save_run
from interp_core.saved_runs import RunFacts, layer_file
from interp_core.settings import runs_folder
from interp_core.similar_heads import compare_heads
from interp_core.types import Run
from pages.ui import schemas, tables
from pages.ui.attention import controls
from tests.pages.conftest import words as escaped_words
from tests.views.reading import unpack

REPEATS = "and John went and John went"
VIEWS = ("layer", "heads", "generated", "scores", "similar", "search", "query_key")


def words(app) -> str:
    return escaped_words(app).replace("\\", "")


def picture(app, key: str) -> tuple[dict, dict]:
    """What was sent to the picture of that key."""
    for element in app.main:
        found = _find(element, key)
        if found is not None:
            return unpack(found)
    raise AssertionError(f"no picture {key}")


def _find(node, key: str) -> bytes | None:
    return next((message for message in _messages(node, key) if "part" not in unpack(message)[0]), None)


def _messages(node, key: str) -> list[bytes]:
    proto = getattr(node, "proto", None)
    own = [proto.bytes] if getattr(node, "type", "") == "bidi_component" and key in proto.id else []
    children = getattr(node, "children", {}).values()
    return own + [message for child in children for message in _messages(child, key)]


def parts(app, key: str) -> dict[str, tuple[dict, dict]]:
    """What was sent to the picture of that key beside its data."""
    found = [unpack(message) for element in app.main for message in _messages(element, key)]
    return {header["part"]: (header, arrays) for header, arrays in found if "part" in header}


def test_the_choices_of_the_url_are_those_of_the_techniques():
    assert schemas.SCORES == HEAD_SCORE_NAMES
    assert schemas.AGGREGATES == AGGREGATES
    assert schemas.PATTERNS[:-1] == KNOWN_PATTERNS
    assert schemas.PATTERNS[-1] == "drawn"
    assert get_args(schemas.AttentionPageView) == VIEWS


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("prompt", [REPEATS, "a a a a a a a a a a", "x"])
def test_every_view_opens_on_any_prompt_without_a_traceback(visit, view, prompt):
    app = visit("attention", view=view, prompt=prompt, layer="1", head="2", tokens="3")
    assert not app.exception
    assert "Attention" in app.title[0].value


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_on_one_token(visit, view):
    app = visit("attention", view=view, prompt="", tokens="2", head="0")
    assert not app.exception
    if view in ("scores", "similar", "search"):
        assert re.search(r"one token|nothing to look for|not defined", words(app))


@pytest.mark.parametrize("family", ["gemma2", "gpt_neox", "gpt2"])
@pytest.mark.parametrize("view", ["layer", "heads", "query_key", "generated"])
def test_views_open_on_other_architectures(visit, view, family):
    app = visit("attention", model=f"folder:tiny-{family}", view=view, prompt=REPEATS * 4, tokens="2")
    assert not app.exception
    assert not app.error


def test_the_layer_picture_holds_the_numbers_of_the_run(visit, tiny):
    app = visit("attention", prompt=REPEATS, layer="1")
    header, arrays = picture(app, "picture.layer")
    ids = tiny.tokenizer.tokenise(Prompt(REPEATS)).ids
    found = {}
    LivePatterns(tiny, Run(tiny.spec, ids)).walk(lambda layer, pattern: found.update({layer: pattern.numpy().copy()}))
    rows, columns = np.tril_indices(len(ids))
    assert header["layer"] == 1
    assert np.abs(arrays["levels"] / 255 - found[1][:, rows, columns]).max() <= 0.5 / 255 + 1e-6


def test_value_weighting_says_its_unit_and_changes_the_numbers(visit):
    plain = picture(visit("attention", prompt=REPEATS, layer="1"), "picture.layer")
    weighted = picture(visit("attention", prompt=REPEATS, layer="1", weighted="1"), "picture.layer")
    assert plain[0]["unit"] == "attention probability"
    assert weighted[0]["unit"] == "attention × ‖v‖"
    assert weighted[0]["top"] != plain[0]["top"]
    assert (weighted[1]["levels"] != plain[1]["levels"]).any()


def test_neighbouring_layers_are_sent_ahead_as_they_would_be_sent_themselves(visit):
    ahead = parts(visit("attention", prompt=REPEATS, layer="1"), "picture.layer")
    assert {name for name in ahead if name.startswith("ahead")} == {"ahead-0", "ahead-2"}
    for layer in (0, 2):
        header, arrays = picture(visit("attention", prompt=REPEATS, layer=str(layer)), "picture.layer")
        early, levels = ahead[f"ahead-{layer}"]
        assert early == header | {"part": f"ahead-{layer}"}
        assert (levels["levels"] == arrays["levels"]).all()


def test_nothing_is_sent_ahead_that_would_have_to_be_computed(visit, monkeypatch):
    assert not any("ahead" in name for name in parts(visit("attention", prompt=REPEATS, weighted="1"), "picture.layer"))
    monkeypatch.setattr("pages.ui.attention.layer._AHEAD_BYTES", 10)
    assert not any("ahead" in name for name in parts(visit("attention", prompt=REPEATS), "picture.layer"))


def test_layers_of_a_run_are_one_series_and_those_of_another_view_or_prompt_another(visit):
    def series(**link: str) -> str:
        return picture(visit("attention", **link), "picture.layer")[0]["series"]

    assert series(prompt=REPEATS, layer="0") == series(prompt=REPEATS, layer="2")
    assert len({series(prompt=REPEATS), series(prompt="and"), series(prompt=REPEATS, weighted="1")}) == 3


def test_the_scale_stands_in_the_link_of_both_pictures(visit):
    for view, key in (("layer", "picture.layer"), ("heads", "picture.heads")):
        assert parts(visit("attention", view=view, prompt=REPEATS), key)["selection"][0]["scale"] == "full"
        app = visit("attention", view=view, prompt=REPEATS, scale="stretched")
        assert parts(app, key)["selection"][0]["scale"] == "stretched"


def test_a_choice_from_the_browser_is_checked(visit):
    app, bench = visit("attention"), SimpleNamespace(card=SimpleNamespace(n_layers=3, n_heads=4))
    bench.tokenised = SimpleNamespace(ids=range(10))
    values = {}
    state = SimpleNamespace(set=values.__setitem__)
    assert not app.exception
    controls.hold(
        state, bench, {"layer": 99, "head": -1, "pos": "x", "direction": "up", "scale": 3, "zoom": [1], "turn": []}
    )
    assert values == {"head": None, "pos": None, "zoom": None}
    zoom = {"query": 2, "key": 0, "size": 4}
    controls.hold(
        state, bench, {"layer": 2, "head": 3, "pos": 9, "direction": "to", "scale": "stretched", "zoom": zoom}
    )
    assert values == {
        "layer": 2, "head": 3, "pos": 9, "direction": "to", "scale": "stretched", "zoom": (2, 0, 4),
    }  # fmt: skip


def test_what_a_sliding_window_masks_is_no_weight_in_the_numbers(visit):
    link = {"model": "folder:tiny-gemma2", "prompt": REPEATS * 4, "layer": "0"}
    header, arrays = picture(visit("attention", **link), "picture.layer")
    rows, columns = np.tril_indices(len(header["tokens"]))
    assert header["window"] == 16
    assert not arrays["levels"][:, rows - columns >= 16].any()
    assert arrays["levels"][:, rows - columns == 15].any()
    assert picture(visit("attention", **link | {"view": "heads"}), "picture.heads")[0]["windows"] == [16, 0, 16]


def test_a_sliding_window_is_said_where_it_masks(visit):
    long, window = REPEATS * 4, "sees the last 16 tokens only"
    assert window in words(visit("attention", model="folder:tiny-gemma2", prompt=long, layer="0"))
    assert window not in words(visit("attention", model="folder:tiny-gemma2", prompt=long, layer="1"))
    assert window not in words(visit("attention", model="folder:tiny-gemma2", prompt="and", layer="0"))


def test_heads_are_ordered_by_a_score_and_filtered_by_layer(visit):
    app = visit("attention", view="heads", prompt=REPEATS, order="previous_token", from_layer="1", to_layer="2")
    header, arrays = picture(app, "picture.heads")
    assert header["ordered"]
    assert {int(layer) for layer in arrays["order"][:, 0]} == {1, 2}
    assert (np.diff(arrays["scores"]) <= 1e-7).all()


def test_no_head_left_is_said_so(visit):
    app = visit("attention", view="heads", prompt=REPEATS, from_layer="2", to_layer="1")
    assert "No head is left" in app.error[0].value
    assert not app.exception


def test_scores_say_their_definition_and_source(visit):
    for score in schemas.SCORES:
        app = visit("attention", view="scores", prompt=REPEATS, score=score, head="1")
        assert not app.error
        assert "Source:" in words(app)
        assert "arXiv" in words(app) or "Elhage" in words(app)
    assert "Mean distance" in words(app)


def test_induction_without_a_repeated_token_says_what_to_do(visit):
    app = visit("attention", view="scores", prompt="and John", score="induction")
    assert "no token of it occurs twice" in app.error[0].value


def test_scores_of_a_batch_need_one(visit):
    app = visit("attention", view="scores", on="batch")
    assert "There is no batch yet" in app.error[0].value


def test_scores_and_similarity_over_a_batch(visit):
    app = visit("attention", view="scores", on="batch", head="1", score="previous_token")
    app.text_area(key="batch.pasted").set_value("and John went\nthe frozen river was cold").run()
    app.button(key="batch.use").click().run()
    assert "of 2 prompts of the batch" in words(app)
    assert "±" in words(app)
    app.segmented_control(key="attention.view").set_value("similar").run()
    app.segmented_control(key="attention.over").set_value("batch").run()
    assert not app.exception
    assert "2 prompts" in words(app)


def test_the_head_most_like_another_comes_first(visit, tiny):
    app = visit("attention", view="similar", prompt=REPEATS, layer="1", head="2")
    _, arrays = picture(app, "picture.similar")
    patterns = LivePatterns(tiny, Run(tiny.spec, tiny.tokenizer.tokenise(Prompt(REPEATS)).ids))
    expected = finish(compare_heads([patterns])).most_similar(6, 3)
    assert arrays["order"][0].tolist() == [1, 2]
    assert [layer * 4 + head for layer, head in arrays["order"][1:4].tolist()] == expected.tolist()


def test_a_drawn_pattern_stands_in_the_link(visit):
    app = visit("attention", view="search", prompt=REPEATS, pattern="drawn", cells="3.1_4.2")
    assert not app.exception
    assert "2 cells of the pattern" in words(app)
    empty = visit("attention", view="search", prompt=REPEATS, pattern="drawn")
    assert "Draw the cells" in words(empty)


def test_drawn_cells_of_a_longer_prompt_are_left_out_with_a_word(visit):
    app = visit("attention", view="search", prompt="and John", pattern="drawn", cells="2.1_90.2")
    assert "1 drawn cells do not lie in this prompt" in words(app)
    assert not app.exception


@pytest.mark.parametrize(
    ("name", "value"),
    [("zoom", "1.2"), ("zoom", "a.b.c"), ("cells", "x"), ("cells", "1.²"), ("types", "nothing"), ("saved", "../../etc"),
     ("view", "x"), ("cutoff", "-1"), ("power", "nan")],
)  # fmt: skip
def test_values_that_cannot_be_used_are_said_so(visit, name, value):
    app = visit("attention", **{name: value})
    assert not app.exception
    assert f"{name}=" in app.warning[0].value.replace("\\", "")


def test_generated_text_is_the_model_s_own(visit, tiny):
    app = visit("attention", view="generated", prompt=REPEATS, tokens="4", layer="1", head="2")
    header, _ = picture(app, "picture.generated")
    assert header["n_prompt"] == len(tiny.tokenizer.tokenise(Prompt(REPEATS)).ids)
    assert 1 <= len(header["tokens"]) - header["n_prompt"] <= 4


@pytest.mark.parametrize("how", schemas.AGGREGATES)
def test_every_aggregate_is_shown(visit, how):
    app = visit("attention", view="generated", prompt=REPEATS, tokens="3", how=how)
    assert not app.exception
    assert not app.error


def test_a_generation_that_does_not_fit_says_so(visit):
    app = visit("attention", view="generated", prompt=REPEATS, tokens="2000")
    assert "the model's context holds 256" in app.error[0].value


@pytest.fixture
def saved(tiny):
    tokens = tiny.tokenizer.tokenise(Prompt(REPEATS))
    facts = RunFacts(tiny.card, Prompt(REPEATS), tokens, len(tokens.ids) - 3)
    return save_run(LivePatterns(tiny, Run(tiny.spec, tokens.ids)), facts, runs_folder())


@pytest.mark.parametrize("view", ["layer", "heads", "generated", "scores", "similar", "search"])
def test_a_saved_run_opens_without_any_model(visit, saved, view):
    app = visit("attention", saved=saved.name, view=view, model="folder:no-such-model")
    assert not app.exception
    assert not app.error
    assert "read-only" in words(app)


def test_a_saved_run_looks_like_the_live_one(visit, saved):
    _, live = picture(visit("attention", prompt=REPEATS, layer="2"), "picture.layer")
    _, kept = picture(visit("attention", saved=saved.name, layer="2", model="folder:no-such-model"), "picture.layer")
    assert np.abs(live["levels"].astype(int) - kept["levels"]).max() <= 1


def test_what_takes_a_model_says_so_in_a_saved_run(visit, saved):
    app = visit("attention", saved=saved.name, view="query_key")
    assert "takes the model" in app.info[0].value


def test_a_saved_run_that_was_changed_or_is_gone_says_so(visit, saved):
    path = saved / layer_file(1)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    app = visit("attention", saved=saved.name, layer="1")
    assert "not what was written" in app.error[0].value.replace("\\", "")
    gone = visit("attention", saved="0123456789abcdef")
    assert "not on this server" in gone.error[0].value
    assert not gone.exception


def test_saving_a_run_and_finding_it_in_the_list(visit):
    app = visit("attention", prompt="the frozen river was cold", layer="1")
    app.button(key="keep.save").click().run()
    assert not app.exception
    assert not app.error
    listed = visit("saved")
    assert "the frozen river was cold" in "\n".join(
        str(getattr(element, "proto", "")) for element in listed.get("page_link")
    )
    assert "tokens, 0 generated" in words(listed)


def test_the_list_says_what_cannot_be_opened(visit, saved):
    (saved / "manifest.json").write_text("{}")
    assert "not a saved run" in words(visit("saved"))


def test_another_prompt_forgets_the_places_of_the_old_one(visit):
    app = visit("attention", prompt=REPEATS, pos="5", zoom="2.1.4", head="2")
    app.text_area(key="url.prompt").set_value("and").run()
    assert not app.warning, app.warning[0].value
    assert "pos" not in app.query_params
    assert "zoom" not in app.query_params
    assert app.query_params["head"] == "2"


def test_layers_that_the_model_lacks_are_said_so(visit):
    app = visit("attention", view="heads", from_layer="99")
    assert "from_layer=99" in app.warning[0].value.replace("\\", "")


def test_the_table_of_a_weighted_view_holds_both_numbers(tiny):
    tokens = tiny.tokenizer.tokenise(Prompt("and John"))
    pattern = np.tril(np.ones((len(tokens.ids),) * 2, np.float32))
    table = tables.attention_table(tokens, pattern, np.arange(len(tokens.ids), dtype=np.float32), 1, 2)
    assert (table["attention_times_value_norm"] == table["attention"] * table["key_position"]).all()
