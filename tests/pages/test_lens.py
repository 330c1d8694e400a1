"""The lens page as a script: what a reader is told, what the pictures hold, and what bad input brings."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import hookscope
from interp_core.jobs import finish
from interp_core.logit_attribution import attribute_logit
from interp_core.logit_lens import read_logit_lens
from interp_core.prompts import Prompt
from interp_core.readout import LENS_NORMS
from interp_core.residual_stream import STREAM_SITES
from interp_core.types import Run
from pages.ui import schemas
from pages.ui.lens import heads, logit_lens, parts, stream
from tests.conftest import FAMILIES
from tests.pages.test_attention_views import parts as sent_parts
from tests.pages.test_attention_views import picture, words

REPEATS = "and John went and John went"


def run_of(tiny, text=REPEATS):
    return Run(tiny.spec, tiny.tokenizer.tokenise(Prompt(text)).ids)


def token(tiny, text):
    return tiny.tokenizer.tokenise(Prompt(text, prepend_bos=False)).ids[0]


def test_the_choices_of_the_url_are_those_of_the_techniques():
    assert schemas.STREAM_KINDS[:5] == STREAM_SITES
    assert tuple(stream._KINDS) == schemas.STREAM_KINDS
    assert tuple(logit_lens._NORMS) == LENS_NORMS
    for text in parts.PARTS:
        assert schemas.LENS["by"].parse(text) == text


@pytest.mark.parametrize("view", schemas.LENS_VIEWS)
@pytest.mark.parametrize("prompt", [REPEATS, "x", ""])
def test_every_view_opens_on_any_prompt_without_a_traceback(visit, view, prompt):
    app = visit("lens", view=view, prompt=prompt)
    assert not app.exception
    assert not app.error
    assert "How to read this" in [expander.label for expander in app.expander]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("view", schemas.LENS_VIEWS)
def test_views_open_on_every_architecture(visit, view, family):
    app = visit("lens", model=f"folder:tiny-{family}", view=view, prompt=REPEATS)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("measure", ["top", "entropy", "kl", "rank", "probability"])
@pytest.mark.parametrize("norm", LENS_NORMS)
def test_the_lens_shows_the_numbers_of_the_run_and_says_its_norm(visit, tiny, measure, norm):
    app = visit("lens", prompt=REPEATS, measure=measure, norm=norm, answer="a")
    header, arrays = picture(app, "picture.lens")
    asked = token(tiny, "a") if measure in ("rank", "probability") else None
    found = finish(read_logit_lens(tiny, run_of(tiny), norm=norm, token=asked))
    expected = {
        "top": found.top_probability[..., 0], "entropy": found.entropy, "kl": found.kl, "rank": found.token_rank,
        "probability": found.token_probability,
    }[measure]  # fmt: skip
    np.testing.assert_allclose(arrays["values"], expected, atol=1e-6)
    assert header["rows"] == ["0", "1", "2", "final"]
    assert ("frozen" in norm) == ("keeps the scale of the final stream" in words(app))
    assert arrays["values"].max() <= header["high"] or measure == "entropy"


def test_an_answer_of_several_tokens_is_taken_apart_and_the_page_goes_on(visit):
    for view in ({"measure": "rank"}, {"view": "attribution"}):
        app = visit("lens", prompt=REPEATS, answer="zqzq", **view)
        assert "'zqzq' is 4 tokens of this model: 'z', 'q', 'z', 'q'" in words(app)
        assert not app.exception
    foil = visit("lens", prompt=REPEATS, view="attribution", answer="a", foil="zqzq")
    assert "The foil 'zqzq' is 4 tokens" in words(foil)


def test_answer_and_foil_must_differ(visit):
    app = visit("lens", prompt=REPEATS, view="attribution", answer="a", foil="a")
    assert "same token" in words(app)
    assert not app.exception


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("pos", "99", "the prompt has"), ("layer", "77", "the model has 3 layers"), ("view", "x", "it must be one of"),
     ("row", "-1", "whole number"), ("by", "day", "it must be one of"), ("kind", "x", "it must be one of")],
)  # fmt: skip
def test_values_that_cannot_be_used_are_said_so(visit, name, value, message):
    app = visit("lens", prompt=REPEATS, **{name: value})
    assert not app.exception
    assert f"{name}={value}" in app.warning[0].value.replace("\\", "")
    assert message in app.warning[0].value.replace("\\", "")


def test_a_row_that_is_not_there_selects_nothing(visit):
    app = visit("lens", prompt=REPEATS, row="44", pos="1")
    assert not app.exception
    assert not app.error


def test_the_sum_is_shown_beside_the_model_s_own_logit(visit, tiny):
    app = visit("lens", prompt=REPEATS, view="attribution", answer="a", foil="b")
    found = attribute_logit(tiny, run_of(tiny), token(tiny, "a"), token(tiny, "b"))
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Sum of all parts"] == shown["The model's own"] == f"{found.logit:.4f}"
    assert abs(float(shown["Left over"].replace("−", "-"))) < 1e-4
    assert "logit(a) − logit(b)" in words(app)


def test_a_soft_cap_is_said(visit):
    capped = visit("lens", model="folder:tiny-gemma2", prompt=REPEATS, view="attribution")
    assert "in front of the soft cap" in words(capped)
    assert "soft cap" not in words(visit("lens", prompt=REPEATS, view="attribution"))


@pytest.mark.parametrize("by", list(parts.PARTS))
def test_every_split_says_what_adds_up(visit, by):
    app = visit("lens", prompt=REPEATS, view="attribution", by=by, layer="1", head="2")
    assert not app.exception
    assert "add up to" in words(app)
    assert re.search(r"largest difference is \de-\d\d logits", words(app))


def test_attribution_by_head_and_position_holds_the_numbers_of_the_run(visit, tiny):
    link = {"prompt": REPEATS, "view": "attribution", "answer": "a", "layer": "1", "head": "2"}
    found = attribute_logit(tiny, run_of(tiny), token(tiny, "a"))
    _, by_head = picture(visit("lens", by="head", **link), "picture.attribution_heads")
    np.testing.assert_allclose(by_head["values"], found.heads, atol=1e-5)
    app = visit("lens", by="position", **link)
    _, by_position = picture(app, "picture.attribution_positions")
    np.testing.assert_allclose(by_position["values"], found.sources.sum(1), atol=1e-5)
    _, of_head = picture(app, "picture.attribution_sources")
    np.testing.assert_allclose(of_head["values"], found.sources[1, 2], atol=1e-5)


def test_an_earlier_position_is_attributed_without_what_comes_after(visit):
    app = visit("lens", prompt=REPEATS, view="attribution", by="position", pos="2")
    header, _ = picture(app, "picture.attribution_positions")
    assert len(header["tokens"]) == 3
    assert "after token 2" in words(app)


def test_interventions_on_the_stream_are_part_of_the_sum(visit):
    app = visit("lens", prompt=REPEATS, view="attribution", do="scale resid_post L1 x2")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Sum of all parts"] == shown["The model's own"]
    assert float(shown["Put in by interventions"].replace("−", "-")) != 0


def test_what_interventions_behind_the_stream_change_is_not_called_rounding(visit):
    def left_over(app):
        return next(metric for metric in app.metric if metric.label == "Left over").help

    app = visit("lens", prompt=REPEATS, view="attribution", do="scale unembed.hook_in x2")
    assert "interventions behind the residual stream" in left_over(app)
    assert "interventions changed what they add up to" in words(app)
    assert left_over(visit("lens", prompt=REPEATS, view="attribution")) == "Rounding."


def test_an_intervention_on_heads_is_said_where_positions_no_longer_add_up(visit):
    app = visit("lens", prompt=REPEATS, view="attribution", by="position", do="zero z L1 H2")
    assert "interventions changed what they add up to" in words(app)


def test_what_a_short_number_format_rounds_away_is_said(visit):
    app = visit("lens", prompt=REPEATS, view="attribution", dtype="bfloat16")
    assert "bfloat16 rounds" in words(app)
    assert not app.exception


@pytest.mark.parametrize("side", ["promoted", "suppressed"])
def test_what_a_held_head_writes_is_a_table(visit, side):
    app = visit("lens", prompt=REPEATS, view="heads", side=side, layer="1", head="2")
    header, arrays = picture(app, "picture.head_writes")
    table = app.dataframe[0].value
    assert header["words"][arrays["word_places"][1, 2, 0]] == table[side][0]
    assert arrays["values"][1, 2] == pytest.approx(table[f"{side}_logits"][0], abs=1e-5)
    assert (arrays["values"] > 0).all() == (side == "promoted")


def test_what_a_layer_does_not_have_is_said(visit):
    app = visit("lens", model="folder:tiny-gpt_neox", prompt=REPEATS, view="stream", kind="resid_mid")
    assert "attention and MLP read the same stream, in parallel" in words(app)
    assert not app.exception


def test_cosines_of_layers_are_of_the_position_that_is_selected(visit):
    link = {"prompt": REPEATS, "view": "stream", "kind": "between", "pos": "2"}
    mean, there = (picture(visit("lens", **link, at_position=flag), "picture.stream") for flag in ("0", "1"))
    assert "mean over positions" in mean[0]["name"]
    assert "at position 2" in there[0]["name"]
    assert (mean[1]["values"] != there[1]["values"]).any()


def test_a_choice_from_the_browser_is_checked(tiny):
    values = {}
    state = SimpleNamespace(set=values.__setitem__)
    bench = SimpleNamespace(card=SimpleNamespace(n_layers=3, n_heads=4), tokenised=SimpleNamespace(ids=range(10)))
    for value in ({}, {"row": "1", "pos": 1}, {"row": 1, "pos": 10}, {"row": 4, "pos": 1}, {"row": -1, "pos": -1}):
        logit_lens.select(state, bench, value)
        stream._select(state, bench, {"row": 3, "pos": 99}, False)
        heads.select_head(state, bench, 3, 0)
        heads.select_head(state, bench, 0, None)
    assert values == {}
    logit_lens.select(state, bench, {"row": 3, "pos": 9})
    assert values == {"row": 3, "pos": 9}
    logit_lens.select(state, bench, {"row": 2, "pos": 9})
    heads.select_head(state, bench, 1, 3)
    assert values == {"row": 2, "pos": 9, "layer": 1, "head": 3}


def test_the_selected_cell_travels_beside_the_data(visit):
    app = visit("lens", prompt=REPEATS, row="2", pos="3")
    selection, _ = sent_parts(app, "picture.lens")["selection"]
    assert (selection["row"], selection["pos"]) == (2, 3)


CODES = {"lens": {"measure": "rank"}, "stream": {"kind": "between"}, "attribution": {"by": "head"}, "heads": {}}


@pytest.mark.parametrize("view", CODES)
def test_the_python_that_is_shown_runs(visit, view):
    app = visit("lens", prompt=REPEATS, view=view, answer="a", foil="b", **CODES[view])
    code = next(block.value for block in app.code if "import hookscope" in block.value)
    *lines, last = code.strip().splitlines()
    names = {}
    exec("\n".join(lines) + f"\nfound = {last}", names)
    assert names["found"] is not None


def test_the_notebook_s_pictures_need_no_network(tiny):
    for made in (
        hookscope.show_logit_lens(tiny, REPEATS),
        hookscope.show_logit_attribution(tiny, REPEATS, "a", foil=5),
        hookscope.show_head_writes(tiny, REPEATS),
    ):
        html = made._repr_html_()
        assert html.startswith("<iframe")
        assert "src=&quot;http" not in html


def test_a_token_id_that_is_not_there_is_refused(tiny):
    with pytest.raises(hookscope.lens.MetricError, match="no token id of this model"):
        hookscope.logit_attribution(tiny, REPEATS, 10**6)
