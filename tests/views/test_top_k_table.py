import numpy as np
import pytest
from playwright.sync_api import expect

from interp_views.top_k_table import TopKView, top_k_table_payload
from tests.views.conftest import TOKENS, first_is_special
from tests.views.reading import unpack
from tests.views.stage import sent, show, stage

LAYERS, HEADS = ("L0", "L1"), ("H0", "H1", "H2")
VALUES = np.random.default_rng(0).normal(size=(10, 2, 3)).astype(np.float32)


def view(tokens: tuple[str, ...] = TOKENS, **changes) -> TopKView:
    fields = {
        "values": VALUES[: len(tokens)],
        "object_type": "head",
        "layer_labels": LAYERS,
        "object_labels": HEADS,
        "k": 3,
        "unit": "logits",
    }
    return TopKView(tokens, first_is_special(len(tokens)), **(fields | changes))


def column(page, block: str, index: int, count: int = 3) -> list[str]:
    cells = [page.get_by_test_id(f"top-k-{block}-{rank}").locator("td").nth(index) for rank in range(count)]
    return [cell.inner_text() for cell in cells]


def name(pos: int) -> str:
    return f"{pos}: {TOKENS[pos].replace(' ', '·').replace(chr(10), '⏎')}"


def test_the_best_and_the_worst_are_those_of_a_sort_by_python():
    _, arrays = unpack(top_k_table_payload(view()))
    for layer, head in np.ndindex(2, 3):
        ranked = sorted(range(10), key=lambda pos: VALUES[pos, layer, head])
        assert arrays["worst_pos"][layer, head].tolist() == ranked[:3]
        assert arrays["best_pos"][layer, head].tolist() == ranked[::-1][:3]
        np.testing.assert_array_equal(arrays["best"][layer, head], VALUES[ranked[::-1][:3], layer, head])
        np.testing.assert_array_equal(arrays["worst"][layer, head], VALUES[ranked[:3], layer, head])


def test_of_equal_values_the_earlier_token_comes_first_on_both_ends():
    values = np.zeros((10, 2, 3), np.float32)
    values[7] = 1
    _, arrays = unpack(top_k_table_payload(view(values=values)))
    assert arrays["best_pos"][0, 0].tolist() == [7, 0, 1]
    assert arrays["worst_pos"][0, 0].tolist() == [0, 1, 2]


def test_missing_values_never_rank_and_leave_the_end_of_the_list_empty():
    values = np.full((10, 2, 3), np.nan, np.float32)
    values[4] = -1
    _, arrays = unpack(top_k_table_payload(view(values=values)))
    for block in ("best", "worst"):
        assert arrays[f"{block}_pos"][1, 2].tolist() == [4, -1, -1]
        np.testing.assert_array_equal(arrays[block][1, 2], np.float32([-1, np.nan, np.nan]))


def test_a_prompt_shorter_than_k_fills_what_it_can():
    _, arrays = unpack(top_k_table_payload(view(TOKENS[:2])))
    assert arrays["best_pos"].shape == (2, 3, 3)
    assert (arrays["best_pos"][..., 2] == -1).all()
    assert (arrays["best_pos"][..., :2] >= 0).all()


def test_a_long_prompt_costs_no_more_than_its_tokens_and_the_k_best():
    tokens = tuple("a" * 4000)
    payload = top_k_table_payload(
        view(tokens, values=np.random.default_rng(1).normal(size=(4000, 2, 3)).astype(np.float32))
    )
    header_bytes = 1000 + 4 * len(tokens)
    assert len(payload) <= header_bytes + 2 * 6 * 3 * 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer_labels": ("L0",)}, r"shape \(10, 2, 3\).*\(10, 1, 3\)"),
        ({"values": np.full((10, 2, 3), np.inf, np.float32)}, "infinity"),
        ({"k": 0}, "k is 0: give 1 to 200"),
        ({"object_labels": (), "values": np.zeros((10, 2, 0), np.float32)}, "at least one of each"),
    ],
)
def test_what_makes_no_table_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        top_k_table_payload(view(**changes))


def test_an_unknown_filter_is_refused_with_the_names_there_are():
    shown = view()
    object.__setattr__(shown, "filter", "top")
    with pytest.raises(ValueError, match="topk, bottomk, both"):
        top_k_table_payload(shown)


@pytest.mark.browser
def test_the_menus_choose_layer_object_and_end(browser):
    with stage(browser, "top_k_table", top_k_table_payload(view())) as page:
        expect(page.locator("thead th")).to_have_text(["head", *HEADS])
        best = [[name(pos) for pos in np.argsort(-VALUES[:, layer, 2])[:3]] for layer in range(2)]
        worst = [name(pos) for pos in np.argsort(VALUES[:, 1, 2])[:3]]
        assert column(page, "best", 2) == best[0]
        page.get_by_test_id("top-k-layer").select_option("L1")
        expect(page.get_by_test_id("top-k-best-0").locator("td").nth(2)).to_have_text(best[1][0])
        assert column(page, "best", 2) == best[1]
        page.get_by_test_id("top-k-object").select_option("H2")
        expect(page.locator("thead th")).to_have_text(["head", "H2"])
        page.get_by_test_id("top-k-filter").select_option("Smallest")
        expect(page.get_by_test_id("top-k-best-0")).to_have_count(0)
        # The most negative comes first.
        assert column(page, "worst", 0) == worst
        page.get_by_test_id("top-k-filter").select_option("Both")
        expect(page.locator("tbody tr")).to_have_count(6)


