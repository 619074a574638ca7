"""Sign-ins that are made for one shift on a shared device, and end with it."""

import base64
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.ids import new_id
from app.models.accounts import Account, RefreshToken, SignIn
from app.models.devices import ShiftSignIn
from app.services.accounts.digests import secret_digest
from app.services.accounts.rules import SHIFT
from app.services.accounts.sign_ins import Tokens, begin_sign_in, issue_tokens
from app.services.sealing import keyed_digest
from app.work import Work


async def open_shift_sign_in(
    work: Work, *, account: Account, client: str, compound_id: UUID, ends_at: datetime
) -> Tokens:
    """Signs `account` in as a guard of `compound_id` and no more, until its shift ends.

    The first refresh token is derived from the sign-in under a key outside the database, so that a
    lost reply can be given again although only its digest is stored. Raises TooManyRequests.
    """
    sign_in_id = new_id()
    refresh_token = _first_token(work, sign_in_id)
    sign_in = await begin_sign_in(
        work,
        account=account,
        client=client,
        sign_in_id=sign_in_id,
        refresh_token=refresh_token,
        expires_at=ends_at,
    )
    work.session.add(ShiftSignIn(sign_in_id=sign_in_id, compound_id=compound_id, ends_at=ends_at))
    await work.session.flush()
    return issue_tokens(work, account=account, sign_in=sign_in, refresh_token=refresh_token, kind=SHIFT)


async def repeat_shift_sign_in(work: Work, *, sign_in_id: UUID) -> Tokens | None:
    """A fresh access token of such a sign-in, beside the refresh token that it began with.

    None where it has ended, was made otherwise, or has been refreshed: then the first reply arrived.
    """
    first = _first_token(work, sign_in_id)
    found = (
        await work.session.execute(
            select(SignIn, Account)
            .join(ShiftSignIn, ShiftSignIn.sign_in_id == SignIn.id)
            .join(Account, Account.id == SignIn.account_id)
            .join(RefreshToken, RefreshToken.sign_in_id == SignIn.id)
            .where(
                SignIn.id == sign_in_id,
                SignIn.ended_at.is_(None),
                SignIn.expires_at > work.now,
                Account.ended_at.is_(None),
                RefreshToken.digest == secret_digest(first),
                RefreshToken.replaced_at.is_(None),
            )
        )
    ).one_or_none()
    if found is None:
        return None
    sign_in, account = found
    return issue_tokens(work, account=account, sign_in=sign_in, refresh_token=first, kind=SHIFT)


def _first_token(work: Work, sign_in_id: UUID) -> str:
    key = work.deployment.secrets.refresh_key.get_secret_value()
    derived = keyed_digest(key, "shift sign-in", sign_in_id.bytes)
    return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()
