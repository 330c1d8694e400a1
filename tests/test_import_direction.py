"""Imports point one way, and the shell starts without torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "interp_core": {"streamlit", "plotly", "pages", "interp_views", "hookscope", "app"},
    "interp_views": {
        "streamlit",
        "torch",
        "transformer_lens",
        "transformers",
        "pages",
        "interp_core",
        "hookscope",
        "app",
    },
    "hookscope": {"streamlit", "pages", "app"},
    "pages": {"torch", "plotly", "transformer_lens", "transformers", "hookscope", "app"},
    "app.py": {"torch", "plotly", "interp_core", "interp_views"},
}
TECHNIQUES = {"predictions", "attention", "generation", "parity"}
BELOW_TECHNIQUES = {
    "types",
    "errors",
    "hooks",
    "models",
    "engine",
    "lane",
    "jobs",
    "memory",
    "checkpoints",
    "tokens",
    "devices",
}


def _imports(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _files(part: str) -> list[Path]:
    return [ROOT / part] if part.endswith(".py") else sorted((ROOT / part).rglob("*.py"))


@pytest.mark.parametrize("part", FORBIDDEN)
def test_no_import_points_up(part):
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in _files(part)
        for module in _imports(path)
        if module.split(".")[0] in FORBIDDEN[part]
    }
    assert not wrong


def test_a_wrong_import_would_be_found(tmp_path):
    (tmp_path / "wrong.py").write_text("def late():\n    from torch import nn\n")
    assert any(module.startswith("torch") for module in _imports(tmp_path / "wrong.py"))


def test_the_ground_floor_of_interp_core_knows_no_technique():
    for name in BELOW_TECHNIQUES:
        imported = {
            module.removeprefix("interp_core.").split(".")[0] for module in _imports(ROOT / f"interp_core/{name}.py")
        }
        assert not imported & TECHNIQUES, name


def test_nothing_in_pages_ui_is_imported_by_a_page_s_name():
    """Pages call `pages/ui`, never each other."""
    names = {path.stem for path in (ROOT / "pages").glob("*.py")}
    for path in (ROOT / "pages").rglob("*.py"):
        assert not {f"pages.{name}" for name in names} & _imports(path), path


def test_the_shell_and_every_page_s_plumbing_start_without_torch():
    modules = [f"pages.ui.{path.stem}" for path in (ROOT / "pages" / "ui").glob("*.py") if path.stem != "__init__"]
    code = f"import sys, {', '.join(modules)}\nprint(sorted(name for name in ('torch', 'transformers') if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]", result.stdout
