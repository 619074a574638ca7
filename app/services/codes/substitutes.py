"""What substitutes for a code, character by character: six spoken digits, or the text on a printed card.

Neither is signed, so neither says anything by itself: both are looked up, and both only ever lead to a
check. A spoken code is what a courier reads out who cannot show a symbol; a printed card is for couriers
without a smartphone, or for the second of two people on one account of WeChat.
"""

import re
import zlib
from base64 import b32decode, b32encode
from typing import Final

from app.services.codes.format import BASE32, Cause, UnreadableCode, strip_artefacts
from app.services.spelling import HYPHENS, half_width

SPOKEN_DIGITS: Final = 6
"""A guard remembers six digits on the way from the mouth to the keys. Five tries a minute among a million
leave a guesser, at a gate with ten live codes, one chance in 20,000: enough for what is only ever a check."""

LONGEST_SPOKEN: Final = 32
"""Characters, with all the spaces and hyphens that people type between digits."""

SPOKEN: Final = re.compile(rf"[0-9]{{{SPOKEN_DIGITS}}}")

PRINTED_MARK: Final = "P"
"""Begins the text on a printed card. Its length alone already tells it from a code."""

SECRET_BYTES: Final = 16
"""128 random bits: nobody guesses them, so nothing has to be counted."""

CHECK_BYTES: Final = 4
"""CRC-32 (ISO/IEC 13239) of the secret: tells a character that was misread or mistyped from a card that
was made up. It proves nothing; anybody can compute it."""

PRINTED_LENGTH: Final = 1 + (SECRET_BYTES + CHECK_BYTES) * 8 // 5
"""33: the mark and 20 bytes in base32, which come out even, so that each card has one spelling."""


def spoken_digits(text: str) -> str | None:
    """The six digits in `text` as somebody typed them, or None where it is anything else.

    Full-width digits, spaces and hyphens between them, and what keyboards leave around are taken;
    the digits of other scripts are not.
    """
    if len(text) > LONGEST_SPOKEN:
        return None
    typed = half_width(strip_artefacts(text))
    bare = "".join(char for char in typed if not char.isspace() and char not in HYPHENS)
    return bare if SPOKEN.fullmatch(bare) else None


def printed_text(secret: bytes) -> str:
    """The characters of a printed card behind the link prefix."""
    check = zlib.crc32(secret).to_bytes(CHECK_BYTES, "big")
    return PRINTED_MARK + b32encode(secret + check).decode("ascii")


def printed_secret(body: str) -> bytes | None:
    """The secret of a printed card in `body`, what follows the prefix, or None where it is no card.

    Raises:
        UnreadableCode: it looks like a card and its check does not hold.
    """
    if len(body) != PRINTED_LENGTH:
        return None
    text = body.upper()
    if not text.startswith(PRINTED_MARK) or not BASE32.fullmatch(text):
        return None
    packed = b32decode(text[1:])
    secret, check = packed[:SECRET_BYTES], packed[SECRET_BYTES:]
    if zlib.crc32(secret).to_bytes(CHECK_BYTES, "big") != check:
        raise UnreadableCode(Cause.CHECKSUM)
    return secret
