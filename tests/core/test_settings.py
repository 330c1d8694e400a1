"""Settings survive, bad ones are refused, and a file is never half written."""

import json
import os

import pytest

from interp_core.errors import DiskError, SettingsError
from interp_core.files import write_json
from interp_core.settings import Settings, load_settings, save_settings


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_CONFIG", str(tmp_path / "deep" / "settings.json"))
    return tmp_path / "deep" / "settings.json"


def test_what_is_saved_is_loaded(file):
    wanted = Settings(threads=1, result_cache_mib=77, model_memory_gib=3.5)
    save_settings(wanted)
    assert load_settings() == wanted


def test_without_a_file_the_defaults_hold():
    assert load_settings() == Settings()


@pytest.mark.parametrize("content", ["{", "[]", '{"threads": 0}', '{"threads": "many"}', '{"result_cache_mib": -1}'])
def test_a_file_that_cannot_be_used_is_named(file, content):
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"Threads must|cache must|cannot be used"):
        load_settings()


def test_a_setting_of_a_later_version_is_passed_over(file):
    file.parent.mkdir()
    file.write_text(json.dumps({"threads": 1, "of_the_future": True}))
    assert load_settings().threads == 1


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(file):
    save_settings(Settings(threads=1))
    with pytest.raises(TypeError):
        write_json(file, {"not JSON": object()})
    assert load_settings().threads == 1
    assert os.listdir(file.parent) == ["settings.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written"):
        write_json(tmp_path / "file" / "below.json", {})
