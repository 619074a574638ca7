"""What an operator does first: make a deployment, look at it, migrate it, and be told what is wrong."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from app.cli.deployment import fresh_secrets, write_secrets
from tests.commands import Huixin
from tests.factories.holidays import holiday_file


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


def test_holidays_are_imported_from_all_files_or_none(huixin: Huixin, tmp_path: Path) -> None:
    huixin("init")
    (tmp_path / "2026.json").write_bytes(holiday_file(2026, ("2026-01-01", "元旦", True)))
    (tmp_path / "2027.json").write_bytes(holiday_file(2027))
    (tmp_path / "bad.json").write_bytes(b"[]")
    refused = huixin("import", "holidays", "2026.json", "bad.json")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "bad.json: No calendar of holidays: the file holds no JSON object.\n"
    done = huixin("import", "holidays", "2026.json", "2027.json")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "2026, in days: 1 added, 0 changed, 0 removed, 0 unchanged",
        "2027, in days: 0 added, 0 changed, 0 removed, 0 unchanged",
    ]
    again = huixin("import", "holidays", "2026.json")
    assert "0 added, 0 changed, 0 removed, 1 unchanged" in again.out
    assert huixin("import", "holidays", "none.json").code == 1
