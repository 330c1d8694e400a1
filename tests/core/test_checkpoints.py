"""A folder is checked before anything is loaded from it."""

import json
import os
import pickle

import pytest
from safetensors import safe_open

from interp_core.checkpoints import inspect_checkpoint
from interp_core.errors import CheckpointError
from interp_core.models import load_model
from interp_core.types import ModelSpec
from tests.tiny import rewrite_config

SPEC = ModelSpec("folder", "broken", device="cpu")


def test_parameters_are_counted_as_the_file_holds_them(tiny_folders):
    for folder in tiny_folders.values():
        with safe_open(folder / "model.safetensors", "numpy") as file:
            expected = sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118  no iterator there
        assert inspect_checkpoint(folder).n_params == expected


def test_a_folder_without_weights_is_refused(copy_of_tiny):
    (copy_of_tiny / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="holds no weights"):
        load_model(SPEC, copy_of_tiny)


@pytest.mark.parametrize("kept", [0, 4, 100, 10_000])
def test_a_truncated_file_is_refused_before_it_is_loaded(copy_of_tiny, kept):
    path = copy_of_tiny / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_model(SPEC, copy_of_tiny)


def test_a_header_that_is_no_json_is_refused(copy_of_tiny):
    path = copy_of_tiny / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[8:12] = b"\xff\xfe\x00["
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        inspect_checkpoint(copy_of_tiny)


class Trap:
    """A pickle that runs code when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_refused_and_never_opened(copy_of_tiny, tmp_path):
    (copy_of_tiny / "model.safetensors").unlink()
    (copy_of_tiny / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "opened")))
    with pytest.raises(CheckpointError, match=r"pickle \(pytorch_model\.bin\).*never opens one"):
        load_model(SPEC, copy_of_tiny)
    assert not (tmp_path / "opened").exists()


def test_code_of_its_own_is_refused(copy_of_tiny):
    rewrite_config(copy_of_tiny, auto_map={"AutoModelForCausalLM": "evil.Model"})
    with pytest.raises(CheckpointError, match="never runs"):
        load_model(SPEC, copy_of_tiny)


def test_missing_tensors_are_refused_rather_than_random(copy_of_tiny):
    rewrite_config(copy_of_tiny, num_hidden_layers=5)
    with pytest.raises(CheckpointError, match=r"lacks \d+ tensors"):
        load_model(SPEC, copy_of_tiny)


def test_an_unknown_architecture_is_refused(copy_of_tiny):
    rewrite_config(copy_of_tiny, model_type="nonsense", architectures=["NonsenseForCausalLM"])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_model(SPEC, copy_of_tiny)


@pytest.mark.parametrize("content", ["", "[1, 2]", "{", "\udcff"])
def test_a_configuration_that_cannot_be_read_is_refused(copy_of_tiny, content):
    (copy_of_tiny / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError):
        inspect_checkpoint(copy_of_tiny)


def test_a_folder_without_tokenizer_is_refused(copy_of_tiny):
    (copy_of_tiny / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="no tokenizer"):
        inspect_checkpoint(copy_of_tiny)


def test_an_index_that_leads_out_of_the_folder_is_refused(copy_of_tiny):
    index = {"weight_map": {"a": "../../secret.safetensors"}}
    (copy_of_tiny / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="outside its folder"):
        inspect_checkpoint(copy_of_tiny)


def test_missing_shards_are_named(copy_of_tiny):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (copy_of_tiny / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="model-00001-of-00002"):
        inspect_checkpoint(copy_of_tiny)


def test_other_weights_have_another_fingerprint(copy_of_tiny, tiny_folders):
    path = copy_of_tiny / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert inspect_checkpoint(copy_of_tiny).fingerprint != inspect_checkpoint(tiny_folders["llama"]).fingerprint
