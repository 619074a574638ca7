"""How a reply of WeChat is read: by its bytes alone, since header and status often mislead."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

_TRACE = re.compile(r"(?:rid|req_id):\s*([0-9A-Za-z_-]{1,64})", re.ASCII)
_SERVER_FAULT = 500
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply in WeChat's envelope. `errcode` is 0 where the reply has none."""

    errcode: int
    rid: str | None
    """WeChat's trace id, which explains a failed call for seven days."""
    body: dict[str, Any] = field(repr=False)


def read_answer(response: httpx.Response) -> Answer | None:
    """The answer in `response`, or None where it is not WeChat's but a gateway's, or is cut short.

    Business errors come with status 200 and, from some calls, as text/plain; `errcode` may be
    a string, or absent on success.
    """
    if response.status_code >= _SERVER_FAULT:
        return None
    try:
        body = orjson.loads(response.content)
        errcode = int(body.get("errcode") or 0)
    except (ValueError, TypeError, AttributeError):
        return None
    if errcode == 0 and response.status_code not in _SUCCESS:
        return None
    trace = _TRACE.search(str(body.get("errmsg", "")))
    return Answer(errcode, trace[1] if trace else None, body)
