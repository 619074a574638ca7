"""The clauses that gate rules are made of, and the document that a version keeps them in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from app.models.couriers import KindOfWork, Vehicle
from app.models.gate_rules import ClauseKind, DayKind, WhenOffline

Gates = frozenset[UUID] | None
"""The gates that a clause is for; None means all of the compound, those to come included."""

HOUR = 60
DAY = 24 * HOUR
"""In minutes."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one minute of a day to before another, in minutes since midnight.

    `until` is more than a day where the span reaches into the next one, and never two days.
    """

    start: int
    until: int


@dataclass(frozen=True, slots=True)
class Words:
    """What a property manager wrote for guards to read out, as it was written: nothing is filled in."""

    zh: str
    en: str | None

    def read(self, language: str) -> str:
        """The English words where they are asked for and there are any, else the Chinese."""
        return self.en if language == "en" and self.en is not None else self.zh


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When gates are open: on `days`, within `spans`, each of which belongs to the day it begins on."""

    gates: Gates
    days: frozenset[DayKind]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class KindsOfWork:
    """Who may enter by what they do."""

    gates: Gates
    allowed: frozenset[KindOfWork]


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Who may enter by what they come on; whoever may leave it outside is let in where `on_foot` is named."""

    gates: Gates
    allowed: frozenset[Vehicle]


@dataclass(frozen=True, slots=True)
class Closure:
    """Nobody enters from one instant until before another."""

    gates: Gates
    start: datetime
    until: datetime
    why: Words


@dataclass(frozen=True, slots=True)
class Condition:
    """What whoever enters has to observe."""

    gates: Gates
    text: Words
    vehicles: frozenset[Vehicle] | None
    """Only for these; None for all."""
    kinds_of_work: frozenset[KindOfWork] | None


Clause = OpeningHours | KindsOfWork | Vehicles | Closure | Condition


@dataclass(frozen=True, slots=True)
class Rules:
    """What one version says. Clauses are numbered from 1 in their order."""

    clauses: tuple[Clause, ...]
    when_offline: WhenOffline


def read_rules(document: Mapping[str, Any]) -> Rules:
    """The rules of a document that `write_rules` made."""
    clauses = tuple(read_clause(clause) for clause in document["clauses"])
    return Rules(clauses, WhenOffline(document["when_offline"]))


def write_rules(rules: Rules) -> dict[str, Any]:
    """The document that a version keeps: JSON, in the words of the API."""
    return {
        "clauses": [_write_clause(clause) for clause in rules.clauses],
        "when_offline": rules.when_offline.value,
    }


def read_clause(said: Mapping[str, Any]) -> Clause:
    """A clause in the words of the API, whose form has been made sure of."""
    gates = None if said["gates"] is None else frozenset(map(UUID, said["gates"]))
    kind = ClauseKind(said["kind"])
    match kind:
        case ClauseKind.opening_hours:
            spans = tuple(_read_span(span) for span in said["spans"])
            return OpeningHours(gates, frozenset(map(DayKind, said["days"])), spans)
        case ClauseKind.kinds_of_work:
            return KindsOfWork(gates, frozenset(map(KindOfWork, said["allowed"])))
        case ClauseKind.vehicles:
            return Vehicles(gates, frozenset(map(Vehicle, said["allowed"])))
        case ClauseKind.closure:
            start, until = (datetime.fromisoformat(said[end]) for end in ("from", "until"))
            return Closure(gates, start, until, _read_words(said["why"]))
        case ClauseKind.condition:
            return Condition(
                gates,
                _read_words(said["text"]),
                None if said["vehicles"] is None else frozenset(map(Vehicle, said["vehicles"])),
                None if said["kinds_of_work"] is None else frozenset(map(KindOfWork, said["kinds_of_work"])),
            )
        case never:
            assert_never(never)


def _write_clause(clause: Clause) -> dict[str, Any]:
    gates = None if clause.gates is None else sorted(map(str, clause.gates))
    match clause:
        case OpeningHours(days=days, spans=spans):
            return {
                "kind": ClauseKind.opening_hours.value,
                "gates": gates,
                "days": [day.value for day in DayKind if day in days],
                "spans": [_write_span(span) for span in spans],
            }
        case KindsOfWork(allowed=kinds):
            return {"kind": ClauseKind.kinds_of_work.value, "gates": gates, "allowed": _values(kinds)}
        case Vehicles(allowed=vehicles):
            return {"kind": ClauseKind.vehicles.value, "gates": gates, "allowed": _values(vehicles)}
        case Closure(start=start, until=until, why=why):
            return {
                "kind": ClauseKind.closure.value,
                "gates": gates,
                "from": start.isoformat(),
                "until": until.isoformat(),
                "why": _write_words(why),
            }
        case Condition(text=text, vehicles=only, kinds_of_work=kinds_only):
            return {
                "kind": ClauseKind.condition.value,
                "gates": gates,
                "text": _write_words(text),
                "vehicles": None if only is None else _values(only),
                "kinds_of_work": None if kinds_only is None else _values(kinds_only),
            }
        case never:
            assert_never(never)


def _read_span(said: Mapping[str, str]) -> Span:
    start, until = _read_minute(said["from"]), _read_minute(said["until"])
    return Span(start, until if until > start else until + DAY)


def _write_span(span: Span) -> dict[str, str]:
    until = span.until if span.until <= DAY else span.until - DAY
    return {"from": _write_minute(span.start), "until": _write_minute(until)}


def _read_minute(said: str) -> int:
    hours, _, minutes = said.partition(":")
    return int(hours) * HOUR + int(minutes)


def _write_minute(minute: int) -> str:
    return f"{minute // HOUR:02}:{minute % HOUR:02}"


def _read_words(said: Mapping[str, str | None]) -> Words:
    return Words(said["zh"] or "", said["en"])


def _write_words(words: Words) -> dict[str, str | None]:
    return {"zh": words.zh, "en": words.en}


def _values(chosen: frozenset[KindOfWork] | frozenset[Vehicle]) -> list[str]:
    return sorted(choice.value for choice in chosen)
