"""Chromium and small worked examples for the tests of pictures."""

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from interp_views.attention import AttentionView
from interp_views.component import Component, part_script
from interp_views.pooled import pool_patterns
from interp_views.prompt_view import PromptView

TOKENS = ("<|im_start|>", "When", " Mary", " and", " John", " went", ",", "\n", " John", " gave")


MOUNT = """
async ([source, css, markup, payloads]) => {
  const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const host = document.createElement("main");
  document.body.append(host);
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  host.append(document.createRange().createContextualFragment(markup));
  window.sent = [];
  window.root = host.firstElementChild;
  window.bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  window.show = (text) => module.default({
    parentElement: host,
    data: bytesOf(text),
    setTriggerValue: (name, value) => window.sent.push([name, value]),
  });
  window.cleanups = payloads.map(window.show);
}
"""
LOAD_PARTS = """
async (source) => {
  const part = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const hosts = {};
  window.withdraw = {};
  window.post = (name, text) => {
    hosts[name] ??= document.createElement("div");
    const data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    window.withdraw[name] = part.default({ parentElement: hosts[name], data });
  };
}
"""


def as_text(message: bytes) -> str:
    return base64.b64encode(message).decode()


def mount(browser, name: str, *payloads: bytes) -> Page:
    """Mount a picture as Streamlit does, once per payload on the same element and without waiting in between."""
    page = browser.new_page()
    component = Component.load(name)
    page.evaluate(MOUNT, [component.js, component.css, component.html, list(map(as_text, payloads))])
    page.evaluate(LOAD_PARTS, part_script())
    if payloads:
        page.wait_for_selector("[data-painted]")
    return page


def causal_patterns(n_heads: int, n_pos: int, seed: int = 0) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(size=(n_heads, n_pos, n_pos)) * 2
    weights = np.tril(np.exp(scores))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def first_is_special(n_pos: int) -> tuple[bool, ...]:
    return tuple(pos == 0 for pos in range(n_pos))


def attention_view(
    tokens: tuple[str, ...] = TOKENS, n_heads: int = 3, patterns: np.ndarray | None = None, **changes
) -> AttentionView:
    n_pos = len(tokens)
    fields = {
        "tokens": tokens,
        "special": first_is_special(n_pos),
        "layer": 5,
        "pooled": pool_patterns(causal_patterns(n_heads, n_pos) if patterns is None else patterns),
        "unit": "attention probability",
        "about": "an example",
    }
    return AttentionView(**(fields | changes))


def prompt_view(tokens: tuple[str, ...] = TOKENS, **changes) -> PromptView:
    n_pos = len(tokens)
    loss = np.linspace(0.5, 4.0, n_pos, dtype=np.float32)
    loss[0] = np.nan
    rank = np.arange(n_pos) - 1
    ids = np.arange(100, 100 + n_pos)
    # The actual next token is the model's second choice at every position.
    top_ids = np.stack([np.full(n_pos, 7), ids + 1], axis=1)
    fields = {
        "tokens": tokens,
        "ids": ids,
        "special": first_is_special(n_pos),
        "loss": loss,
        "probability": np.exp(-loss),
        "rank": rank,
        "top_ids": top_ids,
        "top_tokens": {7: " the"} | {int(token): f" t{token}" for token in top_ids[:, 1]},
        "top_probability": np.tile(np.float32([0.6, 0.25]), (n_pos, 1)),
        "pos": None,
    }
    return PromptView(**(fields | changes))


@pytest.fixture
def open_page(browser, tmp_path):
    """Open a standalone page, wait for its first picture, and fail the test on any script error."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    errors, requests = [], []

    def open_(html: str) -> Page:
        path: Path = tmp_path / "picture.html"
        path.write_text(html, encoding="utf-8")
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("[data-painted]")
        return page

    yield open_
    context.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "blob:"))] == []
