"""Who is inside, how long couriers stayed, and what a gate scanned lately."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.body import JsonRoute
from app.api.dependencies import AcceptLanguage, ReadWork, reading
from app.api.problems import problem_responses
from app.api.schemas.base import Id, Instant
from app.api.schemas.paging import Cursor, Limit
from app.api.schemas.presence import CompoundStay, CompoundStays, GateScans, OwnStays, Presence, Stay
from app.errors import Forbidden, NotFound, Unauthenticated
from app.language import preferred
from app.models.accounts import Role
from app.pagination import PAGE_SIZE
from app.services.scans import gate_scans, presence, stays
from app.services.scans.errors import InvalidWindow
from app.services.scans.watching import WATCHES
from app.work import Work

router = APIRouter(prefix="/v1", tags=["scans"], route_class=JsonRoute)

CompoundId = Annotated[Id, Path(description="The compound.")]
WatchWork = Annotated[Work, reading(*WATCHES)]
From = Annotated[
    Instant | None,
    Query(alias="from", description="Stays that began then or later; by default a day before `to`."),
]
To = Annotated[
    Instant | None,
    Query(description="Stays that began before; by default now. At most 31 days after `from`."),
]


@router.get(
    "/compounds/{compound_id}/presence",
    operation_id="scans_presence",
    summary="Who is inside now · 当前在内人员",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_present(
    compound_id: CompoundId,
    work: WatchWork,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
    accept_language: AcceptLanguage = None,
) -> Presence:
    """Who entered and has not been scanned since, for four hours: an exit need not be scanned.

    For property managers of the compound, and guards while on shift at one of its gates.
    """
    found = await presence.list_present(work, compound_id=compound_id, cursor=cursor, limit=limit)
    return Presence.of(found, preferred(accept_language))


@router.get(
    "/compounds/{compound_id}/stays",
    operation_id="scans_compound_stays",
    summary="How long couriers stayed · 小区停留记录",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, InvalidWindow),
)
async def compound_stays(
    compound_id: CompoundId,
    work: Annotated[Work, reading(Role.property_manager)],
    *,
    from_: From = None,
    to: To = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
    accept_language: AcceptLanguage = None,
) -> CompoundStays:
    """The stays that began in a window, with masked identity and how each ended. For property managers.

    Visitors with another city's code are entries, but have no stays: nobody knows them from one gate to
    the next.
    """
    page = await stays.list_stays(
        work, compound_id=compound_id, start=from_, end=to, cursor=cursor, limit=limit
    )
    language = preferred(accept_language)
    return CompoundStays(
        items=[CompoundStay.of(found, language) for found in page.items], next_cursor=page.next_cursor
    )


@router.get(
    "/couriers/me/stays",
    operation_id="scans_own_stays",
    summary="One's own stays · 我的停留记录",
    responses=problem_responses(Unauthenticated, InvalidWindow),
)
async def own_stays(
    work: ReadWork, from_: From = None, to: To = None, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> OwnStays:
    """The stays of the signed-in courier that began in a window, and how each ended. For couriers."""
    page = await stays.list_own_stays(work, start=from_, end=to, cursor=cursor, limit=limit)
    return OwnStays(items=[Stay.model_validate(stay) for stay in page.items], next_cursor=page.next_cursor)


@router.get(
    "/gates/{gate_id}/scans",
    operation_id="scans_of_gate",
    summary="What a gate scanned lately · 门岗近期扫码",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def gate_scans_lately(
    gate_id: Annotated[Id, Path(description="The gate.")],
    work: WatchWork,
    *,
    since: Annotated[
        Instant | None,
        Query(description="By default an hour ago; 24 hours ago where it lies before. The answer says."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
    accept_language: AcceptLanguage = None,
) -> GateScans:
    """Every scan, refused and annulled ones included, with masked identity.

    For property managers of the compound, and guards while on shift at one of its gates.
    """
    found = await gate_scans.list_gate_scans(work, gate_id=gate_id, since=since, cursor=cursor, limit=limit)
    return GateScans.of(found, preferred(accept_language))
