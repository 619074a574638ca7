"""Opens, lists and ends sign-ins."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from sqlalchemy import func, select, update

from app.errors import NotFound, TooManyRequests
from app.ids import new_id, new_secret
from app.models.accounts import Account, RefreshToken, SignIn
from app.services import audit
from app.services.accounts.digests import secret_digest
from app.services.accounts.standing_down import end_shifts
from app.services.tokens import AccessClaims, SecretKey, issue_access_token, secret_key
from app.work import Work

HOURLY_SIGN_INS = 60
"""Successful ones of one account. A mini-program signs in once a launch; a loop in a client far oftener."""
LONGEST_CLIENT = 80
"""Characters of the name that a client gives itself."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client holds while it is signed in. Its repr shows no token."""

    sign_in_id: UUID
    account_id: UUID
    access_token: str = field(repr=False)
    expires_in: int
    """Seconds for which the access token is valid."""
    refresh_token: str = field(repr=False)


async def open_sign_in(work: Work, *, account: Account, client: str) -> Tokens:
    """Signs `account` in. The caller has made sure of who it is.

    Raises TooManyRequests after `HOURLY_SIGN_INS` within an hour.
    """
    sign_in = await begin_sign_in(
        work,
        account=account,
        client=client,
        sign_in_id=new_id(),
        refresh_token=(refresh_token := new_secret()),
        expires_at=work.now + timedelta(days=work.settings.sign_in_days),
    )
    return issue_tokens(work, account=account, sign_in=sign_in, refresh_token=refresh_token)


async def begin_sign_in(
    work: Work, *, account: Account, client: str, sign_in_id: UUID, refresh_token: str, expires_at: datetime
) -> SignIn:
    """Stores a sign-in with the first token of its family; raises what `open_sign_in` raises."""
    if work.settings.rate_limits:
        await _require_patience(work, account.id)
    sign_in = SignIn(
        id=sign_in_id,
        account_id=account.id,
        client=client[:LONGEST_CLIENT],
        created_at=work.now,
        refreshed_at=work.now,
        expires_at=expires_at,
    )
    work.session.add(sign_in)
    await work.session.flush()
    work.session.add(
        RefreshToken(digest=secret_digest(refresh_token), sign_in_id=sign_in.id, issued_at=work.now)
    )
    await work.session.flush()
    return sign_in


def issue_tokens(
    work: Work, *, account: Account, sign_in: SignIn, refresh_token: str, kind: str | None = None
) -> Tokens:
    """A fresh access token for a sign-in, beside its refresh token; it outlasts the sign-in never.

    `kind` says what a sign-in is that stands for less than its whole account.
    """
    issued_at = int(work.now.timestamp())
    expires_at = min(issued_at + work.settings.access_token_seconds, int(sign_in.expires_at.timestamp()))
    claims = AccessClaims(
        iss=work.settings.issuer,
        sub=str(account.id),
        sid=str(sign_in.id),
        kind=kind or account.kind,
        iat=issued_at,
        exp=expires_at,
    )
    kid, secret = list(work.deployment.secrets.access_token_keys.items())[-1]
    token = issue_access_token(claims, _key(kid, secret.get_secret_value()))
    return Tokens(sign_in.id, account.id, token, expires_at - issued_at, refresh_token)


async def own_sign_ins(work: Work) -> Sequence[SignIn]:
    """The live sign-ins of the signed-in account, the one refreshed last first."""
    return (
        await work.session.scalars(
            select(SignIn)
            .where(
                SignIn.account_id == work.actor.account_id,
                SignIn.ended_at.is_(None),
                SignIn.expires_at > work.now,
            )
            .order_by(SignIn.refreshed_at.desc(), SignIn.id.desc())
        )
    ).all()


async def end_sign_in(work: Work, *, sign_in_id: UUID | None) -> None:
    """Ends one of the account's own sign-ins, with None the one that calls, with its tokens and shift.

    Raises NotFound for one that is somebody else's, unknown or over.
    """
    own = select(SignIn).where(
        SignIn.id == (sign_in_id or work.actor.sign_in_id),
        SignIn.account_id == work.actor.account_id,
        SignIn.ended_at.is_(None),
    )
    found = await work.session.scalar(own)
    if found is None:
        raise NotFound
    await end_shifts(work, account_id=found.account_id, sign_in_id=found.id, cause="signed out")
    # One that was made for the shift has ended with it.
    await work.session.execute(
        update(SignIn)
        .where(SignIn.id == found.id, SignIn.ended_at.is_(None))
        .values(ended_at=work.now, end_reason="signed out")
        .execution_options(synchronize_session=False)
    )
    # A shift that began meanwhile held the sign-in until it was stored.
    await end_shifts(work, account_id=found.account_id, sign_in_id=found.id, cause="signed out")


async def end_all_sign_ins(
    work: Work, *, account_id: UUID, reason: str, but: UUID | None = None
) -> Sequence[UUID]:
    """Ends every live sign-in of an account, except `but`, and its shifts; returns which."""
    await end_shifts(work, account_id=account_id, but_sign_in=but, cause=reason)
    chosen = update(SignIn).where(SignIn.account_id == account_id, SignIn.ended_at.is_(None))
    if but is not None:
        chosen = chosen.where(SignIn.id != but)
    ended = await work.session.scalars(
        chosen.values(ended_at=work.now, end_reason=reason).returning(SignIn.id)
    )
    found = ended.all()
    # A shift that began meanwhile held its sign-in until it was stored.
    await end_shifts(work, account_id=account_id, but_sign_in=but, cause=reason)
    if found:
        audit.record(
            work,
            "accounts.sign_ins_ended",
            subject_kind="account",
            subject_id=account_id,
            reason=reason,
            details={"sign_ins": len(found)},
        )
    return found


async def _require_patience(work: Work, account_id: UUID) -> None:
    hour = timedelta(hours=1)
    recent, oldest = (
        await work.session.execute(
            select(func.count(), func.min(SignIn.created_at)).where(
                SignIn.account_id == account_id, SignIn.created_at > work.now - hour
            )
        )
    ).one()
    if recent >= HOURLY_SIGN_INS:
        raise TooManyRequests(retry_after=max(1, int((oldest + hour - work.now).total_seconds())))


@lru_cache(maxsize=8)
def _key(kid: str, secret: bytes) -> SecretKey:
    return secret_key(kid, secret)
