"""What an operator does first: make a deployment, look at it, migrate it, and be told what is wrong."""

import json
import logging
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from joserfc.jwk import ECKey

from app.cli import main
from app.cli.deployment import fresh_secrets, write_secrets
from app.settings import Secrets


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Huixin = Callable[..., Ended]


@contextmanager
def own_logs() -> Iterator[None]:
    """A command sets up the logs of its process; this one has others."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def huixin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Huixin:
    """Runs a command on a deployment in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("HUIXIN_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/var/huixin.db")

    def run(*arguments: str, **settings: str) -> Ended:
        with pytest.MonkeyPatch.context() as context, own_logs():
            context.setattr(sys, "argv", ["huixin", *arguments])
            for name, value in settings.items():
                context.setenv(f"HUIXIN_{name.upper()}", value)
            code = 0
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
        written = capfd.readouterr()
        assert "Traceback" not in written.err
        return Ended(code, written.out, written.err)

    return run


def test_init_makes_a_deployment_that_the_doctor_lets_pass(huixin: Huixin, tmp_path: Path) -> None:
    first = huixin("init")
    assert first.code == 0, first.err
    assert "Areas added: 39" in first.out
    assert "Signing key: 01" in first.out
    assert stat.S_IMODE((tmp_path / "var/secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var/huixin.db").stat().st_mode) == 0o600
    assert huixin("doctor").code == 0


def test_init_again_changes_nothing(huixin: Huixin, tmp_path: Path) -> None:
    huixin("init")
    secrets = (tmp_path / "var/secrets.json").read_bytes()
    again = huixin("init")
    assert again.code == 0
    assert "Areas added: 0" in again.out
    assert (tmp_path / "var/secrets.json").read_bytes() == secrets
    assert huixin("keys", "list").out.count("active") == 1


def test_init_invents_no_secrets_for_a_database_that_others_sealed(huixin: Huixin, tmp_path: Path) -> None:
    huixin("init")
    (tmp_path / "var/secrets.json").unlink()
    refused = huixin("init")
    assert refused.code == 1
    assert "backup" in refused.err
    assert not (tmp_path / "var/secrets.json").exists()


def test_other_secrets_are_told_from_the_right_ones(huixin: Huixin, tmp_path: Path) -> None:
    huixin("init")
    (tmp_path / "var/secrets.json").unlink()
    write_secrets(tmp_path / "var/secrets.json", fresh_secrets())
    found = huixin("doctor")
    assert found.code == 1
    assert "does not belong to this database" in found.out


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


@pytest.mark.parametrize("command", [("serve",), ("worker", "--once"), ("keys", "list"), ("keys", "rotate")])
def test_nothing_runs_on_a_schema_that_is_behind(
    huixin: Huixin, tmp_path: Path, command: tuple[str, ...]
) -> None:
    write_secrets(tmp_path / "var/secrets.json", fresh_secrets())
    ended = huixin(*command)
    assert ended.code == 1
    assert "run `huixin migrate`" in ended.err
    assert ended.err.count("\n") == 1


def test_migrate_says_from_where_to_where(huixin: Huixin) -> None:
    assert huixin("migrate").out.startswith("Schema: empty → ")
    assert huixin("migrate").out.startswith("The schema is up to date: ")


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


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"issuer": "50"}, "HUIXIN_ISSUER"),
        ({"body_limit": "much"}, "HUIXIN_BODY_LIMIT"),
        ({"trusted_proxies": "["}, "trusted_proxies"),
        ({"trusted_proxies": '["0.0.0.0/0"]'}, "HUIXIN_TRUSTED_PROXIES"),
        ({"time_zone": "Asia/Chongqing2"}, "HUIXIN_TIME_ZONE"),
        ({"database_url": "mysql://host/name"}, "HUIXIN_DATABASE_URL"),
        ({"database_url": "nonsense"}, "HUIXIN_DATABASE_URL"),
        ({"wechat__check_file": "a1B2.txt"}, "HUIXIN_WECHAT__CHECK_CONTENT"),
        (
            {"wechat__check_file": "check-1.txt", "wechat__check_content": "0f1e"},
            "HUIXIN_WECHAT__CHECK_FILE",
        ),
    ],
)
def test_settings_that_are_wrong_are_named(huixin: Huixin, settings: dict[str, str], said: str) -> None:
    huixin("init")
    ended = huixin("serve", **settings)
    assert ended.code == 1
    assert said in ended.err


IN_PRODUCTION = {
    "environment": "production",
    "wechat__appid": "wx0000000000000001",
    "wechat__secret": "a-secret",
    "link_prefix": "https://hx.example.cn/c/",
}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"wechat__base_url": "http://127.0.0.1:9000"}, "HUIXIN_WECHAT__BASE_URL"),
        ({"wechat__appid": ""}, "HUIXIN_WECHAT__APPID"),
        ({"wechat__secret": ""}, "HUIXIN_WECHAT__SECRET"),
        ({"link_prefix": "http://hx.example.cn/c/"}, "HUIXIN_LINK_PREFIX"),
        ({"rate_limits": "false"}, "HUIXIN_RATE_LIMITS"),
        ({"allowed_origins": '["*"]'}, "HUIXIN_ALLOWED_ORIGINS"),
    ],
)
def test_production_takes_no_stand_in(huixin: Huixin, settings: dict[str, str], said: str) -> None:
    huixin("init")
    assert huixin("doctor", **IN_PRODUCTION).code == 0
    refused = huixin("serve", **{**IN_PRODUCTION, **settings})
    assert refused.code == 1
    assert said in refused.err
    assert "a-secret" not in refused.err
    examined = huixin("doctor", **{**IN_PRODUCTION, **settings})
    assert examined.code == 1
    assert said in examined.out


