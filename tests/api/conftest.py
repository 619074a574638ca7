"""The stand-in for WeChat, for tests that register or sign in through it."""

from collections.abc import Iterator

import pytest

from app.settings import Environment, Settings
from app.standin.remote import StandIn
from app.standin.server import run_standin
from tests.factories.settings import make_settings


@pytest.fixture(scope="session")
def standin() -> Iterator[StandIn]:
    """A stand-in of the whole run, on the machine's clock: name its users apart."""
    with run_standin(environment=Environment.test) as running:
        yield running


@pytest.fixture
def wechat_settings(standin: StandIn) -> Settings:
    """Settings whose WeChat is the stand-in."""
    return make_settings(
        wechat={"base_url": standin.base_url, "appid": standin.appid, "secret": standin.secret}
    )
