"""Areas that tests place compounds in."""

from app.models.areas import Area
from app.services.areas.tree import plant_areas, read_area
from app.work import Work

DADUKOU = "500104"
SHAPINGBA = "500106"


async def make_area(work: Work, *, code: str) -> Area:
    """A district of Chongqing, of those that come built in."""
    await plant_areas(work)
    return await read_area(work, code=code)
