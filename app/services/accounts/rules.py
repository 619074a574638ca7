"""The pure rules of sign-in: locks, passwords, refresh tokens, and who gives which role."""

import unicodedata
from datetime import datetime, timedelta
from enum import Enum, auto

import pyotp

from app.models.accounts import Role, ScopeKind

FAILURES_BEFORE_LOCK = 5
"""GB/T 22239 asks for a lock after failures and names no figure; five is what the project promised."""
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)
MOST_DOUBLINGS = 7
"""Of a quarter of an hour: more than a day."""
FAILURES_FORGOTTEN = timedelta(days=7)
"""Locks double with every further failure until the login has been left alone for so long. That keeps
the guesses at one login below a hundred in a row (NIST SP 800-63B, 5.2.2)."""

REPLY_LOST = timedelta(seconds=60)
"""For so long a refresh token that was used yields the same successor again, since replies get lost. So
does what starts a shift on a shared device."""

SHIFT = "shift"
"""The kind, in access tokens, of a sign-in that was made for one shift on a shared device."""

TOTP_STEP = 30
"""Seconds (RFC 6238, 5.2), as every authenticator has it."""
TOTP_DRIFT = 1
"""Steps by which the phone's clock may be off, either way."""

LOGIN = r"^[a-z0-9][a-z0-9._-]{3,63}$"
"""A login, as it is kept: nothing that looks like something else, and not so short that every password
holds it."""

SHORTEST_PASSWORD = 12
"""Characters. NIST SP 800-63B asks for 8 beside a second factor; narrow roles have none here."""
LONGEST_PASSWORD = 128
"""Characters; NIST asks that at least 64 be taken."""
FEWEST_DISTINCT = 5
"""Distinct characters: `aaaaaaaaaaaa` and `121212121212` are what guessing begins with."""
CONTEXT_WORDS = ("huixin", "惠新码")
"""What everybody here would think of (NIST SP 800-63B, 5.1.1.2)."""

WIDE = frozenset(
    {
        Role.operator,
        Role.security_admin,
        Role.auditor,
        Role.registrar,
        Role.reviewer,
        Role.analyst,
        Role.police_auditor,
    }
)
"""Roles that reach many people's data or the machine itself: held only with a second factor."""

GIVER: dict[Role, Role] = {
    Role.operator: Role.security_admin,
    Role.security_admin: Role.security_admin,
    Role.auditor: Role.security_admin,
    Role.registrar: Role.security_admin,
    Role.reviewer: Role.security_admin,
    Role.analyst: Role.security_admin,
    Role.organizer: Role.security_admin,
    Role.handler: Role.security_admin,
    Role.police_auditor: Role.security_admin,
    Role.property_manager: Role.registrar,
    Role.employer_user: Role.registrar,
    Role.guard: Role.property_manager,
}
"""Which role gives which."""

_UNION_STAFF = frozenset({ScopeKind.everywhere, ScopeKind.area})

SCOPES: dict[Role, frozenset[ScopeKind]] = {
    Role.operator: frozenset({ScopeKind.everywhere}),
    Role.security_admin: frozenset({ScopeKind.everywhere}),
    Role.auditor: frozenset({ScopeKind.everywhere}),
    Role.registrar: _UNION_STAFF,
    Role.reviewer: _UNION_STAFF,
    Role.analyst: _UNION_STAFF,
    Role.organizer: _UNION_STAFF,
    Role.handler: _UNION_STAFF,
    Role.police_auditor: _UNION_STAFF,
    Role.property_manager: frozenset({ScopeKind.compound}),
    Role.guard: frozenset({ScopeKind.compound}),
    Role.employer_user: frozenset({ScopeKind.employer}),
}
"""Within which kinds of scope each role is held."""

TAKES_SHIFTS = (Role.guard, Role.property_manager)
"""Who may stand at a gate: a property manager stands in where no guard is there."""

INVITED = frozenset(role for role, giver in GIVER.items() if giver is not Role.security_admin)
"""Roles that are given by invitation; the others are granted to staff accounts."""


def lock_after(failures: int) -> timedelta | None:
    """For how long a login is locked after its `failures`-th failure in a row, or None."""
    if failures < FAILURES_BEFORE_LOCK:
        return None
    doublings = min(failures - FAILURES_BEFORE_LOCK, MOST_DOUBLINGS)
    return min(FIRST_LOCK * (1 << doublings), LONGEST_LOCK)


class Refresh(Enum):
    """What becomes of a refresh token that was presented."""

    rotate = auto()
    """It is the newest: replace it."""
    repeat = auto()
    """It was replaced a moment ago and the reply may be lost: give the same successor."""
    end_family = auto()
    """It was used long ago, or its successor is in use: somebody stole one of the two."""


def judge_refresh(replaced_at: datetime | None, *, successor_used: bool, now: datetime) -> Refresh:
    """The rule of rotation with reuse detection (RFC 9700, 4.14.2), lenient to lost replies."""
    if replaced_at is None:
        return Refresh.rotate
    if successor_used or now - replaced_at > REPLY_LOST:
        return Refresh.end_family
    return Refresh.repeat


def accepted_step(secret: str, given: str, *, now: datetime, last_step: int | None) -> int | None:
    """The time step that `given` is the one-time password of, or None.

    Steps up to the last one used are over (RFC 6238, 5.2: each is accepted once).
    """
    totp = pyotp.TOTP(secret, interval=TOTP_STEP)
    current = int(now.timestamp()) // TOTP_STEP
    for step in range(current - TOTP_DRIFT, current + TOTP_DRIFT + 1):
        fresh = last_step is None or step > last_step
        if pyotp.utils.strings_equal(totp.generate_otp(step), given) and fresh:
            return step
    return None


def normal_login(login: str) -> str:
    """The one spelling of a login: people do not tell case and width apart when they type one."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def normal_password(password: str) -> str:
    """The one spelling of a password on all keyboards (NIST SP 800-63B, 5.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def fits_password(password: str, *, login: str) -> bool:
    """Whether `password` may guard the account of `login`: long, not named after either; no other rule."""
    folded = normal_password(password).casefold()
    return (
        SHORTEST_PASSWORD <= len(folded) <= LONGEST_PASSWORD
        and len(set(folded)) >= FEWEST_DISTINCT
        and not any(word in folded for word in (login.casefold(), *CONTEXT_WORDS))
    )
