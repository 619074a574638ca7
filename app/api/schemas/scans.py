"""Scans, outcomes and entries on the wire."""

from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.base import Choice, Id, Instant, Line, Request, Response
from app.api.schemas.codes import CodeText
from app.models.scans import Direction, Outcome, Verdict
from app.services.couriers.cards import CardFace
from app.services.couriers.texts import KINDS_OF_WORK
from app.services.scans.answers import Answer
from app.services.scans.queries import EntryOfSomebody
from app.services.scans.reasons import Reason
from app.services.scans.texts import sentence


class ScanMade(Request):
    """A scan as the device made it."""

    scan_id: Id
    """Made by the device, once for each scan; sending it again with the same code is the same scan."""
    enrolment_id: Id
    """The device's place at its gate."""
    code: CodeText
    """What the scanner read, or the digits that the guard typed."""
    direction: Choice[Direction]
    """Which way the courier goes: `in` or `out`."""
    device_time: Instant
    """The device's own clock. Stored, and compared with nothing while the device is online."""


class Identity(Response):
    """Who it is, as far as a guard needs."""

    surname: str
    """Surname only."""
    employer: str | None
    """Names of the employers that vouch for the courier."""
    kind_of_work: str | None
    """In the language of the answer."""
    photo: str | None
    """Path of the photo, for 15 minutes; null where there is none."""

    @classmethod
    def of(cls, card: CardFace, language: str, photo: str | None) -> Self:
        work = KINDS_OF_WORK[card.kind_of_work].render(language) if card.kind_of_work else None
        return cls(
            surname=card.surname,
            employer=card.employer,
            kind_of_work=work,
            photo=photo if card.photo_id else None,
        )


class FirstUse(Response):
    """Where a code was used before."""

    at: Instant
    """When."""
    gate_id: Id
    """At which gate."""
    compound: str
    """Name of its compound."""
    gate: str
    """Name of the gate."""


class Alternative(Response):
    """What is possible instead; exactly one of the three."""

    gate_id: Id | None
    """Another gate of the compound that admits this courier now."""
    gate: str | None
    """Its name."""
    opens_at: Instant | None
    """When this gate admits this courier next."""
    on_foot: bool
    """Whether the courier may enter here now without the vehicle."""


class ScanAnswered(Response):
    """What the guard is told. The same for the same scan, but for `repeated`."""

    id: Id
    """The server's id of this scan."""
    scan_id: Id
    """The device's id of it."""
    recorded_at: Instant
    """When it was stored, by the server's clock: it tells the device how far its own is off."""
    verdict: Choice[Verdict]
    """`admit` green, `check` amber, `refuse` red."""
    reason: Choice[Reason]
    """Why, as a stable code."""
    sentence: str
    """Why, as a sentence to read out."""
    identity: Identity | None
    """Whom the code belongs to; null where the scan was refused."""
    code_age_seconds: int | None
    """How long ago the code was made; null where none was read: digits and printed cards have no age."""
    first_use: FirstUse | None
    """For `code_used`: where it was used first."""
    clause: int | None
    """The clause of the gate rules that a refusal rests on."""
    alternative: Alternative | None
    """What is possible instead, where the gate rules refuse and there is something."""
    conditions: list[str]
    """What whoever enters has to observe, to be read out."""
    repeated: bool
    """Whether this scan had been stored before."""

    @classmethod
    def of(cls, answer: Answer) -> Self:
        scan = answer.scan
        photo = f"/v1/enrolments/{scan.enrolment_id}/scans/{scan.scan_id}/photo"
        # A device that decided alone gave a reason, and none of what the server found out afterwards.
        details = (scan.details or {}) if scan.server_verdict is None else {}
        return cls(
            id=scan.id,
            scan_id=scan.scan_id,
            recorded_at=scan.recorded_at,
            verdict=scan.verdict,
            reason=scan.reason,
            sentence=sentence(scan.reason, scan.language, details),
            identity=Identity.of(scan.card, scan.language, photo) if scan.card else None,
            code_age_seconds=answer.code_age,
            first_use=FirstUse.model_validate(
                {
                    "at": details["first_at"],
                    "gate_id": details["gate_id"],
                    "compound": details["compound"],
                    "gate": details["gate"],
                }
            )
            if "first_at" in details
            else None,
            clause=details.get("clause"),
            alternative=Alternative.model_validate(found) if (found := details.get("alternative")) else None,
            conditions=details.get("conditions", []),
            repeated=answer.repeated,
        )


class OutcomeGiven(Request):
    """What the guard did after a check."""

    outcome: Choice[Outcome]
    """`let_in` makes the scan an entry, `turned_away` does not."""


class AnnulmentMade(Request):
    """Why a scan was a mistake."""

    reason: Annotated[str, Line(2, 200), Field(examples=["扫错方向"])]
    """For the record; no names."""


class ScanFollowed(Response):
    """What followed a scan."""

    enrolment_id: Id
    """The device's place at its gate."""
    scan_id: Id
    """The device's id of the scan."""
    outcome: Choice[Outcome] | None
    """What was done at the gate, where the verdict does not say it."""
    annulled: bool
    """Whether the scan was taken back."""
    at: Instant
    """When this was recorded first."""


class Entry(Response):
    """One passage through a gate."""

    id: Id
    """The server's id of the scan."""
    at: Instant
    """By the server's clock; by the device's where it was made offline."""
    direction: Choice[Direction]
    """`in` or `out`."""
    compound_id: Id
    """The compound."""
    compound: str
    """Its name."""
    gate: str
    """Name of the gate."""
    verdict: Choice[Verdict]
    """`admit`; `check` where a guard then let the courier in; also `check` or `refuse` where the device never
    heard this answer of the server and the courier was let in."""
    reason: Choice[Reason]
    """Why the verdict."""
    outcome: Choice[Outcome] | None
    """`let_in` after `check` and `refuse`; null after `admit`."""
    offline: bool
    """Whether the device decided alone and told of it later."""
    doubtful: bool
    """Whether `at` is in doubt (docs/offline.md, section 6)."""


class OwnEntries(Response):
    """A page of the signed-in courier's entries, newest first."""

    items: list[Entry]
    """Entries."""
    next_cursor: str | None
    """Pass as `cursor` for older ones; null at the end."""


class CompoundEntry(Entry):
    """An entry as the property manager sees it."""

    identity: Identity | None
    """What the guard saw; null where the person was erased or the code was another city's."""

    @classmethod
    def of(cls, found: EntryOfSomebody, language: str) -> Self:
        identity = Identity.of(found.card, language, None) if found.card else None
        return cls(**Entry.model_validate(found.entry).model_dump(), identity=identity)


class CompoundEntries(Response):
    """A page of a compound's entries, newest first."""

    items: list[CompoundEntry]
    """Entries."""
    next_cursor: str | None
    """Pass as `cursor` for older ones; null at the end."""
