"""Turning to another layer or head in the attention picture, in Chromium on a bare host."""

import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.attention import attention_ahead, attention_focus, attention_payload, attention_selection
from interp_views.wire import header_of
from tests.views.conftest import attention_view, causal_patterns
from tests.views.reading import unpack
from tests.views.stage import post, sent, show, stage

pytestmark = pytest.mark.browser
N_LAYERS, N_HEADS, N_POS = 8, 3, 10
PATTERNS = np.stack([causal_patterns(N_HEADS, N_POS, seed=layer) for layer in range(N_LAYERS)])


def about(layer: int) -> str:
    return f"layer {layer}"


def payload(layer: int, **changes) -> bytes:
    view = attention_view(patterns=PATTERNS[layer], layer=layer, about=about(layer), series="one run", **changes)
    return attention_payload(view)


def ahead(layer: int) -> bytes:
    return attention_ahead(payload(layer), layer)


def selection(layer: int, **changes) -> bytes:
    return attention_selection(about(layer), n_layers=N_LAYERS, **changes)


def title(page):
    return page.locator(".hs-title")


def press(page, keys: str) -> None:
    """As fast as keys can come: all within one task of the browser."""
    page.evaluate(
        """keys => { for (const key of keys) document.body.dispatchEvent(
            new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true })); }""",
        keys,
    )


def answer(page, **changes) -> None:
    """Draw what the last event asks for, as the app does."""
    held = sent(page)[-1][1]
    show(page, payload(held["layer"]))
    post(page, selection(held["layer"], head=held["head"], pos=held["pos"], turn=held["turn"], **changes))


@pytest.fixture
def picture(browser):
    with stage(browser, "attention", payload(3), selection(3), ahead(4), ahead(2)) as page:
        yield page


def test_a_layer_that_was_sent_ahead_is_drawn_before_the_host_answers(picture):
    press(picture, "k")
    expect(title(picture)).to_have_text("All 3 heads of layer 4")
    expect(picture.get_by_test_id("head-thumb-0")).to_have_text("L4H0")
    assert sent(picture)[-1][1]["layer"] == 4
    press(picture, "jj")
    expect(title(picture)).to_have_text("All 3 heads of layer 2")


def test_what_was_sent_ahead_is_the_layer_s_own_message():
    own, early = unpack(payload(4)), unpack(ahead(4))
    assert early[0] == own[0] | {"part": "ahead-4"}
    assert (early[1]["levels"] == own[1]["levels"]).all()
    assert header_of(ahead(4))["about"] == about(4)


def test_numbers_of_a_layer_sent_ahead_are_those_of_that_layer(picture):
    press(picture, "k")
    picture.get_by_test_id("head-thumb-1").click()
    picture.get_by_test_id("attention-token-7").hover()
    strongest = PATTERNS[4, 1, 7].argmax()
    readout = picture.get_by_test_id("attention-readout")
    expect(readout).to_contain_text(f"key {strongest}:")
    expect(readout).to_contain_text(f"≈ {np.rint(PATTERNS[4, 1, 7, strongest] * 255) / 255:.2f}")


def test_the_answer_to_what_is_on_screen_already_draws_nothing_again(picture):
    press(picture, "k")
    expect(title(picture)).to_have_text("All 3 heads of layer 4")
    canvas = picture.get_by_test_id("head-large")
    canvas.evaluate("""node => {
        window.drawn = 0;
        const own = node.getContext("2d");
        const draw = own.drawImage;
        own.drawImage = function (...all) { window.drawn++; return draw.apply(this, all); };
    }""")
    answer(picture)
    picture.wait_for_timeout(200)
    assert picture.evaluate("drawn") == 0
    expect(title(picture)).to_have_text("All 3 heads of layer 4")


def test_no_press_is_lost_and_answers_on_the_way_change_nothing(picture):
    press(picture, "kkkk")
    assert [value["layer"] for _, value in sent(picture)] == [4, 5, 6, 7]
    expect(picture.get_by_test_id("attention-layer")).to_have_text("Layer 7 …")
    first = sent(picture)[0][1]
    show(picture, payload(4))
    post(picture, selection(4, turn=first["turn"]))
    picture.wait_for_timeout(100)
    expect(picture.get_by_test_id("attention-layer")).to_have_text("Layer 7 …")
    answer(picture)
    expect(picture.get_by_test_id("attention-layer")).to_have_text("Layer 7")
    expect(title(picture)).to_have_text("All 3 heads of layer 7")


