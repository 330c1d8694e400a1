"""The feature browser under AppTest: a tiny model, random SAEs, a harvest and an atlas made here."""

import ast
import json
import time

import numpy as np
import pytest

from interp_core import feature_table
from interp_core.errors import DiskError, SaeError
from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.library import find_harvests
from interp_core.harvest.plan import HarvestPlan
from interp_core.interventions import Intervention
from interp_core.jobs import finish
from interp_core.labels import labels_of, set_label
from interp_core.prompts import Prompt
from interp_core.sae import measured_effects
from interp_core.sae.atlas import make_atlas
from interp_core.sae.atlas_files import find_atlas
from interp_core.sae.features import held_sae
from interp_core.sae.known_effects import KnownEffect, MeasuredOn, known_effects, remember_effects
from interp_core.sae.neighbours import neighbours_of
from interp_core.sae.spec import checksum_of
from interp_core.sae.text_features import fires_on
from interp_core.sae.token_writes import writes_on
from interp_core.types import Progress, Run
from pages.ui import cached, schemas
from pages.ui.features import words as spelling
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import D_SAE, write_sae
from tests.pages.conftest import words

NAME, BARE = "folder:one", "folder:two"
PROMPT = "a b c a b"
HOSTILE = "<img src=x onerror=alert(1)> [a](javascript:x) :red[y]"


def quick(rows):
    """A layout that takes no seconds."""
    yield Progress(0.5, "Laying out")
    return rows[:, :2].astype(np.float32)


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    """Two SAEs; of the first, a harvest, an atlas and a label."""
    root = tmp_path_factory.mktemp("features")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SAES", "HARVESTS", "LABELS", "CACHE"):  # a cache of its own: loss effects are kept there
            patch.setenv(f"HOOKSCOPE_{name}", str(root / name.lower()))
        patch.setattr("interp_core.sae.atlas.layout_steps", quick)
        write_sae(root / "saes" / "one", tiny, "topk")
        write_sae(root / "saes" / "two", tiny, "standard", hook="blocks.0.hook_resid_post")
        (root / "harvests").mkdir()
        tiny.saes.clear()
        plan = HarvestPlan(context=12, shard_windows=6, rows=3)
        finish(harvest(tiny, held_sae(tiny, NAME), Texts(TEXTS), plan, root / "harvests" / "one"))
        finish(make_atlas(tiny, NAME))
        set_label(checksum_of(root / "saes" / "one"), 7, HOSTILE, sae=NAME)
        yield root
        tiny.saes.clear()


@pytest.fixture
def browse(visit, folder):
    def go(**link):
        app = visit("features", prompt=PROMPT, **{"sae": NAME, **link})
        assert not app.exception
        return app

    return go


def run_of(tiny, text=PROMPT):
    return Run(tiny.spec, tiny.tokenizer.tokenise(Prompt(text)).ids)


def rows(app):
    return app.dataframe[0].value


def figure(app):
    """The figure of the map."""
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def test_the_choices_of_the_url_are_those_of_the_table():
    assert schemas.FEATURE_ORDERS == feature_table.FEATURE_ORDERS
    assert schemas.FEATURE_STATES == feature_table.FEATURE_STATES


def test_the_table_opens_on_all_features_with_both_kinds_of_label_apart(browse, folder, tiny):
    table, harvested = rows(browse()), find_harvests(checksum_of(folder / "saes" / "one"))[0][0].table().to_pandas()
    assert table["feature"].tolist() == [f"L1F{index}" for index in range(D_SAE)]
    assert table["your label"].dropna().tolist() == [HOSTILE]
    assert table["density"].tolist() == pytest.approx((100 * harvested["density"]).tolist())
    assert table["automatic label"].fillna("").tolist() == [spelling.shown(one) for one in harvested["label"]]


@pytest.mark.parametrize("view", schemas.BROWSER_VIEWS)
@pytest.mark.parametrize("link", [{}, {"feature": "7"}, {"sae": BARE}, {"sae": BARE, "feature": "3"}])
def test_every_view_opens_with_and_without_a_harvest(browse, view, link):
    app = browse(view=view, **link)
    assert not app.error
    missing = "Nothing was harvested with this SAE yet" in words(app)
    assert missing == ("sae" in link)
    assert ("Densities, activations and automatic labels are of a harvest over" in words(app)) != missing
    if view != "map" or not missing:
        assert "How to read this" in [expander.label for expander in app.expander]
    if link.get("feature") == "7":
        assert "Promotes" in words(app)
        assert spelling.label_line(HOSTILE, None) in words(app)


