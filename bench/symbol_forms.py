"""Decides between QR forms: how often a poor camera reads each, drawn at the same size on the screen.

Run as `python -m bench.symbol_forms [TRIALS]`; prints JSON.
"""

import io
import json
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from app.services.codes.symbol import CODE_CHARACTERS, FORM_6_L, FORM_7_M, SymbolForm, draw_png

PREFIX = "https://hx.example.cn/c/"
"""24 bytes, the most that both forms carry."""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

SUPERSAMPLING = 4
"""A camera pixel averages this many drawn ones a side."""

UNIT_SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))

WALL = 120
"""Grey level around the screen."""

QR_ONLY = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


@dataclass(frozen=True, slots=True)
class Camera:
    """How a picture is spoilt. Lengths are in camera pixels, levels in 0 to 255."""

    name: str
    blur: float = 0.6
    noise: float = 6.0
    contrast: float = 0.8
    tilt: float = 0.06
    """How far a corner may move towards the middle, as a share of the diagonal."""
    glare: float = 0.0
    """Diameter of a white spot, a reflection of a lamp, as a share of the side."""


CAMERAS = (
    Camera("steady"),
    Camera("blur", blur=1.1),
    Camera("noise", noise=20.0),
    Camera("low contrast", contrast=0.25, noise=6.0),
    Camera("tilt", tilt=0.15),
    Camera("glare", glare=0.16),
)

SIZES = (84, 96, 108, 120, 136, 152, 176, 208)
"""Camera pixels along the displayed square, quiet zone included: from hopeless to easy."""


def photograph(png: bytes, side: int, camera: Camera, chance: random.Random) -> Image.Image:
    """The symbol as `camera` sees it, about `side` pixels across, turned by any angle."""
    screen = (
        Image.open(io.BytesIO(png)).convert("L").resize((SUPERSAMPLING * side,) * 2, Image.Resampling.BICUBIC)
    )
    fine = screen.width
    if camera.glare:
        across = camera.glare * fine
        left, top = (chance.uniform(0.1, 0.9) * fine - across / 2 for _ in range(2))
        ImageDraw.Draw(screen).ellipse((left, top, left + across, top + across), fill=255)
    room = fine * 3 // 2
    angle = chance.uniform(0, math.tau)
    corners = []
    for x, y in UNIT_SQUARE:
        inwards = 1 - chance.uniform(0, 2 * camera.tilt)
        turned = complex(x - 0.5, y - 0.5) * inwards * complex(math.cos(angle), math.sin(angle))
        corners.append((room / 2 + fine * turned.real, room / 2 + fine * turned.imag))
    picture = screen.transform(
        (room, room),
        Image.Transform.PERSPECTIVE,
        perspective(corners, [(x * fine, y * fine) for x, y in UNIT_SQUARE]),
        Image.Resampling.BICUBIC,
        fillcolor=WALL,
    ).resize((side * 3 // 2,) * 2, Image.Resampling.BOX)
    picture = picture.filter(ImageFilter.GaussianBlur(camera.blur))
    levels = 128 + (np.asarray(picture, dtype=np.float64) - 128) * camera.contrast
    levels += np.random.default_rng(chance.getrandbits(64)).normal(0, camera.noise, levels.shape)
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def perspective(seen: Sequence[tuple[float, float]], drawn: Sequence[tuple[float, float]]) -> list[float]:
    """The eight coefficients by which Pillow finds the `drawn` point for each `seen` one."""
    rows, values = [], []
    for (x, y), (u, v) in zip(seen, drawn, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows), np.array(values))]


def decode_rate(form: SymbolForm, side: int, camera: Camera, trials: int) -> float:
    """The share of `trials` random codes that the decoder reads word for word.

    Seeded by trial, so that two forms meet the same codes, angles and tilts.
    """
    read = 0
    for trial in range(trials):
        chance = random.Random(trial)  # noqa: S311 - a repeatable experiment, no secret
        text = PREFIX + "".join(chance.choices(ALPHABET, k=CODE_CHARACTERS))
        picture = photograph(draw_cached(text, form), side, camera, chance)
        found = zxingcpp.read_barcodes(picture, formats=QR_ONLY)
        read += any(one.text == text for one in found)
    return read / trials


_drawn: dict[tuple[str, SymbolForm], bytes] = {}


def draw_cached(text: str, form: SymbolForm) -> bytes:
    """The symbol at four pixels a module; drawing dominates the run otherwise."""
    if (text, form) not in _drawn:
        _drawn[text, form] = draw_png(text, PREFIX, scale=4, form=form)
    return _drawn[text, form]


def compare(
    cameras: Sequence[Camera], sizes: Sequence[int], trials: int
) -> dict[str, dict[str, list[float]]]:
    """Decode rates by camera and form, one figure for each of `sizes`."""
    return {
        camera.name: {
            f"{form.version}-{form.error}": [decode_rate(form, side, camera, trials) for side in sizes]
            for form in (FORM_6_L, FORM_7_M)
        }
        for camera in cameras
    }


if __name__ == "__main__":
    TRIALS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rates = compare(CAMERAS, SIZES, TRIALS)
    means = {
        name: {form: round(sum(row) / len(row), 3) for form, row in forms.items()}
        for name, forms in rates.items()
    }
    json.dump(
        {"python": sys.executable, "trials": TRIALS, "sizes": SIZES, "rates": rates, "means": means},
        sys.stdout,
    )
    sys.stdout.write("\n")
