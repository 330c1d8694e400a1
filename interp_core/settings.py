"""Where things are kept and how much may be used: from the environment, then from one JSON file, then defaults.

`HOOKSCOPE_CACHE`, `HOOKSCOPE_MODELS`, `HOOKSCOPE_SAES`, `HOOKSCOPE_HARVESTS`, `HOOKSCOPE_LABELS`, `HOOKSCOPE_RUNS` and
`HOOKSCOPE_CONFIG` name the cache folder, the folders of local models, of SAEs, of harvests, of feature labels and of saved runs,
and the settings file; the rest is set on the Settings page and kept in that file.
"""

import dataclasses
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
import psutil

from interp_core.errors import SettingsError
from interp_core.files import write_json

_APP = "hookscope"
GIB = 1024**3
MIB = 1024**2


def cache_folder() -> Path:
    """Converted models, measured parities: what can be made again."""
    return Path(os.environ.get("HOOKSCOPE_CACHE") or platformdirs.user_cache_dir(_APP))


def models_folder() -> Path:
    """The user's own Hugging Face folders, one folder a model."""
    return Path(os.environ.get("HOOKSCOPE_MODELS") or Path(platformdirs.user_data_dir(_APP)) / "models")


def runs_folder() -> Path:
    """Saved runs, one folder a run."""
    return Path(os.environ.get("HOOKSCOPE_RUNS") or Path(platformdirs.user_data_dir(_APP)) / "runs")


def saes_folder() -> Path:
    """The user's own SAEs, one SAELens folder each."""
    return Path(os.environ.get("HOOKSCOPE_SAES") or Path(platformdirs.user_data_dir(_APP)) / "saes")


def harvests_folder() -> Path:
    """The user's own harvests, one bundle a folder."""
    return Path(os.environ.get("HOOKSCOPE_HARVESTS") or Path(platformdirs.user_data_dir(_APP)) / "harvests")


def labels_folder() -> Path:
    """Labels that the user wrote, one file an SAE."""
    return Path(os.environ.get("HOOKSCOPE_LABELS") or Path(platformdirs.user_data_dir(_APP)) / "labels")


def _settings_file() -> Path:
    return Path(os.environ.get("HOOKSCOPE_CONFIG") or Path(platformdirs.user_config_dir(_APP)) / "settings.json")


@dataclass(frozen=True)
class Settings:
    """What a user may set; `validated` says what is allowed."""

    device: str = "auto"
    """Where models go unless the user picks another device: `auto` is the first accelerator, or the CPU."""
    threads: int = dataclasses.field(default_factory=lambda: psutil.cpu_count(logical=False) or os.cpu_count() or 1)
    """Threads that one forward pass may use."""
    result_cache_mib: int = 512
    """Bytes that finished results may keep, in MiB."""
    model_memory_gib: float = dataclasses.field(
        default_factory=lambda: round(0.8 * psutil.virtual_memory().total / GIB, 1)
    )
    """What all resident models together may keep, in GiB."""

    def validated(self) -> "Settings":
        """Return self.

        Raises:
            SettingsError: A value is out of its range.
        """
        most = os.cpu_count() or 1
        if not isinstance(self.device, str) or len(self.device) > 20:
            raise SettingsError(f"The device must be 'auto', 'cpu' or such as 'cuda:0', not {self.device!r}.")
        if not 1 <= self.threads <= most:
            raise SettingsError(f"Threads must be between 1 and {most} on this machine, not {self.threads}.")
        if not 1 <= self.result_cache_mib <= 1024 * 1024:
            raise SettingsError(f"The result cache must be between 1 and 1,048,576 MiB, not {self.result_cache_mib}.")
        if not 0.1 <= self.model_memory_gib <= 65536:
            raise SettingsError(
                f"The memory for models must be between 0.1 and 65,536 GiB, not {self.model_memory_gib}."
            )
        return self


def load_settings() -> Settings:
    """Read the settings file; what it does not say, or says wrongly, is the default.

    Raises:
        SettingsError: The file is there and cannot be used.
    """
    path = _settings_file()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(Settings)}
        return replace(Settings(), **{name: value for name, value in stored.items() if name in known}).validated()
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"The settings file {path} cannot be used ({error}). Mend it or delete it.") from error


def save_settings(settings: Settings) -> None:
    """Write the settings file atomically.

    Raises:
        SettingsError: A value is out of its range.
        DiskError: The file cannot be written.
    """
    write_json(_settings_file(), dataclasses.asdict(settings.validated()))
