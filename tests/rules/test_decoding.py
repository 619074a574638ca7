"""The smallest camera picture from which a spoilt code is still read: a change that needs more pixels fails.

The golden figures stand beside this file in `decoding.json`: camera pixels along the displayed square,
quiet zone included, at which 99.5 % of photographs are read word for word. Every camera sees the screen
turned by any angle. The reflection of `bench.symbol_forms` has no such figure: it hides modules at any size.
"""

import json
import random
from itertools import count
from pathlib import Path

import pytest
import zxingcpp

from app.services.codes.symbol import CHOSEN_FORM, CODE_CHARACTERS
from bench.symbol_forms import ALPHABET, CAMERAS, PREFIX, QR_ONLY, Camera, draw_cached, photograph

GOLDEN: dict[str, int] = json.loads(Path(__file__).with_name("decoding.json").read_text("utf-8"))
STEP = 8
"""Camera pixels from one size to the next."""
MOST_UNREAD = 0.005
PHOTOGRAPHS = 3000
"""Enough to tell 99.5 % read from 99 %: 15 unread on average, or 30."""
FEW = 100
FEW_UNREAD = 3
"""More of `FEW` unread have a chance of two in a thousand where 99.5 % are read, and are the rule at 95 %."""
CASES = [pytest.param(camera, id=camera.name) for camera in CAMERAS if not camera.glare]


def is_read(camera: Camera, side: int, trial: int) -> bool:
    """Whether the decoder reads one photograph: each trial has its own code, angle and noise, the same for
    every size and in every run.
    """
    chance = random.Random(trial)
    text = PREFIX + "".join(chance.choices(ALPHABET, k=CODE_CHARACTERS))
    picture = photograph(draw_cached(text, CHOSEN_FORM), side, camera, chance)
    return any(found.text == text for found in zxingcpp.read_barcodes(picture, formats=QR_ONLY))


def unread(camera: Camera, side: int, *, trials: int, most: int) -> int:
    """How many of `trials` photographs were not read; it stops counting past `most`."""
    missed = 0
    for trial in range(trials):
        missed += not is_read(camera, side, trial)
        if missed > most:
            break
    return missed


def test_every_degradation_has_its_figure() -> None:
    assert set(GOLDEN) == {camera.name for camera in CAMERAS if not camera.glare}


@pytest.mark.parametrize("camera", CASES)
def test_a_spoilt_code_is_read_at_its_golden_size(camera: Camera) -> None:
    assert unread(camera, GOLDEN[camera.name], trials=FEW, most=FEW) <= FEW_UNREAD


@pytest.mark.decoding
@pytest.mark.parametrize("camera", CASES)
def test_no_more_pixels_are_needed_than_before(camera: Camera) -> None:
    most = int(MOST_UNREAD * PHOTOGRAPHS)
    smallest = next(
        side
        for side in count(GOLDEN[camera.name] - 2 * STEP, STEP)
        if unread(camera, side, trials=PHOTOGRAPHS, most=most) <= most
    )
    assert smallest <= GOLDEN[camera.name], f"{camera.name} needs {smallest} pixels now"
    assert smallest == GOLDEN[camera.name], f"better: note {smallest} for {camera.name} in decoding.json"
