"""What is costly is limited by account, over the API."""

import httpx
import pytest

from app.models.accounts import AccountKind
from app.settings import Settings
from app.work import Work
from tests.clocks import SettableClock
from tests.factories.accounts import signed_in
from tests.factories.settings import make_settings

MINTINGS = 30
"""In a minute."""


async def mint(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/v1/codes", headers=headers)


async def test_minting_is_limited_by_account(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    busy, other = [await signed_in(work, kind=AccountKind.wechat, grants=()) for _ in range(2)]
    for _ in range(MINTINGS):
        assert (await mint(client, busy)).status_code < 429
    clock.advance(seconds=15)
    refused = await mint(client, busy)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == "45"
    assert (await mint(client, other)).status_code < 429

    clock.advance(seconds=45)
    assert (await mint(client, busy)).status_code < 429


class TestWithoutLimits:
    @pytest.fixture
    def settings(self) -> Settings:
        return make_settings(rate_limits=False)

    async def test_nothing_is_limited_where_limits_are_off(
        self, client: httpx.AsyncClient, work: Work
    ) -> None:
        busy = await signed_in(work, kind=AccountKind.wechat, grants=())
        for _ in range(MINTINGS + 1):
            assert (await mint(client, busy)).status_code < 429
