"""Chromium and small worked examples for the tests of pictures."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from interp_views.attention import AttentionView
from interp_views.prompt_view import PromptView

TOKENS = ("<|im_start|>", "When", " Mary", " and", " John", " went", ",", "\n", " John", " gave")


def causal_patterns(n_heads: int, n_pos: int, seed: int = 0) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(size=(n_heads, n_pos, n_pos)) * 2
    weights = np.tril(np.exp(scores))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def first_is_special(n_pos: int) -> tuple[bool, ...]:
    return tuple(pos == 0 for pos in range(n_pos))


def attention_view(tokens: tuple[str, ...] = TOKENS, n_heads: int = 3, **changes) -> AttentionView:
    n_pos = len(tokens)
    fields = {
        "tokens": tokens,
        "layer": 5,
        "patterns": causal_patterns(n_heads, n_pos),
        "head": 1,
        "head_locked": False,
        "pos": None,
        "direction": "from",
        "special": first_is_special(n_pos),
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
