"""Keeps a courier's portrait, which has been drawn anew before the transaction began."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.errors import NotFound, Problem, Text, TooManyRequests
from app.ids import new_id
from app.models.accounts import Role
from app.models.couriers import Courier, CourierState, Person, Photo
from app.services import audit
from app.services.couriers.affiliations import require_active_courier
from app.services.couriers.errors import TransitionRefused
from app.services.couriers.identity import key_of
from app.services.couriers.photos import Photo as Portrait
from app.services.couriers.states import lock_courier, renew_card
from app.work import Work

DAILY_PHOTOS = 10
"""Earlier portraits stay, since cards that were shown name them; so nobody may heap them up."""


class UploadsOwnPhoto(Problem):
    """The courier has an account, and nobody else says what they look like."""

    status = 409
    code = "uploads_own_photo"
    title = Text("照片由本人上传", "Uploads their own photo")
    message = Text(
        "该劳动者有账号，照片由本人在小程序中上传。",
        "This courier has an account, and uploads the photo through the mini-program.",
    )


async def require_photo_welcome(work: Work) -> None:
    """Raises what `keep_photo` would, before a file is decoded for nothing."""
    await _require_room(work, await require_active_courier(work, lock=False))


async def keep_photo(work: Work, *, portrait: Portrait) -> Photo:
    """Makes `portrait` the signed-in courier's photo, sealed, on a new card.

    Raises NotFound, RegistrationUnderReview, TransitionRefused and TooManyRequests.
    """
    return await _keep(work, await require_active_courier(work, lock=True), portrait)


async def require_desk_photo_welcome(work: Work, *, courier_id: UUID) -> None:
    """Raises what `keep_desk_photo` would, before a file is decoded for nothing."""
    work.actor.must(Role.reviewer)
    courier = await work.session.get(Courier, courier_id)
    if courier is None:
        raise NotFound
    _require_of_desk(courier)
    await _require_room(work, courier)


async def keep_desk_photo(work: Work, *, courier_id: UUID, portrait: Portrait) -> Photo:
    """Makes `portrait` the photo of a courier without an account: by a reviewer who has the person in front.

    Raises Forbidden, NotFound, UploadsOwnPhoto, TransitionRefused and TooManyRequests.
    """
    work.actor.must(Role.reviewer)
    courier = await lock_courier(work, courier_id=courier_id)
    _require_of_desk(courier)
    return await _keep(work, courier, portrait)


def _require_of_desk(courier: Courier) -> None:
    if courier.account_id is not None:
        raise UploadsOwnPhoto
    if courier.state != CourierState.verified:
        raise TransitionRefused(state=courier.state)


async def _require_room(work: Work, courier: Courier) -> None:
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


async def _keep(work: Work, courier: Courier, portrait: Portrait) -> Photo:
    await _require_room(work, courier)
    person = await work.session.get_one(Person, courier.person_id)
    photo_id, before = new_id(), courier.photo_id
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
    audit.record(
        work,
        "couriers.photographed",
        subject_kind="courier",
        subject_id=courier.id,
        details={"photo": str(photo_id), "before": str(before) if before else None},
    )
    await renew_card(work, courier=courier)
    return photo
