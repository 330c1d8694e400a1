"""Without a network the hub's absence is a sentence within seconds; with a server that hangs too."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from interp_core import catalogue
from interp_core import hub as fetching
from interp_core.errors import HubError, UnknownModelError
from tests.core.fake_hub import COMMIT, FakeHub

ROOT = Path(__file__).parent.parent.parent

ASK = """
import sys, time
from interp_core import hub
from interp_core.errors import InterpError
start = time.monotonic()
try:
    hub.fetch(sys.argv[1], lambda progress: None)
except InterpError as error:
    print(type(error).__name__, round(time.monotonic() - start, 1), error)
"""


def ask(name, **environment):
    kept = {
        key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "http_proxy", "https_proxy")
    }
    result = subprocess.run(
        [sys.executable, "-c", ASK, name],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**kept, **environment},
        timeout=90,
    )
    kind, seconds, sentence = result.stdout.split(maxsplit=2)
    return kind, float(seconds), sentence


def test_a_hub_that_cannot_be_reached_is_said_so_within_seconds(folders):
    kind, seconds, sentence = ask("someone/some-model", HF_ENDPOINT="http://127.0.0.1:9")
    assert kind == "HubError"
    assert "does not answer" in sentence
    assert "pick what ships or a local folder" in sentence
    assert seconds < 12


def test_a_hub_that_accepts_and_never_answers_is_said_so_within_seconds(folders):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held = []
        threading.Thread(target=lambda: held.append(silent.accept()), daemon=True).start()
        kind, seconds, _ = ask("someone/some-model", HF_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        for connection, _ in held:
            connection.close()
    assert kind == "HubError"
    assert seconds < 12


class GatedHub(FakeHub):
    """A hub that says which files there are, and hands out none before a licence is accepted."""

    def answer(self, handler, *, with_body):
        if "/resolve/" not in handler.path:
            super().answer(handler, with_body=with_body)
            return
        self._send(handler, 403, b"", with_body, {"X-Error-Code": "GatedRepo"})


@pytest.fixture
def hub(tiny_folders):
    made = FakeHub("someone/tiny", tiny_folders["llama"])
    yield made
    made.stop()


FETCH_AND_LOAD = """
import sys
from interp_core import hub
from interp_core.models import load_model
from interp_core.types import ModelSpec
reports = []
folder = hub.fetch(sys.argv[1], reports.append)
loaded = load_model(ModelSpec("hub", sys.argv[1], device="cpu"), folder)
print("loaded", loaded.card.revision, loaded.card.source, *[report.note for report in reports])
"""


def test_a_name_is_fetched_from_the_hub_and_loaded_at_its_commit(hub, folders):
    kept = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    environment = {**kept, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", FETCH_AND_LOAD, "someone/tiny"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120)
    assert f"loaded {COMMIT} Hugging Face hub" in result.stdout, result.stderr[-2000:]
    assert "Downloading someone/tiny" in result.stdout
    asked = len(hub.requests)
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120, check=True)
    assert f"loaded {COMMIT}" in again.stdout
    assert len(hub.requests) == asked  # the second time nobody was asked


def test_a_name_that_the_hub_does_not_know_is_said_so(hub, folders):
    kind, _, sentence = ask("someone/unknown", HF_ENDPOINT=hub.url)
    assert kind == "UnknownModelError"
    assert "Check the spelling" in sentence


@pytest.mark.parametrize("name", ["a--b", "a..b", "-foo", "foo.", "foo.git", "x" * 97])
def test_a_name_that_no_repository_can_have_is_said_so_without_asking(folders, monkeypatch, name):
    monkeypatch.setattr(catalogue, "cached_names", lambda: [name])
    monkeypatch.setattr(fetching, "ask_about", lambda name: pytest.fail("the hub was asked"))
    with pytest.raises(UnknownModelError, match="Check the spelling"):
        fetching.fetch(name, lambda progress: None)


def test_a_gated_model_s_licence_is_named(folders, tiny_folders):
    gated = GatedHub("someone/gated", tiny_folders["llama"])
    kind, _, sentence = ask("someone/gated", HF_ENDPOINT=gated.url, HF_HUB_DISABLE_XET="1")
    gated.stop()
    assert kind == "HubError"
    assert "is gated: accept its licence on the hub" in sentence


def test_a_hub_that_goes_away_before_the_download_is_said_so(folders, monkeypatch):
    def gone(*_, **__):
        raise LocalEntryNotFoundError("An error happened while trying to locate the files on the Hub")

    monkeypatch.setattr(fetching, "download_bytes", lambda name: 1_000_000)
    monkeypatch.setattr(fetching, "snapshot_download", gone)
    with pytest.raises(HubError, match="does not answer"):
        fetching.fetch("someone/some-model", lambda progress: None)


def test_offline_mode_is_said_so_at_once(folders):
    kind, seconds, _ = ask("someone/some-model", HF_HUB_OFFLINE="1")
    assert kind == "HubError"
    assert seconds < 5


def test_a_cached_snapshot_is_used_without_asking(folders, tiny_folders):
    root = catalogue.hub_cache() / "models--someone--cached-model"
    snapshot = root / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("a" * 40)
    for path in tiny_folders["llama"].iterdir():
        (snapshot / path.name).write_bytes(path.read_bytes())
    assert "someone/cached-model" in catalogue.cached_names()
    code = ASK.replace(
        "hub.fetch(sys.argv[1], lambda progress: None)",
        "print('Folder 0', hub.fetch(sys.argv[1], lambda progress: None))",
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "someone/cached-model"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.strip().endswith("a" * 40)


def test_the_registry_is_searched_without_torch_and_at_once():
    names = catalogue.registry_names()
    assert len(names) > 15_000
    start = time.monotonic()
    assert "EleutherAI/pythia-70m" in catalogue.search("pythia 70m")
    assert time.monotonic() - start < 0.5
    assert catalogue.search("gpt2-small")[0] == "gpt2"
    assert catalogue.search("no such words at all") == []


def test_what_is_cached_comes_first(folders):
    snapshot = catalogue.hub_cache() / "models--EleutherAI--pythia-160m" / "snapshots" / "x"
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    assert catalogue.search("pythia 1")[0] == "EleutherAI/pythia-160m"


@pytest.mark.parametrize("name", ["gpt2-small", "pythia-70m"])
def test_short_names_stand_for_repositories(name):
    assert catalogue.aliases()[name] in catalogue.registry_names()
