"""The tree of areas: planting what comes built in, and finding one's way in it."""

from collections.abc import Iterable

from sqlalchemy import select

from app.errors import NotFound
from app.models.areas import Area
from app.services import audit
from app.services.areas.divisions import (
    Division,
    InvalidDivision,
    Level,
    chongqing,
    level_of,
    normalise_division_code,
)
from app.services.areas.errors import UnknownArea
from app.work import Work


def path_of(code: str) -> str:
    """The path of a canonical code: the code without the zeros that only fill it up.

    Codes have a fixed width at each level, so one path begins with another only below it.
    """
    match level_of(code):
        case Level.PROVINCE:
            return code[:2]
        case Level.CITY:
            return code[:4]
        case Level.DISTRICT | Level.STREET | Level.COMMUNITY:
            return code


async def plant_areas(work: Work) -> int:
    """Adds what is missing of Chongqing's 38 districts and counties; returns how many that were.

    Again adds nothing, and a name that an import has changed since stays.
    """
    divisions = chongqing()
    there = set(await work.session.scalars(select(Area.code)))
    missing = [division for division in divisions if division.code not in there]
    if missing:
        await add_areas(work, divisions=missing)
        audit.record(
            work,
            "areas.planted",
            subject_kind="area",
            subject_id=divisions[0].code,
            details={"added": len(missing)},
        )
    return len(missing)


async def add_areas(work: Work, *, divisions: Iterable[Division]) -> None:
    """Adds areas that are not there yet, each after the one above it."""
    work.session.add_all(
        Area(
            code=division.code,
            path=path_of(division.code),
            name=division.name,
            level=division.level.value,
            parent_code=division.parent,
        )
        for division in divisions
    )
    await work.session.flush()


async def read_area(work: Work, *, code: str) -> Area:
    """The area of `code` in any of its spellings; raises NotFound."""
    area = await _find(work, code)
    if area is None:
        raise NotFound
    return area


async def require_area(work: Work, *, code: str) -> Area:
    """The area that a request places something in; raises UnknownArea."""
    area = await _find(work, code)
    if area is None:
        raise UnknownArea
    return area


async def list_areas(work: Work, *, parent: str | None) -> list[Area]:
    """The areas right below `parent` by code, or the topmost ones; raises NotFound for an unknown parent."""
    above = (await read_area(work, code=parent)).code if parent else None
    query = select(Area).where(Area.parent_code == above).order_by(Area.code)
    return list(await work.session.scalars(query))


async def _find(work: Work, code: str) -> Area | None:
    try:
        return await work.session.get(Area, normalise_division_code(code))
    except InvalidDivision:
        return None
