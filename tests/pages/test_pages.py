"""Every page opens on something worth seeing, takes links, and answers bad input with a sentence."""

import json

import pytest

from interp_core.prompts import MOST_TEXT_BYTES
from pages.ui.cached import engine
from pages.ui.schemas import EXAMPLE_PROMPT
from pages.ui.text_code import encode_text
from tests.pages.conftest import words
from tests.tiny import N_CTX

PAGES = ("home", "prompt", "attention", "model", "settings")
RUN_PAGES = ("prompt", "attention", "model")


def payload_header(element) -> dict:
    """The header of the bytes that a component was given."""
    data = element.proto.bytes
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length])


def pictures(app) -> list[dict]:
    return [payload_header(element) for element in app.main if element.type == "bidi_component"] or [
        payload_header(element) for element in app.get("bidi_component")
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_first_visit_shows_no_error_and_is_not_empty(visit, page):
    app = visit(page)
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert app.title[0].value
    assert len(words(app)) > 100


@pytest.mark.parametrize("page", RUN_PAGES)
def test_a_page_opens_on_the_worked_example(visit, page):
    app = visit(page)
    assert app.text_area[0].value == EXAMPLE_PROMPT
    assert "BOS in front, once" in words(app)


def test_a_link_sets_prompt_layer_and_head(visit):
    app = visit("attention", prompt="hello there", layer="2", head="3", direction="to", bos="0")
    assert not app.exception
    assert app.text_area[0].value == "hello there"
    assert [box.value for box in app.selectbox] == [2, 3]
    assert "no BOS in front" in words(app)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("layer", "999", "the model has 3 layers"),
        ("layer", "-1", "whole number"),
        ("layer", "1e3", "whole number"),
        ("layer", "<script>alert(1)</script>", "whole number"),
        ("head", "77", "the model has 4 heads"),
        ("pos", "400", "the prompt has"),
        ("direction", "sideways", "one of from, to"),
        ("bos", "maybe", "1 or 0"),
        ("dtype", "float8", "one of float32"),
        ("processing", "none", "one of compatibility"),
        ("prompt", "~zgarbage", "damaged"),
        ("prompt", "~h" + "0" * 32, "no longer"),
        ("prompt", "x" * 7000, "at most 6,000"),
    ],
)
def test_an_invalid_value_gives_a_warning_and_the_default(visit, name, value, sentence):
    app = visit("attention", **{name: value})
    assert not app.exception
    assert not app.error
    assert sentence in app.warning[0].value.replace("\\", "")
    assert app.selectbox[0].value == 0


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b c", "folder:../x", "https://evil.example/x"])
def test_a_hostile_model_name_is_refused_and_the_default_asked_for(visit, name, monkeypatch):
    asked = []
    monkeypatch.setattr("interp_core.models.find_folder", lambda spec, report: asked.append(spec) or 1 / 0)
    app = visit("attention", model=name)
    assert not app.exception
    assert [spec.source for spec in asked] == ["default"]


def test_a_warning_does_not_carry_markup(visit):
    app = visit("attention", layer="![x](http://evil.example/x.png)")
    assert "![x](" not in app.warning[0].value
    assert r"\!\[x\]\(" in app.warning[0].value


@pytest.mark.parametrize("page", RUN_PAGES)
def test_an_empty_prompt_without_bos_says_so(visit, page):
    app = visit(page, prompt="", bos="0")
    assert not app.exception
    assert "prompt is empty" in app.error[0].value


@pytest.mark.parametrize("page", RUN_PAGES)
def test_an_empty_prompt_with_bos_is_one_token(visit, page):
    app = visit(page, prompt="")
    assert not app.exception
    assert not app.error
    assert "1 token of" in words(app)


def test_a_prompt_past_the_context_says_how_much_too_long_it_is(visit):
    app = visit("prompt")
    app.text_area[0].set_value("x " * (N_CTX + 10)).run()
    assert not app.exception
    assert f"context holds {N_CTX}" in app.error[0].value.replace("\\", "")
    assert app.text_area[0].value == "x " * (N_CTX + 10)


def test_a_megabyte_of_text_is_refused_and_kept_in_the_box(visit):
    app = visit("prompt")
    app.text_area[0].set_value("a" * 1_000_000).run()
    assert not app.exception
    assert f"{MOST_TEXT_BYTES:,}" in app.error[0].value.replace("\\", "")
    assert len(app.text_area[0].value) == 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "\x00\x01\x07",
        "\u202eabc\u202c",
        "🎉👩‍👩‍👧 中文",
        "<b>x</b><script>alert(1)</script>",
        "![x](http://evil.example/a.png) $x$ :red[y]",
    ],
)
def test_odd_text_is_shown_as_text(visit, text):
    app = visit("prompt", prompt=encode_text(text))
    assert not app.exception
    assert not app.error
    assert app.text_area[0].value == text
    assert "<script>" not in words(app)


