"""Settings and secrets of test deployments."""

import hashlib
from typing import Any

from app.settings import Environment, Secrets, Settings


def _key(name: str) -> bytes:
    return hashlib.sha256(f"test {name}".encode()).digest()


def make_secrets() -> Secrets:
    """Secrets that are the same in every run and guard nothing."""
    return Secrets(
        master_keys={1: _key("master")},
        index_key=_key("index"),
        handle_key=_key("handle"),
        jti_key=_key("jti"),
        access_token_keys={"a1": _key("access")},
        statement_keys={"s1": _key("statement")},
        refresh_key=_key("refresh"),
        digest_key=_key("digest"),
    )


def make_settings(**changed: Any) -> Settings:
    """Settings of a test deployment."""
    values: dict[str, Any] = {
        "environment": Environment.test,
        "link_prefix": "https://hx.example.cn/c/",
        "wechat": {"base_url": "http://127.0.0.1:9", "appid": "wx0000000000000001", "secret": "test-secret"},
        "_env_file": None,
    }
    return Settings(**{**values, **changed})
