"""Areas: walking down the tree of city, district, street and community."""

from fastapi import APIRouter

from app.api.body import JsonRoute
from app.api.dependencies import ReadWork
from app.api.problems import problem_responses
from app.api.schemas.areas import Area, AreaCodeInPath, AreaCodeInQuery, AreaList
from app.errors import NotFound, Unauthenticated
from app.services.areas import tree

router = APIRouter(prefix="/v1/areas", tags=["areas"], route_class=JsonRoute)


@router.get(
    "",
    operation_id="areas_list",
    summary="The areas right below one · 下级区划",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def list_areas(work: ReadWork, parent: AreaCodeInQuery = None) -> AreaList:
    """The areas right below `parent`, or the topmost ones. For any signed-in account."""
    areas = await tree.list_areas(work, parent=parent)
    return AreaList(items=[Area.model_validate(area) for area in areas])


@router.get(
    "/{code}",
    operation_id="areas_read",
    summary="One area · 查看区划",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def read_area(work: ReadWork, code: AreaCodeInPath) -> Area:
    """One area by its code, in any of the spellings that GB/T 2260 has. For any signed-in account."""
    return Area.model_validate(await tree.read_area(work, code=code))
