import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.query_key import QueryKeyView, query_key_payload, query_key_selection
from tests.views.conftest import TOKENS, first_is_special
from tests.views.reading import unpack
from tests.views.stage import post, sent, stage

SCALE = 0.5
Q = np.float32([1, -2, 3, 0.5])


def view(tokens: tuple[str, ...] = TOKENS, **changes) -> QueryKeyView:
    n_keys = len(tokens)
    k = np.random.default_rng(0).normal(size=(n_keys, 4)).astype(np.float32)
    k[2] = [4, 1, -1, 2]
    scores = SCALE * k @ Q
    weights = np.exp(scores - scores.max())
    fields = {
        "query": n_keys - 1,
        "key": 2,
        "q": Q,
        "k": k,
        "scores": scores,
        "pattern": weights / weights.sum(),
        "scale": SCALE,
        "about": "a",
    }
    return QueryKeyView(tokens, first_is_special(n_keys), 5, 1, **(fields | changes))


PAIRS = np.array([[0, 2], [1, 3]])


def test_vectors_scores_and_pattern_travel_as_they_are():
    shown = view(pairs=PAIRS)
    header, arrays = unpack(query_key_payload(shown))
    for name in ("q", "k", "scores", "pattern", "pairs"):
        np.testing.assert_array_equal(arrays[name], getattr(shown, name))
    assert (header["n_keys"], header["d_head"], header["scale"], header["key"]) == (10, 4, 0.5, 2)


def test_a_causal_query_needs_only_the_keys_up_to_itself():
    full = view(key=1)
    first = {name: getattr(full, name)[:3] for name in ("k", "scores", "pattern")}
    header, _ = unpack(query_key_payload(view(query=2, key=1, **first)))
    assert header["n_keys"] == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": 10}, "Position 10"),
        ({"query": 10}, "Position 10"),
        ({"q": np.float32([1, np.nan, 0, 0])}, "q holds NaN"),
        ({"scale": np.inf}, "scale is inf"),
        ({"scores": np.full(10, np.nan, np.float32)}, "-inf where a key is masked"),
        ({"pattern": np.full(10, 1.5, np.float32)}, "from 0 to 1"),
        ({"pairs": np.array([[0, 4]])}, "0 to 3"),
        ({"pairs": np.array([[0, 1], [1, 2]])}, "two pairs"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        query_key_payload(view(**changes))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("q", Q[:3], r"q has shape \(3,\) but the keys have 4"),
        ("scores", np.zeros(3, np.float32), r"scores has shape \(3,\) but k has 10"),
        ("k", np.zeros((11, 4), np.float32), r"k has shape \(11, 4\) but there are 10 tokens"),
        ("pairs", np.array([[0, 1, 2]]), r"\(pairs, 2\)"),
    ],
)
def test_arrays_of_other_shapes_are_refused_without_the_type_checker_too(name, array, message):
    shown = view()
    # Past the shapes of the annotations, which only tests check.
    object.__setattr__(shown, name, array)
    with pytest.raises(ValueError, match=message):
        query_key_payload(shown)


def test_a_masked_key_may_have_a_score_of_minus_infinity():
    scores = view().scores.copy()
    scores[0] = -np.inf
    assert unpack(query_key_payload(view(scores=scores)))[1]["scores"][0] == -np.inf


@pytest.mark.browser
def test_the_sum_of_the_products_is_said_to_be_the_score(browser):
    # 0.5 * (1*4 - 2*1 - 3*1 + 0.5*2) = 0
    shown = view()
    with stage(browser, "query_key", query_key_payload(shown)) as page:
        expect(page.get_by_test_id("query-key-title")).to_have_text("L5H1: query 9: ·gave against key 2: ·Mary")
        weight = f"{shown.pattern[2]:.4f}"
        expect(page.get_by_test_id("query-key-total")).to_have_text(
            f"sum of 4 products = 0.0000 = score before softmax · attention {weight}"
        )


@pytest.mark.browser
def test_a_score_that_something_else_acts_on_is_not_said_to_be_the_sum(browser):
    shown = view(note="Scores are capped at 50.", scores=view().scores + np.float32(0.25))
    with stage(browser, "query_key", query_key_payload(shown)) as page:
        total = page.get_by_test_id("query-key-total")
        expect(total).to_contain_text("the score before softmax is 0.2500, so more than the dot product acts on it")
        expect(page.get_by_test_id("query-key-note")).to_have_text("Scores are capped at 50.")


@pytest.mark.browser
def test_a_cell_and_a_bar_read_their_dimension(browser):
    with stage(browser, "query_key", query_key_payload(view())) as page:
        readout = page.get_by_test_id("query-key-readout")
        strips = page.get_by_test_id("query-key-strips")
        # Four cells from 56 px to 8 px before the right edge.
        cell = (strips.bounding_box()["width"] - 64) / 4
        strips.hover(position={"x": 56 + 2.5 * cell, "y": 30})
        expect(readout).to_have_text("dim 2: q 3.0000 × k −1.0000 × 0.5 = −1.5000")
        # Largest first: 2 (dim 0), -1.5 (dim 2), -1 (dim 1), 0.5 (dim 3).
        bars = page.get_by_test_id("query-key-bars")
        bars.hover(position={"x": 56 + 1.5 * cell, "y": 70})
        expect(readout).to_have_text("dim 2: q 3.0000 × k −1.0000 × 0.5 = −1.5000 · the 2 largest sum to 0.5000")
        page.get_by_test_id("query-key-order-dim").click()
        bars.hover(position={"x": 56 + 1.5 * cell, "y": 70})
        expect(readout).to_have_text("dim 1: q −2.0000 × k 1.0000 × 0.5 = −1.0000")


