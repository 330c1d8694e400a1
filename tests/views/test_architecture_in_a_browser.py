"""The diagram in Chromium: what is drawn, what pointing and clicking do, and how much is in the document."""

import re
import time

import pytest
from playwright.sync_api import expect

from interp_views.architecture import ArchitectureView, architecture_payload
from interp_views.architecture_hooks import HookMark
from interp_views.component import Component
from tests.architectures import CONFIGS, document
from tests.views.stage import sent, show, stage

pytestmark = pytest.mark.browser
_BOXES = """
(nodes) => nodes.map((node) => {
  const { x, y, width, height } = node.getBBox();
  const band = node.closest("[transform]").getAttribute("transform");
  return [node.parentNode.dataset.target, band, x + 3, y + 3, x + width - 3, y + height - 3];
})
"""


def payload(*names, **changes) -> bytes:
    return architecture_payload(ArchitectureView(tuple(map(document, names)), **changes))


def panel(page):
    return page.get_by_test_id("architecture-panel")


def part(page, target, layer=0):
    return page.locator(f"[data-layer='{layer}'] .hs-arch-part[data-target='{target}']")


@pytest.mark.parametrize("name", CONFIGS)
def test_every_part_and_arrow_of_every_kind_of_model_is_drawn(browser, name):
    described = document(name)
    with stage(browser, "architecture", payload(name, max_layers=10)) as page:
        page.set_viewport_size({"width": 1200, "height": 5000})
        page.locator(".hs-arch-scroller").evaluate("(node) => { node.style.height = node.style.maxHeight = '4900px'; }")
        page.locator(".hs-arch-scroller").dispatch_event("scroll")
        expect(page.locator("[data-layer]")).to_have_count(described["n_layers"])
        wanted = {one["name"] for kind in described["kinds"] for one in kind["parts"]}
        wanted |= {one["name"] for one in (*described["before"], *described["after"])} | {"tokens", "logits"}
        drawn = page.eval_on_selector_all(".hs-arch-part", "(nodes) => nodes.map((node) => node.dataset.target)")
        assert wanted <= set(drawn)
        keys = page.eval_on_selector_all(".hs-arch-arrow", "(nodes) => nodes.map((node) => node.dataset.target)")
        is_parallel = described["parallel"]
        assert ("resid_mid" in keys) == ("mlp" in wanted and not is_parallel)
        assert {"attn_in", "attn_out", "resid_pre", "resid_post"} <= set(keys)
        paths = page.eval_on_selector_all(".hs-arch-wire", "(nodes) => nodes.map((node) => node.getAttribute('d'))")
        assert not any("NaN" in path or "undefined" in path for path in paths)


def test_nothing_stands_on_anything_else(browser):
    for name in CONFIGS:
        for width in (1200, 620):
            with stage(browser, "architecture", payload(name)) as page:
                page.set_viewport_size({"width": width, "height": 900})
                page.wait_for_timeout(100)
                boxes = page.eval_on_selector_all(".hs-arch-part > .hs-arch-hit", _BOXES)
                for i, (one, band, left, top, right, bottom) in enumerate(boxes):
                    for other, band2, left2, top2, right2, bottom2 in boxes[i + 1 :]:
                        if band == band2:
                            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
                            assert apart, (name, width, one, other)


def test_pointing_shows_a_part_and_a_click_keeps_it(browser):
    with stage(browser, "architecture", payload("llama")) as page:
        expect(panel(page)).to_contain_text("Parameters")
        part(page, "attn").locator("[data-head='2']").hover()
        expect(panel(page)).to_contain_text("head L0H2")
        expect(panel(page)).to_contain_text("grouped-query · 8 heads × 8 · 2 key/value heads")
        part(page, "mlp").hover()
        expect(panel(page)).to_contain_text("64 → 256 → 64 · silu, gated")
        part(page, "mlp").click()
        page.mouse.move(2, 2)
        expect(panel(page)).to_contain_text("pinned")
        expect(panel(page)).to_contain_text("W_gate")
        expect(panel(page)).to_contain_text("blocks.0.hook_mlp_out")
        page.get_by_test_id("architecture").press("Escape")
        expect(panel(page)).to_contain_text("Parameters")


def test_the_panel_has_every_head_with_its_shapes_at_each_arrow(browser):
    with stage(browser, "architecture", payload("llama")) as page:
        part(page, "attn").locator("[data-head='0']").click()
        expect(panel(page).locator(".hs-arch-heads button")).to_have_count(8)
        expect(panel(page).locator(".hs-arch-shared")).to_have_count(2)
        for text in ("pos × 8 × 8", "pos × 2 × 8", "8 × query × key", "rotary", "pattern = softmax", "× W_O"):
            expect(panel(page)).to_contain_text(text)
        page.get_by_test_id("head-5").click()
        expect(panel(page)).to_contain_text("head L0H5")


