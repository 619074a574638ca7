"""Calls the application as a server would, without a socket, in the name of somebody who has signed in."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from app.models.accounts import AccountKind
from app.runtime import Runtime
from app.services.tokens import AccessClaims, issue_access_token

HOST = (b"host", b"replay.invalid")
"""RFC 2606 keeps this name free."""


class ApplicationFailed(Exception):
    """The application gave an answer after which nothing that follows would tell anything."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(slots=True)
class SignedIn:
    """A sign-in of a WeChat account, with its access token of now."""

    account_id: UUID
    sign_in_id: UUID
    token: str = field(default="", repr=False)
    expires_at: int = 0

    def bearer(self, runtime: Runtime) -> str:
        """An access token that is valid now, a new one where the last has ended."""
        now = int(runtime.clock().timestamp())
        if self.expires_at <= now:
            self.expires_at = now + runtime.settings.access_token_seconds
            claims = AccessClaims(
                iss=runtime.settings.issuer,
                sub=str(self.account_id),
                sid=str(self.sign_in_id),
                kind=AccountKind.wechat,
                iat=now,
                exp=self.expires_at,
            )
            self.token = issue_access_token(claims, runtime.access_tokens.signing_key)
        return self.token


class Caller:
    """Sends requests to `application`, which runs on `runtime`."""

    def __init__(self, application: Any, runtime: Runtime) -> None:
        self._application = application
        self._runtime = runtime

    async def call(
        self, method: str, path: str, body: dict[str, Any], *, who: SignedIn
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer; raises ApplicationFailed for 5xx."""
        content = orjson.dumps(body)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                HOST,
                (b"authorization", b"Bearer " + who.bearer(self._runtime).encode()),
                (b"content-type", b"application/json"),
                (b"content-length", str(len(content)).encode()),
            ],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 80),
        }
        status = 0
        answer = bytearray()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                answer.extend(message.get("body", b""))

        await self._application(scope, receive, send)
        document: dict[str, Any] = orjson.loads(bytes(answer))
        if status >= 500:  # noqa: PLR2004 - RFC 9110, 15.6
            raise ApplicationFailed(status, document.get("code", "?"))
        return status, document
