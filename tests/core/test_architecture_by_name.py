"""Architectures of the hub's models: a few kilobytes are fetched once, and a hub that does not answer is said so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.fake_hub import FakeHub
from tests.core.test_hub import GatedHub

ROOT = Path(__file__).parent.parent.parent
ASK = """
import sys
from interp_core.architecture_sources import architecture_of
from interp_core.errors import InterpError
for name in sys.argv[1:]:
    try:
        found = architecture_of(name)
        print(found.name, found.family, found.n_layers, found.n_params)
    except InterpError as error:
        print(type(error).__name__, error)
"""


def ask(endpoint: str, *names: str) -> list[str]:
    """What a process of its own finds: where the hub is is read when its library is imported."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "http_proxy", "https_proxy")
    }
    result = subprocess.run(
        [sys.executable, "-c", ASK, *names], capture_output=True, text=True, cwd=ROOT, timeout=90, check=True,
        env={**kept, "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"},
    )  # fmt: skip
    return result.stdout.strip().splitlines()


IMPOSSIBLE = ("a--b", "a..b", "-foo", "foo.", "foo.git", "x" * 97)


@pytest.fixture(scope="module")
def answered(tiny_folders, folders):
    """What one process was told of several names, and what it asked the hub."""
    hub = FakeHub("someone/drawn", tiny_folders["qwen2"])
    names = ("someone/drawn", "someone/drawn", "someone/unknown", *IMPOSSIBLE)
    said = ask(hub.url, *names)
    hub.stop()
    return said, [str(request) for request in hub.requests]


def test_of_a_hub_s_model_only_the_configuration_is_fetched_and_only_once(answered):
    (first, again, unknown, *_), requests = answered
    assert first.startswith("someone/drawn qwen2 3 ")
    assert again == first
    assert unknown.startswith("UnknownModelError The hub has no model 'someone/unknown'")
    fetched = [request for request in requests if "drawn" in request]
    assert fetched and not [request for request in fetched if "safetensors" in request]
    assert len(fetched) == len(set(fetched))


def test_a_name_that_no_repository_can_have_is_said_so_without_asking(answered):
    (_, _, _, *said), requests = answered
    for name, sentence in zip(IMPOSSIBLE, said, strict=True):
        assert sentence.startswith(f"UnknownModelError The hub has no model {name!r}")
        assert not [request for request in requests if name in request]


def test_a_gated_model_s_licence_is_named(tiny_folders, folders):
    gated = GatedHub("someone/gated", tiny_folders["qwen2"])
    (said,) = ask(gated.url, "someone/gated")
    gated.stop()
    assert said.startswith("HubError someone/gated is gated: accept its licence on the hub")


def test_a_hub_that_is_not_there_is_said_so(folders):
    (said,) = ask("http://127.0.0.1:9", "someone/far-away")
    assert "does not answer" in said
