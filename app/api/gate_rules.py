"""Gate rules: versions that property managers make, one of them in force."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.body import JsonRoute
from app.api.dependencies import reading, writing
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.gate_rules import GateRules, GateRulesChange, GateRulesVersion, GateRulesVersions
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, Unauthenticated
from app.pagination import PAGE_SIZE, read_cursor
from app.services.compounds.register import KEEPS_GATES
from app.services.compounds.sight import KEEPERS
from app.services.gate_rules import versions
from app.services.gate_rules.errors import GateNotHere, GateRulesChanged
from app.work import Work

router = APIRouter(
    prefix="/v1/compounds/{compound_id}/gate-rules", tags=["gate_rules"], route_class=JsonRoute
)

GuardReading = Annotated[Work, reading(*KEEPERS)]
KeeperReading = Annotated[Work, reading(*KEEPS_GATES)]
KeeperWriting = Annotated[Work, writing(*KEEPS_GATES)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the version.")]


@router.put(
    "",
    operation_id="gate_rules_change",
    summary="Change the rules of the gates · 修改门岗规则",
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, GateNotHere, GateRulesChanged, body=True
    ),
)
async def change_rules(compound_id: Id, body: GateRulesChange, work: KeeperWriting) -> GateRules:
    """Makes the next version and puts it in force at once; of two changes at once one wins.

    Rules hold for entering; whoever leaves is never held back. For property managers of the compound
    and registrars of its area.
    """
    return GateRules.of(
        await versions.change_rules(
            work,
            compound_id=compound_id,
            based_on=body.based_on,
            clauses=body.written(),
            when_offline=body.when_offline,
            note=body.note,
        )
    )


@router.get(
    "",
    operation_id="gate_rules_read",
    summary="The rules in force · 现行门岗规则",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def read_rules(compound_id: Id, work: GuardReading) -> GateRules:
    """The version in force; version 0 without clauses where nobody has made rules.

    For guards and property managers of the compound and registrars of its area.
    """
    return GateRules.of(await versions.read_rules_in_force(work, compound_id=compound_id))


@router.get(
    "/versions",
    operation_id="gate_rules_list_versions",
    summary="All versions · 门岗规则历史版本",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_versions(
    compound_id: Id, work: KeeperReading, *, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> GateRulesVersions:
    """Every version with its note, newest first. For those who may change the rules."""
    page = await versions.list_versions(
        work, compound_id=compound_id, before=read_cursor(cursor), limit=limit
    )
    items = [GateRulesVersion.model_validate(version) for version in page.items]
    return GateRulesVersions(items=items, next_cursor=page.next_cursor)


@router.get(
    "/versions/{version}",
    operation_id="gate_rules_read_version",
    summary="One version · 查看门岗规则版本",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def read_version(compound_id: Id, version: Number, work: KeeperReading) -> GateRules:
    """One version, in force or not. For those who may change the rules."""
    return GateRules.of(await versions.read_version(work, compound_id=compound_id, version=version))
