"""The control path of the stand-in: what users do in WeChat, the clock, faults and the call log."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from app.standin.faults import Fault
from app.standin.world import Code, CodeKind, World


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Login(_Order):
    """A user whose mini-program calls wx.login."""

    user: str
    """Any name; the same name has the same openid."""
    unionid: str | None = None
    appid: str | None = None
    """Another mini-program's, for a code that does not belong here."""


class PhoneRelease(_Order):
    """A user who taps the button that releases the phone number."""

    user: str
    phone: str
    country_code: str | int = "86"
    """Sent as it is given: WeChat's may be a number."""


class ClockAdvance(_Order):
    """How far to move the stand-in's clock."""

    seconds: float = Field(ge=0)


class AddressList(_Order):
    """Who may ask for tokens; None lets all."""

    addresses: list[str] | None


def create_control(world: World) -> FastAPI:
    """The control application for `world`, mounted outside WeChat's own paths."""
    control = FastAPI(title="WeChat stand-in", docs_url=None, redoc_url=None)

    @control.post("/login")
    async def login(order: Login) -> dict[str, str]:
        """A fresh sign-in code, in place of wx.login."""
        openid = world.openid(order.user)
        code = Code(CodeKind.login, order.appid or world.appid, openid, world.now(), unionid=order.unionid)
        return {"code": world.issue_code(code), "openid": openid}

    @control.post("/phone")
    async def phone(order: PhoneRelease) -> dict[str, str]:
        """A fresh phone code, in place of the getPhoneNumber button."""
        code = Code(
            CodeKind.phone,
            world.appid,
            world.openid(order.user),
            world.now(),
            phone=order.phone,
            country_code=order.country_code,
        )
        return {"code": world.issue_code(code)}

    @control.post("/fault", status_code=204)
    async def fault(order: Fault) -> None:
        """Lets the next calls of a path fail."""
        world.faults.append(order)

    @control.delete("/fault", status_code=204)
    async def end_faults() -> None:
        """Ends all faults."""
        world.faults.clear()

    @control.post("/clock")
    async def clock(order: ClockAdvance) -> dict[str, str]:
        """Moves the clock forward; answers the stand-in's present."""
        world.offset += timedelta(seconds=order.seconds)
        return {"now": world.now().isoformat()}

    @control.post("/forget", status_code=204)
    async def forget() -> None:
        """Starts afresh: no codes, no tokens, no faults, no calls, the clock back in its place."""
        world.forget()

    @control.post("/addresses", status_code=204)
    async def addresses(order: AddressList) -> None:
        """Sets the list of addresses that tokens are given to."""
        world.addresses = None if order.addresses is None else frozenset(order.addresses)

    @control.get("/calls")
    async def calls(path: Annotated[str | None, Query()] = None) -> list[dict[str, Any]]:
        """The calls so far, oldest first, without secrets and tokens."""
        return [
            {
                "at": record.at.isoformat(),
                "method": record.method,
                "path": record.path,
                "query": record.query,
                "body": record.body,
                "errcode": record.errcode,
                "rid": record.rid,
            }
            for record in world.calls
            if path is None or record.path == path
        ]

    return control
