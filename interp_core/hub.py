"""Models from the Hugging Face hub: what is cached is used without asking; a hub that does not answer is said so.

huggingface_hub does the fetching. What this adds: only safetensors and what a tokenizer needs, an answer within
seconds when there is no network, and sentences instead of exceptions.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, ModelInfo, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id
from tqdm.auto import tqdm

from interp_core import catalogue
from interp_core.errors import DiskError, HubError, UnknownModelError
from interp_core.types import Progress

_WANTED = ["*.json", "*.safetensors", "*.model", "merges.txt", "vocab.txt", "*.jinja"]
_UNREACHABLE = (
    httpx2.HTTPError, OfflineModeIsEnabled, ConnectionError, FutureTimeout, TimeoutError, LocalEntryNotFoundError,
)  # fmt: skip
"""The last is what a download raises whose hub went away after it was asked."""
ANSWER_WITHIN_S = 8.0


def fetch(name: str, report: Callable[[Progress], None]) -> Path:
    """Return the folder of a snapshot, from the cache or from the hub.

    Raises:
        UnknownModelError: The hub has no such repository.
        HubError: The hub does not answer, or wants a licence accepted first.
        DiskError: The cache cannot be written.
    """
    name = _repository(name)
    if name in catalogue.cached_names():
        try:
            return Path(snapshot_download(name, local_files_only=True, allow_patterns=_WANTED))
        except (LocalEntryNotFoundError, EntryNotFoundError):
            report(Progress(0.0, f"The cached copy of {name} is incomplete: asking the hub"))
    total = download_bytes(name)
    report(Progress(0.0, f"Downloading {name}: {total / 1e6:,.0f} MB"))
    with _explained(name):
        return Path(snapshot_download(name, allow_patterns=_WANTED, tqdm_class=_reporting(report, name, total)))


def fetch_config(name: str) -> Path:
    """Return a model's `config.json`, from the cache or from the hub; nothing else is fetched.

    Raises:
        UnknownModelError: The hub has no such repository.
        HubError: The hub does not answer, refuses, or has no configuration of this model.
        DiskError: The cache cannot be written.
    """
    name = _repository(name)
    try:
        return Path(hf_hub_download(name, "config.json", local_files_only=True))
    except LocalEntryNotFoundError:
        files = [file.rfilename for file in ask_about(name).siblings or []]
    if "config.json" not in files:
        raise HubError(f"{name} has no config.json on the hub. Pick another model, or paste a configuration.")
    with _explained(name):
        return Path(hf_hub_download(name, "config.json"))


def download_bytes(name: str) -> int:
    """Bytes that a download of `name` moves, asked of the hub.

    Raises:
        UnknownModelError: The hub has no such repository.
        HubError: The hub does not answer within seconds, refuses, or has no safetensors of this model.
    """
    info = ask_about(_repository(name))
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    if not any(file.endswith(".safetensors") for file in sizes):
        raise HubError(
            f"{name} has no safetensors weights on the hub, and Hookscope opens no pickles. Pick another model."
        )
    return sum(size for file, size in sizes.items() if any(Path(file).match(pattern) for pattern in _WANTED))


def ask_about(name: str) -> ModelInfo:
    """What the hub says of a repository, within seconds.

    Raises:
        UnknownModelError: The hub has no such repository.
        HubError: The hub does not answer within seconds, or refuses.
    """
    asking = ThreadPoolExecutor(1, thread_name_prefix="hub")
    try:
        # A name server or a proxy that swallows packets is bounded here: the library's own limits are per attempt.
        with _answered(name):
            return asking.submit(HfApi().model_info, name, files_metadata=True, timeout=5).result(ANSWER_WITHIN_S)
    finally:
        asking.shutdown(wait=False, cancel_futures=True)


def _repository(name: str) -> str:
    """The repository that a name stands for.

    Raises:
        UnknownModelError: No repository can have this name; the hub need not be asked.
    """
    name = catalogue.aliases().get(name, name)
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise _unknown(name) from error
    return name


@contextmanager
def _answered(name: str) -> Iterator[None]:
    """Sentences for a hub that refuses, or does not answer. Its refusals are connection errors too, so they come first."""
    try:
        yield
    except GatedRepoError as error:
        raise HubError(f"{name} is gated: accept its licence on the hub and log in with `hf auth login`.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise _unknown(name) from error
    except HfHubHTTPError as error:
        raise HubError(f"The hub refused to hand out {name} ({error}). Try again later.") from error
    except _UNREACHABLE as error:
        raise HubError(
            f"{name} is not in the hub's cache on this machine, and the hub does not answer ({type(error).__name__}). "
            "Check the network, or pick what ships or a local folder."
        ) from error


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Sentences for what may go wrong in a download."""
    try:
        with _answered(name):
            yield
    except OSError as error:
        raise DiskError(
            f"{name} cannot be saved in {catalogue.hub_cache()} ({error.strerror or error}). Free some space."
        ) from error


def _unknown(name: str) -> UnknownModelError:
    return UnknownModelError(
        f"The hub has no model {name!r}, or you have no access to it. Check the spelling, or search in the list."
    )


def _reporting(report: Callable[[Progress], None], name: str, total: int) -> type[tqdm]:
    """A progress bar class that reports bytes to us and draws nothing."""

    class Reporting(tqdm):
        def __init__(self, *args, **kwargs):
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": False, "file": _Nowhere(), "mininterval": 0.5})

        def display(self, *args, **kwargs):
            if self.unit == "B" and total:
                fraction = min(1.0, self.n / total)
                report(Progress(fraction, f"Downloading {name}: {self.n / 1e6:,.0f} of {total / 1e6:,.0f} MB"))

    return Reporting


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass
