"""An atlas is made once, says what the decoder says, and is made anew where it cannot be trusted."""

import contextlib
import json
import shutil
import warnings

import numpy as np
import psutil
import pytest
import torch

from interp_core.__main__ import main
from interp_core.errors import DiskError, SaeError
from interp_core.jobs import finish
from interp_core.models import load_model
from interp_core.sae import atlas_files, layout
from interp_core.sae.atlas import make_atlas
from interp_core.sae.atlas_files import find_atlas, kept_file, read_atlas
from interp_core.sae.decoder_logits import read_decoder_logits
from interp_core.sae.features import held_sae
from interp_core.types import ModelSpec, Progress
from tests.core.test_saes import D_SAE, write_sae

NAME = "folder:one"


@pytest.fixture
def sae(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path / "saes"))
    tiny.saes.clear()
    write_sae(tmp_path / "saes" / "one", tiny, "topk")
    yield held_sae(tiny, NAME)
    tiny.saes.clear()


@pytest.fixture
def quick(monkeypatch):
    """A layout that takes no seconds: where the map itself is not what is tested."""

    def steps(rows):
        yield Progress(0.5)
        return rows[:, :2].astype(np.float32)

    monkeypatch.setattr("interp_core.sae.atlas.layout_steps", steps)


def test_an_atlas_holds_a_place_and_the_tokens_of_every_feature(tiny, sae, quick):
    made = finish(make_atlas(tiny, NAME))
    assert made.table.schema.equals(atlas_files.SCHEMA)
    np.testing.assert_array_equal(made.table["x"].to_numpy(), sae.decoder.numpy()[:, 0])
    assert made.table["feature"].to_pylist() == list(range(D_SAE))
    read = finish(read_decoder_logits(tiny, NAME, k=5))
    assert made.table["promoted"].to_pylist() == [tiny.tokenizer.str_tokens(ids) for ids in read.promoted_ids.tolist()]
    assert made.table["suppressed"].to_pylist() == [
        tiny.tokenizer.str_tokens(ids) for ids in read.suppressed_ids.tolist()
    ]
    found = find_atlas(sae.checksum, tiny.card.name, tiny.card.revision)
    assert found is not None
    assert found.table.equals(made.table)
    assert found.without_tokens == ""


def test_the_same_directions_give_the_same_map_and_neighbours_lie_together():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 24))
    rows = (np.repeat(centres, 30, axis=0) + 0.1 * rng.normal(size=(120, 24))).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # UMAP says what it could do with another library
        first, again = layout.lay_out(rows), layout.lay_out(rows)
    np.testing.assert_array_equal(first, again)
    middles = first.reshape(4, 30, 2).mean(1)
    nearest = np.linalg.norm(first[:, None] - middles, axis=-1).argmin(1)
    np.testing.assert_array_equal(nearest, np.repeat(np.arange(4), 30))


def test_another_process_lays_out_the_same_and_nothing_has_no_place():
    rows = np.random.default_rng(0).normal(size=(29, 16)).astype(np.float32)
    rows[5] = 0
    found = finish(layout.layout_steps(rows))
    assert np.isnan(found[5]).all()
    np.testing.assert_array_equal(np.delete(found, 5, 0), layout.lay_out(np.delete(rows, 5, 0)))


@pytest.mark.parametrize("n", [1, 2, 3, 29])
def test_a_few_directions_have_places_too(n):
    rows = np.random.default_rng(n).normal(size=(n, 16)).astype(np.float32)
    places = layout.lay_out(rows)
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()


def test_a_layout_that_is_stopped_leaves_no_process():
    rows = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
    before = psutil.Process().children()
    with contextlib.closing(layout.layout_steps(rows)) as steps:
        next(steps)
        begun = [child for child in psutil.Process().children() if child not in before]
        assert len(begun) == 1
    assert not begun[0].is_running()


