"""Photos: a clean upright JPEG, or a typed refusal within seconds, whatever the bytes are."""

import hashlib
import io
import os
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from app.services.couriers.photos import (
    MAX_SCANS,
    MAX_SIDE,
    InvalidPhoto,
    Photo,
    PhotoFault,
    UnsupportedPhoto,
    reencode_photo,
)

SECONDS = 5.0
"""The figure of the assurance plan for images."""

SECRET = b"PLANTED-29.4841N-106.4823E"


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def two_colours(width: int = 200, height: int = 100) -> Image.Image:
    """Red on the left, blue on the right, so that every turn shows."""
    image = Image.new("RGB", (width, height), (220, 20, 20))
    image.paste((20, 20, 220), (width // 2, 0, width, height))
    return image


def opened(photo: Photo) -> JpegImageFile:
    image = JpegImageFile(io.BytesIO(photo.data))
    image.load()
    return image


def require_clean(photo: Photo) -> None:
    """Only the segments that a plain JFIF picture needs, and not a byte after the end of image."""
    image = opened(photo)
    assert image.mode == "RGB"
    assert image.size == (photo.width, photo.height)
    assert max(image.size) <= MAX_SIDE
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
    assert [name for name, _ in image.applist] == ["APP0"]
    assert not image.getexif()
    assert photo.data.startswith(b"\xff\xd8")
    assert photo.data.index(b"\xff\xd9") == len(photo.data) - 2
    assert photo.sha256 == hashlib.sha256(photo.data).hexdigest()


def cause_of(data: bytes, **limits: int) -> PhotoFault:
    with pytest.raises(InvalidPhoto) as refusal:
        reencode_photo(data, **limits)
    return refusal.value.cause


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_formats_of_phones_are_taken(form: str) -> None:
    photo = reencode_photo(encoded(two_colours(), form))
    require_clean(photo)
    assert (photo.width, photo.height) == (200, 100)


@pytest.mark.parametrize("form", ["BMP", "GIF", "TIFF", "ICO", "PPM"])
def test_other_formats_are_refused_by_content(form: str) -> None:
    with pytest.raises(UnsupportedPhoto) as refusal:
        reencode_photo(encoded(two_colours(), form))
    assert refusal.value.status == 415


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_mode_of_colour_becomes_plain_rgb(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    base = Image.new("I;16", (64, 64), 30_000) if mode == "I;16" else two_colours(64, 64).convert(mode)
    require_clean(reencode_photo(encoded(base, form)))


def test_sixteen_bits_of_grey_keep_their_brightness() -> None:
    photo = reencode_photo(encoded(Image.new("I;16", (32, 32), 128 * 256), "PNG"))
    assert opened(photo).getpixel((16, 16)) == pytest.approx((128, 128, 128), abs=3)


def test_transparency_becomes_white() -> None:
    photo = reencode_photo(encoded(Image.new("RGBA", (32, 32), (0, 0, 0, 0)), "PNG"))
    assert opened(photo).getpixel((16, 16)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1440, 720), (720, 360)), ((720, 1440), (360, 720)), ((3000, 2), (720, 1)), ((10, 10), (10, 10))],
)
def test_the_longer_side_is_bounded(size: tuple[int, int], expected: tuple[int, int]) -> None:
    photo = reencode_photo(encoded(two_colours(*size), "PNG"))
    assert (photo.width, photo.height) == expected


LEFT, RIGHT, TOP, BOTTOM = (5, 50), (194, 50), (50, 5), (50, 194)


