"""Calls over HTTP to WeChat: what may be sent twice, how long one may take, and what is logged of it."""

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import structlog
from typing_extensions import override

from app.services.wechat.answers import Answer, read_answer
from app.services.wechat.errors import RETRY_SECONDS, Errcode, WeChatUnavailable
from app.settings import OFFICIAL_WECHAT

TIMEOUT = httpx.Timeout(8, connect=3)
"""Seconds: a phone waits for the reply, and WeChat mostly answers within one."""
CALL_SECONDS = 12
"""A try as a whole, since the time-outs above begin anew with every byte."""
TRIES = 3
"""WeChat's -1 mostly passes by the third try; more would only add to its load."""
BACKOFF_SECONDS = 0.2
"""Wait before the second try, doubled before the third, each shortened at random by up to half."""
POOL = httpx.Limits(max_connections=32, max_keepalive_connections=8)
"""Sign-ins under way at once in one process; the rest wait for a connection."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_logger = structlog.get_logger(__name__)


class ForeignWeChatServer(ValueError):
    """In production the client talks to WeChat's own server and no other."""


class _QueryRemover(logging.Filter):
    """httpx logs every address at INFO, and WeChat's carry the secret or the token in their query."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                str(value.copy_with(query=None, userinfo=b"")) if isinstance(value, httpx.URL) else value
                for value in record.args
            )
        return True


_QUERY_REMOVER = _QueryRemover()


def open_http() -> httpx.AsyncClient:
    """A connection pool for WeChat. Proxies of the environment are used, but never towards this machine."""
    direct = {"all://127.0.0.1": None, "all://localhost": None}
    return httpx.AsyncClient(timeout=TIMEOUT, limits=POOL, mounts=direct)


class Transport:
    """Calls one WeChat server. Raises ForeignWeChatServer in production unless it is the official one."""

    def __init__(self, base_url: str, http: httpx.AsyncClient, *, production: bool) -> None:
        if production and base_url != OFFICIAL_WECHAT:
            raise ForeignWeChatServer(f"in production the WeChat server must be {OFFICIAL_WECHAT}")
        self._base_url = base_url.rstrip("/")
        self._http = http
        logging.getLogger("httpx").addFilter(_QUERY_REMOVER)

    async def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """A GET that takes effect: tried again only if it never reached WeChat."""
        return await self._call("GET", path, query, None, repeatable=False)

    async def post(
        self, path: str, body: Mapping[str, Any], *, query: Mapping[str, str] | None = None, repeatable: bool
    ) -> Answer:
        """A POST in UTF-8 JSON, without escapes.

        Where it is `repeatable`, -1 and lost replies are tried again; else only what was never sent.
        """
        return await self._call("POST", path, query or {}, orjson.dumps(body), repeatable=repeatable)

    async def _call(
        self, method: str, path: str, query: Mapping[str, str], content: bytes | None, *, repeatable: bool
    ) -> Answer:
        """The answer, of any errcode but -1. Raises WeChatUnavailable."""
        for attempt in range(1, TRIES + 1):
            answer, sent, cause = await self._try(method, path, query, content)
            if answer is not None and answer.errcode != Errcode.system_busy:
                if answer.errcode != Errcode.ok:
                    _logger.info("wechat_refused", path=path, errcode=answer.errcode, rid=answer.rid)
                return answer
            rid = answer.rid if answer else None
            _logger.warning("wechat_unavailable", path=path, attempt=attempt, cause=cause, rid=rid)
            if attempt == TRIES or (sent and not repeatable):
                break
            await asyncio.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311
        raise WeChatUnavailable(
            errcode=answer.errcode if answer else None, rid=rid, retry_after=RETRY_SECONDS
        )

    async def _try(
        self, method: str, path: str, query: Mapping[str, str], content: bytes | None
    ) -> tuple[Answer | None, bool, str]:
        """One try: the answer if it is one, whether WeChat may have seen the call, and what went wrong."""
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            async with asyncio.timeout(CALL_SECONDS):
                response = await self._http.request(
                    method,
                    self._base_url + path,
                    params=dict(query),
                    content=content,
                    headers=headers,
                    follow_redirects=False,  # a redirect would carry the secret to another server
                )
        except _NEVER_SENT as error:
            return None, False, type(error).__name__
        except (httpx.HTTPError, TimeoutError) as error:
            return None, True, type(error).__name__
        answer = read_answer(response)
        return answer, True, "busy" if answer else f"unreadable reply, status {response.status_code}"