def test_a_layout_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(layout.sys, "executable", shutil.which("false"))
    with pytest.raises(SaeError, match=r"could not be laid out.*ended with 1"):
        finish(layout.layout_steps(np.eye(40, dtype=np.float32)))


@pytest.mark.parametrize("harm", ["byte", "cut", "gone", "facts", "older", "settings", "no json"])
def test_an_atlas_that_cannot_be_trusted_is_as_good_as_none_and_is_made_anew(tiny, sae, quick, harm):
    finish(make_atlas(tiny, NAME))
    path = kept_file(sae.checksum)
    content, facts = bytearray(path.read_bytes()), json.loads(path.with_suffix(".json").read_text())
    if harm == "byte":
        content[len(content) // 3] ^= 1
        path.write_bytes(content)
    elif harm == "cut":
        path.write_bytes(content[:-10])
    elif harm == "gone":
        path.unlink()
    else:
        changes = {
            "facts": {"model": "another"},
            "older": {"version": 0},
            "settings": {"n_neighbors": 5},
            "no json": None,
        }
        changed = changes[harm]
        path.with_suffix(".json").write_text("{" if changed is None else json.dumps({**facts, **changed}))
    assert find_atlas(sae.checksum, tiny.card.name, tiny.card.revision) is None
    finish(make_atlas(tiny, NAME))
    assert find_atlas(sae.checksum, tiny.card.name, tiny.card.revision) is not None


def test_another_model_or_sae_has_no_atlas_yet(tiny, sae, quick):
    finish(make_atlas(tiny, NAME))
    assert find_atlas("0" * 64, tiny.card.name, tiny.card.revision) is None
    assert find_atlas(sae.checksum, "another", tiny.card.revision) is None
    assert find_atlas(sae.checksum, tiny.card.name, "another") is None


def test_where_logits_cannot_be_known_the_map_still_is(tiny_folders, tmp_path, quick, monkeypatch):
    loaded = load_model(ModelSpec("folder", "tiny-gemma2", device="cpu"), tiny_folders["gemma2"])
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path / "saes"))
    write_sae(
        tmp_path / "saes" / "one", loaded, hook="blocks.1.attn.hook_z", d_in=loaded.card.d_head * loaded.card.n_heads
    )
    made = finish(make_atlas(loaded, NAME, tmp_path / "a.parquet"))
    assert "no matrix alone leads" in made.without_tokens
    assert made.table["promoted"].null_count == D_SAE
    assert made.table["x"].null_count == 0


def test_one_that_ships_is_used_first(tiny, sae, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(atlas_files, "SHIPPED", tmp_path / "shipped")
    shipped = finish(make_atlas(tiny, NAME, tmp_path / "shipped" / "any-name.parquet"))
    with torch.no_grad():
        sae.module.W_dec += 1
    finish(make_atlas(tiny, NAME))
    found = find_atlas(sae.checksum, tiny.card.name, tiny.card.revision)
    assert found is not None
    assert found.table.equals(shipped.table)
    assert not found.table.equals(read_atlas(kept_file(sae.checksum)).table)


def test_an_atlas_that_cannot_be_written_says_where(tiny, sae, quick, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written"):
        finish(make_atlas(tiny, NAME, tmp_path / "file" / "a.parquet"))
    with pytest.raises(SaeError, match="no atlas of this version"):
        read_atlas(tmp_path / "nothing.parquet")


def test_the_command_line_makes_one(tiny, sae, quick, tmp_path, capsys):
    out = tmp_path / "a.parquet"
    arguments = ["atlas", "--sae", NAME, "--model", "folder:tiny-llama", "--device", "cpu", "--out", str(out)]
    assert main(arguments) == 0
    assert read_atlas(out).facts["sae_sha256"] == sae.checksum
    assert f"{D_SAE} features" in capsys.readouterr().err
    assert main([*arguments[:2], "folder:nothing", *arguments[3:]]) == 1
