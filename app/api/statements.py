"""Statements over HTTP: the keys by which anybody checks what the server has signed."""

from fastapi import APIRouter, Response

from app.api.dependencies import CurrentRuntime
from app.api.problems import problem_responses
from app.api.schemas.statements import StatementKeySet

router = APIRouter(tags=["statements"])

KEY_SET_AGE = 300
"""Seconds that a reader may keep the key set; one who meets an unknown kid asks again."""


@router.get(
    "/.well-known/statement-keys.json",
    operation_id="statements_key_set",
    summary="The public keys of signed statements · 签名声明公钥",
    responses=problem_responses(),
)
async def key_set(runtime: CurrentRuntime, response: Response) -> StatementKeySet:
    """The JWKS by which anybody can verify receipts and bundles of devices; codes have another.

    Open to everyone.
    """
    response.headers["cache-control"] = f"public, max-age={KEY_SET_AGE}"
    return StatementKeySet.model_validate(runtime.deployment.statements.key_set())
