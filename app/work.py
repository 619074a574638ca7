"""One unit of work: one transaction where it writes, one fixed time, one actor."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import Forbidden
from app.models.accounts import Role, ScopeKind
from app.services.gate_rules.cache import GateRulesCache
from app.services.sealing import Vault
from app.services.statements import StatementKeys
from app.settings import Secrets, Settings


@dataclass(frozen=True, slots=True)
class Scope:
    """Within what a role holds: everywhere, or one area (by path), compound, employer or union."""

    kind: ScopeKind
    id: str = ""

    @classmethod
    def everywhere(cls) -> Self:
        return cls(ScopeKind.everywhere)


@dataclass(frozen=True, slots=True)
class Place:
    """What a scope is held against: the thing asked for, and where it lies."""

    area_path: str | None = None
    compound_id: UUID | None = None
    employer_id: UUID | None = None

    def lies_in(self, scope: Scope) -> bool:
        """Whether a role within `scope` reaches this place."""
        match scope.kind:
            case ScopeKind.everywhere:
                return True
            case ScopeKind.area:
                return self.area_path is not None and self.area_path.startswith(scope.id)
            case ScopeKind.compound:
                return self.compound_id is not None and str(self.compound_id) == scope.id
            case ScopeKind.employer:
                return self.employer_id is not None and str(self.employer_id) == scope.id
            case ScopeKind.union:
                return False


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account with its grants, or a command of the deployment."""

    label: str
    """The account's kind, or the command: `worker`, `huixin import`. Goes into every record."""
    account_id: UUID | None = None
    sign_in_id: UUID | None = None
    grants: tuple[tuple[Role, Scope], ...] = ()
    commands: bool = False
    """A command on the deployment's own machine, which may do what every role may."""
    for_shift: bool = False
    """Signed in by a code or PIN on a shared device: for one shift there, and for nothing that is the
    account's own."""

    @classmethod
    def command(cls, name: str) -> Self:
        """A command run by whoever holds the machine."""
        return cls(label=name, commands=True)

    @classmethod
    def nobody(cls) -> Self:
        """A caller who has not signed in."""
        return cls(label="anonymous")

    def has(self, *roles: Role) -> bool:
        """Whether the actor holds one of `roles`, within whatever scope."""
        return self.commands or any(role in roles for role, _ in self.grants)

    def may(self, *roles: Role, at: Place | None = None) -> bool:
        """Whether one of `roles` reaches `at`; without a place, whether it holds everywhere."""
        place = at or Place()
        return self.commands or any(role in roles and place.lies_in(scope) for role, scope in self.grants)

    def must(self, *roles: Role, at: Place | None = None) -> None:
        """Raises Forbidden unless `may`."""
        if not self.may(*roles, at=at):
            raise Forbidden

    def scopes(self, *roles: Role) -> Iterable[Scope]:
        """The scopes within which the actor holds one of `roles`, for filtering lists."""
        if self.commands:
            return (Scope.everywhere(),)
        return tuple(scope for role, scope in self.grants if role in roles)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is fixed while the process runs: settings, secrets and what is made from them."""

    settings: Settings
    secrets: Secrets
    vault: Vault
    statements: StatementKeys
    gate_rules: GateRulesCache

    @classmethod
    def of(cls, settings: Settings, secrets: Secrets) -> Self:
        vault = Vault(
            {number: key.get_secret_value() for number, key in secrets.master_keys.items()},
            secrets.index_key.get_secret_value(),
            secrets.next_index_key.get_secret_value() if secrets.next_index_key else None,
            sealing=secrets.sealing_key,
        )
        return cls(settings, secrets, vault, StatementKeys.of(secrets), GateRulesCache())


@dataclass(frozen=True, slots=True)
class Work:
    """One request or job: its session, its time, its actor. Services write here and never commit."""

    session: AsyncSession
    now: datetime
    actor: Actor
    deployment: Deployment

    @property
    def vault(self) -> Vault:
        return self.deployment.vault

    @property
    def settings(self) -> Settings:
        return self.deployment.settings


@asynccontextmanager
async def begin_work(
    database: Database, deployment: Deployment, *, now: datetime, actor: Actor, write: bool = True
) -> AsyncIterator[Work]:
    """A unit of work of its own: where it writes, returning commits and raising rolls back."""
    async with database.session(write=write) as session:
        yield Work(session, now, actor, deployment)


OpenWork = Callable[[], AbstractAsyncContextManager[Work]]
"""Opens a unit of work that writes."""
OpenSignedWork = Callable[..., AbstractAsyncContextManager[Work]]
"""Opens a unit of work of its own for the signed-in caller: `open_work(write=True)`."""
