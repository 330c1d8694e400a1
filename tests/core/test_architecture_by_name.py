"""Architectures of the hub's models: a few kilobytes are fetched once, and a hub that does not answer is said so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.fake_hub import FakeHub

ROOT = Path(__file__).parent.parent.parent
ASK = """
import sys
from interp_core.architecture_sources import architecture_of
from interp_core.errors import InterpError
try:
    found = architecture_of(sys.argv[1])
    print(found.name, found.family, found.n_layers, found.n_params)
except InterpError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def hub(tiny_folders):
    made = FakeHub("someone/drawn", tiny_folders["qwen2"])
    yield made
    made.stop()


def ask(name: str, endpoint: str) -> str:
    kept = {
        key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "http_proxy", "https_proxy")
    }
    result = subprocess.run(
        [sys.executable, "-c", ASK, name], capture_output=True, text=True, cwd=ROOT, timeout=90, check=True,
        env={**kept, "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"},
    )  # fmt: skip
    return result.stdout.strip()


def test_of_a_hub_s_model_only_the_configuration_is_fetched_and_only_once(hub, folders):
    first = ask("someone/drawn", hub.url)
    assert first.startswith("someone/drawn qwen2 3 ")
    assert not [request for request in hub.requests if "safetensors" in str(request)]
    hub.requests.clear()
    assert ask("someone/drawn", hub.url) == first
    assert not [request for request in hub.requests if "drawn" in request]


def test_a_name_that_cannot_be_had_is_said_so(hub, folders):
    assert ask("someone/unknown", hub.url).startswith("UnknownModelError The hub has no model 'someone/unknown'")
    assert "does not answer" in ask("someone/far-away", "http://127.0.0.1:9")
