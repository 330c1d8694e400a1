import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.generated import GeneratedView, generated_payload, generated_selection, processed_rows
from tests.views.conftest import TOKENS, causal_patterns, first_is_special
from tests.views.reading import unpack
from tests.views.stage import post, sent, show, stage

N_PROMPT = 6
UNTINTED = "rgba(0, 0, 0, 0)"
FULL = "rgb(11, 37, 69)"
NOTHING = "rgb(244, 245, 247)"


def view(tokens: tuple[str, ...] = TOKENS, n_prompt: int = N_PROMPT, **changes) -> GeneratedView:
    rows = causal_patterns(1, len(tokens))[0, n_prompt - 1 :]
    fields = {"rows": rows, "title": "L5H1", "about": "a"}
    return GeneratedView(tokens, first_is_special(len(tokens)), n_prompt, **(fields | changes))


def one_hot_rows(targets: dict[int, int]) -> np.ndarray:
    """Rows in which the query at each given position looks at one key only, and the others at token 0."""
    rows = np.zeros((len(TOKENS) - N_PROMPT + 1, len(TOKENS)), np.float32)
    for row in range(len(rows)):
        rows[row, targets.get(N_PROMPT - 1 + row, 0)] = 1
    return rows


def test_each_row_travels_up_to_its_query_and_what_stands_after_it_does_not():
    rows = view().rows.copy()
    sent_rows = np.concatenate([row[: N_PROMPT + i] for i, row in enumerate(rows)])
    for i, row in enumerate(rows):
        row[N_PROMPT + i :] = np.nan
    header, arrays = unpack(generated_payload(view(rows=rows)))
    np.testing.assert_array_equal(arrays["rows"], sent_rows)
    assert (header["n_prompt"], header["title"], header["about"]) == (6, "L5H1", "a")


@pytest.mark.parametrize("n_prompt", [0, len(TOKENS)])
def test_a_text_without_a_prompt_or_without_a_generated_token_is_refused(n_prompt):
    with pytest.raises(ValueError, match="at least one generated token"):
        generated_payload(view(n_prompt=n_prompt, rows=view().rows))


def test_rows_for_another_number_of_passes_name_both_shapes():
    with pytest.raises(ValueError, match=r"shape \(4, 10\).*give \(5, 10\)"):
        generated_payload(view(rows=view().rows[1:]))


@pytest.mark.parametrize("value", [np.nan, -0.01, 1.1])
def test_rows_that_are_no_probabilities_are_refused(value):
    rows = view().rows.copy()
    rows[2, 3] = value
    with pytest.raises(ValueError, match="finite and from 0 to 1"):
        generated_payload(view(rows=rows))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"power": 0.0}, "above 0"),
        ({"power": np.inf}, "above 0"),
        ({"cutoff": np.nan}, "None"),
        ({"ignore": -1}, "0 or more"),
    ],
)
def test_settings_without_a_meaning_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        generated_selection("a", **changes)


def test_first_tokens_go_first_then_the_cut_off_over_the_rest_then_the_power():
    rows = np.array([[0.64, 0.09, 0.25, 0.9], [0.6, 0.1, 0.1, 0.2]], np.float32)
    # Row 0 sees keys 0 to 2. Without key 0 the mean is 0.17; with it, it would be 0.33, and all would go.
    shown = processed_rows(rows, 3, 0.5, 0.0, 1)
    np.testing.assert_allclose(shown, [[0, 0, 0.5, 0], [0, 0, 0, np.sqrt(0.2)]], atol=1e-7)
    np.testing.assert_allclose(processed_rows(rows, 3, 1.0, None, 0), [[0.64, 0.09, 0.25, 0], rows[1]], atol=1e-7)


def test_the_cut_off_counts_deviations_of_the_population_and_keeps_only_what_is_above():
    rows = np.array([[0.1, 0.1, 0.4, 0.4]], np.float32)
    # Mean 0.25, deviation 0.15: exactly at the threshold is not above it.
    assert processed_rows(rows, 4, 1.0, 0.99, 0).tolist()[0][2:] == pytest.approx([0.4, 0.4])
    assert processed_rows(rows, 4, 1.0, 1.01, 0).tolist() == [[0, 0, 0, 0]]
    # All equal: none stands out.
    assert processed_rows(np.full((1, 4), 0.25, np.float32), 4, 1.0, 0.0, 0).tolist() == [[0, 0, 0, 0]]