def test_of_ten_thousand_heads_the_panel_shows_the_first_and_counts_the_rest(browser):
    many = {"hidden_size": 10_000, "num_attention_heads": 10_000}
    for grouped in (10_000, 100, 1):
        described = document("llama", **many, num_key_value_heads=grouped)
        with stage(browser, "architecture", architecture_payload(ArchitectureView((described,)))) as page:
            part(page, "attn").locator("[data-head='0']").click()
            expect(panel(page).locator(".hs-arch-heads button")).to_have_count(512)
            expect(panel(page).locator(".hs-arch-heads")).to_contain_text("and 9,488 more")
    with stage(browser, "architecture", payload("llama")) as page:
        part(page, "attn").locator("[data-head='0']").click()
        expect(panel(page).locator(".hs-arch-heads")).not_to_contain_text("more")


def test_a_drag_that_ends_outside_the_picture_is_over(browser):
    with stage(browser, "architecture", payload("llama", max_layers=6)) as page:
        # Room below the picture, where the button can be let go.
        page.set_viewport_size({"width": 1200, "height": 1200})
        scroller = page.get_by_test_id("architecture")
        box = scroller.bounding_box()
        assert box is not None
        x, middle, outside = box["x"] + 30, box["y"] + box["height"] / 2, box["y"] + box["height"] + 60
        page.mouse.move(x, middle)
        page.mouse.down()
        page.mouse.move(x, middle + 40, steps=4)
        expect(scroller).to_have_class(re.compile("is-dragged"))
        page.mouse.move(x, outside, steps=4)
        page.mouse.up()
        expect(scroller).not_to_have_class(re.compile("is-dragged"))
        top = scroller.evaluate("(node) => node.scrollTop")
        page.mouse.move(x, middle, steps=4)
        page.mouse.move(x, middle + 50, steps=4)
        assert scroller.evaluate("(node) => node.scrollTop") == top
        page.locator(".hs-arch-part[data-target='mlp']").first.hover()
        expect(panel(page)).to_contain_text("silu, gated")
        # The first click after it counts.
        page.locator(".hs-arch-part[data-target='mlp']").first.click()
        expect(panel(page)).to_contain_text("pinned")


def test_a_drag_within_the_picture_scrolls_it_and_keeps_no_part(browser):
    with stage(browser, "architecture", payload("llama", max_layers=6)) as page:
        scroller = page.get_by_test_id("architecture")
        top = scroller.evaluate("(node) => node.scrollTop")
        box = part(page, "mlp").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 20, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 20, box["y"] + 60, steps=4)
        page.mouse.up()
        assert scroller.evaluate("(node) => node.scrollTop") == top - 50
        expect(scroller).not_to_have_class(re.compile("is-dragged"))
        expect(panel(page)).not_to_contain_text("pinned")
        part(page, "mlp").click()
        expect(panel(page)).to_contain_text("pinned")


def test_experts_are_drawn_with_the_hook_points_that_they_have(browser):
    with stage(browser, "architecture", payload("mixtral")) as page:
        part(page, "mlp").click()
        steps = panel(page).locator(".hs-arch-step")
        expect(steps.filter(has_text=re.compile("^pre"))).to_have_text(["prepos × 64"])
        expect(steps.filter(has_text="post = weighted sum")).to_contain_text("pos × 64")
        expect(panel(page)).not_to_contain_text("pre_linear")


def test_hooks_colour_parts_heads_and_arrows_and_stand_in_the_legend(browser):
    marks = (
        HookMark("blocks.0.attn.hook_pattern", "freeze", 0, (2,)),
        HookMark("blocks.0.hook_resid_mid", "steer", 1),
        HookMark("blocks.4.mlp.hook_post", "zero", 2),
    )
    with stage(browser, "architecture", payload("llama", hooks=marks)) as page:
        for text in ("freeze", "steer", "zero"):
            expect(page.get_by_test_id("architecture-legend")).to_contain_text(text)
        expect(part(page, "attn").locator(".is-marked")).to_have_count(1)
        expect(part(page, "attn").locator("[data-head='2'] .is-marked")).to_have_count(1)
        expect(page.locator("[data-target='resid_mid'] .hs-arch-wire.is-marked")).to_have_count(1)
        expect(page.locator("[data-target='resid_pre'] .hs-arch-wire.is-marked")).to_have_count(0)
        expect(page.locator(".hs-arch-pile-mark")).to_have_count(1)
        part(page, "attn").locator("[data-head='2']").click()
        expect(panel(page).locator(".hs-arch-step.is-marked")).to_have_text("pattern = softmax8 × query × key")
        expect(panel(page).locator(".hs-arch-heads .is-marked")).to_have_text("2")


