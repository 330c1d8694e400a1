"""SAELens's directory is listed and searched offline; a release is fetched once, or it is said why not."""

import json

import pytest
from huggingface_hub import HfApi
from sae_lens import SAE
from safetensors.torch import save_file

from interp_core.errors import HubError, InterpError, SaeError
from interp_core.sae.catalogue import Release, fetch_sae, fetched_folder, find_releases, releases
from interp_core.sae.loading import load_sae
from interp_core.sae.spec import CONFIG, WEIGHTS, SaeSpec
from tests.core.test_saes import write_sae


def test_every_release_is_listed_and_every_name_can_stand_in_a_link():
    found = releases()
    assert len(found) > 150
    names = [SaeSpec("release", one.name, sae_id).text for one in found for sae_id in one.sae_ids]
    assert len(names) > 13_000
    assert [SaeSpec.parse(name).text for name in names] == names


def test_releases_are_found_by_words_and_model():
    found = find_releases("res jb", model="openai-community/gpt2-small")
    assert [one.name for one in found] == [
        one.name for one in releases() if one.name in {found[0].name} or one in found
    ]
    assert "gpt2-small-res-jb" in [one.name for one in found]
    assert all(one.model == "gpt2-small" for one in found)
    assert find_releases("no such thing at all") == []
    jb = next(one for one in found if one.name == "gpt2-small-res-jb")
    assert jb.expected_l0["blocks.0.hook_resid_pre"] == 10


def test_pickles_are_listed_and_refused():
    pickled = [one for one in releases() if not one.loadable]
    assert pickled
    with pytest.raises(SaeError, match="pickles, which Hookscope never opens"):
        fetch_sae(SaeSpec("release", pickled[0].name, pickled[0].sae_ids[0]))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (SaeSpec("release", "nothing", "x"), "no SAE 'x' in a release 'nothing'"),
        (SaeSpec("release", "gpt2-small-res-jb", "x"), "It has 13, such as blocks.0"),
    ],
)
def test_what_is_not_in_the_directory_is_said(spec, sentence):
    with pytest.raises(SaeError, match=sentence):
        fetch_sae(spec)


def test_without_a_hub_it_is_said_within_seconds(monkeypatch, tmp_path):
    monkeypatch.setenv("HOOKSCOPE_CACHE", str(tmp_path))
    monkeypatch.setattr("interp_core.hub.HfApi", lambda: HfApi("http://127.0.0.1:9"))
    with pytest.raises(HubError, match="does not answer"):
        fetch_sae(SaeSpec("release", "gpt2-small-res-jb", "blocks.0.hook_resid_pre"))


@pytest.fixture
def release(tiny, tmp_path, monkeypatch):
    """A release of one SAE, as a hub would serve it; `asked` counts how often."""
    served = write_sae(tmp_path / "served", tiny)
    monkeypatch.setenv("HOOKSCOPE_CACHE", str(tmp_path / "cache"))
    one = Release("tiny-release", tiny.card.name, "somebody/tiny", ("a/b",), {}, {}, True)
    monkeypatch.setattr("interp_core.sae.catalogue.releases", lambda: (one,))
    monkeypatch.setattr("interp_core.sae.catalogue.ask_about", lambda name: None)
    asked = []

    def from_pretrained(name, sae_id, device):
        asked.append((name, sae_id))
        return SAE.load_from_disk(served)

    monkeypatch.setattr("sae_lens.SAE.from_pretrained", from_pretrained)
    return SaeSpec("release", "tiny-release", "a/b"), served, asked


def test_a_release_is_fetched_once_and_loads(tiny, release):
    spec, _, asked = release
    for _ in range(2):
        assert load_sae(tiny, spec).d_sae == 40
    assert asked == [("tiny-release", "a/b")]
    assert sorted(path.name for path in fetched_folder(spec).iterdir()) == [CONFIG, WEIGHTS]
    assert not list(fetched_folder(spec).parent.glob(".fetching-*"))


def test_what_is_no_sae_leaves_nothing_behind(tiny, release):
    spec, served, _ = release
    (served / CONFIG).write_text(json.dumps({"architecture": "standard"}))
    save_file({}, served / WEIGHTS)
    with pytest.raises(InterpError, match="no SAE that SAELens"):
        fetch_sae(spec)
    assert not fetched_folder(spec).exists()
    assert not list(fetched_folder(spec).parent.iterdir())