@pytest.mark.parametrize(
    "link",
    [{"order": "density", "descending": "1"}, {"show": "alive", "order": "largest"}, {"least": "0.05", "most": "0.2"},
     {"find": "IMG onerror"}, {"find": "L1F9"}, {"show": "labelled"}, {"show": "dead"}],
)  # fmt: skip
def test_a_link_asks_the_table_what_its_words_say(browse, folder, tiny, link):
    sha = checksum_of(folder / "saes" / "one")
    atlas = find_atlas(sha, tiny.card.name, tiny.card.revision)
    known = feature_table.FeatureTable(D_SAE, find_harvests(sha)[0][0].table(), atlas.table)
    known.set_labels({7: HOSTILE})
    query = feature_table.FeatureQuery(
        find=link.get("find", ""), least=float(link["least"]) if "least" in link else None,
        most=float(link["most"]) if "most" in link else None, state=link.get("show", "all"),
        order=link.get("order", "feature"), descending="descending" in link,
    )  # fmt: skip
    expected = [f"L1F{index}" for index in known.find(query)["feature"].to_pylist()]
    app = browse(**link)
    if expected:
        assert rows(app)["feature"].tolist() == expected
    else:
        assert "No feature fits" in words(app)


def on_of(tiny, folder):
    sha = checksum_of(folder / "saes" / "one")
    return MeasuredOn.of(tiny.card, sha, find_harvests(sha)[0][0])


@pytest.fixture
def unmeasured(tiny, folder):
    """No loss effect is known, before and after."""
    path = on_of(tiny, folder).file
    path.unlink(missing_ok=True)
    yield on_of(tiny, folder)
    path.unlink(missing_ok=True)


def effects_of(app):
    return rows(app)["loss effect, nats"]


def most_frequent(folder):
    """The feature that is active on most tokens, and so in front of some."""
    return int(find_harvests(checksum_of(folder / "saes" / "one"))[0][0].dense("fired").argmax())


def test_loss_effects_of_the_rows_on_screen_are_measured_and_shown(browse, unmeasured, tiny, folder):
    feature = most_frequent(folder)
    app = browse(find=f"L1F{feature}")
    assert effects_of(app).isna().all()
    assert "1 features × up to 20 examples" in words(app)
    app.button(key="browse.measure").click().run()
    assert not app.exception and not app.error
    known = known_effects(unmeasured)
    assert list(known) == [feature]
    assert effects_of(app).tolist() == pytest.approx([known[feature].mean])
    assert "browse.measure" not in [button.key for button in app.button]
    app = browse(feature=str(feature))
    assert f"Loss effect {known[feature].mean:+.3f} nats, exact: the mean over {known[feature].tokens}" in words(app)
    assert effects_of(app).notna().tolist() == [index == feature for index in range(D_SAE)]
    assert "set_effects" in app.code[-1].value
    *lines, last = app.code[-1].value.split("\n")
    space: dict = {}
    exec("\n".join(lines), space)
    assert eval(last, space)["loss_effect"].dropna().tolist() == [known[feature].mean]


@pytest.mark.parametrize("down", [{}, {"descending": "1"}])
def test_a_link_orders_by_loss_effect_with_the_unknown_last(browse, unmeasured, down):
    remember_effects(
        unmeasured, {9: KnownEffect(-0.25, 4, 2), 3: KnownEffect(0.5, 4, 2), 5: KnownEffect(None, 0, 2)}, sae=NAME
    )
    app = browse(order="loss_effect", **down)
    others = [index for index in range(D_SAE) if index not in (3, 9)]
    assert rows(app)["feature"].tolist() == [f"L1F{index}" for index in ([3, 9] if down else [9, 3]) + others]
    assert effects_of(app).tolist()[:2] == ([0.5, -0.25] if down else [-0.25, 0.5]) and effects_of(app)[2:].isna().all()
    assert f"{len(alive_and_unknown(app, {3, 5, 9})):,} features × up to 20 examples" in words(app)


def alive_and_unknown(app, known):
    return [one for one, density in zip(rows(app)["feature"], rows(app)["density"], strict=True)
            if density and int(one[3:]) not in known]  # fmt: skip


