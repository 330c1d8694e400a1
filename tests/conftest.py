"""Models and folders that tests share: tiny random ones made here, and the default model, fetched once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

from interp_core.default_model import default_model_folder, ensure_default_model
from interp_core.engine import Engine
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.settings import Settings, cache_folder
from interp_core.types import ModelSpec
from tests.tiny import save_tiny_model

HOW_TO_GET_ONE = (
    "no Chromium found: install the package `chromium` of your system, or run `playwright install chromium`"
)
FAMILIES = ("gpt2", "gpt_neox", "llama", "qwen2", "gemma2")


@pytest.fixture(scope="session", autouse=True)
def folders(tmp_path_factory) -> Path:
    """Cache, models and settings of their own; only the converted default model is shared with the user's cache."""
    root = tmp_path_factory.mktemp("hookscope")
    converted = cache_folder() / "models"
    converted.mkdir(parents=True, exist_ok=True)
    (root / "cache").mkdir()
    (root / "cache" / "models").symlink_to(converted)
    os.environ["HOOKSCOPE_CACHE"] = str(root / "cache")
    os.environ["HOOKSCOPE_MODELS"] = str(root / "models")
    for name in ("RUNS", "SAES", "HARVESTS", "LABELS"):
        os.environ[f"HOOKSCOPE_{name}"] = str(root / name.lower())
    os.environ["HOOKSCOPE_CONFIG"] = str(root / "settings.json")
    os.environ.pop("HOOKSCOPE_HOOKS", None)
    os.environ["HF_HOME"] = str(root / "hub")
    return root


@pytest.fixture(scope="session")
def tiny_folders(folders) -> dict[str, Path]:
    """A folder of each family, random weights, a tokenizer trained here."""
    return {family: save_tiny_model(family, folders / "models" / f"tiny-{family}") for family in FAMILIES}


@pytest.fixture
def copy_of_tiny(tiny_folders, folders):
    """A tiny llama folder under the models folder that a test may break."""
    copy = shutil.copytree(tiny_folders["llama"], folders / "models" / "broken")
    yield copy
    shutil.rmtree(copy)


@pytest.fixture(scope="session")
def tiny_spec(tiny_folders) -> ModelSpec:
    return ModelSpec("folder", "tiny-llama", device="cpu")


@pytest.fixture(scope="session")
def tiny(tiny_spec, tiny_folders) -> LoadedModel:
    return load_model(tiny_spec, tiny_folders["llama"])


@pytest.fixture(scope="session")
def default_folder(folders) -> Path:
    """The default model's folder; the first test that asks fetches it (93 MB) unless it is in the user's cache."""
    ensure_default_model()
    return default_model_folder()


@pytest.fixture(scope="session")
def default_model(default_folder) -> LoadedModel:
    spec = ModelSpec(device="cpu")
    return load_model(spec, find_folder(spec))


@pytest.fixture
def engine(tiny_folders):
    made = Engine(Settings())
    yield made
    for lane in made.lanes():
        made.evict(lane.spec)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; where there is none the test is skipped, or fails if HOOKSCOPE_REQUIRE_BROWSER is set."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        try:
            made = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        except Error:
            if os.environ.get("HOOKSCOPE_REQUIRE_BROWSER"):
                pytest.fail(HOW_TO_GET_ONE)
            pytest.skip(HOW_TO_GET_ONE)
        yield made
        made.close()
