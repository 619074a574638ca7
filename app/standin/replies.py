"""WeChat's envelope as the stand-in sends it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

JSON = "application/json; encoding=utf-8"
PLAIN = "text/plain"
"""What code2Session labels its JSON."""

ERRMSG = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40066: "invalid url",
    40125: "invalid appsecret",
    40163: "code been used",
    40226: "code blocked",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    42001: "access_token expired",
    43002: "require POST method",
    44002: "empty post data",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    47001: "data format error",
    48006: "forbid to clear quota because of reaching the limit",
    76001: "rid not found",
    76002: "rid malformed",
    76004: "rid expired",
    87008: "invalid sig_method",
    87009: "invalid signature",
}
"""The texts that WeChat is seen to send; clients must not read them."""


class Refused(Exception):
    """The call ends with an error code."""

    def __init__(self, errcode: int, text: str = "") -> None:
        self.errcode = errcode
        self.text = text or ERRMSG.get(errcode, "error")
        super().__init__(errcode)


@dataclass
class Reply:
    """A reply before it is sent; faults alter it on its way."""

    body: dict[str, Any] = field(default_factory=dict)
    content_type: str = JSON
    rid: str | None = None

    @property
    def errcode(self) -> int:
        """0 where the body has none."""
        return int(self.body.get("errcode", 0))


def refusal(errcode: int, text: str, now: datetime) -> Reply:
    """An error envelope with a trace id of its own, as WeChat appends it to every error text."""
    rid = f"{int(now.timestamp()):08x}-{secrets.randbits(32):08x}-{secrets.randbits(32):08x}"
    return Reply({"errcode": errcode, "errmsg": f"{text} rid: {rid}"}, rid=rid)


def success(**fields: Any) -> Reply:
    """The envelope of most calls: an error code of 0 and what was asked for."""
    return Reply({"errcode": 0, "errmsg": "ok", **fields})
