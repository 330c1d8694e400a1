"""What is taken from a picture means what the picture shows: the Python beside it, a cell as an intervention, a head."""

import numpy as np
import pytest

import hookscope
from hookscope.models import run_of
from interp_core.answers import single_token
from interp_core.edits import edits_of
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.pair_sets import PairRow
from interp_core.path_plan import PathPlan, Sender
from interp_core.prompts import Prompt
from pages.ui.text_code import decode_text, encode_text
from tests.pages.conftest import words
from tests.pages.test_attention_views import picture
from tests.pages.test_sweeps import CORRUPTED, PAIR, columns, with_set


def code_of(app):
    return [block.value for block in app.code if "import hookscope" in block.value][-1]


def added_to(app):
    """The intervention in the URL."""
    value = app.query_params["do"]
    return decode_text(value if isinstance(value, str) else value[0])


def made_by(code):
    """What the code on a page makes."""
    names = {}
    exec(code, names)
    return names["sweep"] if "sweep" in names else eval(code.strip().splitlines()[-1], names)


@pytest.mark.parametrize(
    "link",
    [
        {"kind": "resample", "seed": "7"},
        {"kind": "mean", "bos": "0"},
        {"kind": "mean", "do": "scale z L0 H1 x3"},
        {"part": "component"},
    ],
    ids=str,
)
def test_the_code_of_an_ablation_makes_what_is_drawn(visit, link):
    app = visit("ablate", **PAIR, **link)
    drawn = columns(app, "picture.ablate")[1]
    np.testing.assert_allclose(made_by(code_of(app)).effect, drawn, atol=1e-4)


@pytest.mark.parametrize(
    "link",
    [
        {"site": "z", "by_position": "0", "do": "scale mlp_out L0 x3"},
        {"site": "v", "by_position": "0", "to": "noising", "bos": "0"},
        {"site": "z", "by_position": "0", "chat": "1"},
        {"view": "paths", "senders": "1.2"},
    ],
    ids=str,
)
def test_the_code_of_a_patching_makes_what_is_drawn(visit, link):
    app = visit("patching", **PAIR, **link, scale="raw")
    header, arrays = picture(app, "picture.patching.heads")
    made = made_by(code_of(app))
    score = made.score - made.group_score if link.get("senders") else made.score
    np.testing.assert_allclose(arrays["values"].reshape(header["n_layers"], -1), score, atol=1e-4)


def test_the_code_of_a_set_has_its_bos_and_its_names(visit):
    rows = (PairRow("a b c a b", "a b d a b", "a", "b"), PairRow("b a d b a", "b a c b a", "c", "b"))
    app = with_set(visit, "patching", site="z", by_position="0", bos="0")
    code = code_of(app).replace("[hookscope.PairRow(clean, corrupted, answer, foil), ...]", repr(list(rows)))
    lines = code.replace("PairRow(", "hookscope.PairRow(").strip().splitlines()
    made = made_by("\n".join(lines))
    np.testing.assert_allclose(made.mean, columns(app, "picture.patching.heads")[1], atol=1e-4)
    app = with_set(visit, "patching", view="paths", senders="1.2")
    assert "import PathPlan, Receiver, Sender\n" in code_of(app)
    assert eval(repr(PathPlan(group=(Sender(1, 2),))), vars(hookscope)) == PathPlan(group=(Sender(1, 2),))


@pytest.mark.parametrize("by_position", ["0", "1"])
def test_any_query_head_may_be_selected_where_key_heads_are_swept(visit, tiny, by_position):
    link = {"site": "v", "by_position": by_position, "layer": "1", "head": "3", "pos": "3"}
    app = visit("patching", **PAIR, **link)
    assert not app.exception
    shared = tiny.card.n_heads // tiny.card.n_key_value_heads
    assert shared == 2
    app.button(key="patching.add").click().run()
    assert not app.exception
    assert added_to(app).startswith("patch v L1 H1 ")
    assert "no head" not in words(app)
    app = visit("patching", **PAIR, **{**link, "head": "2", "by_position": "0"})
    selection = picture(app, "picture.patching.heads")
    assert selection[0]["n_columns"] == tiny.card.n_key_value_heads


def test_a_cell_under_the_chat_template_is_the_same_as_an_intervention(visit, tiny):
    clean, corrupted = (Prompt(text, chat=True) for text in (PAIR["prompt"], CORRUPTED))
    ids = [tiny.tokenizer.tokenise(one).ids for one in (clean, corrupted)]
    pos = next(pos for pos, pair in enumerate(zip(*ids, strict=True)) if len(set(pair)) == 2)
    app = visit("patching", **PAIR, chat="1", site="resid_pre", layer="1", pos=str(pos))
    app.button(key="patching.add").click().run()
    added = Intervention.parse(added_to(app))
    assert added.chat
    assert Intervention.parse(added.text) == added
    swept = hookscope.patch(tiny, clean, corrupted, "resid_pre", direction="noising", answers=["a"], foils=["b"])
    run = run_of(tiny, hookscope.intervene(clean, added))
    logits = forward(tiny.model, tiny.tokens(run.tokens), edits_of(tiny, run)).output[0, -1]
    answer, foil = (single_token(tiny.tokenizer, text) for text in "ab")
    assert float(logits[answer] - logits[foil]) == pytest.approx(float(swept.score[1, pos]), abs=1e-5)
    assert swept.score[1, pos] != pytest.approx(swept.clean_score, abs=1e-4)


def test_the_largest_lost_fraction_is_that_of_the_picture(visit):
    app = with_set(visit, "patching", site="z", by_position="0", to="noising")
    drawn = columns(app, "picture.patching.heads")[1]
    table = next(one.value for one in app.dataframe if "largest lost fraction" in one.value)
    assert np.abs(table["largest lost fraction"]).max() >= np.abs(drawn).max() - 1e-4
    assert "strongest effect" not in table


def test_a_position_of_a_set_s_prompts_may_be_selected_and_one_beyond_them_not(visit):
    app = with_set(visit, "patching", over="set", set="uploaded", prompt="a", pos="4")
    assert "cannot be used" not in words(app)
    assert app.query_params["pos"] in ("4", ["4"])
    app = with_set(visit, "patching", over="set", set="uploaded", prompt="a", pos="90")
    assert not app.exception
    assert "Click a cell" in words(app)


def test_the_link_says_which_text_it_cannot_carry(visit):
    long = "".join(chr(33 + (place * place * 7919 + place) % 20_000) for place in range(12_000))
    app = visit("patching", **{**PAIR, "corrupted": encode_text(long)})
    assert "The corrupted prompt takes more than" in words(app)