def test_a_press_beyond_the_last_or_first_layer_does_nothing(browser):
    for layer, key in ((N_LAYERS - 1, "k"), (0, "j")):
        with stage(browser, "attention", payload(layer), selection(layer)) as page:
            press(page, key * 3)
            assert sent(page) == []
            expect(page.get_by_test_id(f"attention-layer-{'after' if layer else 'before'}")).to_be_disabled()


def test_heads_are_stepped_through_in_the_picture_and_go_round(picture):
    press(picture, "n")
    expect(title(picture)).to_have_text("L3H0")
    press(picture, "nnn")
    expect(title(picture)).to_have_text("L3H0")
    press(picture, "p")
    expect(title(picture)).to_have_text("L3H2")
    assert [value["head"] for _, value in sent(picture)] == [0, 1, 2, 0, 2]


def test_a_held_head_stays_held_in_the_next_layer_and_gets_exact_when_its_numbers_come(picture):
    press(picture, "nk")
    expect(title(picture)).to_have_text("L4H0")
    post(picture, attention_focus(about(4), 0, PATTERNS[4, 0], causal=True))
    picture.get_by_test_id("attention-token-7").hover()
    expect(picture.get_by_test_id("attention-readout")).to_contain_text(f"{PATTERNS[4, 0, 7].max():.4f}")


def test_buttons_do_what_keys_do(picture):
    picture.get_by_test_id("attention-layer-after").click()
    picture.get_by_test_id("attention-head-after").click()
    expect(title(picture)).to_have_text("L4H0")
    picture.get_by_test_id("attention-layer-before").click()
    expect(title(picture)).to_have_text("L3H0")


@pytest.mark.parametrize(
    "field",
    ["<input id=field>", "<textarea id=field></textarea>", "<select id=field><option>x</select>",
     "<div id=field contenteditable>x</div>", "<div role=dialog><button id=field>x</button></div>"],
)  # fmt: skip
def test_keys_typed_in_a_field_do_nothing(picture, field):
    picture.evaluate(
        """markup => document.body.append(document.createRange().createContextualFragment(markup))""", field
    )
    picture.locator("#field").focus()
    picture.keyboard.type("jkpn")
    assert sent(picture) == []
    picture.evaluate("document.querySelector('#field').blur()")
    picture.keyboard.press("k")
    assert len(sent(picture)) == 1


@pytest.mark.parametrize("keys", ["Control+k", "Alt+n", "Meta+j", "Shift+K"])
def test_keys_with_a_modifier_do_nothing(picture, keys):
    picture.keyboard.press(keys)
    assert sent(picture) == []


def test_the_host_goes_back_to_a_former_layer(picture):
    press(picture, "k")
    answer(picture)
    show(picture, payload(3))
    post(picture, selection(3, turn=sent(picture)[-1][1]["turn"]))
    expect(title(picture)).to_have_text("All 3 heads of layer 3")
    expect(picture.get_by_test_id("attention-layer")).to_have_text("Layer 3")


def test_layers_of_another_run_are_forgotten(picture):
    other = attention_view(patterns=PATTERNS[0], layer=3, about="other 3", series="another run")
    show(picture, attention_payload(other))
    post(picture, attention_selection("other 3", n_layers=N_LAYERS))
    press(picture, "k")
    expect(picture.get_by_test_id("attention-layer")).to_have_text("Layer 4 …")
    expect(title(picture)).to_have_text("All 3 heads of layer 3")


def test_a_picture_alone_has_no_layers_to_turn_to(browser):
    with stage(browser, "attention", payload(3)) as page:
        expect(page.get_by_test_id("attention-layer")).to_be_hidden()
        press(page, "k")
        assert sent(page) == []
        press(page, "n")
        expect(title(page)).to_have_text("L3H0")
