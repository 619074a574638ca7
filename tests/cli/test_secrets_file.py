"""The secrets file: made once, never written over, completed by a newer release, closed to others."""

import json
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.cli.deployment import add_statement_key, fresh_secrets, write_secrets
from app.settings import Secrets
from tests.commands import Huixin
from tests.factories.settings import make_settings


def test_secrets_are_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = fresh_secrets()
    write_secrets(path, first)
    with pytest.raises(FileExistsError):
        write_secrets(path, fresh_secrets())
    assert Secrets.read(path) == first
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_secrets_share_no_key(tmp_path: Path) -> None:
    write_secrets(tmp_path / "secrets.json", fresh_secrets())
    written = json.loads((tmp_path / "secrets.json").read_text("ascii"))
    keys = [
        key for value in written.values() for key in (value.values() if isinstance(value, dict) else [value])
    ]
    # The index key to come is not there yet, and no key seals in the place of the newest.
    assert len(set(keys)) == len(keys) == len(Secrets.model_fields) - 2


@pytest.mark.parametrize("command", [("serve",), ("worker", "--once"), ("doctor",), ("keys", "list")])
def test_secrets_that_others_can_read_are_refused(
    huixin: Huixin, tmp_path: Path, command: tuple[str, ...]
) -> None:
    huixin("init")
    (tmp_path / "var/secrets.json").chmod(0o640)
    ended = huixin(*command)
    assert ended.code == 1
    assert "chmod 600" in ended.err


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"master_keys": 1}', "\x00"])
def test_damaged_secrets_are_said_to_be_damaged(huixin: Huixin, tmp_path: Path, text: str) -> None:
    huixin("init")
    (tmp_path / "var/secrets.json").write_text(text)
    ended = huixin("serve")
    assert ended.code == 1
    assert "damaged" in ended.err


@pytest.fixture
def older(huixin: Huixin, tmp_path: Path) -> dict[str, Any]:
    """What the secrets file of a deployment held that was made before there were statement keys."""
    huixin("init")
    path = tmp_path / "var/secrets.json"
    members: dict[str, Any] = json.loads(path.read_text("ascii"))
    del members["statement_keys"]
    path.write_text(json.dumps(members), "ascii")
    return members


@pytest.mark.parametrize(
    "command",
    [("serve",), ("worker", "--once"), ("doctor",), ("keys", "list"), ("keys", "rotate", "--statements")],
)
def test_secrets_of_an_older_release_are_said_to_be_mended_by_init(
    huixin: Huixin, older: dict[str, Any], tmp_path: Path, command: tuple[str, ...]
) -> None:
    for locale, sentence in (
        ("en", "older release and lacks statement_keys: run `huixin init`"),
        ("zh", "旧版本"),
    ):
        ended = huixin("--lang", locale, *command)
        assert (ended.code, ended.err.count("\n")) == (1, 1)
        assert sentence in ended.err
    assert json.loads((tmp_path / "var/secrets.json").read_text("ascii")) == older


def test_init_adds_to_older_secrets_what_has_come_since(
    huixin: Huixin, older: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "var/secrets.json"
    mended = huixin("init")
    assert mended.code == 0, mended.err
    assert "added statement_keys" in mended.out
    members = json.loads(path.read_text("ascii"))
    assert list(members.pop("statement_keys")) == ["s1"]
    assert members == older
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {file.name for file in path.parent.iterdir() if "secrets" in file.name} == {"secrets.json"}
    assert huixin("doctor").code == 0
    written = path.read_bytes()
    assert "Secrets: kept" in huixin("init").out
    assert path.read_bytes() == written


def test_init_mends_where_the_link_leads(huixin: Huixin, older: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "var/secrets.json"
    elsewhere = tmp_path / "kept" / "secrets.json"
    elsewhere.parent.mkdir()
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert huixin("init").code == 0
    assert path.is_symlink()
    assert json.loads(elsewhere.read_text("ascii")).keys() == {*older, "statement_keys"}


def test_statement_keys_rotate_in_the_secrets_file(huixin: Huixin, tmp_path: Path) -> None:
    huixin("init")
    before = Secrets.read(tmp_path / "var/secrets.json")
    assert "Statement key s2" in huixin("keys", "rotate", "--statements").out
    assert "声明密钥 s3" in huixin("--lang", "zh", "keys", "rotate", "--statements").out
    after = Secrets.read(tmp_path / "var/secrets.json")
    assert list(after.statement_keys) == ["s1", "s2", "s3"]
    assert len({key.get_secret_value() for key in after.statement_keys.values()}) == 3
    assert after.statement_keys["s1"] == before.statement_keys["s1"]
    assert after.model_copy(update={"statement_keys": before.statement_keys}) == before
    assert stat.S_IMODE((tmp_path / "var/secrets.json").stat().st_mode) == 0o600
    assert huixin("doctor").code == 0
    assert huixin("keys", "list").out.count("active") == 1
    with closing(sqlite3.connect(tmp_path / "var/huixin.db")) as database:
        recorded = "SELECT subject_id FROM audit_records WHERE subject_kind = 'statement_key' ORDER BY id"
        assert database.execute(recorded).fetchall() == [("s2",), ("s3",)]
    refused = huixin("keys", "rotate", "--statements", "--now")
    assert (refused.code, refused.err.count("\n")) == (1, 1)


def test_statement_keys_added_at_once_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    write_secrets(path, fresh_secrets())
    settings = make_settings(secrets_file=path)
    with ThreadPoolExecutor(8) as commands:
        made = list(commands.map(lambda _: add_statement_key(settings), range(24)))
    assert sorted(made) == sorted(f"s{number}" for number in range(2, 26))
    assert list(Secrets.read(path).statement_keys) == [f"s{number}" for number in range(1, 26)]


@pytest.mark.parametrize(
    "keys", [{}, {"07": "A" * 43 + "="}, {"s0": "A" * 43 + "="}, {"s1": "AA=="}, {"s1": 1}, ["s1"], None]
)
def test_statement_keys_that_are_none_are_damage(
    huixin: Huixin, older: dict[str, Any], tmp_path: Path, keys: object
) -> None:
    path = tmp_path / "var/secrets.json"
    path.write_text(json.dumps({**older, "statement_keys": keys}), "ascii")
    written = path.read_bytes()
    for command in ("serve", "init"):
        ended = huixin(command)
        assert ended.code == 1
        assert "damaged" in ended.err
    assert path.read_bytes() == written
