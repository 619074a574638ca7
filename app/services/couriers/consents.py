"""Consent: asked for each purpose apart, kept with the version shown, withdrawn at any time."""

from collections.abc import Sequence
from uuid import UUID

from app.ids import new_id
from app.models.couriers import Consent, Purpose
from app.services import audit
from app.services.couriers.affiliations import require_active_courier
from app.services.couriers.claims import ConsentAnswer
from app.services.couriers.errors import GateConsentRequired
from app.services.couriers.own import current_consents
from app.work import Work


def require_gate_consent(answers: Sequence[ConsentAnswer]) -> None:
    """Raises GateConsentRequired unless the purpose `gate` is consented to.

    It is the one purpose that a code cannot do without (Personal Information Protection Law,
    art. 13 and 16); to withhold any other never keeps anybody from the gate.
    """
    if not any(answer.purpose is Purpose.gate and answer.given for answer in answers):
        raise GateConsentRequired


async def answer_consents(work: Work, *, answers: Sequence[ConsentAnswer]) -> list[ConsentAnswer]:
    """The signed-in courier's new answers; earlier ones stay on record. Returns what holds now.

    Raises NotFound, RegistrationUnderReview, TransitionRefused and GateConsentRequired.
    """
    courier = await require_active_courier(work, lock=True)
    require_gate_consent(answers)
    before = await current_consents(work, courier_id=courier.id)
    keep_consents(work, courier_id=courier.id, answers=[new for new in answers if new not in before])
    audit.record(work, "couriers.consents_answered", subject_kind="courier", subject_id=courier.id)
    await work.session.flush()
    return await current_consents(work, courier_id=courier.id)


def keep_consents(work: Work, *, courier_id: UUID, answers: Sequence[ConsentAnswer]) -> None:
    """Puts `answers` on record."""
    work.session.add_all(
        Consent(
            id=new_id(),
            courier_id=courier_id,
            purpose=answer.purpose.value,
            version=answer.version,
            given=answer.given,
            at=work.now,
        )
        for answer in answers
    )
