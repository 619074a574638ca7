"""Accounts of devices, and how a device signs in by the secret that it got at its enrolment."""

import hmac
from uuid import UUID

from sqlalchemy import select

from app.ids import new_id, new_secret
from app.models.accounts import Account, AccountKind
from app.models.devices import Device
from app.services.accounts.digests import secret_digest
from app.services.accounts.errors import SignInRefused
from app.services.accounts.sign_ins import Tokens, open_sign_in
from app.work import Work


async def create_device_account(work: Work) -> tuple[Account, str]:
    """An account for a device, and the secret that the device keeps; it is shown once."""
    secret = new_secret()
    account = Account(
        id=new_id(),
        kind=AccountKind.device.value,
        created_at=work.now,
        secret_digest=secret_digest(secret),
    )
    work.session.add(account)
    await work.session.flush()
    return account, secret


async def sign_in_device(work: Work, *, device_id: UUID, secret: str, client: str) -> Tokens:
    """Signs in a device; raises SignInRefused whatever is wrong, a device reported lost included.

    The secret has 256 random bits: nobody guesses it, so no attempt locks the device.
    """
    account = await work.session.scalar(
        select(Account)
        .join(Device, Device.account_id == Account.id)
        .where(Device.id == device_id, Device.lost_at.is_(None), Account.ended_at.is_(None))
    )
    kept = account.secret_digest if account else None
    fits = hmac.compare_digest(kept or b"", secret_digest(secret))
    if account is None or not fits:
        raise SignInRefused
    return await open_sign_in(work, account=account, client=client)
