"""Scans as a guard on shift presents them, for tests that admit them past the API."""

from uuid import UUID, uuid4

from app.models.scans import Direction
from app.runtime import Runtime
from app.services.codes.format import Cause
from app.services.codes.reading import Read, Unreadable
from app.services.scans.presentation import Presentation
from app.services.tokens import AccessClaims
from tests.factories.scans import WorkingGate

NO_CODE = Unreadable(bytes(32), length=5, cause=Cause.LENGTH)
"""For whoever does not mind what is shown."""


def guard_claims(runtime: Runtime, gate: WorkingGate) -> AccessClaims:
    """What the token of the guard at `gate` says."""
    token = gate.guard["Authorization"].removeprefix("Bearer ")
    return runtime.access_tokens.read(token, runtime.clock)


def presented(runtime: Runtime, gate: WorkingGate, read: Read) -> Presentation:
    """A fresh scan of somebody who wants in at `gate` now."""
    claims = guard_claims(runtime, gate)
    return Presentation(
        enrolment_id=gate.enrolment_id,
        scan_id=uuid4(),
        account_id=UUID(claims.sub),
        sign_in_id=UUID(claims.sid),
        direction=Direction.entry,
        device_time=runtime.clock(),
        language="zh",
        read=read,
    )
