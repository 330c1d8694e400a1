"""Features in a notebook, and the examples of `docs/features.md` as they stand there."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import hookscope
from interp_core.__main__ import main
from interp_core.errors import InterpError
from interp_core.exchange.neuronpedia_rows import HUMAN
from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.plan import HarvestPlan
from interp_core.jobs import finish
from interp_core.sae.features import held_sae
from interp_core.sae.known_effects import MeasuredOn, known_effects
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import D_SAE, write_sae

DOCS = Path(__file__).parent.parent / "docs" / "features.md"
NAME = "folder:one"
TEXT = "and John went and John went"


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    """The tiny model, with two SAEs and a harvest of the first."""
    root = tmp_path_factory.mktemp("features")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SAES", "HARVESTS", "LABELS", "CACHE"):
            patch.setenv(f"HOOKSCOPE_{name}", str(root / name.lower()))
        write_sae(root / "saes" / "one", tiny, "topk")
        write_sae(root / "saes" / "two", tiny, "standard", hook="blocks.0.hook_resid_post")
        tiny.saes.clear()
        plan = HarvestPlan(context=12, shard_windows=6, rows=3)
        finish(harvest(tiny, held_sae(tiny, NAME), Texts(TEXTS), plan, root / "harvests" / "one"))
        yield tiny
        tiny.saes.clear()


def test_a_feature_is_a_picture_with_the_largest_harvest_s_examples(model):
    for picture in (
        hookscope.show_feature(model, NAME, 7),
        hookscope.show_feature(model, "folder:two", 3),
        hookscope.show_features_on(model, TEXT, NAME, pos=3, rank="effect", k=2),
        hookscope.show_features_on(model, TEXT, NAME, rank="quantile"),
    ):
        html = picture._repr_html_()
        assert html.startswith("<iframe") and "src=&quot;http" not in html
    document = hookscope.feature_document(model, NAME, 7)
    assert document["record"]["fired"] and document["examples"]
    assert hookscope.feature_document(model, "folder:two", 3)["record"] is None


def test_effects_are_on_the_top_examples_and_are_exact(model):
    harvested = hookscope.features.harvest_of(model, NAME)
    feature = int(harvested.dense("fired").argmax())
    document = hookscope.feature_document(model, NAME, feature, effects=True)
    with_losses = [one for one in document["examples"] if "losses" in one]
    assert with_losses == [one for one in document["examples"] if one["kind"] == 0]
    kept = known_effects(MeasuredOn.of(model.card, held_sae(model, NAME).checksum, harvested))[feature]
    exact = [value for one in with_losses for value in one["losses"]["exact"] if value is not None]
    assert (kept.tokens, kept.examples) == (len(exact), len(with_losses))
    assert kept.mean == pytest.approx(np.mean(exact), rel=1e-4)
    with pytest.raises(InterpError, match="has no harvest here"):
        hookscope.show_feature(model, "folder:two", 3, effects=True)


def test_a_removal_is_the_difference_that_the_intervention_makes(model):
    found = hookscope.feature_activations(model, TEXT, NAME)
    early = found.pos < 4
    place = int(found.activation[early].argmax())
    feature, pos = int(found.feature[early][place]), int(found.pos[early][place])
    removed = hookscope.remove_features(model, TEXT, NAME, [(feature, pos), feature])
    for row, where in enumerate((f" P{pos}", "")):
        changed = hookscope.compare(model, hookscope.intervene(TEXT, f"zero sae:{NAME} U{feature}{where}"))
        expected = (changed.changed_loss - changed.clean_loss)[1:]
        assert np.abs(expected).max() > 1e-3
        assert np.allclose(removed.effect[row, :-1], expected, atol=2e-4)


def test_interventions_of_a_prompt_count(model):
    plain = hookscope.feature_activations(model, TEXT, NAME).dense()
    changed = hookscope.feature_activations(model, hookscope.intervene(TEXT, "zero mlp_out L0 P4"), NAME).dense()
    assert np.array_equal(plain[:4], changed[:4]) and not np.array_equal(plain[4], changed[4])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"pos": 99}, "no position 99"), ({"pos": -99}, "no position -99"), ({"rank": "size"}, "not ranked by 'size'"),
        ({"rank": "effect"}, "No token follows the last position"),
    ],
)  # fmt: skip
def test_a_position_or_ranking_that_there_is_not_is_refused(model, options, sentence):
    with pytest.raises(InterpError, match=sentence):
        hookscope.show_features_on(model, TEXT, NAME, **options)


def test_features_are_written_in_every_form_and_opened_again(model, tmp_path):
    wanted = [7, 3, 5]
    pages = hookscope.write_features(model, NAME, wanted, tmp_path / "set.zip")
    with zipfile.ZipFile(pages) as archive:
        assert [name.partition("-")[2] for name in archive.namelist()] == ["L1F7.html", "L1F3.html", "L1F5.html", ""]
    one = hookscope.write_features(model, NAME, [7], tmp_path / "one.html")
    assert one.read_text().startswith("<!doctype html>")
    for kind, path in (("json", "set.json"), ("neuronpedia", "np"), ("neuronpedia", "np.zip")):
        written = hookscope.write_features(model, NAME, wanted, tmp_path / path, kind=kind)
        back = list(hookscope.open_dashboards(written))
        assert [document["feature"] for document in back] == wanted
        assert hookscope.show_dashboard(back[0]).title.startswith("L1F7")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("features", "path", "kind", "sentence"),
    [
        ([], "a.zip", "html", "no features to write"), ([1, D_SAE], "a.zip", "html", f"no feature {D_SAE}"), ("x", "a.zip", "html", "is no feature"),
        ([1, 2], "a.html", "html", "Let a.html end in .zip"), ([1], "a", "csv", "'csv' cannot be written"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_leaves_nothing(model, tmp_path, features, path, kind, sentence):
    with pytest.raises(InterpError, match=re.escape(sentence)):
        hookscope.write_features(model, NAME, features, tmp_path / path, kind=kind)
    assert list(tmp_path.iterdir()) == []


def test_a_document_that_cannot_be_drawn_is_refused_with_a_sentence(model):
    with pytest.raises(InterpError, match="no feature dashboard of Hookscope"):
        hookscope.show_dashboard({"format": "another"})


def test_the_command_writes_what_the_notebook_writes(model, tmp_path, capsys):
    options = ["export", "--sae", NAME, "--model", "folder:tiny-llama", "--device", "cpu", "--features", "3,5-6"]
    for kind, name in (("html", "c.zip"), ("json", "c.json"), ("neuronpedia", "c")):
        assert main([*options, "--format", kind, "--out", str(tmp_path / name)]) == 0
    same = hookscope.write_features(model, NAME, "3,5-6", tmp_path / "n.json", kind="json")
    assert same.read_bytes() == (tmp_path / "c.json").read_bytes()
    assert main([*options[:-1], "99", "--format", "html", "--out", str(tmp_path / "d.zip")]) == 1
    assert "names features that are not there" in capsys.readouterr().err


def test_the_examples_of_the_documentation_run(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hookscope, "load", lambda: model)
    text = DOCS.read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(block.replace("smollm2-135m-instruct-resid-post-14", NAME), names)
    assert names["picture"] and names["removed"].effect.shape[0] == 2
    assert {path.name for path in tmp_path.iterdir()} == {"features.zip", "features.json", "neuronpedia.zip"}


def test_the_documentation_names_every_field_of_a_document(model):
    text = DOCS.read_text()
    document = hookscope.feature_document(model, NAME, 7, effects=True)
    fields = {
        *document,
        *document["record"],
        *document["examples"][0],
        *document["examples"][0]["losses"],
        *document["logits"],
    }
    fields |= {
        *document["text"],
        *document["tables"][0],
        *document["label"],
        *document["record"]["bands"][0],
        *document["record"]["histogram"],
    }
    assert not [field for field in fields if f"`{field}`" not in text]
    assert f"`{HUMAN}`" in text
