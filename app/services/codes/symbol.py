"""Draws a code as a QR symbol (ISO/IEC 18004): SVG and PNG for screens, half blocks for a terminal."""

import io
from dataclasses import dataclass
from typing import Final

import segno
from segno import consts

from app.services.codes.substitutes import PRINTED_LENGTH

CODE_CHARACTERS: Final = 140
"""Length of the base32 text of a code: 87 bytes at 5 bits a character."""

QUIET_ZONE: Final = 4
"""Modules of white around a symbol; ISO/IEC 18004, section 9.1, asks for four."""


@dataclass(frozen=True, slots=True)
class SymbolForm:
    """A fixed QR version and error correction level, so that every code has the same size on a screen."""

    version: int
    error: str
    longest_prefix: int
    """Bytes of prefix that fit before the characters."""
    characters: int = CODE_CHARACTERS
    """What follows the prefix: the 140 characters of a code, unless it is another thing."""

    @property
    def modules(self) -> int:
        """Modules along one side, without the quiet zone (ISO/IEC 18004, section 6.3.1)."""
        return 17 + 4 * self.version


FORM_6_L: Final = SymbolForm(version=6, error="L", longest_prefix=36)
FORM_7_M: Final = SymbolForm(version=7, error="M", longest_prefix=24)

FORM_5_Q: Final = SymbolForm(version=5, error="Q", longest_prefix=36, characters=PRINTED_LENGTH)
"""For printed cards. Paper is folded, wet and scratched, so correction counts: Q repairs a quarter of
the codewords. H would repair 5 in a hundred more and need version 7, whose modules are 15 % smaller on
the same card. The longest prefix is that of a code, so that one check at the start serves both."""

CHOSEN_FORM: Final = FORM_6_L
"""Larger modules rather than more correction; docs/adr/0003 has the decode test that decided it."""


def check_prefix(prefix: str, form: SymbolForm = CHOSEN_FORM) -> None:
    """Refuse a link prefix that no symbol of `form` can carry; called at start.

    Raises:
        ValueError: says in words what is wrong with the prefix and what would be right.
    """
    if not prefix.isascii() or not prefix.isprintable() or " " in prefix:
        message = f"The code prefix {prefix!r} may hold visible ASCII characters only."
        raise ValueError(message)
    if not prefix.startswith(("https://", "http://")) or not prefix.endswith("/"):
        message = f"The code prefix {prefix!r} must be a link that ends in a slash: https://hx.example.cn/c/."
        raise ValueError(message)
    if len(prefix) > form.longest_prefix:
        message = (
            f"The code prefix {prefix!r} has {len(prefix)} characters; "
            f"QR version {form.version}-{form.error} has room for {form.longest_prefix}. Use a shorter link."
        )
        raise ValueError(message)


def draw_svg(text: str, prefix: str, form: SymbolForm = CHOSEN_FORM) -> bytes:
    """The symbol as a standalone SVG document that scales to whatever box it is put in.

    `text` is the symbol text, `prefix` and base32 together.

    Raises:
        ValueError: `text` is not `prefix` followed by the characters that `form` is for, or does not fit it.
    """
    out = io.BytesIO()
    drawing = {"light": "#fff", "omitsize": True, "nl": False, "svgclass": None, "lineclass": None}
    symbol(text, prefix, form).save(out, kind="svg", border=QUIET_ZONE, **drawing)
    return out.getvalue()


def draw_png(text: str, prefix: str, scale: int = 8, form: SymbolForm = CHOSEN_FORM) -> bytes:
    """The symbol as a black and white PNG with `scale` pixels a module.

    Raises:
        ValueError: as `draw_svg`, or `scale` is below 1.
    """
    out = io.BytesIO()
    symbol(text, prefix, form).save(out, kind="png", border=QUIET_ZONE, scale=scale)
    return out.getvalue()


def draw_terminal(text: str, prefix: str, form: SymbolForm = CHOSEN_FORM) -> str:
    """The symbol in Unicode half blocks, two modules a character, for a terminal with a dark background.

    Light modules are drawn and dark ones left out, since a terminal's blank is dark.

    Raises:
        ValueError: as `draw_svg`.
    """
    rows = [bytes(row) for row in symbol(text, prefix, form).matrix_iter(border=QUIET_ZONE)]
    if len(rows) % 2:
        rows.append(bytes([1]) * len(rows[0]))
    return "\n".join(
        "".join(" ▀▄█"[(not upper) + 2 * (not lower)] for upper, lower in zip(top, bottom, strict=True))
        for top, bottom in zip(rows[::2], rows[1::2], strict=True)
    )


def symbol(text: str, prefix: str, form: SymbolForm = CHOSEN_FORM) -> segno.QRCode:
    """The QR symbol of `text` in two segments: the prefix in byte mode, the rest in alphanumeric mode.

    Raises:
        ValueError: `text` is not `prefix` followed by the characters that `form` is for, or does not fit it.
    """
    code = text.removeprefix(prefix)
    if len(text) != len(prefix) + form.characters or len(code) != form.characters:
        message = f"A symbol text is the prefix followed by {form.characters} characters."
        raise ValueError(message)
    segments = [(code, consts.MODE_ALPHANUMERIC)]
    if prefix:
        segments.insert(0, (prefix, consts.MODE_BYTE))
    # Without boosting, the level stays the chosen one: a version is picked for module size, and a
    # symbol that changed its level with the prefix would differ from the one that was tested.
    # segno's stub leaves out the documented list of segments.
    return segno.make_qr(segments, version=form.version, error=form.error, boost_error=False)  # type: ignore[arg-type]