def test_ignoring_every_token_leaves_nothing():
    assert not processed_rows(view().rows, N_PROMPT, 0.5, 0.5, 99).any()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("power", "cutoff", "ignore"), [(1.0, None, 0), (1 / 3, 0.5, 1), (2.0, 0.0, 3), (0.5, -0.5, 0), (1.0, 0.5, 99)]
)
@pytest.mark.parametrize("rows", [None, np.full((5, 10), 0.125, np.float32)])
def test_the_browser_shows_what_processed_rows_says(browser, rows, power, cutoff, ignore):
    # Rows of equal weights lie exactly on a cut-off of 0 deviations.
    shown = view() if rows is None else view(rows=rows)
    settings = {"row": "wrote", "power": power, "cutoff": cutoff, "ignore": ignore}
    visible = unpack(generated_payload(shown))[1]["rows"].tolist()
    with stage(browser, "generated", generated_payload(shown), exports=("GeneratedRows",)) as page:
        read = page.evaluate(
            """([n, nPrompt, values, settings]) => {
              const rows = new module.GeneratedRows(n, nPrompt, Float32Array.from(values));
              rows.set(settings);
              return Array.from({ length: rows.nRows }, (_, r) => Array.from({ length: n }, (_, key) => rows.shown(r, key)));
            }""",
            [len(TOKENS), N_PROMPT, visible, settings],
        )
    expected = processed_rows(shown.rows, N_PROMPT, power, cutoff, ignore)
    read = np.array(read, float)
    for row in range(len(expected)):
        np.testing.assert_allclose(read[row, : N_PROMPT + row], expected[row, : N_PROMPT + row], rtol=1e-12)
        assert np.isnan(read[row, N_PROMPT + row :]).all()


@pytest.mark.browser
def test_a_generated_token_looks_with_the_pass_that_chose_it_or_with_its_own(browser):
    rows = one_hot_rows({6: 2, 7: 3})
    with stage(browser, "generated", generated_payload(view(rows=rows))) as page:
        expect(page.get_by_test_id("generated-row")).to_contain_text("the pass that chose it")
        page.get_by_test_id("observer-token-7").hover()
        expect(page.get_by_test_id("observer-token-2")).to_have_css("background-color", FULL)
        expect(page.get_by_test_id("observer-token-3")).to_have_css("background-color", NOTHING)
        # The pass that chose token 7 could not see it.
        expect(page.get_by_test_id("observer-token-7")).to_have_css("background-color", UNTINTED)
        post(page, generated_selection("a", row="own"))
        expect(page.get_by_test_id("generated-row")).to_contain_text("its own pass")
        expect(page.get_by_test_id("observer-token-3")).to_have_css("background-color", FULL)
        expect(page.get_by_test_id("observer-token-2")).to_have_css("background-color", NOTHING)
        expect(page.get_by_test_id("observer-token-7")).to_have_css("background-color", NOTHING)


@pytest.mark.browser
def test_pointing_at_any_token_tints_the_generated_tokens_that_looked_at_it(browser):
    rows = one_hot_rows({6: 2, 8: 2})
    with stage(browser, "generated", generated_payload(view(rows=rows))) as page:
        page.get_by_test_id("observed-token-2").hover()
        for pos, colour in [(5, UNTINTED), (6, NOTHING), (7, FULL), (8, NOTHING), (9, FULL)]:
            expect(page.get_by_test_id(f"observed-token-{pos}")).to_have_css("background-color", colour)
        page.get_by_test_id("observed-token-7").hover()
        expect(page.get_by_test_id("observed-token-7")).to_have_css("background-color", UNTINTED)
        expect(page.get_by_test_id("observed-token-8")).to_have_css("background-color", NOTHING)
        page.get_by_test_id("observed-token-9").hover()
        expect(page.get_by_test_id("observed-readout")).to_have_text("No generated token could look at 9: ·gave.")


@pytest.mark.browser
def test_tokens_of_the_prompt_are_no_observers_and_the_picture_says_so(browser):
    with stage(browser, "generated", generated_payload(view())) as page:
        page.get_by_test_id("observer-token-3").hover()
        expect(page.get_by_test_id("observer-readout")).to_contain_text("3: ·and is part of the prompt")
        for pos in range(len(TOKENS)):
            expect(page.get_by_test_id(f"observer-token-{pos}")).to_have_css("background-color", UNTINTED)
        # Nor is the last one, whose own pass does have a row.
        post(page, generated_selection("a", row="own", observed=2))
        expect(page.get_by_test_id("observed-token-5")).to_have_css("background-color", UNTINTED)
        expect(page.get_by_test_id("observed-token-6")).not_to_have_css("background-color", UNTINTED)
        page.get_by_test_id("observer-token-5").hover()
        expect(page.get_by_test_id("observer-readout")).to_contain_text("5: ·went is part of the prompt")
        expect(page.get_by_test_id("observer-token-2")).to_have_css("background-color", UNTINTED)


