"""What we draw is a code that an independent decoder reads, in the form that the decode test chose."""

import io
import re
from xml.etree import ElementTree as ET

import pytest
import zxingcpp
from PIL import Image

from app.services.codes.symbol import (
    CHOSEN_FORM,
    CODE_CHARACTERS,
    FORM_6_L,
    FORM_7_M,
    QUIET_ZONE,
    SymbolForm,
    check_prefix,
    draw_png,
    draw_svg,
    draw_terminal,
    symbol,
)
from bench.symbol_forms import CAMERAS, Camera, decode_rate

PREFIX = "https://hx.example.cn/c/"
CODE = (
    "CFIAABZRGIZTINJWG44GVMJ3QAGCWLDT3ANAZFZ3Q2OR2U724MEQVF5RFM2TQPWEGWHFMD"
    "BTHP7RXEDFVUGRKPLERKRZZQZ6QG4V4NVFLVIGMNI4KEQ42BI5MXEIUKYNCKUTT4FHAV2A"
)
TEXT = PREFIX + CODE
FORMS = [FORM_6_L, FORM_7_M]


def prefix_of(length: int) -> str:
    return "https://" + "h" * (length - len("https:///")) + "/"


def picture_of(rows: list[list[bool]]) -> Image.Image:
    """Dark where true, four pixels a module."""
    small = Image.new("L", (len(rows[0]), len(rows)), 255)
    small.putdata([0 if dark else 255 for row in rows for dark in row])
    return small.resize((small.width * 4, small.height * 4), Image.Resampling.NEAREST)


def decoded(picture: Image.Image) -> zxingcpp.Barcode:
    (found,) = zxingcpp.read_barcodes(picture)
    return found


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("scale", [1, 3, 8])
def test_an_independent_decoder_reads_the_png(form: SymbolForm, scale: int) -> None:
    picture = Image.open(io.BytesIO(draw_png(TEXT, PREFIX, scale, form)))
    found = decoded(
        picture if scale > 1 else picture.convert("L").resize((200, 200), Image.Resampling.NEAREST)
    )
    assert found.text == TEXT
    assert f"'Version': '{form.version}'" in str(found.extra)
    assert found.ec_level == form.error
    assert picture.size == ((form.modules + 2 * QUIET_ZONE) * scale,) * 2


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_svg_is_that_same_symbol(form: SymbolForm) -> None:
    root = ET.fromstring(draw_svg(TEXT, PREFIX, form))  # noqa: S314 - our own drawing
    side = form.modules + 2 * QUIET_ZONE
    assert root.get("viewBox") == f"0 0 {side} {side}"
    path = root.findall("{http://www.w3.org/2000/svg}path")[-1].get("d")
    assert path is not None
    rows = [[False] * side for _ in range(side)]
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-0-9. ]+)", path):
        values = [float(number) for number in re.findall(r"-?[0-9.]+", numbers)]
        if command == "h":
            for column in range(int(x), int(x + values[0])):
                rows[int(y)][column] = True
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    assert decoded(picture_of(rows)).text == TEXT


def test_the_terminal_drawing_is_that_same_symbol() -> None:
    lines = draw_terminal(TEXT, PREFIX).splitlines()
    assert {len(line) for line in lines} == {CHOSEN_FORM.modules + 2 * QUIET_ZONE}
    rows = [[glyph in dark for glyph in line] for line in lines for dark in (" ▄", " ▀")]
    assert decoded(picture_of(rows)).text == TEXT


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_two_segments_leave_room_for_exactly_the_stated_prefix(form: SymbolForm) -> None:
    # One byte-mode segment of the longest prefix and 140 characters would overflow either form, and a
    # lower-case prefix has no other mode: that it fits to the byte proves the two segments.
    longest = prefix_of(form.longest_prefix)
    check_prefix(longest, form)
    assert symbol(longest + CODE, longest, form).designator == f"{form.version}-{form.error}"
    too_long = prefix_of(form.longest_prefix + 1)
    with pytest.raises(
        ValueError, match=f"{form.longest_prefix + 1} characters.*room for {form.longest_prefix}"
    ):
        check_prefix(too_long, form)
    with pytest.raises(ValueError, match="fit"):
        symbol(too_long + CODE, too_long, form)


def test_a_bare_code_is_drawn_too() -> None:
    assert decoded(Image.open(io.BytesIO(draw_png(CODE, "")))).text == CODE


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("", "link"),
        ("hx.example.cn/c/", "link"),
        ("ftp://hx.cn/", "link"),
        ("https://hx.cn/c", "slash"),
        ("https://hx.cn/c /", "ASCII"),
        ("https://hx.cn/c\n/", "ASCII"),
        ("https://惠新.cn/", "ASCII"),
    ],
)
def test_an_unfit_prefix_is_refused_in_words(prefix: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_prefix(prefix)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [(CODE, PREFIX), (TEXT, ""), (TEXT[:-1], PREFIX), (TEXT + "A", PREFIX), (TEXT.lower(), PREFIX), ("", "")],
)
def test_what_is_no_symbol_text_is_not_drawn(text: str, prefix: str) -> None:
    with pytest.raises(ValueError, match=str(CODE_CHARACTERS) + "|encode|alphanumeric|mode"):
        draw_svg(text, prefix)


def test_the_chosen_form_is_read_where_a_poor_camera_begins_to_fail_at_the_other() -> None:
    (other,) = (form for form in FORMS if form != CHOSEN_FORM)
    hard = [(camera, side) for camera in CAMERAS for side in (96, 108) if camera.name in {"noise", "tilt"}]
    mean = {
        form: sum(decode_rate(form, side, camera, 8) for camera, side in hard) / len(hard) for form in FORMS
    }
    assert mean[CHOSEN_FORM] > mean[other] + 0.05


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.name)
def test_the_chosen_form_is_read_by_an_ordinary_camera(camera: Camera) -> None:
    assert decode_rate(CHOSEN_FORM, 176, camera, 5) >= 0.8
