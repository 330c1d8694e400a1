"""The real app in Chromium: links, history, clicks, interrupted work, hostile text."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server

pytestmark = pytest.mark.browser
TINY = "model=folder:tiny-llama"
HOSTILE = "<img src=x onerror=alert(1)> </script><script>alert(2)</script> ![x](http://evil.example/x.png) \u202eabc"


def settled(page: Page) -> None:
    """Wait until Streamlit has drawn what it was asked for."""
    expect(page.locator("[data-testid=stApp]")).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=60_000
    )


def at_rest(page: Page) -> None:
    """Wait, for minutes if need be, until the page has neither run nor shown progress for three seconds.

    A page that draws what there is so far looks done for a moment between two parts.
    """
    page.evaluate("delete window.restingSince")
    page.wait_for_function(
        """() => {
            const app = document.querySelector("[data-testid=stApp]")
            const busy = app.dataset.testScriptState !== "notRunning" || document.querySelector("[data-testid=stProgress]")
            if (busy || !window.restingSince) window.restingSince = performance.now()
            return performance.now() - window.restingSince > 3000
        }""",
        polling=100,
        timeout=300_000,
    )


def painted(page: Page, picture: str) -> None:
    expect(page.locator(f".hs-{picture}").first).to_have_attribute("data-painted", re.compile(r"\d+"), timeout=60_000)


def type_prompt(page: Page, text: str) -> None:
    box = page.get_by_role("textbox", name="Prompt", exact=True)
    box.fill(text)
    box.press("Control+Enter")


@pytest.fixture(scope="module")
def fresh_server(tiny_folders):
    """A server that no session has visited yet."""
    made = Server()
    yield made
    made.stop()


def test_a_deep_link_right_after_a_server_start_has_the_frame(fresh_server, page):
    page.goto(f"{fresh_server.url}/attention?{TINY}&layer=2&head=1")
    painted(page, "attention")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    expect(page.get_by_text("Hookscope").or_(page.get_by_alt_text("Logo")).first).to_be_visible()
    expect(page.locator("[data-testid=head-thumb-1]")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("location.search") == f"?{TINY}&layer=2&head=1"


@pytest.mark.default_model
def test_a_first_visit_shows_home_and_loads_the_default_model_behind_it(server, page):
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Look inside a language model")).to_be_visible()
    expect(page.get_by_text("135 M parameters")).to_be_visible(timeout=240_000)
    page.get_by_role("link", name="Indirect object identification").click()
    painted(page, "prompt-view")
    expect(page.locator("[data-testid=prediction-0]")).to_contain_text("Mary")


def test_back_and_forward_restore_every_step(server, page):
    page.goto(f"{server.url}/attention?{TINY}")
    painted(page, "attention")
    settled(page)
    page.keyboard.press("k")
    page.wait_for_url(re.compile("layer=1"))
    settled(page)
    page.locator("[data-testid=head-thumb-2]").click()
    page.wait_for_url(re.compile("head=2"))
    settled(page)
    page.get_by_role("link", name="Prompt", exact=True).first.click()
    page.wait_for_url(re.compile("/prompt.*head=2"))
    painted(page, "prompt-view")
    page.go_back()
    page.wait_for_url(re.compile("/attention.*head=2"))
    painted(page, "attention")
    settled(page)
    expect(page.locator("[data-testid=head-thumb-2]")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    page.wait_for_url(lambda url: "layer=1" in url and "head" not in url)
    settled(page)
    expect(page.locator("[data-testid=head-thumb-2]")).to_have_attribute("aria-pressed", "false")
    page.go_back()
    page.wait_for_url(lambda url: "layer" not in url)
    settled(page)
    expect(page.locator("[data-testid=head-thumb-0]")).to_contain_text("L0H0")
    page.go_forward()
    page.wait_for_url(re.compile("layer=1"))
    settled(page)
    expect(page.locator("[data-testid=head-thumb-0]")).to_contain_text("L1H0")


def test_a_deep_link_adds_nothing_to_the_history(server, page):
    page.goto(f"{server.url}/prompt?{TINY}")
    before = page.evaluate("history.length")
    page.goto(f"{server.url}/attention?{TINY}&layer=999&dtype=float32")
    painted(page, "attention")
    settled(page)
    expect(page.get_by_text("the model has 3 layers")).to_be_visible()
    assert page.evaluate("history.length") == before + 1


def test_a_reload_keeps_what_is_on_screen(server, page):
    page.goto(f"{server.url}/prompt?{TINY}")
    painted(page, "prompt-view")
    settled(page)
    type_prompt(page, "some other words")
    page.wait_for_url(re.compile("prompt=some"))
    page.reload()
    painted(page, "prompt-view")
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("some other words")


def test_a_long_prompt_survives_a_link_to_another_tab(server, page, browser):
    text = "".join(f"line {place}: a b c\n" for place in range(15))
    page.goto(f"{server.url}/prompt?{TINY}")
    painted(page, "prompt-view")
    settled(page)
    type_prompt(page, text)
    page.wait_for_url(re.compile("prompt=~z"))
    link = page.evaluate("location.href")
    with browser.new_context() as other:
        tab = other.new_page()
        tab.goto(link)
        expect(tab.get_by_role("textbox", name="Prompt", exact=True)).to_have_value(text, timeout=60_000)


def test_links_between_pages_carry_model_and_prompt(server, page):
    page.goto(f"{server.url}/prompt?{TINY}&prompt=abc+def")
    painted(page, "prompt-view")
    page.get_by_role("link", name="Trust and facts").click()
    page.wait_for_url(re.compile("/model.*prompt=abc"))
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("abc def", timeout=60_000)


def test_a_locked_head_and_a_locked_token_stand_in_the_url(server, page):
    page.goto(f"{server.url}/attention?{TINY}")
    painted(page, "attention")
    settled(page)
    page.locator("[data-testid=head-thumb-3]").click()
    page.wait_for_url(re.compile("head=3"))
    settled(page)
    page.locator("[data-testid=attention-token-4]").click()
    page.wait_for_url(re.compile(r"pos=4.*head=3|head=3.*pos=4"))
    settled(page)
    page.locator("[data-testid=head-thumb-3]").click()
    page.wait_for_url(lambda url: "head" not in url and "pos=4" in url)


def test_the_model_is_switched_and_a_failed_one_leaves_the_first(server, page, copy_of_tiny):
    page.goto(f"{server.url}/prompt?{TINY}")
    painted(page, "prompt-view")
    settled(page)

    def pick(name: str) -> None:
        page.get_by_role("button", name="Change model").click()
        page.get_by_role("radio", name="Local folder").click()
        page.get_by_role("combobox", name=re.compile("Folders under")).click()
        page.get_by_role("option", name=name).click()
        expect(page.get_by_text("while loading")).to_be_visible()
        page.get_by_role("button", name="Load", exact=True).click()

    pick("tiny-gpt2")
    page.wait_for_url(re.compile("tiny-gpt2"))
    expect(page.locator("[data-testid=stSidebar]").get_by_text("tiny-gpt2")).to_be_visible()
    painted(page, "prompt-view")
    settled(page)
    config = copy_of_tiny / "config.json"
    config.write_text(config.read_text().replace('"num_hidden_layers": 3', '"num_hidden_layers": 9'))
    pick("broken")
    expect(page.get_by_text("tiny-gpt2 stays in use")).to_be_visible()
    painted(page, "prompt-view")
    page.get_by_role("button", name="Keep tiny-gpt2").click()
    expect(page.get_by_text("stays in use")).to_have_count(0)


@pytest.mark.default_model
def test_stop_ends_a_generation_and_keeps_what_there_is(server, page):
    page.goto(f"{server.url}/prompt?tokens=500&temperature=1&prompt=Once+upon+a+time")
    painted(page, "prompt-view")
    settled(page)
    page.get_by_role("button", name="Generate").click()
    generated = page.locator("[data-testid=stText]").last
    expect(generated).to_contain_text(re.compile(r"\w+\W+\w+\W+\w+"), timeout=60_000)
    first = generated.inner_text()
    expect(generated).not_to_have_text(first)  # it grows token by token
    page.get_by_role("button", name="Stop").click()
    settled(page)
    expect(page.get_by_text(re.compile(r"tokens\. Stopped\."))).to_be_visible()
    strip = page.locator(".hs-token-strip").nth(1)
    expect(strip.locator("[data-testid=strip-token-8]")).to_be_visible()
    assert strip.locator("[data-testid^=strip-token-]").count() < 300
    type_prompt(page, "The engine still answers")
    page.wait_for_url(re.compile("prompt=The"))
    painted(page, "prompt-view")


def test_a_prompt_changed_while_it_computes_ends_on_the_last_one(server, page):
    page.goto(f"{server.url}/attention?{TINY}")
    painted(page, "attention")
    settled(page)
    for text in ("one", "one two", "one two three", "one two three four"):
        type_prompt(page, text)
    page.wait_for_url(re.compile("prompt=one\\+two\\+three\\+four|prompt=one%20two%20three%20four"))
    settled(page)
    assert page.get_by_role("textbox", name="Prompt", exact=True).input_value() == "one two three four"
    expect(page.get_by_text("BOS in front, once")).to_be_visible()


def test_layers_are_changed_by_key_and_by_list_with_a_head_held(server, page):
    page.goto(f"{server.url}/attention?{TINY}&head=3")
    painted(page, "attention")
    settled(page)
    page.keyboard.press("k")
    page.wait_for_url(re.compile("layer=1"))
    settled(page)
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name="Layer 2").click()
    page.wait_for_url(re.compile("layer=2"))
    settled(page)
    assert "head=3" in page.evaluate("location.search")
    expect(page.locator("[data-testid=head-thumb-3]")).to_contain_text("L2H3")


@pytest.mark.default_model
def test_a_long_pass_holds_up_neither_the_choice_of_a_model_nor_the_next_prompt(server, page):
    page.goto(f"{server.url}/prompt")
    painted(page, "prompt-view")
    settled(page)
    type_prompt(page, "several words that go on and on, and never repeat " * 130)
    expect(page.get_by_text(re.compile(r"Predicting: layer \d+ of 30"))).to_be_visible()
    page.get_by_role("button", name="Change model").click()
    page.get_by_role("radio", name="Local folder").click()
    expect(page.get_by_text("Folders under")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Predicting: layer \d+ of 30"))).to_be_visible()  # still under way
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Folders under")).to_have_count(0)
    type_prompt(page, "short")
    expect(page.locator(".hs-prompt-view [data-testid=prompt-token-1]")).to_have_text("short")


def test_typing_in_the_prompt_triggers_no_shortcut(server, page):
    page.goto(f"{server.url}/attention?{TINY}&layer=1")
    painted(page, "attention")
    settled(page)
    box = page.get_by_role("textbox", name="Prompt", exact=True)
    box.click()
    page.keyboard.type(" jkpng")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("jkpng"))
    settled(page)
    assert "layer=1" in page.evaluate("location.search")
    assert "head" not in page.evaluate("location.search")


def test_the_page_is_there_while_the_model_loads(fresh_server, page):
    page.goto(f"{fresh_server.url}/prompt?model=folder:tiny-gemma2")
    expect(page.get_by_role("heading", name="Prompt")).to_be_visible()
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_editable()
    painted(page, "prompt-view")


@pytest.mark.parametrize(
    ("path", "picture"), [("prompt", "prompt-view"), ("attention", "attention"), ("model", "token-strip")]
)
def test_hostile_text_is_shown_as_text_on_every_page(server, page, path, picture):
    page.goto(f"{server.url}/{path}?{TINY}")
    painted(page, picture)
    settled(page)
    type_prompt(page, HOSTILE)
    page.wait_for_url(re.compile("prompt="))
    settled(page)
    painted(page, picture)
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("img[src*='evil']").count() == 0
    text = page.locator(".hs-token-strip").first.inner_text()
    assert "⟨U+202E⟩" in text or "\\xE2" in text
    # `page` fails the test when a dialog opened or a request left the machine.


def test_two_tabs_on_two_models_at_once(server, browser):
    with browser.new_context() as first, browser.new_context() as second:
        tabs = [context.new_page() for context in (first, second)]
        for tab, family in zip(tabs, ("qwen2", "gpt_neox"), strict=True):
            tab.goto(f"{server.url}/prompt?model=folder:tiny-{family}", wait_until="commit")
        for tab, family in zip(tabs, ("qwen2", "gpt_neox"), strict=True):
            painted(tab, "prompt-view")
            expect(tab.locator("[data-testid=stSidebar]").get_by_text(f"tiny-{family}")).to_be_visible()


def test_no_page_shows_a_traceback_for_a_fuzzed_link(server, page):
    for query in (
        "layer=%00",
        "prompt=~z%ff",
        "pos=-5&head=1e9",
        "model=%3Cscript%3E",
        "a=b&a=c&layer=1&layer=zz",
        "bos=" + "1" * 500,
    ):
        page.goto(
            f"{server.url}/attention?{TINY}&{query}" if "model" not in query else f"{server.url}/settings?{query}"
        )
        expect(page.get_by_role("heading").first).to_be_visible()
        settled(page)
        assert page.locator("[data-testid=stException]").count() == 0
        assert "Traceback" not in page.inner_text("body")
