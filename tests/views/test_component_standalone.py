import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from interp_views.attention import attention_payload
from interp_views.component import _PARTS, Component
from interp_views.prompt_view import prompt_payload
from interp_views.token_strip import StripView, strip_payload
from tests.views.conftest import attention_view, prompt_view

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\u202eright to left",
    "👩\u200d🚀",
    "![x](https://example.org/x.png)",
    '" onmouseover="alert(3)',
)
PICTURES = tuple(_PARTS)


class Scripts(HTMLParser):
    """Collects the tags of a page, and the texts of its scripts and styles."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open_tag = ""
        self.texts: dict[str, list[str]] = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open_tag = tag

    def handle_endtag(self, tag):
        self.open_tag = ""

    def handle_data(self, data):
        self.texts.setdefault(self.open_tag, []).append(data)


@pytest.mark.parametrize("name", PICTURES)
def test_a_page_refers_to_nothing_outside_itself(name):
    page = Component.load(name).standalone(b"payload", "A title")
    assert not re.search(r"(?:https?:)?//[a-z]+\.", page)
    assert not [tag for tag, attributes in Scripts(page).tags if {"src", "href"} & attributes.keys()]


@pytest.mark.parametrize("name", PICTURES)
def test_the_policy_lets_through_only_the_scripts_and_styles_of_the_page(name):
    page = Component.load(name).standalone(b"payload", "A title")
    parsed = Scripts(page)
    policy = next(attributes["content"] for tag, attributes in parsed.tags if tag == "meta" and "content" in attributes)
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for text in (parsed.texts["style"][0], parsed.texts["script"][-1]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", PICTURES)
def test_scripts_have_one_default_export_and_no_way_to_write_markup(name):
    script = Component.load(name).js
    assert script.count("export default function render(") == 1
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|outerHTML|document\.write|\beval\b|new Function|</script", script
    )
    assert not re.search(r"^\s*import\b", script, re.MULTILINE)


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_stays_text(title):
    page = Component.load("token_strip").standalone(b"payload", title)
    plain = Component.load("token_strip").standalone(b"payload", "plain")
    assert [tag for tag, _ in Scripts(page).tags] == [tag for tag, _ in Scripts(plain).tags]


def test_a_notebook_shows_the_page_in_a_frame_that_cannot_reach_the_notebook():
    shown = Component.load("token_strip").notebook(b"payload", 'a "title"')
    (frame,) = Scripts(shown._repr_html_()).tags
    assert frame[0] == "iframe"
    assert frame[1]["sandbox"] == "allow-scripts allow-downloads"
    assert frame[1]["srcdoc"] == shown.page


def test_parts_stand_in_the_page_beside_the_data():
    page = Component.load("attention").standalone(b"payload", "A title", "light", (b"one", b"two"))
    parsed = Scripts(page)
    assert parsed.texts["script"][1:3] == [base64.b64encode(part).decode() for part in (b"one", b"two")]
    embedded = [attributes for tag, attributes in parsed.tags if tag == "script" and attributes.get("class") == "part"]
    assert [attributes["type"] for attributes in embedded] == ["text/plain"] * 2


def test_an_unknown_picture_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="choose one of attention, head_grid"):
        Component.load("atention")


@pytest.mark.browser
@pytest.mark.parametrize("name", ("attention", "prompt_view", "token_strip"))
def test_hostile_tokens_are_shown_as_text_and_nothing_runs(name, open_page):
    payload, prefix = {
        "attention": lambda: (attention_payload(attention_view(HOSTILE)), "attention-token"),
        "prompt_view": lambda: (prompt_payload(prompt_view(HOSTILE)), "prompt-token"),
        "token_strip": lambda: (strip_payload(StripView(HOSTILE, (False,) * len(HOSTILE))), "strip-token"),
    }[name]()
    page = open_page(Component.load(name).standalone(payload, HOSTILE[0]))
    for pos in (0, 1, 4, 5):
        assert page.get_by_test_id(f"{prefix}-{pos}").text_content() == HOSTILE[pos].replace(" ", "·")
    assert page.get_by_test_id(f"{prefix}-2").text_content() == "⟨U+202E⟩right·to·left"
    page.get_by_test_id(f"{prefix}-1").hover()
    assert page.locator(".hs img, .hs script, .hs [onmouseover]").count() == 0