def test_marks_on_the_arrows_of_a_part_are_in_its_flow(browser):
    marks = (HookMark("blocks.0.hook_attn_out", "zero", 0), HookMark("blocks.0.hook_q_input", "patch", 1))
    with stage(browser, "architecture", payload("llama", hooks=marks)) as page:
        part(page, "attn").locator("[data-head='0']").click()
        expect(panel(page).locator(".hs-arch-step.is-marked")).to_have_text(["attn_outpos × 64", "× W_Q"])
        expect(panel(page).locator(".hs-arch-heads .is-marked")).to_have_count(0)
        expect(page.locator("[data-target='attn_in'] .is-marked")).to_have_count(1)


def test_layers_fold_and_unfold_where_they_stand(browser):
    with stage(browser, "architecture", payload("llama")) as page:
        expect(page.get_by_test_id("folded-1")).to_contain_text("layers 1 to 5")
        page.locator("[data-unfold='1']").first.click()
        expect(page.locator(".hs-arch-folded")).to_have_count(0)
        page.get_by_test_id("fold-all").click()
        expect(page.get_by_test_id("folded-0")).to_contain_text("layers 0 to 5")
        pile = page.locator("[data-pile] rect").first
        box = pile.bounding_box()
        assert box is not None
        # The fourth leaf from below is layer 3.
        pile.click(position={"x": 20, "y": box["height"] * (1 - 3.5 / 6)})
        expect(page.get_by_test_id("layer-3")).to_be_visible()
        expect(page.get_by_test_id("folded-4")).to_contain_text("layers 4 to 5")
        page.locator("[data-fold='3']").click()
        expect(page.get_by_test_id("folded-0")).to_be_visible()


