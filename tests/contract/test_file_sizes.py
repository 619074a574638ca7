"""A file is read in one sitting: over 400 lines it wants a reason, over 600 there is none."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("app", "tests", "bench", "migrations")

WANTS_A_REASON = 400
TOO_LONG = 600
CONFTEST = 150
"""A large conftest hides what a test stands on."""

REASONS: dict[str, str] = {
    "tests/api/test_rosters.py": "one roster is followed from its upload to the last departure",
    "tests/rules/test_tokens.py": "one table of tokens that must not verify, each with its cause",
    "migrations/versions/2026_11_22_0134_the_foundation.py": "one step that makes every table",
}
"""Files over 400 lines, each with its reason."""


def lengths() -> dict[str, int]:
    """Lines of each Python file, by its path in the project."""
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }


def test_every_long_file_has_a_reason() -> None:
    """A reason whose file has become short goes as well."""
    long = {name: length for name, length in lengths().items() if length > WANTS_A_REASON}
    assert sorted(long) == sorted(REASONS), long


def test_no_file_is_too_long() -> None:
    """A migration is written once and never grows, so it alone may be longer."""
    grown = {name: n for name, n in lengths().items() if not name.startswith("migrations/versions/")}
    assert {name: n for name, n in grown.items() if n > TOO_LONG} == {}


def test_conftest_stays_small() -> None:
    assert lengths()["tests/conftest.py"] <= CONFTEST
