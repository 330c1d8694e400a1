"""The pages on features under AppTest: a tiny model, a random SAE, and a harvest made here."""

import time

import pytest

from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.library import find_harvests
from interp_core.harvest.plan import HarvestPlan
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.labels import labels_of
from interp_core.prompts import Prompt
from interp_core.sae.features import held_sae
from interp_core.sae.known_effects import MeasuredOn, known_effects
from interp_core.sae.measured_effects import measure_effects
from interp_core.sae.spec import checksum_of
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import D_SAE, write_sae
from tests.pages.conftest import words

NAME = "folder:one"
PROMPT = "a b c a b"


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    """Two SAEs and a harvest of the first."""
    root = tmp_path_factory.mktemp("features")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SAES", "HARVESTS", "LABELS", "CACHE"):  # a cache of its own: what was measured is kept there
            patch.setenv(f"HOOKSCOPE_{name}", str(root / name.lower()))
        write_sae(root / "saes" / "one", tiny, "topk")
        write_sae(root / "saes" / "two", tiny, "standard", hook="blocks.0.hook_resid_post")
        (root / "harvests").mkdir()
        tiny.saes.clear()
        plan = HarvestPlan(context=12, shard_windows=6, rows=3)
        finish(harvest(tiny, held_sae(tiny, NAME), Texts(TEXTS), plan, root / "harvests" / "one"))
        yield root
        tiny.saes.clear()


@pytest.fixture
def open_page(visit, folder):
    def go(page, **link):
        app = visit(page, prompt=PROMPT, **{"sae": NAME, **link})
        assert not app.exception
        return app

    return go


def said(app, name):
    """A value of the URL: AppTest gives what a link held as a list, and what the page wrote as text."""
    value = app.query_params[name]
    return value[0] if isinstance(value, list) else value


def feature_of(app):
    return int(said(app, "feature"))


def test_the_feature_page_opens_on_the_strongest_feature_of_the_prompt(open_page):
    app = open_page("feature")
    shown = words(app)
    assert "Opened on the strongest feature at position" in shown
    assert 0 <= feature_of(app) < D_SAE
    assert f"{D_SAE} features of resid\\_post of layer 1" in shown
    assert "not measured on this machine" in shown
    assert not app.error


def test_another_feature_is_a_step_away_and_the_link_says_which(open_page):
    app = open_page("feature", feature="7")
    app.button(key="feature.step.1").click().run()
    assert feature_of(app) == 8
    app.number_input(key="url.feature").set_value(11).run()
    assert feature_of(app) == 11
    assert not app.exception


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ({"feature": str(D_SAE)}, f"this SAE has features 0 to {D_SAE - 1}"),
        ({"sae": "folder:missing"}, "cannot be used here"),
        ({"sae": "a:b:c:d"}, "cannot be an SAE"),
        ({"losses": "some"}, "it must be one of none, top, all"),
    ],
)
def test_a_link_that_names_what_is_not_there_says_so_and_shows_something(open_page, link, message):
    app = open_page("feature", **link)
    assert message in "\n".join(str(one.value) for one in app.warning).replace("\\", "")
    assert feature_of(app) < D_SAE


def test_a_label_is_kept_shown_and_taken_away(open_page, folder):
    app = open_page("feature", feature="7")
    key = next(one.key for one in app.text_input if one.key and one.key.startswith("feature.label."))
    app.text_input(key=key).set_value("<b>hostile</b> [x](y)").run()
    assert labels_of(checksum_of(folder / "saes" / "one"))[7].text == "<b>hostile</b> [x](y)"
    key = next(one.key for one in app.text_input if one.key and one.key.startswith("feature.label."))
    assert app.text_input(key=key).value == "<b>hostile</b> [x](y)"
    app.text_input(key=key).set_value("").run()
    assert labels_of(checksum_of(folder / "saes" / "one")) == {}
    assert not app.exception