@pytest.mark.browser
def test_the_prompt_is_bold_and_the_completion_is_not_even_when_frozen(browser):
    with stage(browser, "generated", generated_payload(view()), generated_selection("a", observer=8)) as page:
        expect(page.get_by_test_id("observer-token-5")).to_have_css("font-weight", "700")
        expect(page.get_by_test_id("observer-token-8")).to_have_css("font-weight", "400")
        expect(page.get_by_test_id("observer-token-8")).to_have_attribute("aria-pressed", "true")


@pytest.mark.browser
def test_a_double_click_freezes_one_view_and_enter_lets_it_go(browser):
    rows = one_hot_rows({6: 2, 8: 1})
    with stage(browser, "generated", generated_payload(view(rows=rows))) as page:
        expect(page.get_by_test_id("observer-frozen")).to_be_hidden()
        page.get_by_test_id("observer-token-7").dblclick()
        page.get_by_test_id("observed-token-4").dblclick()
        page.get_by_test_id("observer-token-9").hover()
        # Frozen: pointing elsewhere does not move the view.
        expect(page.get_by_test_id("observer-token-2")).to_have_css("background-color", FULL)
        expect(page.get_by_test_id("observer-frozen")).to_be_visible()
        page.get_by_test_id("observer-token-7").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("observer-frozen")).to_be_hidden()
        expect(page.get_by_test_id("observed-frozen")).to_be_visible()
        assert sent(page) == [
            ["freeze", {"observed": None, "observer": 7}],
            ["freeze", {"observed": 4, "observer": 7}],
            ["freeze", {"observed": 4, "observer": None}],
        ]


@pytest.mark.browser
def test_the_readout_says_the_weight_and_what_is_shown_of_it(browser):
    rows = np.zeros((5, 10), np.float32)
    rows[:, :4] = [0.5, 0.36, 0.1, 0.04]
    selection = generated_selection("a", power=0.5, cutoff=0.0, ignore=1, observer=8)
    with stage(browser, "generated", generated_payload(view(rows=rows)), selection) as page:
        readout = page.get_by_test_id("observer-readout")
        expect(readout).to_have_text("8: ·John looked at 1: When: weight 0.3600, shown as 0.6000, the strongest.")
        page.get_by_test_id("observer-token-3").hover()
        expect(readout).to_contain_text("weight 0.0400, shown as 0.0000 (not above the cut-off, 0.07")
        page.get_by_test_id("observer-token-0").hover()
        expect(readout).to_contain_text("weight 0.5000, shown as 0.0000 (ignored)")
        page.get_by_test_id("observer-token-9").hover()
        expect(readout).to_contain_text("not possible, its query comes before that token")


@pytest.mark.browser
def test_what_was_done_to_the_weights_is_said_in_its_order_and_nothing_if_nothing_was(browser):
    with stage(browser, "generated", generated_payload(view())) as page:
        steps = page.get_by_test_id("generated-steps")
        expect(steps).to_have_text("")
        post(page, generated_selection("a", power=1 / 3, cutoff=0.5, ignore=2))
        expect(steps).to_have_text(
            "Changed for the display, in this order: the first 2 tokens are set to 0; then only weights above the mean plus "
            "0.50 standard deviations of their row stay, the first left out of both; then the tint is the weight to the power 0.3333."
        )
        # Settings for other data are not applied.
        post(page, generated_selection("b"))
        expect(steps).not_to_have_text("")


@pytest.mark.browser
def test_another_text_releases_what_was_frozen_in_the_old_one(browser):
    with stage(browser, "generated", generated_payload(view())) as page:
        page.get_by_test_id("observed-token-6").dblclick()
        expect(page.get_by_test_id("observed-frozen")).to_be_visible()
        show(page, generated_payload(view(TOKENS[:8], about="b")))
        expect(page.locator("[data-testid^=observed-token]")).to_have_count(8)
        expect(page.get_by_test_id("observed-frozen")).to_be_hidden()


def test_a_token_that_is_no_observer_does_not_let_go_of_the_one_that_is_frozen(browser):
    with stage(browser, "generated", generated_payload(view()), generated_selection("a", observer=8)) as page:
        page.locator("[data-testid=observer-token-1]").dblclick()
        assert sent(page) == []
        assert page.locator("[data-testid=observer-frozen]").is_visible()


def test_escape_lets_both_views_go(browser):
    selection = generated_selection("a", observed=2, observer=8)
    with stage(browser, "generated", generated_payload(view()), selection) as page:
        page.locator("[data-testid=observed-frozen]").wait_for()
        page.locator("[data-testid=observed-token-0]").focus()
        page.keyboard.press("Escape")
        assert sent(page) == [["freeze", {"observed": None, "observer": None}]]
