"""A model's name in a URL can only ever be a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_core.errors import UnknownModelError
from interp_core.types import ModelSpec


@pytest.mark.parametrize("text", ["", "gpt2", "EleutherAI/pythia-70m", "folder:my-model_1.0"])
def test_a_name_survives_the_way_through_the_url(text):
    assert ModelSpec.parse(text).text == text


@pytest.mark.parametrize(
    "text",
    ["../etc", "folder:../x", "folder:a/b", "a/b/c", "/etc/passwd", "..", "folder:", "file:///x", "a b", "x\0", "a" * 300,
     "folder:..", "folder:.", "https://x.y/z", "C:\\x", "a/..", "💥"],
)  # fmt: skip
def test_what_is_no_name_is_refused_with_a_sentence(text):
    with pytest.raises(UnknownModelError, match="cannot be a model's name"):
        ModelSpec.parse(text)


@given(st.text(max_size=60))
def test_no_text_leads_out_of_the_models_folder(text):
    try:
        spec = ModelSpec.parse(text)
    except UnknownModelError:
        return
    assert ".." not in spec.name.split("/")
    assert not spec.name.startswith("/")
    assert spec.source != "folder" or "/" not in spec.name