def test_measuring_is_stopped_and_goes_on(browse, unmeasured, monkeypatch):
    real, given = measured_effects.measure_effects, []

    def slow(*asked, so_far=None):
        given.append(so_far)
        for step in real(*asked, so_far=so_far):
            yield step
            time.sleep(0.05 if len(given) == 1 else 0)

    monkeypatch.setattr(measured_effects, "measure_effects", slow)
    app = browse(least="0.1")
    wanted = alive_and_unknown(app, set())
    assert len(wanted) > 2
    monkeypatch.setattr("pages.ui.features.effects.go_on", lambda *_: None)  # what is drawn while it is under way stays
    app.button(key="browse.measure").click().run()
    asked = app.session_state["browse.effects.wanted"]
    (job,) = cached.engine()._in_flight.values()
    deadline = time.monotonic() + 60
    while not known_effects(unmeasured) and time.monotonic() < deadline:
        time.sleep(0.02)
    app.session_state["browse.effects.stopped"] = (asked, job.progress.partial)  # as the button does
    job.cancel()
    job.done.wait(30)
    app.run()
    assert "Stopped: " in words(app)
    kept = dict(known_effects(unmeasured))
    assert 0 < len(kept) < len(wanted)
    app.button(key="browse.effects.go").click().run()
    deadline = time.monotonic() + 60
    while len(known_effects(unmeasured)) < len(wanted) and time.monotonic() < deadline:
        app.run()
    app.run()
    assert effects_of(app).notna().sum() == len(wanted)
    assert kept.items() <= dict(known_effects(unmeasured)).items()
    assert given[-1] is not None


def test_a_failure_to_keep_is_said_and_can_be_tried_again(browse, unmeasured, folder, monkeypatch):
    def full(*_, **__):
        raise DiskError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(measured_effects, "remember_effects", full)
        app = browse(find=f"L1F{most_frequent(folder)}")
        app.button(key="browse.measure").click().run()
        assert "The disk is full" in app.error[0].value
    app.run()
    app.button(key="browse.measure").click().run()
    assert effects_of(app).notna().all()


def test_a_page_that_there_is_not_becomes_the_first(browse):
    app = browse(page="900")
    assert rows(app)["feature"][0] == "L1F0"
    assert not app.exception


def test_neighbours_are_shown_with_their_cosines(browse, tiny):
    found = neighbours_of(tiny, NAME, 7)
    for side in ("similar", "opposite"):
        table, nearest = (
            rows(browse(view="near", feature="7", near=side)),
            found.nearest(25, opposite=side == "opposite"),
        )
        assert table["feature"].tolist() == [f"L1F{index}" for index in nearest]
        assert table["cosine"].tolist() == pytest.approx(found.cosine[nearest].tolist(), abs=1e-6)


def test_writes_are_those_of_the_token_that_is_typed_or_of_the_likeliest(browse, tiny):
    token = tiny.tokenizer.tokenise(Prompt("a", prepend_bos=False)).ids[0]
    found = writes_on(tiny, NAME, token)
    app = browse(view="writes", token="a", side="suppressed")
    assert rows(app)["feature"].tolist() == [f"L1F{index}" for index in found.strongest(50, suppressed=True)]
    assert f"token id {token}" in words(app)
    assert "the likeliest after the prompt" in words(browse(view="writes"))


def test_a_text_of_several_tokens_is_taken_apart_in_a_sentence(browse):
    app = browse(view="writes", token="zqzq")
    assert "is 4 tokens of this model" in app.error[0].value.replace("\\", "")


def test_features_of_a_text_are_shown_with_their_peaks(browse, tiny):
    for text in ("", "and John went"):
        found = fires_on(tiny, run_of(tiny, text or PROMPT), NAME)
        app = browse(view="text", text=text)
        assert rows(app)["feature"].tolist() == [f"L1F{index}" for index in found.feature[:100]]
        assert rows(app)["activation"].tolist() == pytest.approx(found.activation[:100].tolist(), abs=1e-5)
        assert [int(one.split(":")[0]) for one in rows(app)["peaks at"]] == found.pos[:100].tolist()
        assert f"{len(found.feature)} features are active" in words(app)


def test_interventions_count_for_a_text_and_are_said(browse):
    clean = rows(browse(view="text"))["activation"].tolist()
    app = browse(view="text", do=Intervention("zero", "mlp_out", layers=(0,)).text)
    assert "as on every page" in words(app)
    assert rows(app)["activation"].tolist() != clean


def test_an_intervention_that_a_text_is_too_short_for_is_said(browse):
    app = browse(view="text", text="a", do=Intervention("zero", "mlp_out", layers=(0,), positions=(4,)).text)
    assert "4" in app.error[0].value


def test_the_map_places_every_feature_and_marks_what_is_selected_and_found(browse, tiny, folder):
    made = figure(browse(view="map", feature="7"))
    numbers = sorted(number for trace in made["data"] for number in trace.get("customdata", []))
    assert numbers == list(range(D_SAE))
    rings = [trace for trace in made["data"] if "customdata" not in trace]
    assert len(rings) == 1
    narrowed = figure(browse(view="map", find="L1F9"))
    sizes = {len(trace["customdata"]): trace["marker"]["size"] for trace in narrowed["data"] if trace.get("customdata")}
    assert sizes[1] > min(sizes.values())
    assert "<img" not in json.dumps(made)
    assert "&lt;img" in json.dumps(made)


