"""What the stand-in knows: one mini-program with its tokens, codes, sessions and calls."""

import base64
import hashlib
import hmac
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from app.clock import Clock, civil_day
from app.standin.faults import Fault
from app.standin.replies import Refused

TOKEN_LIFETIME = timedelta(seconds=7200)
OVERLAP = timedelta(seconds=300)
"""How long a renewed token goes on working beside its successor."""
FORCED_SPACING = timedelta(seconds=30)
FORCED_A_DAY = 20
CLEARED_A_MONTH = 10
CODE_LIFETIME = timedelta(seconds=300)
SESSION_ROTATES = 3
"""WeChat renews a session key at some sign-ins and not at others; here at every third."""
CALLS_KEPT = 10_000
TOKEN_CHARACTERS = 512
"""What WeChat asks to reserve for a token, so that a store with less room is found out."""

_WECHAT_DAY = ZoneInfo("Asia/Shanghai")


@dataclass
class Token:
    """An access token: it dies when it expires, or when its successor has stood beside it long enough."""

    value: str
    expires_at: datetime
    superseded_at: datetime | None = None


class CodeKind(StrEnum):
    """The two codes that a mini-program hands to its server; one never serves for the other."""

    login = "login"
    phone = "phone"


@dataclass
class Code:
    """A one-use code that a user released."""

    kind: CodeKind
    appid: str
    openid: str
    issued_at: datetime
    unionid: str | None = None
    phone: str = ""
    country_code: str | int = "86"
    used: bool = False


@dataclass
class Session:
    """What code2Session has granted to a user."""

    key: str
    logins: int = 0


@dataclass(frozen=True)
class Call:
    """A call as it arrived. Secrets and tokens are taken out before it is kept."""

    method: str
    path: str
    query: dict[str, str]
    content: bytes
    address: str


@dataclass(frozen=True)
class CallRecord:
    """A call that was answered, or that a fault kept from being answered."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    body: Any
    address: str
    errcode: int | None
    """None where nothing readable was sent."""
    rid: str | None
    reply: str


@dataclass
class World:
    """The state of the stand-in, under one clock that tests move."""

    appid: str
    secret: str
    clock: Clock
    offset: timedelta = timedelta(0)
    codes: dict[str, Code] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    classic: Token | None = None
    stable: Token | None = None
    forced: list[datetime] = field(default_factory=list)
    cleared: list[datetime] = field(default_factory=list)
    addresses: frozenset[str] | None = None
    """Callers that may ask for a token; None lets all."""
    faults: list[Fault] = field(default_factory=list)
    calls: deque[CallRecord] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))

    def forget(self) -> None:
        """Back to the state of a fresh start."""
        vars(self).update(vars(World(self.appid, self.secret, self.clock)))

    def now(self) -> datetime:
        """The stand-in's present."""
        return self.clock() + self.offset

    def openid(self, user: str) -> str:
        """The openid of `user`: the same at every sign-in to this mini-program."""
        digest = hashlib.sha256(f"{self.appid} {user}".encode()).digest()
        return "o" + base64.urlsafe_b64encode(digest).decode()[:27]

    def issue_code(self, code: Code) -> str:
        """Puts `code` into circulation."""
        text = secrets.token_urlsafe(24)
        self.codes[text] = code
        return text

    def spend_login_code(self, text: str) -> tuple[Code, Session]:
        """Raises Refused with 40029, 40163, or 40013 for a code of another mini-program."""
        code = self._find_code(text, CodeKind.login)
        if code.used:
            raise Refused(40163)
        code.used = True
        session = self.sessions.setdefault(code.openid, Session(_new_session_key()))
        session.logins += 1
        if session.logins % SESSION_ROTATES == 0:
            self.renew_session_key(code.openid)
        return code, session

    def renew_session_key(self, openid: str) -> str:
        """A new session key for a user who has signed in."""
        session = self.sessions[openid]
        session.key = _new_session_key()
        return session.key

    def spend_phone_code(self, text: str, openid: str | None) -> Code:
        """Raises Refused with 40029 for any unusable code, 40013, or 40003 for another user's.

        WeChat does not document the last one's code, and a client must not count on it.
        """
        code = self._find_code(text, CodeKind.phone)
        if code.used:
            raise Refused(40029)
        if openid is not None and openid != code.openid:
            raise Refused(40003)
        code.used = True
        return code

    def _find_code(self, text: str, kind: CodeKind) -> Code:
        code = self.codes.get(text)
        if code is None or code.kind is not kind or self.now() - code.issued_at > CODE_LIFETIME:
            raise Refused(40029)
        if code.appid != self.appid:
            raise Refused(40013)
        return code

    def grant_classic(self) -> Token:
        """A new token; its predecessor works on for five minutes."""
        if self.classic is not None:
            self.classic.superseded_at = self.now() + OVERLAP
        self.classic = self._issue_token()
        return self.classic

    def grant_stable(self, *, force: bool) -> Token:
        """The same token until five minutes before its end, or by force a new one and the end of the old.

        Raises Refused with 45011 for forcing within 30 s and 45009 for the 21st time in a day:
        the limits are documented, which codes tell of them is not.
        """
        now = self.now()
        if force:
            today = [at for at in self.forced if _day(at) == _day(now)]
            if today and now - today[-1] < FORCED_SPACING:
                raise Refused(45011)
            if len(today) >= FORCED_A_DAY:
                raise Refused(45009)
            self.forced = [*today, now]
            if self.stable is not None:
                self.stable.superseded_at = now
            self.stable = self._issue_token()
        elif self.stable is None or self.stable.expires_at - now < OVERLAP:
            self.stable = self._issue_token()
        return self.stable

    def check_token(self, value: str | None) -> None:
        """Raises Refused with 41001, 40014, 40001 or 42001."""
        if not value:
            raise Refused(41001)
        token = self.tokens.get(value)
        if token is None:
            raise Refused(40014)
        now = self.now()
        if token.superseded_at is not None and token.superseded_at <= now:
            raise Refused(40001)
        if token.expires_at <= now:
            raise Refused(42001)

    def clear_quota(self) -> None:
        """Ends the faults that play a used-up quota. Raises Refused with 48006 at the 11th in a month."""
        now = self.now()
        month = [at for at in self.cleared if _day(at).replace(day=1) == _day(now).replace(day=1)]
        if len(month) >= CLEARED_A_MONTH:
            raise Refused(48006)
        self.cleared = [*month, now]
        self.faults = [fault for fault in self.faults if fault.errcode not in {45009, 45011}]

    def take_fault(self, path: str) -> Fault | None:
        """The fault that meets the next call of `path`, counted down."""
        for fault in self.faults:
            if fault.path == path:
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _issue_token(self) -> Token:
        token = Token(secrets.token_urlsafe(TOKEN_CHARACTERS)[:TOKEN_CHARACTERS], self.now() + TOKEN_LIFETIME)
        self.tokens[token.value] = token
        return token


def session_signature(session_key: str, message: bytes = b"") -> str:
    """WeChat's user-state signature: HMAC-SHA256 in hex, keyed by the Base64 text itself, not decoded."""
    return hmac.new(session_key.encode(), message, hashlib.sha256).hexdigest()


def _new_session_key() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode()


def _day(moment: datetime) -> date:
    return civil_day(moment, _WECHAT_DAY)