@pytest.mark.browser
def test_dimensions_that_turn_together_can_be_summed_and_the_others_stay_alone(browser):
    with stage(browser, "query_key", query_key_payload(view(pairs=np.array([[0, 2]])))) as page:
        page.get_by_test_id("query-key-pairs").click()
        page.get_by_test_id("query-key-order-dim").click()
        bars = page.get_by_test_id("query-key-bars")
        bar = (bars.bounding_box()["width"] - 64) / 3
        bars.hover(position={"x": 56 + 0.5 * bar, "y": 70})
        expect(page.get_by_test_id("query-key-readout")).to_have_text(
            "dim 0: q 1.0000 × k 4.0000 × 0.5 = 2.0000 · dim 2: q 3.0000 × k −1.0000 × 0.5 = −1.5000 · together 0.5000"
        )
        bars.hover(position={"x": 56 + 2.5 * bar, "y": 70})
        expect(page.get_by_test_id("query-key-readout")).to_contain_text("dim 3")
        expect(bars).to_have_attribute("aria-label", "3 products as bars, the largest 1.0000.")


@pytest.mark.browser
def test_there_is_no_switch_for_pairs_without_rotary_positions(browser):
    with stage(browser, "query_key", query_key_payload(view())) as page:
        expect(page.get_by_test_id("query-key-pairs")).to_be_hidden()
        expect(page.get_by_test_id("query-key-order-size")).to_be_visible()


@pytest.mark.browser
def test_a_row_says_sum_score_and_attention_and_a_click_picks_its_key(browser):
    shown = view()
    with stage(browser, "query_key", query_key_payload(shown)) as page:
        row = page.get_by_test_id("query-key-row-5")
        score = f"{shown.scores[5]:.4f}".replace("-", "−")
        expect(row).to_have_text(f"5: ·went{score}{score}{shown.pattern[5]:.4f}")
        row.hover()
        expect(page.get_by_test_id("query-key-title")).to_contain_text("against key 5: ·went")
        page.mouse.move(5, 5)
        expect(page.get_by_test_id("query-key-title")).to_contain_text("against key 2: ·Mary")
        row.click()
        assert sent(page) == [["select", {"key": 5}]]
        page.mouse.move(5, 5)
        expect(row).to_have_attribute("aria-selected", "true")
        post(page, query_key_selection("a", key=3))
        expect(page.get_by_test_id("query-key-title")).to_contain_text("against key 3: ·and")


@pytest.mark.browser
def test_keys_are_picked_by_keyboard(browser):
    with stage(browser, "query_key", query_key_payload(view())) as page:
        page.get_by_test_id("query-key-list").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert sent(page) == [["select", {"key": 4}]]
        page.keyboard.press("End")
        expect(page.get_by_test_id("query-key-title")).to_contain_text("against key 9: ·gave")


@pytest.mark.browser
def test_of_thousands_of_keys_only_those_in_sight_exist_and_the_chosen_one_is_among_them(browser):
    shown = view(tuple(" a" for _ in range(2048)), key=1500)
    with stage(browser, "query_key", query_key_payload(shown)) as page:
        expect(page.get_by_test_id("query-key-row-1500")).to_have_attribute("aria-selected", "true")
        expect(page.get_by_test_id("query-key-row-1500")).to_be_in_viewport(ratio=1)
        assert page.get_by_role("option").count() < 20
        page.get_by_test_id("query-key-list").evaluate("node => { node.scrollTop = 1e9 }")
        expect(page.get_by_test_id("query-key-row-2047")).to_be_in_viewport(ratio=1)


@pytest.mark.browser
def test_a_masked_key_has_no_score(browser):
    scores = view().scores.copy()
    scores[0] = -np.inf
    with stage(browser, "query_key", query_key_payload(view(scores=scores, key=0))) as page:
        expect(page.get_by_test_id("query-key-row-0")).to_contain_text("masked")
        expect(page.get_by_test_id("query-key-total")).to_contain_text("the score before softmax is masked")


@pytest.mark.browser
def test_tokens_with_markup_stay_text(browser):
    token = "<img src=x onerror=alert(1)>"
    with stage(browser, "query_key", query_key_payload(view((token,) * 3, note=token))) as page:
        expect(page.get_by_test_id("query-key-row-1")).to_contain_text("1: <img·src=x·onerror=alert(1)>")
        expect(page.get_by_test_id("query-key-note")).to_have_text(token)
        assert page.locator(".hs img").count() == 0
