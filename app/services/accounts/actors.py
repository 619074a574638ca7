"""Who a sign-in token speaks for, and what that account may do now."""

from uuid import UUID

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import Clock
from app.database import fetch
from app.errors import Unauthenticated
from app.ids import known_id
from app.models.accounts import Account, Grant, Role, ScopeKind, SignIn
from app.models.devices import ShiftSignIn
from app.services.accounts.rules import SHIFT, TAKES_SHIFTS, WIDE
from app.services.tokens import AccessClaims, InvalidToken, SecretKey, read_access_token, secret_key
from app.settings import Secrets
from app.work import Actor, Scope

IN_FORCE = and_(
    Grant.revoked_at.is_(None),
    # Each role by itself: the text of a list would depend on its length.
    or_(and_(*(Grant.role != role for role in sorted(WIDE))), Account.totp_confirmed_at.is_not(None)),
)
"""Whether a grant counts: it is live, and not withheld for want of a second factor."""

ACTOR = (
    select(Account.kind, Grant.role, Grant.scope_kind, Grant.scope_id)
    .select_from(SignIn)
    .join(Account, Account.id == SignIn.account_id)
    .outerjoin(Grant, and_(Grant.account_id == Account.id, IN_FORCE))
    .where(
        SignIn.id == bindparam("sign_in"),
        SignIn.account_id == bindparam("account"),
        SignIn.ended_at.is_(None),
        Account.ended_at.is_(None),
    )
)
"""Made once: every request of a signed-in caller asks it."""


class AccessTokens:
    """Reads the sign-in tokens of this deployment."""

    def __init__(self, secrets: Secrets, *, issuer: str) -> None:
        self.keys: tuple[SecretKey, ...] = tuple(
            secret_key(kid, key.get_secret_value()) for kid, key in secrets.access_token_keys.items()
        )
        self.issuer = issuer

    @property
    def signing_key(self) -> SecretKey:
        """The key that new tokens are signed with: the last in order."""
        return self.keys[-1]

    def read(self, token: str, clock: Clock) -> AccessClaims:
        """What a sign-in token says; raises Unauthenticated whatever is wrong with it."""
        try:
            return read_access_token(token, self.keys, issuer=self.issuer, now=clock())
        except InvalidToken:
            raise Unauthenticated from None


async def load_actor(session: AsyncSession, claims: AccessClaims) -> Actor:
    """The account behind `claims` with its live grants, in one statement.

    Wide roles are withheld while the account has no confirmed second factor. A sign-in that was made
    for one shift is a guard's of that compound, whatever else the account may do: a PIN of six digits
    opens nothing more; that takes a second statement. Raises Unauthenticated where the sign-in or the
    account has ended since the token was issued.
    """
    account_id, sign_in_id = known_id(claims.sub), known_id(claims.sid)
    rows = await fetch(session, ACTOR, {"sign_in": sign_in_id, "account": account_id})
    if not rows:
        raise Unauthenticated
    grants = tuple(
        (Role(row.role), Scope(ScopeKind(row.scope_kind), row.scope_id))
        for row in rows
        if row.role is not None
    )
    for_shift = claims.kind == SHIFT
    if for_shift:
        grants = await _at_the_gate(session, sign_in_id, grants)
    return Actor(
        label=rows[0].kind,
        account_id=account_id,
        sign_in_id=sign_in_id,
        grants=grants,
        for_shift=for_shift,
    )


async def _at_the_gate(
    session: AsyncSession, sign_in_id: UUID, grants: tuple[tuple[Role, Scope], ...]
) -> tuple[tuple[Role, Scope], ...]:
    compound_id = await session.scalar(
        select(ShiftSignIn.compound_id).where(ShiftSignIn.sign_in_id == sign_in_id)
    )
    there = Scope(ScopeKind.compound, str(compound_id))
    held = any(role in TAKES_SHIFTS and scope == there for role, scope in grants)
    return ((Role.guard, there),) if held else ()
