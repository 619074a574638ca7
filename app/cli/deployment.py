"""The deployment that a command works on: its settings, its secrets file, its unit of work."""

import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pydantic import SecretBytes, ValidationError
from pydantic_settings import SettingsError

from app import schema
from app.cli.refusals import Refused
from app.clock import system_clock
from app.database import Database
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, Work, begin_work

KEY_BYTES = 32
"""256 bits, for AES-256-GCM and HMAC-SHA256 alike."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Nobody but the owner may touch the secrets file."""


def read_settings() -> Settings:
    """The settings of this deployment. Raises Refused, naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        # Of a value only its place is said: it may be a secret.
        faults = "; ".join(
            f"HUIXIN_{'__'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise Refused(f"设置有误：{faults}", f"The settings are wrong. {faults}") from None
    except SettingsError as error:
        raise Refused(f"设置有误：{error}", f"The settings are wrong: {error}") from None


def read_secrets(settings: Settings) -> Secrets:
    """The secrets of this deployment. Raises Refused where they are missing, damaged or open to others."""
    path = settings.secrets_file
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & OTHERS:
            raise Refused(
                f"其他用户可以读取密钥文件 {path}：请运行 `chmod 600 {path}`。",
                f"Others can read the secrets file {path}: run `chmod 600 {path}`.",
            )
        return Secrets.read(path)
    except FileNotFoundError:
        raise Refused(
            f"没有密钥文件 {path}：请运行 `huixin init`，或恢复备份。",
            f"There is no secrets file {path}: run `huixin init`, or bring it back from a backup.",
        ) from None
    except OSError as error:
        raise Refused(
            f"无法读取密钥文件 {path}：{error.strerror}。",
            f"The secrets file {path} cannot be read: {error.strerror}.",
        ) from None
    except ValueError:
        raise Refused(
            f"密钥文件 {path} 已损坏：请恢复备份。",
            f"The secrets file {path} is damaged: bring it back from a backup.",
        ) from None


def fresh_secrets() -> Secrets:
    """New secrets from the system's random source."""

    def key() -> SecretBytes:
        return SecretBytes(os.urandom(KEY_BYTES))

    return Secrets(
        master_keys={1: key()},
        index_key=key(),
        handle_key=key(),
        jti_key=key(),
        access_token_keys={"a1": key()},
        refresh_key=key(),
        digest_key=key(),
    )


def write_secrets(path: Path, secrets: Secrets) -> None:
    """Writes `secrets` to `path`, whole or not at all, readable by its owner only.

    Raises FileExistsError where there is a file already: secrets are never written over, not even
    by two commands at the same instant.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        draft.unlink()
    text = json.dumps(secrets.model_dump(mode="json", exclude_none=True), indent=2) + "\n"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, it fails where the name is taken
    finally:
        draft.unlink()


@asynccontextmanager
async def command_work(name: str, *, write: bool = True) -> AsyncIterator[Work]:
    """The unit of work of the command `name` on this deployment's database.

    Raises Refused for settings or secrets that are wrong, SchemaBehind, or Unavailable.
    """
    settings = read_settings()
    deployment = Deployment.of(settings, read_secrets(settings))
    database = Database(settings.database_url)
    try:
        await database.require_schema(schema.head())
        actor = Actor.command(f"huixin {name}")
        async with begin_work(database, deployment, now=system_clock(), actor=actor, write=write) as work:
            yield work
    finally:
        await database.close()