def test_a_taken_port_is_said_to_be_taken(huixin: Huixin) -> None:
    huixin("init")
    ended = huixin("serve", "--host", "192.0.2.1")
    assert ended.code == 1
    assert ended.err.startswith("Cannot listen on 192.0.2.1 port 8000")


def test_a_database_that_is_away_is_said_to_be_away(huixin: Huixin) -> None:
    huixin("init")
    ended = huixin("doctor", database_url="postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
    assert ended.code == 1
    assert "cannot be reached" in ended.err


def test_the_worker_runs_every_job_once(huixin: Huixin) -> None:
    huixin("init")
    assert "`huixin worker`" in huixin("doctor").out
    assert huixin("worker", "--once").code == 0
    assert "`huixin worker`" not in huixin("doctor").out


@pytest.mark.parametrize(
    ("locale", "option", "sentence"),
    [
        ("zh_CN.UTF-8", (), "数据库结构已是最新"),
        ("C.UTF-8", (), "The schema is up to date"),
        ("zh_CN.UTF-8", ("--lang", "en"), "The schema is up to date"),
        ("en_GB.UTF-8", ("--lang", "zh"), "数据库结构已是最新"),
    ],
)
def test_commands_answer_in_the_language_of_their_user(
    huixin: Huixin, monkeypatch: pytest.MonkeyPatch, locale: str, option: tuple[str, ...], sentence: str
) -> None:
    huixin("migrate")
    monkeypatch.setenv("LC_ALL", locale)
    assert huixin(*option, "migrate").out.startswith(sentence)


def test_keys_rotate_and_are_withdrawn(huixin: Huixin) -> None:
    huixin("init")
    assert "Key 02 is published" in huixin("keys", "rotate").out
    assert huixin("keys", "withdraw", "01", "--reason", "test").code == 0
    listed = huixin("keys", "list").out
    assert listed.count("withdrawn") == 2  # the heading and the key
    assert "active" in listed
    unknown = huixin("keys", "withdraw", "ff", "--reason", "test")
    assert (unknown.code, unknown.err) == (1, "There is no key ff.\n")


def test_keys_of_another_city_are_trusted_once(huixin: Huixin, tmp_path: Path) -> None:
    huixin("init")
    keys = [ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=False) for kid in ("0a", "0b")]
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": keys[:1]}), "ascii")
    assert "new: 0a." in huixin("keys", "trust", "5001", str(file)).out
    file.write_text(json.dumps({"keys": keys}), "ascii")
    assert "new: 0b." in huixin("keys", "trust", "5001", str(file)).out
    assert "new: —." in huixin("keys", "trust", "5001", str(file)).out
    assert huixin("keys", "list").out.count("5001") == 2


@pytest.mark.parametrize(
    ("issuer", "written", "said"),
    [
        ("5001", "<html>", "is not JSON"),
        ("5001", "[]", "It holds no keys."),
        ("5001", '{"keys": []}', "It holds no keys."),
        ("5001", '{"keys": ["0a"]}', "A key is not an object."),
        ("5001", '{"keys": [{"kty": "RSA", "kid": "0a"}]}', "The key is not a P-256 key with a kid."),
        ("5001", {"kid": "0a", "private": True}, "The key set holds a private key."),
        ("5001", {"kid": "0A"}, "A kid is not two small hex digits."),
        ("5001", {"kid": "+1"}, "A kid is not two small hex digits."),
        ("5000", {"kid": "0a"}, "5000 is not another issuer."),
        ("50", {"kid": "0a"}, "50 is not another issuer."),
        ("٥٠٠١", {"kid": "0a"}, "٥٠٠١ is not another issuer."),
    ],
)
def test_a_key_set_that_is_wrong_is_not_trusted(
    huixin: Huixin, tmp_path: Path, issuer: str, written: str | dict[str, Any], said: str
) -> None:
    huixin("init")
    if isinstance(written, dict):
        key = ECKey.generate_key("P-256", {"kid": written["kid"]})
        good = ECKey.generate_key("P-256", {"kid": "01"})
        members = [good.as_dict(private=False), key.as_dict(private="private" in written)]
        written = json.dumps({"keys": members})
    (tmp_path / "jwks.json").write_text(written, "ascii")
    refused = huixin("keys", "trust", issuer, str(tmp_path / "jwks.json"))
    assert refused.code == 1
    assert said in refused.err
    assert huixin("keys", "list").out.count("\n") == 2  # the heading and our own
