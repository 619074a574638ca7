"""Portrait photos as they are kept: small, upright JPEG with nothing in it but the picture."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from PIL import ExifTags, Image, ImageCms
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from app.errors import Problem, Text


@dataclass(frozen=True, slots=True)
class Photo:
    """A baseline JPEG in sRGB. `sha256` is the lower-case hex digest of `data`."""

    data: bytes = field(repr=False)
    width: int
    height: int
    sha256: str


class PhotoFault(StrEnum):
    """Why a photo cannot be taken, by the first rule that it breaks."""

    FORMAT = "format"
    BYTES = "bytes"
    PIXELS = "pixels"
    SCANS = "scans"
    UNREADABLE = "unreadable"


FAULT_TEXTS: Mapping[PhotoFault, Text] = MappingProxyType(
    {
        PhotoFault.FORMAT: Text("只接受JPEG、PNG和WebP格式", "only JPEG, PNG and WebP are taken"),
        PhotoFault.BYTES: Text("文件太大", "the file is too large"),
        PhotoFault.PIXELS: Text("像素太多", "it has too many pixels"),
        PhotoFault.SCANS: Text("编码过于复杂", "it is encoded in too many passes"),
        PhotoFault.UNREADABLE: Text("文件已损坏", "the file is damaged"),
    }
)


class InvalidPhoto(Problem):
    """A file that cannot become a portrait. `cause` names the rule that it breaks."""

    status = 422
    code = "invalid_photo"
    title = Text("照片无效", "Invalid photo")
    message = Text("照片无法使用：{reason.zh}。", "The photo cannot be used: {reason.en}.")

    def __init__(self, cause: PhotoFault) -> None:
        super().__init__(extensions={"cause": cause.value}, reason=FAULT_TEXTS[cause])
        self.cause = cause


class UnsupportedPhoto(InvalidPhoto):
    """Not a photo, or in a format that is not taken."""

    status = 415
    code = "unsupported_photo"
    title = Text("照片格式不支持", "Unsupported photo format")

    def __init__(self) -> None:
        super().__init__(PhotoFault.FORMAT)


MAX_BYTES = 10 * 1024 * 1024
"""Phone cameras write up to about 8 MB a photo."""

MAX_PIXELS = 25_000_000
"""Phone cameras deliver 12 megapixels unless told otherwise. Decoded, 25 take 100 MB for one upload."""

MAX_SIDE = 720
"""Pixels. Enough for a guard to recognise a face on a phone's screen, too little to print."""

MAX_SCANS = 64
"""Passes of a progressive JPEG. Encoders write about 10; thousands make libjpeg work for minutes."""

JPEG_QUALITY = 85
"""Pillow's scale; above it the size grows faster than what the eye can see."""

SRGB = ImageCms.createProfile("sRGB")

TURNS: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
"""What makes a picture upright again, by its EXIF orientation (CIPA DC-008, 4.6.5)."""


class _Format(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


def reencode_photo(
    data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE
) -> Photo:
    """The picture in `data`, drawn anew as a JPEG whose longer side is at most `max_side` pixels.

    The format is told by content, never by name; the size is read before anything is decoded.
    Orientation and colour profile are applied, transparency becomes white, an animation gives its
    first frame. Nothing else of the file survives: no metadata, thumbnail or trailing bytes. Works
    for up to a few seconds, so call it in a thread.

    Raises InvalidPhoto, or UnsupportedPhoto for anything that is not JPEG, PNG or WebP.
    """
    if len(data) > max_bytes:
        raise InvalidPhoto(PhotoFault.BYTES)
    form = _format_of(data)
    if form is _Format.JPEG and data.count(b"\xff\xda") > MAX_SCANS:
        raise InvalidPhoto(PhotoFault.SCANS)
    if form is _Format.WEBP:
        _require_pixels(_webp_pixels(data), max_pixels)
    encoded = io.BytesIO()
    try:
        with _opened(form, data) as source:
            _require_pixels(source.width * source.height, max_pixels)
            picture = _drawn_anew(source, max_side)
            picture.save(encoded, "JPEG", quality=JPEG_QUALITY, optimize=True)
    except InvalidPhoto:
        raise
    except Exception as error:  # the decoders raise anything at all on hostile files
        raise InvalidPhoto(PhotoFault.UNREADABLE) from error
    jpeg = encoded.getvalue()
    return Photo(jpeg, picture.width, picture.height, hashlib.sha256(jpeg).hexdigest())


def _format_of(data: bytes) -> _Format:
    if data.startswith(b"\xff\xd8\xff"):
        return _Format.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _Format.PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _Format.WEBP
    raise UnsupportedPhoto


def _require_pixels(pixels: int, most: int) -> None:
    if pixels > most:
        raise InvalidPhoto(PhotoFault.PIXELS)


def _opened(form: _Format, data: bytes) -> ImageFile:
    """The plugin for `form` itself: `Image.open` tries others, and judges the size by a global."""
    match form:
        case _Format.JPEG:
            return JpegImageFile(io.BytesIO(data))
        case _Format.PNG:
            return PngImageFile(io.BytesIO(data))
        case _Format.WEBP:
            return WebPImageFile(io.BytesIO(data))
        case _:
            assert_never(form)


def _webp_pixels(data: bytes) -> int:
    """Pixels of the canvas as the header claims them, since libwebp allocates it on opening.

    WebP container specification (RFC 9649): VP8X, VP8L or VP8 is the first chunk. 0 if none is.
    """
    chunk, body = data[12:16], data[20:30]
    match chunk:
        case b"VP8X":
            width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
        case b"VP8L":
            bits = int.from_bytes(body[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        case _:
            return 0
    return width * height


def _drawn_anew(source: ImageFile, max_side: int) -> Image.Image:
    """The upright picture in sRGB on a canvas of its own, which carries no metadata to leak."""
    turn = _turn(source)
    profile = source.info.get("icc_profile")
    source.draft("RGB", (max_side, max_side))
    source.load()
    picture = _eight_bits(source)
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    picture = _in_srgb(picture, profile)
    if turn is not None:
        picture = picture.transpose(turn)
    canvas = Image.new("RGB", picture.size, "white")
    canvas.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    return canvas


def _turn(source: ImageFile) -> Image.Transpose | None:
    """What the EXIF orientation asks for; None where the EXIF block is absent or damaged."""
    try:
        return TURNS.get(source.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF raises anything, and a photo is good without it
        return None


def _eight_bits(source: ImageFile) -> Image.Image:
    """`source` as RGB, RGBA, L or CMYK, which are the modes that can be resized and converted."""
    if source.mode.startswith("I"):
        return source.point(lambda level: level / 256).convert("L")
    if source.has_transparency_data:
        return source.convert("RGBA")
    return source.copy() if source.mode in {"L", "CMYK"} else source.convert("RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """`picture` in sRGB by its colour profile; by Pillow's plain rule where that is none or damaged."""
    target = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile:
        try:
            made = ImageCms.profileToProfile(picture, io.BytesIO(profile), SRGB, outputMode=target)
        except (ImageCms.PyCMSError, OSError, ValueError):
            made = None
        if made is not None:
            return made
    return picture.convert(target)
