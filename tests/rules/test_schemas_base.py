"""What the field types take, and that they take nothing else."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.api.schemas.base import (
    LARGEST,
    Choice,
    Day,
    Id,
    Instant,
    Integer,
    Latitude,
    Line,
    Opaque,
    Paragraphs,
    Request,
    Response,
    Unfit,
    read_instant,
)
from app.clock import write_instant


class Colour(StrEnum):
    green = "green"
    amber = "amber"


class Everything(Request):
    """One field of each type."""

    moment: Instant
    day: Day
    id: Id
    colour: Choice[Colour]
    colours: list[Choice[Colour]]
    number: Integer
    north: Latitude
    flag: bool
    line: Annotated[str, Line(1, 8)]
    text: Annotated[str, Paragraphs(0, 20)]
    token: Annotated[str, Opaque(1, 8)]


GOOD: dict[str, object] = {
    "moment": "2026-05-01T08:30:00+08:00",
    "day": "2026-05-01",
    "id": "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58",
    "colour": "green",
    "colours": ["amber"],
    "number": LARGEST,
    "north": 29.5,
    "flag": True,
    "line": "张三",
    "text": "一\n二",
    "token": "abc",
}


def test_takes_exactly_the_json_forms() -> None:
    taken = Everything.model_validate(GOOD)
    assert taken.moment == datetime(2026, 5, 1, 0, 30, tzinfo=UTC)
    assert taken.id == UUID(str(GOOD["id"]))
    assert taken.colour is Colour.green
    assert taken.colours == [Colour.amber]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("moment", 1_777_000_000),
        ("moment", "1777000000"),
        ("moment", "2026-05-01T08:30:00"),
        ("moment", "2026-05-01 08:30:00+08:00"),
        ("moment", "2026-02-30T08:30:00Z"),
        ("moment", "2026-05-01T24:00:00Z"),
        ("moment", "2026-05-01T08:30:00+24:00"),
        ("moment", "0001-01-01T00:00:00+23:59"),
        ("moment", "9999-12-31T23:59:60Z"),
        ("moment", "２０２６-05-01T08:30:00Z"),
        ("moment", "2026-05-01T08:30:00Z\n"),
        ("moment", "2026-05-01T08:30:00." + "1" * 1000 + "Z"),
        ("day", "2026-5-1"),
        ("day", "2026-02-30"),
        ("day", "20260501"),
        ("day", 0),
        ("id", "01980f3e7c1a7b529d0e6a4c1f2b3d58"),
        ("id", "{01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58}"),
        ("id", "urn:uuid:01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58"),
        ("id", 1),
        ("colour", "red"),
        ("colour", "Green"),
        ("colour", 0),
        ("colours", "green"),
        ("colours", ["red"]),
        ("number", "1"),
        ("number", 1.0),
        ("number", True),
        ("number", LARGEST + 1),
        ("number", -LARGEST - 1),
        ("north", float("nan")),
        ("north", float("inf")),
        ("north", 90.1),
        ("north", "29.5"),
        ("flag", 1),
        ("flag", "true"),
        ("line", ""),
        ("line", " 　\t"),
        ("line", "a\x00b"),
        ("line", "a\nb"),
        ("line", "a\u2028b"),
        ("line", "a\ud800"),
        ("line", "a\u202eb"),
        ("line", "a\x85b"),
        ("line", "123456789"),
        ("line", 1),
        ("line", None),
        ("text", "a\x00b"),
        ("text", "a\x1bb"),
        ("token", "a b"),
        ("token", "é"),
        ("token", ""),
        ("surplus", 1),
    ],
)
def test_refuses_everything_else(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate(GOOD | {name: value})
    assert [error["loc"][0] for error in refused.value.errors()] == [name]


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate(GOOD | {"line": "509999199001011234 is too long"})
    assert "509999199001011234" not in str(refused.value)


def test_trims_and_normalises_text() -> None:
    assert Line(1, 8).clean(" e\u0301 ") == "é"
    assert Paragraphs(1, 20).clean("a\r\nb\rc\td") == "a\nb\nc\td"
    assert Line(1, 64).clean("👩‍👩‍👧") == "👩‍👩‍👧"


@given(st.text(max_size=40))
def test_what_a_line_lets_through_can_be_stored_and_shown(value: str) -> None:
    try:
        cleaned = Line(1, 16).clean(value)
    except Unfit:
        return
    assert 1 <= len(cleaned) <= 16
    assert cleaned.encode()
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in cleaned)
    assert Line(1, 16).clean(cleaned) == cleaned


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_a_moment_survives_the_round_trip(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert read_instant(moment.isoformat()) == moment
    assert read_instant(write_instant(moment)) == moment


def test_moments_leave_in_one_form() -> None:
    assert write_instant(datetime(2026, 5, 1, tzinfo=UTC)) == "2026-05-01T00:00:00.000000Z"


def test_a_leap_second_is_the_second_after_it() -> None:
    assert read_instant("2016-12-31T23:59:60Z") == datetime(2017, 1, 1, tzinfo=UTC)


def test_an_answer_cannot_have_defaults() -> None:
    with pytest.raises(TypeError, match="Answer answers with defaults: note"):

        class Answer(Response):
            """Has one."""

            note: str | None = None


def test_an_answer_writes_its_types_in_their_json_form() -> None:
    class Stamp(Response):
        """A moment and an id."""

        moment: Instant
        """When it was."""
        id: Id

    identity = uuid4()
    answered = Stamp(moment=datetime(2026, 5, 1, tzinfo=UTC), id=identity)
    assert answered.model_dump(mode="json") == {
        "moment": "2026-05-01T00:00:00.000000Z",
        "id": str(identity),
    }


def test_fields_are_described_by_their_docstrings_and_bounds() -> None:
    described = Everything.model_json_schema()["properties"]
    assert described["moment"]["format"] == "date-time"
    assert described["id"]["format"] == "uuid"
    assert described["line"]["maxLength"] == 8
    assert "\ud800" not in described["line"]["pattern"]


def test_the_types_read_query_strings_too() -> None:
    upper = "01980F3E-7C1A-7B52-9D0E-6A4C1F2B3D58"
    assert TypeAdapter(Id).validate_python(upper) == UUID(upper)
    assert TypeAdapter(Choice[Colour]).validate_python("amber") is Colour.amber
    assert TypeAdapter(Integer).validate_python("5") == 5