def test_a_selected_feature_can_be_opened_ablated_and_steered(browse):
    app = browse(feature="7")
    links = [link.proto for link in app.get("page_link")]
    assert any(
        "feature=7" in link.query_string and link.page.endswith("feature")
        for link in links
        if "dashboard" in link.label
    )
    app.button(key="browse.ablate").click().run()
    assert not app.exception
    assert "L1F7" in words(app)
    app.button(key="browse.steer").click().run()
    assert len(app.session_state["url.do"]) == 2
    assert {one.action for one in app.session_state["url.do"]} == {"zero", "add"}


def test_the_map_is_made_when_it_is_asked_for_and_then_kept(browse, tiny, folder, monkeypatch):
    monkeypatch.setattr("interp_core.sae.atlas.layout_steps", quick)
    app = browse(sae=BARE, view="map")
    assert "computed once and kept" in words(app)
    app.button(key="browse.atlas").click().run()
    deadline = time.monotonic() + 60
    while not app.get("plotly_chart") and time.monotonic() < deadline:
        app.run()
    assert app.get("plotly_chart")
    assert find_atlas(checksum_of(folder / "saes" / "two"), tiny.card.name, tiny.card.revision)
    assert "promotes" in rows(browse(sae=BARE))


def test_a_map_that_fails_says_why_and_can_be_tried_again(browse, folder, tiny, monkeypatch):
    def fails(given):
        raise SaeError("The map could not be laid out: no memory.")
        yield given

    monkeypatch.setattr("interp_core.sae.atlas.layout_steps", fails)
    write_sae(folder / "saes" / "three", tiny, "standard", hook="blocks.2.hook_resid_post")
    app = browse(sae="folder:three", view="map")
    app.button(key="browse.atlas").click().run()
    deadline = time.monotonic() + 60
    while not app.error and time.monotonic() < deadline:
        app.run()
    assert "could not be laid out" in app.error[0].value.replace("\\", "")
    assert app.button(key="browse.atlas")


def test_a_damaged_file_of_labels_is_said_and_the_page_goes_on(browse, folder):
    path = folder / "labels" / f"{checksum_of(folder / 'saes' / 'two')}.json"
    path.write_text("{")
    try:
        app = browse(sae=BARE)
        assert "file of labels" in app.warning[0].value
        assert len(rows(app)) == D_SAE
    finally:
        path.unlink()
    assert labels_of(checksum_of(folder / "saes" / "two")) == {}


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ({"feature": str(D_SAE)}, f"this SAE has features 0 to {D_SAE - 1}"),
        ({"view": "globe"}, "it must be one of table"),
        ({"least": "7"}, "it must be a number from 0 to 1"),
        ({"show": "some"}, "it must be one of all"),
        ({"page": "0"}, "whole number from 1"),
    ],
)
def test_a_link_that_names_what_is_not_there_says_so_and_shows_something(browse, link, message):
    app = browse(**link)
    assert message in "\n".join(str(one.value) for one in app.warning).replace("\\", "")
    assert len(rows(app)) == D_SAE


@pytest.mark.parametrize("view", schemas.BROWSER_VIEWS)
def test_the_code_that_a_view_gives_is_python_and_names_the_sae(browse, view):
    app = browse(view=view, feature="7")
    code = app.code[-1].value
    ast.parse(code)
    assert NAME in code or "FeatureTable(40" in code


def test_the_code_of_the_table_gives_the_table(browse):
    code = browse(order="density", descending="1").code[-1].value
    *lines, last = code.split("\n")
    space: dict = {}
    exec("\n".join(lines), space)
    assert len(eval(last, space)) == D_SAE


@pytest.mark.parametrize(
    ("token", "shown"),
    [("]", r"\]"), (":red[x]", r"\:red\[x\]"), ("<b>", r"\<b\>"), ("[a](b)", r"\[a\]\(b\)"), ("`", r"\`"), ("\n", "⏎"),
     ("\u202e", "⟨U\\+202E⟩"), ("$x$", r"\$x\$"), ("**", r"\*\*")],
)  # fmt: skip
def test_tokens_and_labels_stay_text_in_markdown(token, shown):
    assert spelling.chips([token, token], "blue") == f":blue-badge[{shown}] :blue-badge[{shown}]"
    assert spelling.label_line(token, None) == f":orange-badge[yours] **{shown}**"
    assert spelling.label_line(None, token) == f":gray-badge[automatic] {shown}"
