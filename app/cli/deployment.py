"""The deployment that a command works on: its settings, its secrets file, its unit of work."""

import json
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
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
ADDED_SINCE = ("statement_keys",)
"""Members that files of older releases lack and `huixin init` adds: nothing was made with them before."""


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
    """The secrets of this deployment.

    Raises Refused where they are missing, damaged, open to others, or lack what this release needs.
    """
    path = settings.secrets_file
    secrets, lacking = _read_completed(path)
    if lacking:
        raise Refused(
            f"密钥文件 {path} 来自旧版本，缺少 {', '.join(lacking)}：请运行 `huixin init` 补齐。",
            f"The secrets file {path} is of an older release and lacks {', '.join(lacking)}:"
            " run `huixin init`, which adds it.",
        )
    return secrets


def complete_secrets(settings: Settings) -> list[str]:
    """Adds to the secrets file of an older release what has come since; the names of that. Raises Refused."""
    path = settings.secrets_file
    if not _read_completed(path)[1]:
        return []
    with _alone_at(path):
        secrets, lacking = _read_completed(path)  # another `huixin init` may have been faster
        if lacking:
            _replace_secrets(path, secrets)
    return lacking


def add_statement_key(settings: Settings) -> str:
    """Adds a statement key to the secrets file, in last place, where it is the one that signs; its kid.

    A process that runs goes on with the keys that it has read. Raises Refused.
    """
    path = settings.secrets_file
    with _alone_at(path):
        secrets = read_secrets(settings)
        kid = f"s{max(int(kid.removeprefix('s')) for kid in secrets.statement_keys) + 1}"
        keys = {**secrets.statement_keys, kid: _fresh_key()}
        _replace_secrets(path, secrets.model_copy(update={"statement_keys": keys}))
    return kid


def _read_completed(path: Path) -> tuple[Secrets, list[str]]:
    """The secrets in the file, with fresh ones in place of what an older release lacks; and what that is."""
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & OTHERS:
            raise Refused(
                f"其他用户可以读取密钥文件 {path}：请运行 `chmod 600 {path}`。",
                f"Others can read the secrets file {path}: run `chmod 600 {path}`.",
            )
        members = json.loads(path.read_text("utf-8"))
        lacking = [name for name in ADDED_SINCE if isinstance(members, dict) and name not in members]
        fresh = fresh_secrets().model_dump(mode="json", include=set(lacking))
        return Secrets.model_validate({**members, **fresh} if lacking else members), lacking
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
    return Secrets(
        master_keys={1: _fresh_key()},
        index_key=_fresh_key(),
        handle_key=_fresh_key(),
        jti_key=_fresh_key(),
        access_token_keys={"a1": _fresh_key()},
        statement_keys={"s1": _fresh_key()},
        refresh_key=_fresh_key(),
        digest_key=_fresh_key(),
    )


def _fresh_key() -> SecretBytes:
    return SecretBytes(os.urandom(KEY_BYTES))


def write_secrets(path: Path, secrets: Secrets) -> None:
    """Writes `secrets` to `path`, whole or not at all, readable by its owner only.

    Raises FileExistsError where there is a file already: secrets are never written over, not even
    by two commands at the same instant.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _drafted(path.with_name(f"{path.name}.{os.getpid()}"), secrets) as draft:
        os.link(draft, path)  # unlike a rename, it fails where the name is taken


def _replace_secrets(path: Path, secrets: Secrets) -> None:
    """Puts `secrets`, which hold all that the file held, in its place; it stays with its owner."""
    path = path.resolve()  # where the name is a link, what it leads to is replaced
    there = path.stat()
    with _drafted(path.with_name(f"{path.name}.new"), secrets) as draft:
        made = draft.stat()
        if (made.st_uid, made.st_gid) != (there.st_uid, there.st_gid):
            os.chown(draft, there.st_uid, there.st_gid)
        draft.replace(path)


@contextmanager
def _drafted(draft: Path, secrets: Secrets) -> Iterator[Path]:
    """`secrets` in the file `draft`, safe on the disk; it is gone again afterwards."""
    draft.unlink(missing_ok=True)
    text = json.dumps(secrets.model_dump(mode="json", exclude_none=True), indent=2) + "\n"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _alone_at(path: Path) -> Iterator[None]:
    """One command at a time rewrites `path`; raises Refused where that fails.

    The lock lies on the folder, as the file is another one afterwards, and ends with the process.
    """
    try:
        if os.name != "posix":  # elsewhere the operator sees to it
            yield
            return
        import fcntl

        folder = os.open(path.resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            os.fsync(folder)  # a key that has signed must be there after a power cut
        finally:
            os.close(folder)
    except OSError as error:
        raise Refused(
            f"无法改写密钥文件 {path}：{error.strerror}。",
            f"The secrets file {path} cannot be rewritten: {error.strerror}.",
        ) from None


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
