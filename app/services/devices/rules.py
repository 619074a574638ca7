"""How long a shift lasts at most, and what starts one on a shared device: codes and PINs."""

import secrets
from datetime import datetime, timedelta
from itertools import pairwise

LONGEST_SHIFT = timedelta(hours=16)
"""Guards work 12 hours at most, and a relief may be late; whoever is still on shift after 16 hours has
forgotten to hand over, and what the device then shows must not be shown in their name."""


def shift_end(started_at: datetime, ended_at: datetime | None, now: datetime) -> datetime | None:
    """When a shift ended: as recorded, or after `LONGEST_SHIFT` by itself; None while it goes on."""
    last = started_at + LONGEST_SHIFT
    if ended_at is not None:
        return min(ended_at, last)
    return last if last <= now else None


SHIFT_CODE_LIFETIME = timedelta(seconds=60)
"""Long enough to walk to the handheld and type it, too short to pass on."""

SHIFT_CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O and U, which are misread, and a QR symbol holds it as alphanumeric."""

SHIFT_CODE_LENGTH = 10
"""Letters, which make 50 bits. Nothing locks codes: they name nobody, and a lock of the device would let
a prankster close the gate. So guessing must fail by itself. When the guards of a city change at eight,
some 2,000 codes live at once; a stolen device that tried 1,000 a second, which no limit by address lets
it, would hit one in their minute with 1 in 10 million. Eight digits are 27 bits: 1 in 1 under the same
attack. Eight letters (40 bits) would do only while the limit by address holds. Ten are typed as two
groups of five."""

SHIFT_CODE_GROUP = 5

MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})
"""What people write for what they see, and what stands between the groups."""

PIN_LENGTH = 6
"""Digits: what a handheld's keypad is for. A million, of which the lock lets about a hundred be tried."""

FEWEST_PIN_DIGITS = 3
"""Distinct ones: 112211 is what guessing begins with."""

COMMON_PINS = frozenset({"147258", "258369", "159357", "520131", "131420", "201314", "518518", "168168"})
"""What a keypad's columns draw, and numbers that sound like a wish in Chinese."""

LARGEST_BADGE = 99_999
"""No compound has had so many guards; a longer number is a mistyped one."""


def new_shift_code() -> str:
    """A fresh code as it is kept: letters only."""
    return "".join(secrets.choice(SHIFT_CODE_LETTERS) for _ in range(SHIFT_CODE_LENGTH))


def shown_shift_code(code: str) -> str:
    """The code in groups, as it is read and typed."""
    return f"{code[:SHIFT_CODE_GROUP]}-{code[SHIFT_CODE_GROUP:]}"


def normal_shift_code(typed: str) -> str:
    """The one spelling of a code that was typed or scanned: case, groups and misread letters aside."""
    return typed.upper().translate(MISREAD)


def fits_pin(pin: str) -> bool:
    """Whether six digits may be a PIN: not the ones that everybody tries first.

    Refused are digits that go on in equal steps (000000, 123456, 975319), a block over and over
    (121212, 123123), pairs in equal steps (112233), the same read backwards (123321), fewer than
    three distinct digits, and `COMMON_PINS`.
    """
    digits = [int(digit) for digit in pin]
    return not (
        _even(digits)
        or any(pin == pin[:block] * (PIN_LENGTH // block) for block in (2, 3))
        or (digits[::2] == digits[1::2] and _even(digits[::2]))
        or pin == pin[::-1]
        or len(set(pin)) < FEWEST_PIN_DIGITS
        or pin in COMMON_PINS
    )


def _even(digits: list[int]) -> bool:
    """Whether each digit is as far from the one before, counted past nine to nought."""
    return len({(after - before) % 10 for before, after in pairwise(digits)}) == 1
