"""Mints codes: one to show now, or a wallet for the next minutes without signal."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, select, tuple_

from app.clock import from_epoch, service_day
from app.database import fetch, insert_into
from app.errors import NotFound, Problem, Text
from app.models.couriers import Courier, CourierState, DayHandle
from app.services.codes import format as code_format
from app.services.couriers.own import claimed_state
from app.services.keys.ring import KeyRing, load_key_states
from app.work import OpenSignedWork, Work

LIFE_UNITS = 12
"""Default life: 60 s, in units of 5 s."""
LIFE_SECONDS = code_format.TTL_UNIT * LIFE_UNITS
SLOT_SECONDS = 30
"""The mini-program shows the next code of a wallet every 30 s."""
LARGEST_WALLET = 20
"""Ten minutes: as long as a basement takes, and as long as a suspension may go unnoticed offline."""


class NotACourier(Problem):
    """The account has no courier profile."""

    status = 409
    code = "not_a_courier"
    title = Text("尚未登记", "Not registered")
    message = Text("请先登记劳动者信息，再使用惠新码。", "Register as a courier first, then use the code.")


class NotVerified(Problem):
    """The courier is not, or no longer, verified, so there is no code to show."""

    status = 409
    code = "courier_not_verified"
    title = Text("暂不能使用惠新码", "No code for now")
    message = Text(
        "您的登记目前为“{zh}”，暂不能使用惠新码。", "Your registration is {en}; there is no code for now."
    )


class HandleTaken(RuntimeError):
    """Two couriers have the same handle on one day."""


STATE_NAMES = {
    CourierState.pending: Text("审核中", "pending"),
    CourierState.verified: Text("已认证", "verified"),
    CourierState.suspended: Text("已暂停", "suspended"),
    CourierState.left: Text("已退出", "ended"),
}


@dataclass(frozen=True, slots=True)
class MintedCode:
    """One code, ready to be shown from `valid_from` to `valid_until`."""

    text: str
    """Prefix and base32: what the symbol says."""
    jws: str
    """The same as compact JWS."""
    valid_from: datetime
    valid_until: datetime


async def mint_codes(open_work: OpenSignedWork, *, count: int, ring: KeyRing) -> Sequence[MintedCode]:
    """`count` codes of the signed-in courier, one per 30 s slot, the first valid now.

    Reads only, but for the first code of a service day, which stores that day's handle. Raises
    NotACourier, NotVerified, NoSigningKey.
    """
    async with open_work(write=False) as work:
        settings = work.settings
        first = int(work.now.timestamp())
        starts = range(first, first + SLOT_SECONDS * count, SLOT_SECONDS)
        days = _service_days(starts, settings.zone)
        rows = await fetch(
            work.session,
            OWN_HANDLES,
            {"account": work.actor.account_id, "first_day": days[0], "last_day": days[-1]},
        )
        courier = await _verified(work, rows)
        handles = {day: day_handle(work, day, courier.id, courier.codes_from) for day in dict.fromkeys(days)}
        stored = {(row.day, row.handle) for row in rows}
        key = ring.signing(await load_key_states(work.session, work.now), settings.issuer)
        jti_key = work.deployment.secrets.jti_key.get_secret_value()
    if missing := dict(handles.items() - stored):
        async with open_work(write=True) as writing:
            await _store_handles(writing, courier.id, missing)
    signed = code_format.sign_codes(
        [(handles[day], start) for day, start in zip(days, starts, strict=True)],
        iss=settings.issuer,
        ttl=LIFE_UNITS,
        jti_key=jti_key,
        key=key,
    )
    return [
        MintedCode(
            text=code.symbol_text(settings.link_prefix),
            jws=code.jws,
            valid_from=from_epoch(start),
            valid_until=from_epoch(start + LIFE_SECONDS),
        )
        for code, start in zip(signed, starts, strict=True)
    ]


def _service_days(starts: Sequence[int], zone: ZoneInfo) -> list[date]:
    """The day of each, which is mostly one."""
    first, last = (service_day(from_epoch(starts[place]), zone) for place in (0, -1))
    if first == last:
        return [first] * len(starts)
    return [service_day(from_epoch(start), zone) for start in starts]


def day_handle(work: Work, day: date, courier_id: UUID, codes_from: datetime | None = None) -> bytes:
    """The handle of a courier on a service day.

    It is another one since `codes_from`, when the profile moved to another account: by their times
    alone the codes that the old phone holds for the next minutes could not be told from the new one's.
    """
    root = work.deployment.secrets.handle_key.get_secret_value()
    since = "" if codes_from is None else f" {codes_from.astimezone(UTC).isoformat(timespec='microseconds')}"
    return code_format.handle(hmac.digest(root, f"{day.isoformat()}{since}".encode(), "sha256"), courier_id)


@dataclass(frozen=True, slots=True)
class OwnCourier:
    """The verified courier who asks for a code."""

    id: UUID
    codes_from: datetime | None


OWN_COURIER = select(Courier.id, Courier.state, Courier.codes_from).where(
    Courier.account_id == bindparam("account")
)
OWN_HANDLES = OWN_COURIER.add_columns(DayHandle.day, DayHandle.handle).outerjoin(
    DayHandle,
    and_(
        DayHandle.courier_id == Courier.id,
        DayHandle.day.between(bindparam("first_day"), bindparam("last_day")),
    ),
)
"""The same once for each handle that is stored of those days.

Made once, and past the ORM: each wallet asks.
"""


async def require_own_courier(work: Work) -> OwnCourier:
    """The caller's profile, if it is verified.

    Who has only laid claim to a profile is answered as for a registration of their own in that state:
    any other answer would tell whether the document is known. Raises NotACourier and NotVerified.
    """
    return await _verified(work, await fetch(work.session, OWN_COURIER, {"account": work.actor.account_id}))


async def _verified(work: Work, rows: Sequence[Any]) -> OwnCourier:
    courier = rows[0] if rows else None
    if courier is not None and courier.state == CourierState.verified:
        return OwnCourier(courier.id, courier.codes_from)
    try:
        state = CourierState(courier.state) if courier else await claimed_state(work)
    except NotFound:
        raise NotACourier from None
    raise NotVerified(zh=STATE_NAMES[state].zh, en=STATE_NAMES[state].en)


async def _store_handles(work: Work, courier_id: UUID, handles: dict[date, bytes]) -> None:
    """Stores the day's handles, whoever comes first.

    A second courier with the same handle on one day has a chance of 2^-64 a pair. That one has no code
    that day rather than another's name.
    """
    await work.session.execute(
        insert_into(work.session, DayHandle).on_conflict_do_nothing(),
        [{"day": day, "handle": handle, "courier_id": courier_id} for day, handle in handles.items()],
    )
    owners = await work.session.scalars(
        select(DayHandle.courier_id).where(tuple_(DayHandle.day, DayHandle.handle).in_(list(handles.items())))
    )
    if set(owners) != {courier_id}:
        raise HandleTaken
