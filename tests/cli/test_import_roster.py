"""`huixin import roster`: a roster out of a file, on the deployment's own machine."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from tests.factories.rosters import csv_file, people, xlsx_file

PEOPLE = people(3)


@pytest.fixture
def huixin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on a fresh deployment with one employer: its exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("HUIXIN_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/huixin.db")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["huixin", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capfd.readouterr()
        assert isinstance(code, int)
        return code, out, err

    (tmp_path / "employers.csv").write_text("name,kind\n晨光速运,courier_company\n", "utf-8")
    assert run("init")[0] == 0
    assert run("import", "employers", "employers.csv")[0] == 0
    return run


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_roster_comes_in_and_again_changes_nothing(
    huixin: Callable[..., tuple[int, str, str]], tmp_path: Path, kind: str
) -> None:
    rows = [person.row for person in PEOPLE]
    (tmp_path / "roster").write_bytes(csv_file(rows) if kind == "csv" else xlsx_file(rows))
    code, out, err = huixin("import", "roster", "roster", "--employer", "晨光速运")
    assert (code, err.strip()) == (0, "")
    assert out.startswith("Rows: 3 added, 0 changed, 0 returned, 0 unchanged, 0 refused")
    code, out, _ = huixin("import", "roster", "roster", "--employer", "晨光速运")
    assert code == 0
    assert out.startswith("Rows: 0 added, 0 changed, 0 returned, 3 unchanged, 0 refused")


def test_refused_rows_are_told_by_line_and_never_quoted(
    huixin: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "roster").write_bytes(csv_file([PEOPLE[0].row, (*PEOPLE[1].row[:2], "12345")]))
    code, out, err = huixin("import", "roster", "roster", "--employer", "晨光速运")
    assert code == 3
    assert "1 added" in out
    assert "Line 3 phone: the phone number is missing or invalid" in err
    code, _, err = huixin("import", "roster", "roster", "--employer", "晨光速运", "--report", "report.csv")
    assert (code, err.strip()) == (3, "")
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["line"], line["column"], line["code"]) == ("3", "phone", "invalid_phone")
    assert not any(secret in out + err + str(line) for secret in PEOPLE[1].row)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("roster", "--employer", "无此单位"), "There is no such employer here."),
        (("roster", "--employer", "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58"), "There is no such employer here."),
        (("nowhere.csv", "--employer", "晨光速运"), "cannot be read"),
        (("damaged", "--employer", "晨光速运"), "The table cannot be read: the file is damaged."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    huixin: Callable[..., tuple[int, str, str]], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "roster").write_bytes(csv_file([PEOPLE[0].row]))
    (tmp_path / "damaged").write_bytes(b"PK\x03\x04" + bytes(50))
    code, _, err = huixin("import", "roster", *arguments)
    assert code == 1
    assert said in err
    assert "Traceback" not in err
