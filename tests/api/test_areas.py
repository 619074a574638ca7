"""Areas through the API: the tree that comes built in, and how its codes are read."""

import httpx
import pytest

from app.models.accounts import AccountKind
from app.models.areas import Area
from app.runtime import Runtime
from app.services.areas.tree import plant_areas
from app.work import Work
from tests.factories.accounts import signed_in
from tests.factories.work import seeding


@pytest.fixture
async def courier(runtime: Runtime) -> dict[str, str]:
    """The headers of an account without any role, with the built-in areas there."""
    async with seeding(runtime) as work:
        await plant_areas(work)
        return await signed_in(work, kind=AccountKind.wechat, grants=())


async def test_the_tree_is_walked_from_the_top(client: httpx.AsyncClient, courier: dict[str, str]) -> None:
    top = (await client.get("/v1/areas", headers=courier)).json()["items"]
    assert top == [{"code": "500000", "name": "重庆市", "level": "province", "parent_code": None}]
    districts = (await client.get("/v1/areas?parent=500000", headers=courier)).json()["items"]
    assert len(districts) == 38
    assert [area["code"] for area in districts] == sorted(area["code"] for area in districts)
    assert {area["level"] for area in districts} == {"district"}
    assert (await client.get("/v1/areas?parent=500104", headers=courier)).json() == {"items": []}


@pytest.mark.parametrize("spelling", ["500104", "500104000", "500104000000"])
async def test_an_area_is_found_in_every_spelling_of_its_code(
    client: httpx.AsyncClient, courier: dict[str, str], spelling: str
) -> None:
    reply = await client.get(f"/v1/areas/{spelling}", headers=courier)
    assert reply.json() == {
        "code": "500104",
        "name": "大渡口区",
        "level": "district",
        "parent_code": "500000",
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/areas/500199", 404),  # nobody bears it
        ("/v1/areas/5001", 404),  # sorts districts, is none
        ("/v1/areas/990000", 404),  # no such province
        ("/v1/areas?parent=500199", 404),
        ("/v1/areas/50010x", 422),
        ("/v1/areas?parent=", 422),
    ],
)
async def test_codes_that_lead_nowhere(
    client: httpx.AsyncClient, courier: dict[str, str], path: str, status: int
) -> None:
    assert (await client.get(path, headers=courier)).status_code == status


async def test_areas_are_for_the_signed_in(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/areas")).status_code == 401


async def test_planting_again_adds_nothing_and_keeps_later_names(work: Work) -> None:
    assert await plant_areas(work) == 39
    area = await work.session.get_one(Area, "500104")
    area.name = "大渡口新区"
    await work.session.flush()
    assert await plant_areas(work) == 0
    await work.session.refresh(area)
    assert (area.name, area.path) == ("大渡口新区", "500104")