def test_the_same_by_keyboard(browser):
    with stage(browser, "architecture", payload("llama")) as page:
        picture = page.get_by_test_id("architecture")
        picture.focus()
        for key in ("Home", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowRight", "ArrowRight"):
            picture.press(key)
        expect(panel(page)).to_contain_text("head L0H1")
        picture.press("Enter")
        expect(panel(page)).to_contain_text("pinned")
        picture.press("Space")
        expect(page.get_by_test_id("folded-0")).to_be_visible()
        picture.press("Space")
        expect(page.get_by_test_id("layer-0")).to_be_visible()


def test_explanations_can_be_switched_off(browser):
    with stage(browser, "architecture", payload("llama")) as page:
        expect(page.locator(".hs-arch-captions p").first).to_be_visible()
        part(page, "mlp").click()
        expect(panel(page)).to_contain_text("Geva et al. 2021")
        page.get_by_test_id("explain-off").click()
        expect(panel(page)).not_to_contain_text("Geva et al. 2021")
        expect(page.locator(".hs-arch-captions")).to_be_hidden()


def test_the_host_is_told_what_to_open_and_to_ablate(browser):
    with stage(browser, "architecture", payload("llama", acts=True)) as page:
        part(page, "attn").locator("[data-head='3']").click()
        page.get_by_test_id("act-open").click()
        page.get_by_test_id("act-ablate").click()
        part(page, "resid_pre").click()
        page.get_by_test_id("act-stream").click()
        assert sent(page) == [
            ["act", {"what": "open", "layer": 0, "head": 3, "part": "attn"}],
            ["act", {"what": "ablate", "layer": 0, "head": 3, "part": "attn"}],
            ["act", {"what": "stream", "layer": 0, "head": None, "part": "resid_pre"}],
        ]
    with stage(browser, "architecture", payload("llama")) as page:
        part(page, "attn").locator("[data-head='3']").click()
        expect(page.get_by_test_id("act-open")).to_have_count(0)
        expect(panel(page)).to_contain_text("Copy hook name")


def test_models_side_by_side_have_a_table_of_what_differs(browser):
    with stage(browser, "architecture", payload("gpt2", "llama", "gemma2", "gptj")) as page:
        table = page.get_by_test_id("architecture-compared")
        expect(table.locator("tr").first).to_contain_text("gemma2")
        expect(table.locator("tr", has_text="Norm").locator(".is-different")).to_have_text(["RMSNorm", "RMSNorm"])
        expect(page.locator(".hs-arch-svg")).to_have_count(4)
        show(page, payload("gpt2"))
        expect(page.locator(".hs-arch-svg")).to_have_count(1)
        expect(table).to_have_count(0)


def test_other_data_leaves_what_is_unfolded_and_pinned(browser):
    with stage(browser, "architecture", payload("llama")) as page:
        page.locator("[data-unfold='1']").first.click()
        part(page, "mlp").click()
        show(page, payload("llama", hooks=(HookMark("blocks.0.mlp.hook_post", "zero", 0),)))
        expect(panel(page)).to_contain_text("zero on blocks.0.mlp.hook_post")
        expect(page.locator(".hs-arch-folded")).to_have_count(0)


def test_names_of_models_and_hooks_are_text(browser):
    evil = "<img src=x onerror=alert(1)>"
    described = {**document("llama"), "name": evil, "notes": [evil]}
    view = ArchitectureView((described,), (HookMark("blocks.0.mlp.hook_post", evil), HookMark(evil, evil)))
    with stage(browser, "architecture", architecture_payload(view)) as page:
        part(page, "mlp").click()
        expect(panel(page)).to_contain_text(evil)
        expect(page.locator("img")).to_have_count(0)


def test_a_hundred_layers_of_64_heads_are_drawn_at_once_and_only_where_they_are_seen(browser):
    large = document("gpt2", n_layer=100, n_head=64, n_embd=512)
    with stage(browser, "architecture", payload("llama")) as page:
        began = time.monotonic()
        show(page, architecture_payload(ArchitectureView((large,), (HookMark("blocks.*", "all"),), max_layers=100)))
        expect(page.get_by_test_id("layer-0")).to_be_visible()
        assert time.monotonic() - began < 5  # loose: machines are shared; the benchmark measures it
        assert page.locator("[data-layer]").count() < 12
        assert page.locator(".hs-architecture *").count() < 2500
        scroller = page.get_by_test_id("architecture")
        scroller.evaluate("(node) => { node.scrollTop = node.scrollHeight / 2; }")
        expect(page.get_by_test_id("layer-50")).to_be_attached()
        expect(page.get_by_test_id("layer-0")).to_have_count(0)


def test_ten_thousand_layers_still_make_a_diagram(browser):
    with stage(
        browser, "architecture", architecture_payload(ArchitectureView((document("gpt2", n_layer=10_000),)))
    ) as page:
        expect(page.get_by_test_id("folded-1")).to_contain_text("layers 1 to 9999")
        page.get_by_test_id("unfold-all").click()
        expect(page.get_by_test_id("layer-0")).to_be_visible()


def test_two_files_on_one_page_do_not_disturb_each_other(open_page):
    frames = "".join(
        Component.load("architecture").notebook(payload(name), name)._repr_html_() for name in ("llama", "gpt2")
    )
    page = open_page(f"<!doctype html><body data-painted>{frames}</body>")
    one, other = page.frame_locator("iframe >> nth=0"), page.frame_locator("iframe >> nth=1")
    one.locator("[data-layer='0'] [data-target='mlp']").first.click()
    expect(one.get_by_test_id("architecture-panel")).to_contain_text("silu, gated")
    page.locator("iframe >> nth=1").scroll_into_view_if_needed()
    expect(other.get_by_test_id("architecture-panel")).to_contain_text("Parameters")
    other.locator("[data-layer='0'] [data-target='mlp']").first.click()
    expect(other.get_by_test_id("architecture-panel")).to_contain_text("gelu_new")
    expect(one.get_by_test_id("architecture-panel")).to_contain_text("silu, gated")


def test_a_standalone_file_works_without_scripts_errors_or_network(open_page):
    page = open_page(Component.load("architecture").standalone(payload("gemma2"), "gemma2", "dark"))
    part(page, "attn").locator("[data-head='1']").click()
    expect(panel(page)).to_contain_text("window 32")


@pytest.mark.parametrize(
    ("key", "shape"), [("ln2_in", "pos × 64"), ("attn_out", "pos × 64"), ("resid_mid", "pos × 64")]
)
def test_an_arrow_says_the_shape_of_what_it_carries(browser, key, shape):
    with stage(browser, "architecture", payload("llama")) as page:
        page.locator(f"[data-layer='0'] .hs-arch-arrow[data-target='{key}'] path").first.dispatch_event("click")
        expect(panel(page)).to_contain_text(shape)


def test_a_part_has_a_dot_for_each_function_and_none_for_each_of_its_points(browser):
    points = ("hook_in", "hook_pre", "hook_post", "hook_out")
    one = tuple(HookMark(f"blocks.0.mlp.{point}", "mine.one", 0) for point in points)
    with stage(browser, "architecture", payload("llama", hooks=one)) as page:
        expect(part(page, "mlp")).to_be_visible()
        expect(part(page, "mlp").locator(".is-marked")).to_have_count(1)
        expect(part(page, "mlp").locator(".hs-arch-dot")).to_have_count(0)
        show(page, payload("llama", hooks=(*one, HookMark("blocks.0.mlp.hook_post", "mine.two", 1))))
        expect(part(page, "mlp").locator(".hs-arch-dot")).to_have_count(2)