@pytest.mark.browser
def test_what_the_reader_chose_outlives_new_data(browser):
    with stage(browser, "top_k_table", top_k_table_payload(view(filter="bottomk"))) as page:
        expect(page.get_by_test_id("top-k-filter")).to_have_value("bottomk")
        page.get_by_test_id("top-k-layer").select_option("L1")
        show(page, top_k_table_payload(view(values=VALUES[::-1].copy(), filter="bottomk")))
        expect(page.get_by_test_id("top-k-worst-0").locator("td").first).to_have_text(
            name(9 - int(VALUES[:, 1, 0].argmin()))
        )
        expect(page.get_by_test_id("top-k-layer")).to_have_value("1")
        # A layer that is no longer there gives way to the first.
        show(page, top_k_table_payload(view(values=VALUES[:, :1].copy(), layer_labels=("L0",))))
        expect(page.get_by_test_id("top-k-layer")).to_have_value("0")
        expect(page.get_by_test_id("top-k-worst-0").locator("td").first).to_have_text(
            name(int(VALUES[:, 0, 0].argmin()))
        )


@pytest.mark.browser
def test_a_cell_says_its_value_and_a_click_selects_its_token(browser):
    pos = int(VALUES[:, 0, 1].argmax())
    with stage(browser, "top_k_table", top_k_table_payload(view())) as page:
        cell = page.get_by_test_id("top-k-best-0").locator("button").nth(1)
        expect(cell).to_have_attribute("title", f"{name(pos)} · {VALUES[pos, 0, 1]:.2f} · L0, H1")
        cell.hover()
        expect(page.get_by_test_id("top-k-readout")).to_have_text(f"{name(pos)} · {VALUES[pos, 0, 1]:.2f} · L0, H1")
        cell.click()
        assert sent(page) == [["select", {"pos": pos}]]


@pytest.mark.browser
def test_arrows_walk_the_table_and_enter_selects_once(browser):
    with stage(browser, "top_k_table", top_k_table_payload(view())) as page:
        page.get_by_test_id("top-k-best-0").locator("button").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_test_id("top-k-best-1").locator("button").nth(1)).to_be_focused()
        assert page.locator("button[tabindex='0']").count() == 1
        page.keyboard.press("Enter")
        assert sent(page) == [["select", {"pos": int(np.argsort(-VALUES[:, 0, 1])[1])}]]


@pytest.mark.browser
def test_colours_are_signed_where_something_is_negative_and_sequential_where_nothing_is(browser):
    values = np.zeros((10, 2, 3), np.float32)
    values[0], values[1] = 1, -1
    with stage(browser, "top_k_table", top_k_table_payload(view(values=values, filter="both"))) as page:
        best = page.get_by_test_id("top-k-best-0").locator("button").first
        expect(best).to_have_css("background-color", "rgb(150, 41, 10)")
        worst = page.get_by_test_id("top-k-worst-0").locator("button").first
        expect(worst).to_have_css("background-color", "rgb(11, 63, 115)")
        show(page, top_k_table_payload(view(values=np.abs(values), filter="both")))
        expect(page.locator(".hs-scale span").first).to_have_text("0")
        expect(page.get_by_test_id("top-k-best-0").locator("button").first).to_have_css(
            "background-color", "rgb(198, 55, 15)"
        )
        expect(page.get_by_test_id("top-k-worst-0").locator("button").first).to_have_css(
            "background-color", "rgb(255, 255, 255)"
        )


@pytest.mark.browser
def test_an_object_without_values_says_so(browser):
    values = VALUES.copy()
    values[:, :, 1] = np.nan
    with stage(browser, "top_k_table", top_k_table_payload(view(values=values))) as page:
        assert column(page, "best", 1) == ["no value"] * 3
        page.get_by_test_id("top-k-object").select_option("H1")
        expect(page.locator("tbody tr")).to_have_count(1)


@pytest.mark.browser
def test_tokens_and_labels_with_markup_stay_text(browser):
    token = "<img src=x onerror=alert(1)>"
    shown = view((token,) * 10, layer_labels=(token, "L1"), object_labels=(token, "H1", "H2"), object_type=token)
    with stage(browser, "top_k_table", top_k_table_payload(shown)) as page:
        expect(page.locator("thead th").first).to_have_text(token)
        expect(page.get_by_test_id("top-k-best-0").locator("button").first).to_contain_text(token.replace(" ", "·"))
        assert page.locator(".hs img").count() == 0
