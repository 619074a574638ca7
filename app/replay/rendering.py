"""Draws codes and reads them back through a decoder that is not ours."""

import io

from app.services.codes.symbol import draw_png

PIXELS_A_MODULE = 3
"""As few as a poor camera gives."""


class DecoderMissing(Exception):
    """The optional packages of the extra `replay` are not installed."""


class Rendering:
    """Chooses every n-th code, draws it as PNG and reads it through ZXing."""

    def __init__(self, every: int, *, prefix: str) -> None:
        """Raises DecoderMissing."""
        try:
            import zxingcpp
        except ImportError:
            raise DecoderMissing from None
        self._read = zxingcpp.read_barcodes
        self._every = every
        self._prefix = prefix
        self._seen = 0

    def is_due(self) -> bool:
        """Whether the code that comes now is an n-th one."""
        self._seen += 1
        return self._seen % self._every == 0

    def read_back(self, text: str) -> str | None:
        """What the decoder reads from the symbol of `text`; None where it finds no single one."""
        from PIL import Image

        with Image.open(io.BytesIO(draw_png(text, self._prefix, PIXELS_A_MODULE))) as picture:
            found = self._read(picture.convert("L"))
        return found[0].text if len(found) == 1 else None
