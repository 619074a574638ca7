"""Keeps a courier's portrait, which has been drawn anew before the transaction began."""

from datetime import timedelta

from sqlalchemy import func, select

from app.errors import TooManyRequests
from app.ids import new_id
from app.models.couriers import Person, Photo
from app.services import audit
from app.services.couriers.affiliations import require_active_courier
from app.services.couriers.identity import key_of
from app.services.couriers.photos import Photo as Portrait
from app.services.couriers.states import renew_card
from app.work import Work

DAILY_PHOTOS = 10
"""Earlier portraits stay, since cards that were shown name them; so nobody may heap them up."""


async def require_photo_welcome(work: Work) -> None:
    """Raises what `keep_photo` would, before a file is decoded for nothing."""
    courier = await require_active_courier(work, lock=False)
    day = timedelta(days=1)
    recent, oldest = (
        await work.session.execute(
            select(func.count(), func.min(Photo.created_at)).where(
                Photo.courier_id == courier.id, Photo.created_at > work.now - day
            )
        )
    ).one()
    if work.settings.rate_limits and recent >= DAILY_PHOTOS:
        raise TooManyRequests(retry_after=max(1, int((oldest + day - work.now).total_seconds())))


async def keep_photo(work: Work, *, portrait: Portrait) -> Photo:
    """Makes `portrait` the signed-in courier's photo, sealed, on a new card.

    Raises NotFound, RegistrationUnderReview, TransitionRefused and TooManyRequests.
    """
    courier = await require_active_courier(work, lock=True)
    await require_photo_welcome(work)
    person = await work.session.get_one(Person, courier.person_id)
    photo_id = new_id()
    photo = Photo(
        id=photo_id,
        courier_id=courier.id,
        sealed=key_of(work.vault, person).seal(portrait.data, table="photos", column="sealed", row=photo_id),
        width=portrait.width,
        height=portrait.height,
        created_at=work.now,
    )
    work.session.add(photo)
    await work.session.flush()
    courier.photo_id = photo_id
    audit.record(work, "couriers.photographed", subject_kind="courier", subject_id=courier.id)
    await renew_card(work, courier=courier)
    return photo
