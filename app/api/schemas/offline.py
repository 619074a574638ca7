"""Scans made offline, and what became of them, on the wire."""

from dataclasses import dataclass
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from app.api.schemas.base import Choice, Id, Instant, Integer, Request, Response, Unfit, read_id
from app.api.schemas.codes import CodeText
from app.api.schemas.scans import Identity
from app.errors import Text
from app.ids import known_id
from app.models.scans import Direction, Outcome, Verdict
from app.services.codes.reading import Read
from app.services.scans.inbox import NotedDifference
from app.services.scans.offline import LARGEST_UPLOAD, Result, Uploaded
from app.services.scans.presentation import OfflineAnswer, Presentation
from app.services.scans.reasons import Reason
from app.services.scans.texts import difference_sentence
from app.services.tokens import AccessClaims


class OfflineScan(Request):
    """A scan as a device made and decided it without the server."""

    scan_id: Id
    """Made by the device, once for each scan; the one of an online attempt that was never answered."""
    sequence: Annotated[Integer, Field(ge=1, examples=[17])]
    """The device's count of its offline scans at this enrolment: 1, 2, 3, ..."""
    code: CodeText
    """What the scanner read."""
    direction: Choice[Direction]
    """Which way the courier goes: `in` or `out`."""
    device_time: Instant
    """When it happened, by the device's clock as corrected at the last sync."""
    verdict: Choice[Verdict]
    """What the device said."""
    reason: Choice[Reason]
    """Why."""
    outcome: Choice[Outcome] | None = None
    """What the guard did after a check; left out while that is open."""

    @model_validator(mode="after")
    def _only_checks_have_outcomes(self) -> Self:
        if self.outcome is not None and self.verdict is not Verdict.check:
            raise Unfit("outcome", Text("只有“需核对”才有处置结果。", "Only a check has an outcome."))
        return self

    def presented(self, enrolment_id: UUID, claims: AccessClaims, language: str, read: Read) -> Presentation:
        """The scan for the admission, uploaded by the device that `claims` name."""
        return Presentation(
            enrolment_id=enrolment_id,
            scan_id=self.scan_id,
            account_id=known_id(claims.sub),
            sign_in_id=known_id(claims.sid),
            direction=self.direction,
            device_time=self.device_time,
            language=language,
            read=read,
            offline=OfflineAnswer(self.sequence, self.verdict, self.reason, self.outcome),
        )


@dataclass(frozen=True, slots=True)
class Malformed:
    """A scan of an upload that does not have the form: it is answered by itself and harms no other."""

    scan_id: UUID | None


def _or_malformed(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        try:
            return Malformed(read_id(value["scan_id"]))
        except (Unfit, KeyError, TypeError):
            return Malformed(None)


class OfflineScans(Request):
    """What a device uploads."""

    scans: Annotated[
        list[Annotated[OfflineScan, WrapValidator(_or_malformed)]],
        Field(min_length=1, max_length=LARGEST_UPLOAD),
    ]
    """Up to 500, in any order; sending some again does no harm."""

    @property
    def tolerated(self) -> list[OfflineScan | Malformed]:
        """The scans, and in their places those that do not have the form."""
        return list(self.scans)


class StoredOffline(Response):
    """A scan of an upload as it is stored."""

    id: Id
    """The server's id of it."""
    recorded_at: Instant
    """When it was stored."""
    happened_at: Instant
    """When it happened, as it is counted: the device's time, held within its time at the gate."""
    doubtful: bool
    """Whether its time is in doubt (docs/offline.md, section 6)."""
    server_verdict: Choice[Verdict]
    """What the server would have said, or did say where the scan had reached it."""
    server_reason: Choice[Reason]
    """Why."""


class UploadedScan(Response):
    """What became of one scan of an upload."""

    scan_id: Id | None
    """The device's id; null where none could be read."""
    result: Choice[Result]
    """`stored` and `repeated`: forget it. `conflict` and `refused`: forget it and tell somebody.
    `again`: keep it and send it again."""
    problem: str | None
    """For `conflict`, `refused` and `again`: the code of the problem."""
    scan: StoredOffline | None
    """For `stored` and `repeated`."""

    @classmethod
    def malformed(cls, scan_id: UUID | None) -> Self:
        return cls(scan_id=scan_id, result=Result.refused, problem="malformed_request", scan=None)

    @classmethod
    def of(cls, scan_id: UUID, uploaded: Uploaded) -> Self:
        stored = None
        if uploaded.answer is not None:
            scan = uploaded.answer.scan
            stored = StoredOffline(
                id=scan.id,
                recorded_at=scan.recorded_at,
                happened_at=scan.happened_at,
                doubtful=scan.doubtful,
                server_verdict=scan.server_verdict or scan.verdict,
                server_reason=scan.server_reason or scan.reason,
            )
        problem = uploaded.problem.code if uploaded.problem else None
        return cls(scan_id=scan_id, result=uploaded.result, problem=problem, scan=stored)


class Upload(Response):
    """The answers to an upload, in the order of its scans."""

    results: list[UploadedScan]
    """One for each scan."""


class Difference(Response):
    """Something that a gate should know afterwards about a scan."""

    id: Id
    """Its identifier."""
    reason: str
    """A reason of a verdict, or `doubtful`."""
    sentence: str
    """The same as a sentence."""
    scan: Id
    """The server's id of the scan."""
    happened_at: Instant
    """When the scan happened."""
    direction: Choice[Direction]
    """`in` or `out`."""
    verdict: Choice[Verdict]
    """What was said at the gate."""
    told: Choice[Reason]
    """Why."""
    outcome: Choice[Outcome] | None
    """What was done at the gate beyond the verdict."""
    identity: Identity | None
    """Whose code it was, masked; null where that is not known."""
    noted_at: Instant
    """Since when it stands here."""
    ticked_at: Instant | None
    """When somebody ticked it off."""

    @classmethod
    def of(cls, noted: NotedDifference, language: str) -> Self:
        return cls(
            id=noted.id,
            reason=noted.reason,
            sentence=difference_sentence(noted.reason, language),
            scan=noted.scan,
            happened_at=noted.happened_at,
            direction=noted.direction,
            verdict=noted.verdict,
            told=noted.told,
            outcome=noted.outcome,
            identity=Identity.of(noted.card, language, None) if noted.card else None,
            noted_at=noted.noted_at,
            ticked_at=noted.ticked_at,
        )


class Differences(Response):
    """A page of a gate's differences, the oldest first."""

    items: list[Difference]
    """Differences."""
    next_cursor: str | None
    """Pass as `cursor` for later ones; null at the end."""