@pytest.mark.parametrize(
    ("orientation", "red", "blue"),
    [
        (1, LEFT, RIGHT),
        (2, RIGHT, LEFT),
        (3, RIGHT, LEFT),
        (4, LEFT, RIGHT),
        (5, TOP, BOTTOM),
        (6, TOP, BOTTOM),
        (7, BOTTOM, TOP),
        (8, BOTTOM, TOP),
    ],
)
def test_orientation_is_applied_and_forgotten(
    orientation: int, red: tuple[int, int], blue: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    photo = reencode_photo(encoded(two_colours(), "JPEG", exif=exif, quality=95))
    require_clean(photo)
    image = opened(photo)
    assert image.getpixel(red) == pytest.approx((220, 20, 20), abs=12)
    assert image.getpixel(blue) == pytest.approx((20, 20, 220), abs=12)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_the_picture_survives(form: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSProcessingMethod] = SECRET
    options: dict[str, object] = {"exif": exif, "xmp": SECRET}
    if form == "JPEG":
        options |= {"comment": SECRET}
    if form == "PNG":
        options.pop("xmp")
    dirty = encoded(two_colours(), form, **options)
    assert SECRET in dirty
    polyglot = dirty + b"<script>" + SECRET + b"</script>PK\x03\x04"
    photo = reencode_photo(polyglot)
    require_clean(photo)
    assert SECRET not in photo.data
    assert b"<script" not in photo.data


def test_a_colour_profile_is_applied_and_dropped() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    require_clean(reencode_photo(encoded(two_colours(), "JPEG", icc_profile=lab)))
    require_clean(reencode_photo(encoded(two_colours(), "JPEG", icc_profile=b"\x00" * 500)))


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    photo = reencode_photo(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    assert opened(photo).getpixel((16, 16)) == pytest.approx((255, 0, 0), abs=5)


def test_limits_are_the_callers() -> None:
    data = encoded(two_colours(), "PNG")
    assert cause_of(data, max_bytes=len(data) - 1) is PhotoFault.BYTES
    assert cause_of(data, max_pixels=200 * 100 - 1) is PhotoFault.PIXELS
    photo = reencode_photo(data, max_bytes=len(data), max_pixels=200 * 100, max_side=50)
    assert (photo.width, photo.height) == (50, 25)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png_bomb(side: int) -> bytes:
    head = side.to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    rows = zlib.compress(b"\x00" * 10_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    )


def webp_header(kind: bytes, body: bytes) -> bytes:
    chunk = kind + len(body).to_bytes(4, "little") + body
    return b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png_bomb(50_000), PhotoFault.PIXELS),
        (png_bomb(4_900), PhotoFault.UNREADABLE),
        (webp_header(b"VP8X", b"\x00" * 4 + b"\xff\x3f\x00" * 2), PhotoFault.PIXELS),
        (webp_header(b"VP8L", b"\x2f\xff\xff\xff\x0f" + b"\x00" * 5), PhotoFault.PIXELS),
        (webp_header(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f"), PhotoFault.PIXELS),
        (webp_header(b"VP8X", b""), PhotoFault.UNREADABLE),
        (webp_header(b"ABCD", b"\x00" * 20), PhotoFault.UNREADABLE),
        (b"\xff\xd8\xff" + b"\xff\xda\x00\x08" * (MAX_SCANS + 1), PhotoFault.SCANS),
        (b"\xff\xd8\xff", PhotoFault.UNREADABLE),
        (b"\x89PNG\r\n\x1a\n", PhotoFault.UNREADABLE),
        (b"", PhotoFault.FORMAT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PhotoFault.FORMAT),
    ],
)
def test_bombs_are_refused_in_time(data: bytes, expected: PhotoFault) -> None:
    begun = time.monotonic()
    assert cause_of(data) is expected
    assert time.monotonic() - begun < SECONDS


@given(
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=20),
    st.integers(0, 4000),
)
def test_any_damage_is_a_photo_or_a_refusal(form: str, edits: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(encoded(two_colours(64, 48), form))
    for place, value in edits:
        data[place % len(data)] = value
    try:
        photo = reencode_photo(bytes(data[: max(12, len(data) - cut)]))
    except InvalidPhoto:
        return
    require_clean(photo)


def test_the_image_set_of_crashers() -> None:
    root = os.environ.get("HUIXIN_TEST_DATA")
    if root is None:
        pytest.skip("HUIXIN_TEST_DATA names no folder with the image vectors")
    taken = 0
    for path in sorted(Path(root, "vectors", "images").iterdir()):
        begun = time.monotonic()
        try:
            photo = reencode_photo(path.read_bytes())
        except InvalidPhoto:
            pass
        else:
            taken += 1
            require_clean(photo)
        assert time.monotonic() - begun < SECONDS, path.name
    assert taken >= 15