def test_an_unknown_folder_says_why_and_offers_another(visit):
    app = visit("prompt", model="folder:not-there")
    assert not app.exception
    assert "There is no folder" in app.error[0].value
    assert {"Try again", "Use the default model"} <= {button.label for button in app.button}


def test_a_failed_load_leaves_the_previous_model_in_use(visit):
    app = visit("prompt")
    app.session_state["url.model"] = "folder:not-there"
    app.run()
    assert "could not be loaded" in app.error[0].value
    assert "tiny\\-llama stays in use" in app.error[0].value
    assert "15 tokens" in words(app) or "tokens of" in words(app)
    next(button for button in app.button if button.label.startswith("Keep")).click().run()
    assert not app.error


def test_the_url_says_what_differs_from_the_defaults_and_nothing_else(visit):
    app = visit("attention")
    app.selectbox[0].set_value(2).run()
    assert {name: app.query_params[name] for name in app.query_params} == {"model": "folder:tiny-llama", "layer": "2"}


def test_choosing_another_model_with_fewer_layers_says_what_became_of_the_layer(visit):
    app = visit("attention", layer="2", head="3")
    assert not app.warning
    assert app.selectbox[0].value == 2


def test_heads_wrap_around_and_layers_end(visit):
    app = visit("attention", view="similar", layer="2", head="3")
    app.button(key="attention.layer_after").click().run()
    app.button(key="attention.head_after").click().run()
    assert [box.value for box in app.selectbox][:2] == [2, 0]
    app.button(key="attention.head_before").click().run()
    assert app.selectbox[1].value == 3


def test_a_batch_is_stepped_through_and_reaches_every_page(visit):
    app = visit("prompt")
    app.text_area(key="batch.pasted").set_value("first prompt\nsecond prompt\n\nthird prompt").run()
    app.button(key="batch.use").click().run()
    assert app.text_area[0].value == "first prompt"
    app.button(key="batch.after").click().run()
    assert app.text_area[0].value == "second prompt"
    app.toggle(key="batch.run").set_value(True).run()
    table = app.dataframe[len(app.dataframe) - 1].value
    assert list(table["prompt"]) == ["first prompt", "second prompt", "third prompt"]
    assert table["mean loss (nats)"].notna().all()
    app.switch_page("pages/attention.py").run()
    assert any("Prompt of the batch" in box.label for box in app.selectbox)


def test_prompts_that_read_alike_are_stepped_through_too(visit):
    app = visit("prompt")
    app.text_area(key="batch.pasted").set_value("same\nsame\nother").run()
    app.button(key="batch.use").click().run()
    for _ in range(2):
        app.button(key="batch.after").click().run()
    assert app.text_area[0].value == "other"


def test_a_batch_that_cannot_be_used_says_why(visit):
    app = visit("prompt")
    app.button(key="batch.use").click().run()
    assert "no prompt that can be used" in app.error[0].value.replace("\\", "")


def test_generation_shows_its_text_and_can_be_put_into_the_prompt(visit):
    app = visit("prompt", tokens="5")
    app.button(key="generation.start").click().run()
    assert not app.exception
    assert any("5 tokens" in caption.value or "ended its text" in caption.value for caption in app.caption)
    app.button(key="generation.take").click().run()
    assert app.text_area[0].value.startswith(EXAMPLE_PROMPT)
    assert len(app.text_area[0].value) >= len(EXAMPLE_PROMPT)


def test_an_assistant_s_answer_goes_on_as_the_assistant_s(visit):
    app = visit("prompt", tokens="4", chat="1", prompt="hello")
    app.button(key="generation.start").click().run()
    app.button(key="generation.take").click().run()
    assert app.text_area[0].value.startswith("<s>user: hello\nassistant:")
    assert "BOS in front, once" in words(app)
    assert not app.toggle(key="url.chat").value


def test_a_parameter_given_twice_is_said_so(visit):
    app = visit("attention", layer=["1", "2"])
    assert "layer is given 2 times" in app.warning[0].value.replace("\\", "")
    assert app.selectbox[0].value == 2


def test_generation_past_the_context_says_so(visit):
    app = visit("prompt", tokens="2000")
    app.button(key="generation.start").click().run()
    assert not app.exception
    assert any("context holds" in info.value for info in app.info)


def test_the_parity_panel_measures_the_probes_and_the_prompt(visit):
    app = visit("model")
    assert [metric.label for metric in app.metric] == ["in front", "largest, nats"]
    app.button(key="parity.compare").click().run()
    assert len(app.metric) == 3
    assert "within float32 rounding" in words(app)


def test_settings_are_applied_and_refused(visit):
    app = visit("settings")
    app.number_input[1].set_value(64)
    next(button for button in app.button if button.label == "Apply and remember").click().run()
    assert "Applied" in app.success[0].value
    assert engine().results.usage()[2] == 64 * 1024**2


def test_results_are_seen_and_cleared(visit):
    app = visit("prompt")
    app.switch_page("pages/settings.py").run()
    app.button(key="settings.clear").click().run()
    assert engine().results.usage()[0] == 0