def test_loss_effects_come_when_they_are_asked_for(open_page):
    app = open_page("feature", losses="top")
    assert not app.error and not app.exception
    app.segmented_control(key="feature.by").set_value("effect").run()
    assert "how much its loss rises" in words(app) or "active on no token" in words(app)


@pytest.mark.parametrize("do", [[], [Intervention("zero", "mlp_out", layers=(0,)).text]])
def test_loss_effects_of_the_top_examples_are_kept_for_the_browser_and_are_of_the_clean_model(
    open_page, tiny, folder, do
):
    sha = checksum_of(folder / "saes" / "one")
    (made,), _ = find_harvests(sha)
    feature, on = int(made.dense("fired").argmax()), MeasuredOn.of(tiny.card, sha, made)
    for losses in ("top", "all"):
        on.file.unlink(missing_ok=True)
        app = open_page("feature", feature=str(feature), losses=losses, do=do)
        deadline = time.monotonic() + 60
        while not known_effects(on) and time.monotonic() < deadline:
            app.run()
        kept = known_effects(on)[feature]
        assert f"Loss effect {kept.mean:+.3f} nats in the mean over {kept.tokens} tokens" in words(app)
        on.file.unlink()
        assert dict(finish(measure_effects(tiny, NAME, made, [feature])).found) == {feature: kept}
    on.file.unlink()
    open_page("feature", feature=str(feature), example="0")
    assert known_effects(on) == {}


def test_a_second_sae_is_correlated_with(open_page):
    app = open_page("feature", second="folder:two")
    assert not app.error
    assert said(app, "second") == "folder:two"


def test_acting_on_a_feature_is_an_intervention_on_every_page(open_page):
    app = open_page("feature", feature="7", strength="2")
    app.button(key="feature.do.zero").click().run()
    assert any("zero F7 of folder:one" in str(one.label).replace("\\", "") for one in app.toggle)
    app.button(key="feature.do.add").click().run()
    assert any("add F7" in str(one.label).replace("\\", "") for one in app.toggle)
    assert not app.exception


def test_text_is_generated_with_and_without_the_feature(open_page):
    app = open_page("feature", feature="7", tokens="4", strength="5")
    app.button(key="feature.generate").click().run()
    texts = [one.value for one in app.text]
    assert len(texts) == 2 and all(text and "Press Generate" not in text for text in texts)
    assert not app.exception


@pytest.mark.parametrize("rank", ["activation", "quantile", "effect"])
def test_prompt_features_are_ranked(open_page, rank):
    app = open_page("prompt_features", rank=rank, pos="2", count="3")
    assert "4 features** are active at position 2" in words(app)
    assert not app.error
    table = app.dataframe[0].value
    assert len(table) == 4
    assert table["loss_effect_exact_nats"].notna().sum() == 3


@pytest.fixture
def open_other(visit, tiny, tmp_path, monkeypatch):
    """Opens a page on another SAE, without a harvest."""
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path / "saes"))

    def go(page, architecture="topk", limit=None, **link):
        write_sae(tmp_path / "saes" / "one", tiny, architecture, norm_limit=limit)
        tiny.saes.clear()
        app = visit(page, prompt=PROMPT, sae=NAME, **link)
        assert not app.exception and not app.error
        return app

    yield go
    tiny.saes.clear()


def test_a_position_that_the_sae_was_not_trained_on_counts_nowhere(open_other, tiny):
    ids = tiny.tokenizer.tokenise(Prompt(PROMPT)).ids
    hook = "blocks.1.hook_resid_post"
    norms = forward(tiny.model, tiny.tokens(ids), keep=[hook]).kept[hook][0].norm(dim=-1)
    out, limit = int(norms.argmax()), float(norms.sort().values[-2:].mean())
    left = f"1 of {len(ids)} positions is left out for the norm there"
    assert left in words(open_other("feature", limit=limit, pos=str(out)))
    assert f"feature 0, for none is active at position {out}" in words(open_other("feature", limit=limit, pos=str(out)))
    assert f"was not made for position {out}" in words(open_other("prompt_features", limit=limit, pos=str(out)))
    assert left in words(open_other("prompt_features", limit=limit, picture="tokens"))


