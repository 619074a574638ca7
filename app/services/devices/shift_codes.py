"""Shift codes: with one a guard starts a shift on a device that is not the guard's own."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from app.database import insert_into
from app.errors import Forbidden
from app.models.accounts import SignIn
from app.models.devices import ShiftCode
from app.services.accounts.rules import TAKES_SHIFTS
from app.services.devices.rules import (
    SHIFT_CODE_LIFETIME,
    new_shift_code,
    normal_shift_code,
    shown_shift_code,
)
from app.services.sealing import keyed_digest
from app.work import Work


@dataclass(frozen=True, slots=True)
class IssuedShiftCode:
    """A code as its owner shows it. Its repr shows no code."""

    code: str = field(repr=False)
    expires_at: datetime


async def issue_shift_code(work: Work) -> IssuedShiftCode:
    """A fresh code for the signed-in guard or property manager; the one before is worth nothing now.

    Raises Forbidden for others, and for a sign-in that was itself made for a shift: who has taken a
    phone over must not be able to stay.
    """
    if work.actor.account_id is None or work.actor.for_shift or not work.actor.has(*TAKES_SHIFTS):
        raise Forbidden
    code = new_shift_code()
    fresh = {
        "digest": _digest(work, code),
        "sign_in_id": work.actor.sign_in_id,
        "expires_at": work.now + SHIFT_CODE_LIFETIME,
        "used_at": None,
        "shift_id": None,
    }
    await work.session.execute(
        insert_into(work.session, ShiftCode)
        .values(account_id=work.actor.account_id, **fresh)
        .on_conflict_do_update(index_elements=[ShiftCode.account_id], set_=fresh)
    )
    return IssuedShiftCode(shown_shift_code(code), work.now + SHIFT_CODE_LIFETIME)


async def lock_shift_code(work: Work, *, typed: str) -> ShiftCode | None:
    """The code that was typed or scanned, locked; None where there is none such.

    Nor is there where the sign-in that asked for it has ended: a guard whose phone is stolen signs
    out everywhere.
    """
    found: ShiftCode | None = await work.session.scalar(
        select(ShiftCode)
        .join(SignIn, SignIn.id == ShiftCode.sign_in_id)
        .where(ShiftCode.digest == _digest(work, normal_shift_code(typed)), SignIn.ended_at.is_(None))
        .with_for_update(of=ShiftCode)
        .execution_options(populate_existing=True)
    )
    return found


def _digest(work: Work, code: str) -> bytes:
    """Keyed, since 50 bits could be searched through by whoever holds the database."""
    key = work.deployment.secrets.digest_key.get_secret_value()
    return keyed_digest(key, "shift code", code.encode())
