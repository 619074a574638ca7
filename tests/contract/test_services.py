"""Services leave it to their caller when it is and whether what they did is kept."""

import ast
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "app/services"

DECIDES = {"commit", "rollback"}
TELLS_TIME = {"now", "utcnow", "today", "time", "time_ns", "system_clock"}
CLOCKS = {"datetime", "date", "time"}


def called(tree: ast.AST) -> list[str]:
    """Names of all calls: `system_clock` for `system_clock()`, `datetime.now` for `datetime.now()`."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name):
                    names.append(name)
                case ast.Attribute(value=ast.Name(id=owner), attr=name):
                    names.append(f"{owner}.{name}")
                case ast.Attribute(attr=name):
                    names.append(f"?.{name}")
                case _:
                    pass  # a call of a call or of an element has no name
    return names


@pytest.mark.parametrize(
    "path", sorted(SERVICES.rglob("*.py")), ids=lambda path: path.relative_to(SERVICES).as_posix()
)
def test_no_service_commits_or_reads_the_clock(path: Path) -> None:
    for name in called(ast.parse(path.read_text("utf-8"))):
        owner, _, verb = name.rpartition(".")
        assert verb not in DECIDES, f"{name}: the edge commits"
        assert name != "system_clock", "the time comes in with the work"
        assert not (owner in CLOCKS and verb in TELLS_TIME), f"{name}: the time comes in with the work"
