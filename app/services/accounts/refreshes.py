"""Refreshes sign-ins: each refresh token is used once, and using it again ends its family."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from app.models.accounts import Account, RefreshToken, SignIn
from app.models.devices import ShiftSignIn
from app.services import audit
from app.services.accounts.digests import secret_digest
from app.services.accounts.errors import RefreshRefused
from app.services.accounts.rules import SHIFT, Refresh, judge_refresh
from app.services.accounts.sign_ins import Tokens, issue_tokens
from app.services.sealing import keyed_digest
from app.work import Work


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome of a refresh. It is committed either way: reuse ends the family, and is refused."""

    tokens: Tokens | None

    def or_refuse(self) -> Tokens:
        """The tokens; raises RefreshRefused where there are none."""
        if self.tokens is None:
            raise RefreshRefused
        return self.tokens


async def refresh_sign_in(work: Work, *, refresh_token: str) -> Refreshed:
    """Replaces a refresh token by its successor and issues an access token (RFC 9700, 4.14.2).

    The successor is derived from the token, so that only digests are stored and a lost reply can be
    given again: the same token yields the same successor for 60 s, unless that is in use already.
    After that it is reuse, and the whole sign-in ends. A sign-in that was made for a shift is not
    carried past it. Call `or_refuse` after the commit.
    """
    digest = secret_digest(refresh_token)
    family = (
        await work.session.execute(
            select(SignIn, Account, ShiftSignIn.ends_at)
            .join(Account, Account.id == SignIn.account_id)
            .outerjoin(ShiftSignIn, ShiftSignIn.sign_in_id == SignIn.id)
            .join(RefreshToken, RefreshToken.sign_in_id == SignIn.id)
            .where(RefreshToken.digest == digest)
            .with_for_update(of=SignIn)
        )
    ).one_or_none()
    if family is None:
        return Refreshed(None)
    sign_in, account, _ = family
    shift_ends_at: datetime | None = family.ends_at
    if sign_in.ended_at is not None or sign_in.expires_at <= work.now or account.ended_at is not None:
        return Refreshed(None)

    successor = _successor(work, refresh_token)
    links = {
        link.digest: link
        for link in await work.session.scalars(
            select(RefreshToken).where(RefreshToken.digest.in_([digest, secret_digest(successor)]))
        )
    }
    replaced_at = links[digest].replaced_at
    follower = links.get(secret_digest(successor))
    successor_used = follower is not None and follower.replaced_at is not None
    match judge_refresh(replaced_at, successor_used=successor_used, now=work.now):
        case Refresh.rotate:
            links[digest].replaced_at = work.now
            sign_in.refreshed_at = work.now
            longest = work.now + timedelta(days=work.settings.sign_in_days)
            sign_in.expires_at = longest if shift_ends_at is None else min(longest, shift_ends_at)
            work.session.add(
                RefreshToken(digest=secret_digest(successor), sign_in_id=sign_in.id, issued_at=work.now)
            )
        case Refresh.repeat:
            pass
        case Refresh.end_family:
            sign_in.ended_at = work.now
            sign_in.end_reason = "refresh token used again"
            audit.record(
                work,
                "accounts.sign_in_ended",
                subject_kind="sign_in",
                subject_id=sign_in.id,
                reason=sign_in.end_reason,
            )
            await work.session.flush()
            return Refreshed(None)
    await work.session.flush()
    kind = None if shift_ends_at is None else SHIFT
    return Refreshed(issue_tokens(work, account=account, sign_in=sign_in, refresh_token=successor, kind=kind))


def _successor(work: Work, refresh_token: str) -> str:
    key = work.deployment.secrets.refresh_key.get_secret_value()
    derived = keyed_digest(key, "refresh", refresh_token.encode())
    return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()
