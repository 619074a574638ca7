"""The base classes of all request and response bodies, and the field types that they are built from.

FastAPI validates parsed objects, and there a plain strict model refuses every time, UUID and enum,
while a lax one takes numbers for times. The types here accept exactly the JSON string, in bodies,
queries and paths alike.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from typing_extensions import override

from app.clock import write_instant
from app.errors import Text

E = TypeVar("E", bound=Enum)

LARGEST = 2**53 - 1
"""The largest integer that every JSON reader, JavaScript's included, holds exactly (RFC 7493, section
2.2). Both databases hold 2**63 - 1, but OpenAPI tools carry bounds as doubles."""


class Unfit(ValueError):  # refusals are named for what is wrong
    """A value that a field cannot take, with a stable code and a sentence for people.

    Validators of our own raise it; the problem document shows code and sentence, never the value.
    """

    def __init__(self, code: str, text: Text) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


class Request(BaseModel):
    """What a client sends: only known fields, each of exactly its own JSON type."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class Response(BaseModel):
    """What the server answers: every field is always there, so none may have a default."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        from_attributes=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    @classmethod
    @override
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        optional = sorted(name for name, field in cls.model_fields.items() if not field.is_required())
        if optional:
            msg = f"{cls.__name__} answers with defaults: {', '.join(optional)}"
            raise TypeError(msg)


INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
INSTANT_LENGTH = 64
"""Long enough for any sensible number of decimals."""

NOT_AN_INSTANT = Text(
    "应为带时区的 RFC 3339 时间，如 2026-05-01T08:30:00+08:00。",
    "Must be an RFC 3339 time with an offset, such as 2026-05-01T08:30:00+08:00.",
)


def read_instant(value: object) -> datetime:
    """The aware UTC time of an RFC 3339 string (section 5.6), or of a time that is aware already.

    Decimals past the microsecond are cut; a leap second is the second that follows it.
    Raises `Unfit` for everything else, a local time without offset included.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    found = INSTANT.fullmatch(value) if isinstance(value, str) and len(value) <= INSTANT_LENGTH else None
    if found is None:
        raise Unfit("instant", NOT_AN_INSTANT)
    day, clock, seconds, decimals, offset = found.groups()
    leap = seconds == "60"
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{'59' if leap else seconds}{offset.upper()}")
        moment = whole.astimezone(UTC)
        if leap:
            return moment + timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise Unfit("instant", NOT_AN_INSTANT) from None
    return moment.replace(microsecond=int((decimals or "0")[:6].ljust(6, "0")))


Instant = Annotated[
    datetime,
    BeforeValidator(read_instant),
    PlainSerializer(write_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-05-01T00:30:00.000000Z"]}),
]
"""A moment: RFC 3339 with an offset, held as an aware UTC time."""


DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NOT_A_DAY = Text("应为日期，如 2026-05-01。", "Must be a date such as 2026-05-01.")


def read_day(value: object) -> date:
    """The calendar day of an RFC 3339 full-date. Raises `Unfit` for everything else."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise Unfit("day", NOT_A_DAY)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Unfit("day", NOT_A_DAY) from None


Day = Annotated[
    date,
    BeforeValidator(read_day),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-05-01"]}),
]
"""A civil day, without a time and without a zone."""


ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
NOT_AN_ID = Text(
    "应为标准格式的 UUID（8-4-4-4-12 位十六进制）。",
    "Must be a UUID in its standard form (8-4-4-4-12 hexadecimal digits).",
)


def read_id(value: object) -> UUID:
    """The UUID of an RFC 9562 string; braces, `urn:` and missing hyphens raise `Unfit`."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise Unfit("id", NOT_AN_ID)
    return UUID(value)


Id = Annotated[
    UUID,
    BeforeValidator(read_id),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "format": "uuid", "examples": ["01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58"]}
    ),
]
"""An identifier of ours, or one that a device made."""


Choice = Annotated[E, Strict(strict=False)]
"""An enum by its JSON value: write `kind: Choice[Kind]`, since strict models refuse bare enums."""


Integer = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
"""An integer that clients and both databases hold exactly. A bare `int` would pass 2**64 on to them."""

Count = Annotated[int, Field(ge=0, le=LARGEST)]
"""A number of things."""

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
"""Degrees north."""

Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
"""Degrees east."""


C0_BUT_BREAKS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f"
"""Control characters except tab, line feed and carriage return."""

BREAKS = r"\t\n\r\u2028\u2029"
"""What ends a line or jumps within it: harmless in a text of several lines only."""

NEVER = r"\u007f-\u009f\u202a-\u202e\u2066-\u2069"
"""C1 controls, and the direction overrides that make one name read as another."""

SURROGATES = r"\ud800-\udfff"
"""Halves of characters, which UTF-8 cannot carry. JSON may spell them, patterns in OpenAPI may not."""

CARRIAGE_RETURNS = re.compile(r"\r\n?")


@dataclass(frozen=True)
class Line:
    """One line of text: `Annotated[str, Line(1, 64)]`, lengths in characters after trimming.

    Trimmed and NFC-normalised; control characters raise `Unfit`.
    """

    shortest: int
    longest: int

    forbidden: ClassVar[str] = C0_BUT_BREAKS + BREAKS + NEVER
    unfit: ClassVar[re.Pattern[str]] = re.compile(f"[{forbidden}{SURROGATES}]")

    def clean(self, value: str) -> str:
        """`value` trimmed and normalised; raises `Unfit` where it is no text or of another length."""
        if self.unfit.search(value):
            raise Unfit("characters", Text("含有不允许的控制字符。", "Holds control characters."))
        trimmed = unicodedata.normalize("NFC", value).strip()
        if not self.shortest <= len(trimmed) <= self.longest:
            raise Unfit(
                "length",
                Text(
                    f"长度应为 {self.shortest} 至 {self.longest} 个字符。",
                    f"Must be {self.shortest} to {self.longest} characters long.",
                ),
            )
        return trimmed

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.clean, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        any_text = f"[^{self.forbidden}]*"
        pattern = rf"^{any_text}\S{any_text}$" if self.shortest else f"^{any_text}$"
        return handler(schema) | {
            "minLength": self.shortest,
            "maxLength": self.longest,
            "pattern": pattern,
        }


@dataclass(frozen=True)
class Paragraphs(Line):
    """Text that may hold tabs and line breaks; every kind of break becomes a line feed."""

    forbidden: ClassVar[str] = C0_BUT_BREAKS + NEVER
    unfit: ClassVar[re.Pattern[str]] = re.compile(f"[{forbidden}{SURROGATES}]")

    @override
    def clean(self, value: str) -> str:
        return super().clean(CARRIAGE_RETURNS.sub("\n", value))


@dataclass(frozen=True, slots=True)
class Opaque:
    """A text of visible ASCII that only its owner reads: `Annotated[str, Opaque(1, 4096)]`.

    For codes, tokens and cursors: neither trimmed nor normalised.
    """

    shortest: int
    longest: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema(
            min_length=self.shortest, max_length=self.longest, pattern=r"^[\x21-\x7e]*$"
        )