@pytest.mark.parametrize("architecture", ["transcoder", "temporal"])
def test_prompt_features_are_ranked_where_effects_do_not_apply(open_other, architecture):
    app = open_other("prompt_features", architecture, rank="effect", pos="2", count="3")
    assert words(app).count("Loss effects do not apply") == 1
    assert len(app.dataframe[0].value) > 3 and app.dataframe[0].value["loss_effect_exact_nats"].isna().all()


def test_no_token_follows_the_last_position(open_page):
    app = open_page("prompt_features", rank="effect")
    assert "No token follows the last position" in words(app)


def test_tokens_by_features_is_one_picture(open_page):
    app = open_page("prompt_features", picture="tokens")
    assert "largest activation anywhere behind the first token" in words(app)


def test_an_sae_is_measured_when_asked(open_page):
    app = open_page("saes")
    assert "Nobody has measured this SAE here" in words(app)
    app.button(key="saes.measure").click().run()
    assert not app.exception and not app.error
    assert {one.label for one in app.metric} == {"L0", "Explained variance", "Cross-entropy recovered", "Dead features"}
    assert app.metric[0].value == "4.0"


def test_the_directory_is_searched_offline(open_page):
    app = open_page("saes", view="catalogue")
    assert "None of them is for tiny\\-llama" in words(app)
    app.text_input(key="saes.find").set_value("gemma scope").run()
    table = app.dataframe[0].value
    assert len(table) > 5 and table["release"].str.contains("gemma").all()
    app.text_input(key="saes.find").set_value("no such thing").run()
    assert "No release of SAELens has these words" in words(app)


def test_a_text_is_harvested_from_the_page(open_page, folder):
    app = open_page("saes", view="harvest")
    assert app.button(key="saes.start").disabled
    app.text_area(key="saes.text").set_value("a b c d e f g\n" * 40)
    app.text_input(key="saes.name").set_value("../out").run()
    assert "cannot be the name of a harvest" in words(app).replace("\\", "")
    app.text_input(key="saes.name").set_value("mine").run()
    app.button(key="saes.estimate").click().run()
    assert "1 documents" in words(app).replace("\\", "")
    app.button(key="saes.start").click().run()
    assert "tokens harvested into" in app.success[0].value
    assert (folder / "harvests" / "mine" / "manifest.json").is_file()
    assert not app.exception


def test_without_an_sae_the_pages_say_where_to_find_one(visit, tiny_folders, monkeypatch, tmp_path):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path))
    for page in ("feature", "prompt_features", "saes"):
        app = visit(page)
        assert not app.exception
        assert "No autoencoder on this machine was trained on" in words(app), page


def test_an_sae_on_heads_shows_where_an_example_gets_its_input_from(visit, tiny, tmp_path, monkeypatch):
    for name in ("SAES", "HARVESTS", "LABELS"):
        monkeypatch.setenv(f"HOOKSCOPE_{name}", str(tmp_path / name.lower()))
    write_sae(tmp_path / "saes" / "heads", tiny, "topk", hook="blocks.1.attn.hook_z")
    (tmp_path / "harvests").mkdir()
    tiny.saes.clear()
    plan = HarvestPlan(context=12, shard_windows=6, rows=3)
    made = finish(harvest(tiny, held_sae(tiny, "folder:heads"), Texts(TEXTS), plan, tmp_path / "harvests" / "heads"))
    tiny.saes.clear()
    feature = str(int(made.dense("fired").argmax()))
    app = visit("feature", prompt=PROMPT, sae="folder:heads", feature=feature, example="0")
    assert not app.exception and not app.error
    assert "Direct feature attribution" in words(app)
