"""Issues spoken codes: six digits for one gate and one minute, where no symbol can be scanned."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, update

from app.database import insert_into
from app.errors import Problem, Text
from app.ids import new_id
from app.models.compounds import Compound
from app.models.couriers import Courier
from app.models.substitutes import SpokenCode
from app.services.codes.minting import require_own_courier
from app.services.codes.substitutes import SPOKEN_DIGITS
from app.services.compounds.errors import GateClosed
from app.services.compounds.sight import read_gate
from app.work import Work

LIFE = timedelta(seconds=60)
"""As long as a code. Six digits are spoken and typed in ten seconds."""
DRAWS = 20
"""Draws of digits that are free at the gate. With a tenth of the million taken within a week, which no
gate comes near, 20 in a row are taken once in 10^20."""
KEPT = timedelta(days=7)
"""After their end: a device that was offline tells of its scans within days."""
PIECE = 1000
"""Rows deleted in one transaction, so that no scan at a gate waits behind them for long."""


class NoDigitsFree(Problem):
    """Nearly all digits of the gate were given out within a week."""

    status = 503
    code = "no_digits_free"
    title = Text("暂无可用口述码", "No digits free")
    message = Text(
        "该门岗的口述码暂时用尽，请稍后再试。", "This gate has no spoken code left for the moment."
    )


def draw_digits() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**SPOKEN_DIGITS):0{SPOKEN_DIGITS}}"


async def issue_spoken_code(
    work: Work, *, gate_id: UUID, draw: Callable[[], str] = draw_digits
) -> SpokenCode:
    """Six digits of the signed-in courier for one gate, valid from now on; the former ones end.

    Raises NotACourier, NotVerified, NotFound and GateClosed for the gate, NoDigitsFree.
    """
    courier = await require_own_courier(work)
    gate = await read_gate(work, gate_id=gate_id)
    compound = await work.session.get_one(Compound, gate.compound_id)
    if gate.closed_at is not None or compound.closed_at is not None:
        raise GateClosed
    # Held until the end, so that of two requests at once the later ends what the earlier got.
    await work.session.execute(
        select(Courier.id).where(Courier.id == courier.id).with_for_update(key_share=True)
    )
    await work.session.execute(
        update(SpokenCode)
        .where(SpokenCode.courier_id == courier.id, SpokenCode.replaced_at.is_(None))
        .values(replaced_at=work.now)
    )
    for _ in range(DRAWS):
        issued: SpokenCode | None = await work.session.scalar(
            insert_into(work.session, SpokenCode)
            .values(
                id=new_id(),
                courier_id=courier.id,
                gate_id=gate_id,
                digits=draw(),
                issued_at=work.now,
                expires_at=work.now + LIFE,
            )
            .on_conflict_do_nothing(index_elements=[SpokenCode.gate_id, SpokenCode.digits])
            .returning(SpokenCode)
        )
        if issued is not None:
            return issued
    raise NoDigitsFree(retry_after=60)


async def purge_spoken_codes(work: Work) -> bool:
    """Deletes some spoken codes of which no offline scan will tell any more; whether there may be more."""
    old = select(SpokenCode.id).where(SpokenCode.expires_at < work.now - KEPT).limit(PIECE)
    gone = await work.session.scalars(
        delete(SpokenCode).where(SpokenCode.id.in_(old)).returning(SpokenCode.id)
    )
    return len(gone.all()) == PIECE
