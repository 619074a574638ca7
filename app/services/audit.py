"""The ledger of who did what, when and why."""

from typing import Any
from uuid import UUID

from app.ids import new_id
from app.models.audit import AuditRecord
from app.work import Work


def record(
    work: Work,
    action: str,
    *,
    subject_kind: str,
    subject_id: UUID | str,
    reason: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Notes that the actor of `work` did `action` to a subject, in the same transaction as the change.

    `action` is `<area>.<verb>` in the past tense, e.g. `couriers.suspended`. Neither `reason` nor
    `details` may hold an identity: they outlive the person's erasure.
    """
    work.session.add(
        AuditRecord(
            id=new_id(),
            at=work.now,
            account_id=work.actor.account_id,
            actor=work.actor.label,
            action=action,
            subject_kind=subject_kind,
            subject_id=str(subject_id),
            reason=reason,
            details=details,
        )
    )
