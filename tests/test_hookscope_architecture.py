"""Architectures in a notebook: what can be given, and what comes out."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoConfig

import hookscope
from interp_core.errors import InterpError
from tests.architectures import CONFIGS
from tests.views.reading import unpack


def sent(picture) -> dict:
    found = re.search(r'id="payload">([^<]+)<', picture.page)
    assert found
    return unpack(base64.b64decode(found.group(1)))[0]


def names(picture) -> list[str]:
    return [one["name"] for one in sent(picture)["diagrams"]]


def ablate(activation, hook):
    return activation * 0


def test_a_model_a_name_a_configuration_and_an_object_can_be_given(tiny, tiny_folders):
    config = AutoConfig.for_model(
        "gpt2", **{key: value for key, value in CONFIGS["gpt2"].items() if key != "model_type"}
    )
    picture = hookscope.architecture(tiny, "folder:tiny-gemma2", CONFIGS["attention_only"], config, max_layers=2)
    assert names(picture) == ["tiny-llama", "tiny-gemma2", "this configuration", "gpt2"]
    assert sent(picture)["max_layers"] == 2
    assert picture._repr_html_().startswith("<iframe sandbox=")


def test_hooks_are_coloured_by_function_and_name_their_heads(tiny):
    hooks = [
        ("blocks.0.attn.hook_z", ablate, {"heads": np.array([1, 3])}),
        ("blocks.1.attn.hook_z", ablate),
        ("blocks.*.hook_resid_pre", "watch"),
        ("blocks.77.hook_resid_pre", "watch"),
    ]
    header = sent(hookscope.architecture(tiny, hooks=hooks))
    assert [(mark["label"], mark["colour"], mark["heads"]) for mark in header["marks"]] == [
        ("ablate", 0, [1, 3]), ("ablate", 0, None), ("watch", 1, None),
    ]  # fmt: skip
    assert "there is no layer 77" in header["problems"][0]


def test_the_file_needs_no_network(tiny, tmp_path):
    path = hookscope.architecture(tiny).save_html(tmp_path / "tiny.html")
    assert path == Path(tmp_path / "tiny.html")
    page = path.read_text()
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="http', page)


@pytest.mark.parametrize(
    ("described", "options", "message"),
    [
        (("folder:nowhere",), {}, "no readable config.json"),
        ((CONFIGS["gpt2"],) * 5, {}, "5 models were given, and 4 fit"),
        (({"n_layers": 0},), {}, "must be a whole number"),
        ((3,), {}, "A int has no configuration"),
        ((CONFIGS["gpt2"],), {"hooks": ["blocks.0.hook_mlp_out"]}, "is no hook. Give"),
        ((CONFIGS["gpt2"],), {"hooks": [("blocks.0.hook_mlp_out",)]}, "is no hook. Give"),
        ((CONFIGS["gpt2"],), {"hooks": [("blocks.0.attn.hook_z", "f", [1])]}, "does not name heads by their numbers"),
        (
            (CONFIGS["gpt2"],),
            {"hooks": [("blocks.0.attn.hook_z", "f", {"heads": 3})]},
            "does not name heads by their numbers",
        ),
        (
            (CONFIGS["gpt2"],),
            {"hooks": [("blocks.0.attn.hook_z", "f", {"heads": ["a"]})]},
            "does not name heads by their numbers",
        ),
        (
            (CONFIGS["gpt2"],),
            {"hooks": [("blocks.0.attn.hook_z", "f", {"heads": "12"})]},
            "does not name heads by their numbers",
        ),
        (
            (CONFIGS["gpt2"],),
            {"hooks": [("blocks.0.attn.hook_z", "f", {"heads": [True]})]},
            "does not name heads by their numbers",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(described, options, message):
    with pytest.raises(InterpError, match=message):
        hookscope.architecture(*described, **options)
