"""What a deployment sets: one frozen `Settings`, read from the environment, and the secrets beside it."""

import base64
import json
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    PlainSerializer,
    SecretBytes,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

OFFICIAL_WECHAT = "https://api.weixin.qq.com"
"""The only WeChat server that a production deployment may talk to."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that names a folder, empty at the start, for the counts of several worker processes.
prometheus_client reads it when it is first imported."""
LANDING_PATH = "/c/"
"""Where the application serves the landing page and WeChat's domain check file."""


class Environment(StrEnum):
    """What kind of deployment this is; production refuses every stand-in."""

    development = "development"
    test = "test"
    production = "production"


class WeChatSettings(BaseModel):
    """The mini-program that couriers come through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = OFFICIAL_WECHAT
    appid: str = ""
    secret: SecretStr = SecretStr("")
    check_file: str = ""
    """Name of the domain check file that WeChat handed out, e.g. `a1B2c3D4e5.txt`."""
    check_content: str = ""
    """Its content, served verbatim beneath the link prefix."""


class Settings(BaseSettings):
    """Everything that may differ between deployments. Variables are `HUIXIN_<NAME>`, nested with `__`."""

    model_config = SettingsConfigDict(
        env_prefix="HUIXIN_", env_nested_delimiter="__", env_file=".env", frozen=True, extra="ignore"
    )

    environment: Environment = Environment.development
    database_url: str = "sqlite+aiosqlite:///var/huixin.db"
    """`sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`."""
    secrets_file: Path = Path("var/secrets.json")
    """Written by `huixin init`, readable by its owner only."""
    issuer: str = Field("5000", pattern=r"^\d{4}$")
    """First four digits of the issuing city's GB/T 2260 code."""
    link_prefix: str = "http://127.0.0.1:8000/c/"
    """What stands before the code in the symbol; in production the link that opens the mini-program."""
    former_link_prefixes: tuple[str, ...] = ()
    """Prefixes that are still read, though no longer drawn."""
    time_zone: str = "Asia/Shanghai"
    wechat: WeChatSettings = WeChatSettings()

    access_token_seconds: int = Field(600, ge=60, le=3600)
    sign_in_days: int = Field(30, ge=1, le=180)
    """A sign-in that has not been refreshed for so long has ended."""

    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Only these may say, by X-Forwarded-For, for whom they speak."""
    watchers: tuple[IPvAnyNetwork, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    """Who may read /metrics: this machine alone unless it is set. Whoever comes through a proxy on this
    machine is taken for it, unless the proxy is a trusted one or keeps the path to itself."""
    allowed_origins: tuple[str, ...] = ()
    """Origins that browsers may call from. None: no CORS header is ever sent."""
    body_limit: int = 64 * 1024
    """Bytes of a JSON body."""
    upload_limit: int = 8 * 1024 * 1024
    """Bytes of an uploaded photo or roster."""
    concurrency: int = 512
    """Requests under way in one process before further ones are answered 503."""
    database_pool: int = Field(8, ge=1)
    """Connections that one process holds at most. SQLite has this many to read with, one more for the event
    loop and one to write.
    """
    rate_limits: bool = True
    """Off only for replays and load tests; refused in production."""

    @field_validator("link_prefix")
    @classmethod
    def _has_the_landing_path(cls, value: str) -> str:
        if urlsplit(value).path != LANDING_PATH:
            raise ValueError(f"the path of link_prefix must be {LANDING_PATH}")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which civil days and service days are counted."""
        return ZoneInfo(self.time_zone)

    @property
    def in_production(self) -> bool:
        return self.environment is Environment.production

    @property
    def link_prefixes(self) -> tuple[str, ...]:
        """All prefixes that a code may stand behind, the drawn one first."""
        return (self.link_prefix, *self.former_link_prefixes)


def _decode(value: object) -> object:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else value


Key = Annotated[
    SecretBytes,
    BeforeValidator(_decode),
    PlainSerializer(lambda key: base64.b64encode(key.get_secret_value()).decode()),
    Field(min_length=32, max_length=32),
]
"""256 bits, base64 in the file, never printed."""


StatementKid = Annotated[str, Field(pattern=r"^s[1-9][0-9]{0,5}$")]
"""`s1`, `s2`, …: never the two hex digits by which a code names its key."""


class Secrets(BaseModel):
    """The keys that live outside the database. Losing them loses every sealed field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    master_keys: dict[int, Key]
    """By number (1 to 255); the highest seals unless `sealing_key` names another, all open."""
    sealing_key: int | None = None
    """While a new master key is handed out: the number of the old one, until every process has the new."""
    index_key: Key
    """Blind indexes of document numbers, phones, names and openids."""
    next_index_key: Key | None = None
    """While the index key rotates, the one to come."""
    handle_key: Key
    """Root of the day keys from which handles are made."""
    jti_key: Key
    """Tells our own codes from forgeries after a signing key has leaked."""
    access_token_keys: dict[str, Key]
    """By kid; the last in order signs sign-in tokens, all verify."""
    statement_keys: dict[StatementKid, Key] = Field(min_length=1)
    """By kid; from each an ES256 key is derived. The last in order signs statements, all are published."""
    refresh_key: Key
    """Derives each refresh token from the one before it."""
    digest_key: Key
    """Digests of unreadable codes, client addresses and other things counted but not kept."""

    @model_validator(mode="after")
    def _can_seal(self) -> Self:
        if self.sealing_key is not None and self.sealing_key not in self.master_keys:
            raise ValueError("sealing_key must be the number of one of master_keys")
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """The secrets in the file at `path`; raises OSError or ValueError."""
        return cls.model_validate(json.loads(path.read_text("utf-8")))
