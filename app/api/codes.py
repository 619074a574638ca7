"""Codes over HTTP: minted and drawn for couriers, examined for scanners, explained behind their link."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.responses import Response as PlainResponse

from app.api.body import JsonRoute
from app.api.dependencies import CurrentClaims, CurrentRuntime, OpenSignedWork, PublicReadWork, WriteWork
from app.api.landing import PAGE, PAGE_POLICY
from app.api.limits import limited
from app.api.problems import problem_responses
from app.api.schemas.codes import (
    CodeExamined,
    CodesAsked,
    Examination,
    KeySet,
    SpokenCode,
    SpokenCodeAsked,
    Wallet,
)
from app.errors import NotFound, TooManyRequests, Unauthenticated
from app.services.codes.drawing import Picture, draw
from app.services.codes.examination import examine
from app.services.codes.minting import NotACourier, NotVerified, mint_codes
from app.services.codes.spoken import NoDigitsFree, issue_spoken_code
from app.services.compounds.errors import GateClosed
from app.services.keys.errors import NoSigningKey
from app.services.keys.ring import load_key_states
from app.services.limits import MINTING, SPEAKING
from app.services.wechat.domain_check import load_check_file

router = APIRouter(prefix="/v1/codes", tags=["codes"], route_class=JsonRoute)
published = APIRouter(tags=["codes"])

KEY_SET_AGE = 300
"""Seconds that a scanner may keep the key set; new keys are published a day ahead."""


@router.post(
    "",
    operation_id="codes_mint",
    summary="Mint one code or a wallet · 生成惠新码或码包",
    status_code=201,
    dependencies=[Depends(limited(MINTING))],
    responses=problem_responses(
        Unauthenticated, NotACourier, NotVerified, NoSigningKey, TooManyRequests, body=True
    ),
)
async def mint(body: CodesAsked, open_work: OpenSignedWork, runtime: CurrentRuntime) -> Wallet:
    """One code per slot of 30 s, each valid for 60 s, the first from now on. For verified couriers."""
    minted = await mint_codes(open_work, count=body.count, ring=runtime.ring)
    return Wallet.model_validate({"items": minted})


@router.get(
    "/current.{form}",
    operation_id="codes_draw",
    summary="The code of now as a picture · 当前惠新码图片",
    dependencies=[Depends(limited(MINTING))],
    response_class=PlainResponse,
    responses=problem_responses(Unauthenticated, NotACourier, NotVerified, NoSigningKey, TooManyRequests)
    | {200: {"content": {"image/svg+xml": {}, "image/png": {}}, "description": "The QR symbol."}},
)
async def draw_current(
    form: Annotated[Literal["svg", "png"], Path(description="Picture format.")],
    open_work: OpenSignedWork,
    runtime: CurrentRuntime,
    scale: Annotated[int, Query(ge=1, le=20, description="Pixels a module, for PNG.")] = 8,
) -> PlainResponse:
    """Mints a code and draws it, for clients that cannot draw. For verified couriers."""
    (minted,) = await mint_codes(open_work, count=1, ring=runtime.ring)
    drawn = await asyncio.to_thread(
        draw, minted.text, runtime.settings.link_prefix, Picture(form), scale=scale
    )
    return PlainResponse(drawn, media_type="image/svg+xml" if form == "svg" else "image/png")


@router.post(
    "/spoken",
    operation_id="codes_speak",
    summary="Six digits to read out at a gate · 生成口述码",
    status_code=201,
    dependencies=[Depends(limited(SPEAKING))],
    responses=problem_responses(
        Unauthenticated,
        NotACourier,
        NotVerified,
        NotFound,
        GateClosed,
        NoDigitsFree,
        TooManyRequests,
        body=True,
    ),
)
async def speak(body: SpokenCodeAsked, work: WriteWork) -> SpokenCode:
    """For where no symbol can be scanned. Good for one scan at one gate within 60 s, and for a check only.

    Asking again ends the digits of before. For verified couriers.
    """
    spoken = await issue_spoken_code(work, gate_id=body.gate_id)
    return SpokenCode(
        digits=spoken.digits,
        gate_id=spoken.gate_id,
        valid_from=spoken.issued_at,
        valid_until=spoken.expires_at,
    )


@router.post(
    "/examinations",
    operation_id="codes_examine",
    summary="Examine a code without using it · 验码（不记录、不放行）",
    responses=problem_responses(Unauthenticated, body=True),
)
async def examine_code(body: CodeExamined, runtime: CurrentRuntime, _claims: CurrentClaims) -> Examination:
    """Whether a text is a genuine code in its time. Stores nothing, opens nothing, names nobody.

    For trying out a scanner. Any signed-in account.
    """
    return Examination.model_validate(await examine(runtime.codes, body.code, now=runtime.clock()))


@published.get(
    "/.well-known/jwks.json",
    operation_id="codes_key_set",
    summary="The public keys of this issuer · 签发公钥",
    responses=problem_responses(),
)
async def key_set(work: PublicReadWork, response: PlainResponse) -> KeySet:
    """The JWKS by which anybody can verify our codes. Open to everyone."""
    response.headers["cache-control"] = f"public, max-age={KEY_SET_AGE}"
    states = await load_key_states(work.session, work.now)
    return KeySet.model_validate(states.key_set(work.settings.issuer))


@published.get(
    "/c/{code}",
    operation_id="codes_landing",
    summary="What a browser shows under a code's link · 链接落地页",
    response_class=HTMLResponse,
    responses=problem_responses(NotFound),
)
async def landing(
    code: Annotated[str, Path(description="A code, or WeChat's check file.")], runtime: CurrentRuntime
) -> PlainResponse:
    """A page that says to open the mini-program, or WeChat's domain check file where that is asked for.

    It looks at no code, redeems nothing, is never cached, and its path is never logged. Open to everyone.
    """
    wechat = runtime.settings.wechat
    check = load_check_file(wechat.check_file, wechat.check_content)
    if check is not None and code == check.name:
        return PlainTextResponse(check.content)
    return HTMLResponse(PAGE, headers={"content-security-policy": PAGE_POLICY, "cache-control": "no-store"})
