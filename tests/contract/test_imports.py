"""Who may import whom: the contracts in pyproject.toml, and what of the models the API may touch."""

import ast
import importlib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each `from module import name` in the file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def test_the_contracts_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=str(tmp_path)) == 0


@pytest.mark.parametrize("path", sorted((ROOT / "app/api").rglob("*.py")), ids=lambda path: path.stem)
def test_the_api_takes_only_choices_from_the_models(path: Path) -> None:
    """Enumerations are the product's words, shared by all layers; tables are not."""
    for module, name in imports(path):
        if module.startswith("app.models"):
            taken = getattr(importlib.import_module(module), name, None)
            assert isinstance(taken, type), f"{module} is imported whole"
            assert issubclass(taken, Enum), f"{module}.{name} is a table"
