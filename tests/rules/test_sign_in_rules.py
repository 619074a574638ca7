"""The pure rules of sign-in."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.accounts import Role
from app.services.accounts.rules import (
    FAILURES_BEFORE_LOCK,
    GIVER,
    INVITED,
    LONGEST_LOCK,
    REPLY_LOST,
    SCOPES,
    Refresh,
    accepted_step,
    fits_password,
    judge_refresh,
    lock_after,
    normal_login,
)

NOW = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)
RFC_6238_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The ASCII secret 12345678901234567890 of RFC 6238, appendix B, in base32."""


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(0, None), (1, None), (4, None), (5, 15), (6, 30), (7, 60), (11, 960), (12, 1440), (10_000, 1440)],
)
def test_locks_double_up_to_a_day(failures: int, minutes: int | None) -> None:
    assert lock_after(failures) == (timedelta(minutes=minutes) if minutes else None)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_further_failure_never_shortens_the_lock(failures: int) -> None:
    now, then = lock_after(failures), lock_after(failures + 1)
    assert (now is None) == (failures < FAILURES_BEFORE_LOCK)
    if now is not None and then is not None:
        assert now <= then <= LONGEST_LOCK


@pytest.mark.parametrize(
    ("age", "successor_used", "verdict"),
    [
        (None, False, Refresh.rotate),
        (timedelta(0), False, Refresh.repeat),
        (REPLY_LOST, False, Refresh.repeat),
        (REPLY_LOST + timedelta(microseconds=1), False, Refresh.end_family),
        (timedelta(seconds=1), True, Refresh.end_family),
        # Another machine's clock may be a little ahead.
        (timedelta(seconds=-2), False, Refresh.repeat),
    ],
)
def test_what_becomes_of_a_refresh_token(
    age: timedelta | None, *, successor_used: bool, verdict: Refresh
) -> None:
    replaced_at = None if age is None else NOW - age
    assert judge_refresh(replaced_at, successor_used=successor_used, now=NOW) is verdict


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_one_time_passwords_are_those_of_rfc_6238(seconds: int, shown: str) -> None:
    """Appendix B, SHA-1, the last six of its eight digits."""
    now = datetime.fromtimestamp(seconds, UTC)
    assert accepted_step(RFC_6238_SECRET, shown, now=now, last_step=None) == seconds // 30


@given(st.integers(min_value=-10, max_value=10), st.integers(min_value=-10, max_value=10))
def test_a_step_counts_near_the_present_and_after_the_last_one(offset: int, last: int) -> None:
    current = int(NOW.timestamp()) // 30
    shown = pyotp.TOTP(RFC_6238_SECRET).generate_otp(current + offset)
    accepted = accepted_step(RFC_6238_SECRET, shown, now=NOW, last_step=current + last)
    assert accepted == (current + offset if abs(offset) <= 1 and offset > last else None)


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("seven grey herons wait", True),
        ("七只灰鹭在江边等着天亮呢", True),
        ("abcdeabcdeab", True),
        ("elevenchars", False),
        ("x" * 64, False),
        ("wang.min was here", False),
        ("WANG.MIN was here", False),
        ("ｗａｎｇ.ｍｉｎ was here", False),
        ("i love huixin dearly", False),
        ("江边的惠新码等着天亮呢呀", False),
        ("p" + "assword phrase " * 8, True),
        ("a long password " * 9, False),
    ],
)
def test_passwords_are_long_and_not_named_after_their_account(password: str, *, fits: bool) -> None:
    assert fits_password(password, login="wang.min") is fits


@pytest.mark.parametrize("typed", ["wang.min", "Wang.Min", " WANG.MIN\t", "ｗａｎｇ．ｍｉｎ"])
def test_a_login_is_one_in_every_spelling(typed: str) -> None:
    assert normal_login(typed) == "wang.min"


def test_every_role_has_a_giver_and_a_scope() -> None:
    assert set(GIVER) == set(SCOPES) == set(Role)
    assert {Role.property_manager, Role.employer_user, Role.guard} == INVITED


def test_every_chain_of_givers_begins_at_the_security_administrator() -> None:
    for role in Role:
        giver = role
        for _ in Role:
            giver = GIVER[giver]
        assert giver is Role.security_admin
