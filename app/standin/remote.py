"""The stand-in from outside: what a test or the demo does in the place of users and of fate."""

from types import TracebackType
from typing import Any, Self

import httpx

from app.standin.application import CONTROL_PREFIX
from app.standin.faults import Fault


class StandIn:
    """A running stand-in and the credentials it takes. Blocks while it calls the control path."""

    def __init__(self, base_url: str, *, appid: str, secret: str) -> None:
        self.base_url = base_url
        self.appid = appid
        self.secret = secret
        self._http = httpx.Client(base_url=base_url + CONTROL_PREFIX, trust_env=False, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def login(self, user: str, *, unionid: str | None = None, appid: str | None = None) -> str:
        """A fresh code of wx.login for `user`, of another mini-program where `appid` says so."""
        return str(self._order("/login", user=user, unionid=unionid, appid=appid)["code"])

    def openid(self, user: str) -> str:
        """The openid of `user`."""
        return str(self._order("/login", user=user)["openid"])

    def release_phone(self, user: str, phone: str, country_code: str | int = "86") -> str:
        """A fresh phone code for `user`."""
        return str(self._order("/phone", user=user, phone=phone, country_code=country_code)["code"])

    def advance(self, seconds: float) -> None:
        """Moves the stand-in's clock forward."""
        self._order("/clock", seconds=seconds)

    def fail_next(self, fault: Fault) -> None:
        """Lets `fault` meet the next calls of its path, after the faults already set."""
        self._order("/fault", **fault.model_dump(exclude_defaults=True))

    def forget(self) -> None:
        """Starts afresh."""
        self._order("/forget")

    def admit_addresses(self, addresses: list[str] | None) -> None:
        """Gives tokens to these addresses only; None lets all."""
        self._order("/addresses", addresses=addresses)

    def calls(self, path: str | None = None) -> list[dict[str, Any]]:
        """The calls so far, of `path` or of all, oldest first."""
        reply = self._http.get("/calls", params={"path": path} if path else {})
        reply.raise_for_status()
        return list(reply.json())

    def _order(self, path: str, /, **order: object) -> dict[str, Any]:
        reply = self._http.post(path, json=order)
        reply.raise_for_status()
        return dict(reply.json()) if reply.content else {}
