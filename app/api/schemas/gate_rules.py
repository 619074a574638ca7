"""What the API says and hears about gate rules."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.api.schemas.base import LARGEST, Choice, Id, Instant, Line, Request, Response, Unfit
from app.errors import Text
from app.models.couriers import KindOfWork, Vehicle
from app.models.gate_rules import DayKind, WhenOffline
from app.services.gate_rules.clauses import Clause, read_clause
from app.services.gate_rules.versions import InForce

MOST_CLAUSES = 50
MOST_SPANS = 20
MOST_GATES = 50
"""More than any compound has needed; each scan is held against all of them."""

REPEATED = Text("不能有重复项。", "Must not name anything twice.")
NOT_LATER = Text("结束时间应晚于开始时间。", "Must end after it begins.")


def _without_repetition(items: list[Any]) -> list[Any]:
    if len(set(items)) < len(items):
        raise Unfit("repeated", REPEATED)
    return items


Once = AfterValidator(_without_repetition)
Start = Annotated[
    str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"), Field(examples=["06:00"])
]
Until = Annotated[
    str, StringConstraints(pattern=r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"), Field(examples=["22:00"])
]
Gates = Annotated[list[Id], Field(min_length=1, max_length=MOST_GATES), Once] | None
Kinds = Annotated[list[Choice[KindOfWork]], Field(min_length=1, max_length=len(KindOfWork)), Once]
Vehicles = Annotated[list[Choice[Vehicle]], Field(min_length=1, max_length=len(Vehicle)), Once]
Sentence = Annotated[str, Line(1, 200), Field(examples=["步行入内，车停3号车棚。"])]
EnglishSentence = Annotated[str, Line(1, 200), Field(examples=["Walk in; leave the bike at shed 3."])]


class GateWords(Request):
    """A sentence that guards read out, exactly as it is written here."""

    zh: Sentence
    """In Chinese."""
    en: EnglishSentence | None
    """In English; null where nobody translated it."""


class OpeningSpan(Request):
    """A span of opening hours; the end does not belong to it."""

    from_: Annotated[Start, Field(alias="from")]
    """On the wall clock of the compound."""
    until: Until
    """Where this is not later than `from`, the span reaches into the next day."""


class OpeningHoursClause(Request):
    """Gates are open on these days within these spans, and at no others that no such clause names."""

    kind: Literal["opening_hours"]
    """Which kind of clause it is."""
    gates: Gates
    """The gates that it is for; null for all."""
    days: Annotated[list[Choice[DayKind]], Field(min_length=1, max_length=len(DayKind)), Once]
    """Weekdays, and `holiday`: where a gate has hours for public holidays, they hold then instead."""
    spans: Annotated[list[OpeningSpan], Field(min_length=1, max_length=MOST_SPANS)]
    """When, on each of these days; a span belongs to the day on which it begins."""


class KindsOfWorkClause(Request):
    """Only these kinds of work are let in."""

    kind: Literal["kinds_of_work"]
    """Which kind of clause it is."""
    gates: Gates
    """The gates that it is for; null for all."""
    allowed: Kinds
    """One affiliation of the courier has to fit all clauses of a gate about work and vehicles."""


class VehiclesClause(Request):
    """Only these vehicles are let in."""

    kind: Literal["vehicles"]
    """Which kind of clause it is."""
    gates: Gates
    """The gates that it is for; null for all."""
    allowed: Vehicles
    """With `on_foot`, whoever comes on another vehicle may leave it outside."""


class ClosureClause(Request):
    """Nobody is let in for some time."""

    kind: Literal["closure"]
    """Which kind of clause it is."""
    gates: Gates
    """The gates that it is for; null for all."""
    from_: Annotated[Instant, Field(alias="from")]
    """From when."""
    until: Instant
    """Until before when."""
    why: GateWords
    """For whoever stands at the gate."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until <= self.from_:
            raise Unfit("not_later", NOT_LATER)
        return self


class ConditionClause(Request):
    """What whoever enters has to observe."""

    kind: Literal["condition"]
    """Which kind of clause it is."""
    gates: Gates
    """The gates that it is for; null for all."""
    text: GateWords
    """What the guard reads out."""
    vehicles: Vehicles | None
    """Only for who comes on one of these; null for all."""
    kinds_of_work: Kinds | None
    """Only for who does one of these; null for all."""


GateClause = Annotated[
    OpeningHoursClause | KindsOfWorkClause | VehiclesClause | ClosureClause | ConditionClause,
    Field(discriminator="kind"),
]

Clauses = Annotated[list[GateClause], Field(max_length=MOST_CLAUSES)]
VersionNumber = Annotated[int, Field(ge=0, le=LARGEST)]
Note = Annotated[str, Line(1, 200), Field(examples=["业委会决议：夜间关闭东门"])]


class GateRulesChange(Request):
    """The next version, whole."""

    based_on: Annotated[int, Field(ge=0, le=2**31 - 2, examples=[0])]
    """The version in force when the change was begun; 0 where there is none."""
    clauses: Clauses
    """Numbered from 1 in their order. Without any, everybody is admitted."""
    when_offline: Choice[WhenOffline]
    """What a device does without network with whoever enters; who leaves is admitted. `admit_if_seen`: admits
    whoever was let through here within 24 hours, and checks others."""
    note: Note
    """Why; kept with the version."""

    def written(self) -> list[Clause]:
        """The clauses as the service takes them."""
        said = self.model_dump(mode="json", by_alias=True, include={"clauses"})
        return [read_clause(clause) for clause in said["clauses"]]


class GateRules(Response):
    """One version of a compound's gate rules."""

    id: Id | None
    """Its identifier; null where nobody has made rules."""
    compound_id: Id
    """The compound."""
    version: VersionNumber
    """Its number; 0 where nobody has made rules."""
    clauses: Clauses
    """Numbered from 1 in their order."""
    when_offline: Choice[WhenOffline]
    """What a device does without network."""
    note: Note | None
    """Why it was made."""
    made_at: Instant | None
    """Since when it is in force, or when it came into force."""

    @classmethod
    def of(cls, found: InForce) -> Self:
        version = found.version
        return cls.model_validate(
            {
                "id": version.id if version else None,
                "compound_id": found.compound_id,
                "version": found.number,
                "clauses": version.document["clauses"] if version else [],
                "when_offline": found.when_offline,
                "note": version.note if version else None,
                "made_at": version.made_at if version else None,
            }
        )


class GateRulesVersion(Response):
    """A version in the list of all."""

    id: Id
    """Its identifier."""
    version: VersionNumber
    """Its number; the highest is in force."""
    note: Note
    """Why it was made."""
    made_at: Instant
    """When it came into force."""


class GateRulesVersions(Response):
    """Some versions, newest first."""

    items: list[GateRulesVersion]
    """The versions."""
    next_cursor: str | None
    """Where the next page begins; null at the end."""
