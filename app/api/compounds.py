"""Compounds and gates: kept by registrars and property managers, read by whoever has to find them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from app.api.body import JsonRoute
from app.api.dependencies import ReadWork, writing
from app.api.problems import problem_responses
from app.api.schemas.areas import AreaCodeInQuery
from app.api.schemas.base import Id
from app.api.schemas.compounds import (
    Compound,
    CompoundChange,
    CompoundPage,
    Gate,
    GateChange,
    NewCompound,
    NewGate,
)
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, read_cursor
from app.services.areas.errors import UnknownArea
from app.services.compounds import register, sight
from app.services.compounds.errors import (
    CompoundClosed,
    CompoundNameTaken,
    CompoundReferenceTaken,
    GateNameTaken,
)
from app.work import Work

router = APIRouter(prefix="/v1", tags=["compounds"], route_class=JsonRoute)

RegistrarWork = Annotated[Work, writing(Role.registrar)]
KeeperWork = Annotated[Work, writing(*register.KEEPS_GATES)]

Own = Annotated[
    bool,
    Query(description="Only those that a role of yours as registrar, property manager or guard reaches."),
]


@router.post(
    "/compounds",
    operation_id="compounds_create",
    summary="Add a compound · 新增小区",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated,
        Forbidden,
        UnknownArea,
        CompoundNameTaken,
        CompoundReferenceTaken,
        GateNameTaken,
        body=True,
    ),
)
async def create_compound(body: NewCompound, work: RegistrarWork, response: Response) -> Compound:
    """Adds a compound with its first gates. For registrars of its area."""
    seen = await register.create_compound(
        work,
        area_code=body.area_code,
        name=body.name,
        kind=body.kind,
        address=body.address,
        position=body.position.point() if body.position else None,
        reference=body.reference,
        gates=[gate.described() for gate in body.gates],
    )
    response.headers["Location"] = f"/v1/compounds/{seen.id}"
    return Compound.of(seen)


@router.get(
    "/compounds",
    operation_id="compounds_list",
    summary="Compounds · 小区列表",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def list_compounds(
    work: ReadWork,
    *,
    area: AreaCodeInQuery = None,
    own: Own = False,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> CompoundPage:
    """The compounds that take part, below `area` where given. For any signed-in account.

    Closed ones are listed for those whose role reaches them.
    """
    page = await sight.list_compounds(work, area=area, own=own, after=read_cursor(cursor), limit=limit)
    return CompoundPage(items=[Compound.of(seen) for seen in page.items], next_cursor=page.next_cursor)


@router.get(
    "/compounds/{compound_id}",
    operation_id="compounds_read",
    summary="One compound · 查看小区",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def read_compound(work: ReadWork, compound_id: Id) -> Compound:
    """A compound and its gates, so that a courier finds the way. For any signed-in account.

    A closed one is there only for those whose role as registrar, property manager or guard reaches it.
    """
    return Compound.of(await sight.read_compound(work, compound_id=compound_id))


@router.patch(
    "/compounds/{compound_id}",
    operation_id="compounds_change",
    summary="Change or close a compound · 修改或停用小区",
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, UnknownArea, CompoundNameTaken, body=True
    ),
)
async def change_compound(compound_id: Id, body: CompoundChange, work: RegistrarWork) -> Compound:
    """Changes what is given. For registrars of its area; nobody is admitted at a closed compound."""
    seen = await register.change_compound(
        work,
        compound_id=compound_id,
        reason=body.reason,
        area_code=body.area_code,
        name=body.name,
        kind=body.kind,
        address=body.address,
        position=body.position.point() if body.position else None,
        closed=body.closed,
    )
    return Compound.of(seen)


@router.post(
    "/compounds/{compound_id}/gates",
    operation_id="gates_create",
    summary="Add a gate · 新增门岗",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, CompoundClosed, GateNameTaken, body=True
    ),
)
async def create_gate(compound_id: Id, body: NewGate, work: KeeperWork, response: Response) -> Gate:
    """Adds a gate. For registrars of the area and the compound's property managers."""
    gate = await register.create_gate(work, compound_id=compound_id, gate=body.described())
    response.headers["Location"] = f"/v1/gates/{gate.id}"
    return Gate.model_validate(gate)


@router.get(
    "/gates/{gate_id}",
    operation_id="gates_read",
    summary="One gate · 查看门岗",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def read_gate(work: ReadWork, gate_id: Id) -> Gate:
    """One gate. For any signed-in account; a closed one only for those whose role reaches it."""
    return Gate.model_validate(await sight.read_gate(work, gate_id=gate_id))


@router.patch(
    "/gates/{gate_id}",
    operation_id="gates_change",
    summary="Change or close a gate · 修改或停用门岗",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, GateNameTaken, body=True),
)
async def change_gate(gate_id: Id, body: GateChange, work: KeeperWork) -> Gate:
    """Changes what is given. For those who may add it; nobody is admitted at a closed gate."""
    gate = await register.change_gate(
        work,
        gate_id=gate_id,
        reason=body.reason,
        name=body.name,
        position=body.position.point() if body.position else None,
        closed=body.closed,
    )
    return Gate.model_validate(gate)
