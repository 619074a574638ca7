"""R5 in small: requests that schemathesis makes of the description, answered as the description says."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as generation
from schemathesis import checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks

from app.runtime import Runtime
from app.settings import Settings
from tests.described import description
from tests.factories.scans import bring_courier, open_gate
from tests.factories.settings import make_settings

CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]

AWAY = {"couriers_register", "accounts_sign_in_wechat"}
"""What asks WeChat, which is not there in this test."""

EXAMPLES = 3
"""Requests for each operation: enough to see that it answers as it says."""


@pytest.fixture
def settings() -> Settings:
    """A courier who mints all day."""
    return make_settings(rate_limits=False)


def cases_of(operation: Any, examples: int) -> list[Any]:
    """Requests for one operation; the same in every run."""
    made: list[Any] = []

    @given(operation.as_strategy())
    @generation(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(case: Any) -> None:
        made.append(case)

    collect()
    return made


@pytest.mark.parametrize(
    "caller", ["anonymous", *(pytest.param(name, marks=pytest.mark.long) for name in ("courier", "guard"))]
)
async def test_answers_are_as_described(client: httpx.AsyncClient, runtime: Runtime, caller: str) -> None:
    headers = {
        "anonymous": {},
        "courier": (await bring_courier(runtime, serial=1)).headers,
        "guard": (await open_gate(runtime, name="翠湖苑")).guard,
    }[caller]
    schema = schemathesis.openapi.from_dict(description())
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        said = operation.definition.raw
        if said["operationId"] in AWAY or "multipart/form-data" in said.get("requestBody", {}).get(
            "content", {}
        ):
            continue  # forms of files are tested with the rosters
        for case in cases_of(operation, EXAMPLES):
            case.headers = {**(case.headers or {}), **headers}
            sent = case.as_transport_kwargs(base_url="http://huixin.test")
            sent.pop("cookies", None)
            if isinstance(sent.get("data"), bytes | str):
                sent["content"] = sent.pop("data")  # as httpx calls it
            reply = await client.request(**sent)
            await reply.request.aread()  # forms are streamed, and reports of failures show them
            case.validate_response(reply, checks=CHECKS)
            asked += 1
    assert asked > 100
