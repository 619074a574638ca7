"""Compounds and gates of tests."""

from collections.abc import Sequence

from app.models.compounds import CompoundKind
from app.services.compounds.register import NewGate, Position, create_compound
from app.services.compounds.sight import SeenCompound
from app.work import Work
from tests.factories.areas import make_area


async def make_compound(
    work: Work,
    *,
    area: str,
    name: str,
    gates: Sequence[str] = ("东门",),
    position: Position | None = None,
) -> SeenCompound:
    """An open compound in the district `area` with a gate of each of the names: `.compound`, `.gates`."""
    await make_area(work, code=area)
    return await create_compound(
        work,
        area_code=area,
        name=name,
        kind=CompoundKind.residential,
        address=f"{name} 1 号",
        position=position,
        gates=[NewGate(gate) for gate in gates],
    )
