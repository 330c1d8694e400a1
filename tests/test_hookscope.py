"""The notebook's way in: one call from a model and a prompt to a picture."""

import pytest

import hookscope
from interp_core.errors import InterpError


@pytest.fixture(scope="module")
def model(tiny_folders):
    return hookscope.load("folder:tiny-llama", device="cpu")


def test_pictures_are_frames_that_need_no_network(model):
    for picture in (
        hookscope.show_prompt(model, "and John"),
        hookscope.show_attention(model, "and John", layer=1, head=2),
    ):
        html = picture._repr_html_()
        assert html.startswith("<iframe")
        assert "src=&quot;http" not in html
        assert "and John" not in html.split("srcdoc")[0]


def test_a_prompt_may_say_how_it_becomes_tokens(model):
    with pytest.raises(InterpError, match="prompt is empty"):
        hookscope.show_prompt(model, hookscope.Prompt("", prepend_bos=False))


def test_a_model_that_is_not_there_is_said_so(tiny_folders):
    with pytest.raises(InterpError, match="There is no folder"):
        hookscope.load("folder:nothing")
