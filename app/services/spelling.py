"""The many spellings in which people type, paste and export one and the same number."""

import unicodedata

HALF_WIDTH = str.maketrans({code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " "})
"""Full-width forms of ASCII (Unicode block FF00), as Chinese keyboards type them, to ASCII."""

HYPHENS = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad")

LONGEST_NUMBER = 64
"""Characters. No document, code or phone number is longer, with all the spaces people put in."""


def half_width(text: str) -> str:
    """`text` with the full-width forms of ASCII replaced by ASCII."""
    return text.translate(HALF_WIDTH)


def is_invisible(char: str) -> bool:
    """Whether `char` shows nothing: zero-width and direction marks that copying brings along."""
    return unicodedata.category(char) == "Cf"


def compact(number: str) -> str:
    """`number` in half width and upper case, without spaces, hyphens and invisible characters."""
    return "".join(
        char
        for char in half_width(number).upper()
        if not char.isspace() and char not in HYPHENS and not is_invisible(char)
    )
