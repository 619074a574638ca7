"""The deployment that a replay runs on: a database of its own, or one that no real person is in."""

import hashlib
from collections.abc import Iterable

from sqlalchemy import exists, select

from app import schema
from app.database import Database
from app.errors import Text
from app.models.compounds import Compound
from app.models.couriers import Affiliation, Courier
from app.models.employers import Employer
from app.models.keys import SigningKey
from app.replay.couriers import EMPLOYER
from app.replay.posts import REFERENCE
from app.services.areas.tree import plant_areas
from app.services.keys.errors import NoSigningKey
from app.services.keys.lifecycle import create_first_key, rotate_keys
from app.services.keys.ring import KeyRing, load_key_states
from app.services.sealing import SealBroken
from app.settings import Secrets, Settings
from app.work import Deployment, Work


class NotASandbox(Exception):
    """The database is somebody's, and no replay may touch it; `sentence` says how that shows."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.sentence = Text(
            f"{zh}。请另给一个空数据库，或不写 --database。",
            f"{en}. Give an empty database, or leave --database out.",
        )


def replay_secrets() -> Secrets:
    """Secrets that are the same in every replay, so that a second run opens what the first one sealed.

    They guard made-up people only.
    """

    def key(name: str) -> bytes:
        return hashlib.sha256(f"huixin replay: {name}".encode()).digest()

    return Secrets.model_validate(
        {
            "master_keys": {1: key("master")},
            "index_key": key("index"),
            "handle_key": key("handle"),
            "jti_key": key("jti"),
            "access_token_keys": {"a1": key("access")},
            "statement_keys": {"s1": key("statement")},
            "refresh_key": key("refresh"),
            "digest_key": key("digest"),
        }
    )


def replay_settings(settings: Settings, database_url: str) -> Settings:
    """Those of the deployment, on another database and without rate limits."""
    return settings.model_copy(update={"database_url": database_url, "rate_limits": False})


async def open_sandbox(database: Database, settings: Settings, secrets: Iterable[Secrets]) -> Deployment:
    """Makes sure that `database` is fit for a replay, bringing an empty one to head.

    It is fit if one of `secrets` opens its signing keys and all people and compounds in it were made
    by replays. Raises NotASandbox.
    """
    found = await database.revision()
    if found is None:
        await schema.migrate(database)
    elif found != schema.head():
        raise NotASandbox(
            f"该数据库的结构为 {found}，不属于本版本",
            f"The database has the schema {found}, which is not of this release",
        )
    async with database.session(write=False) as session:
        keys = list(await session.scalars(select(SigningKey).where(SigningKey.sealed_private.is_not(None))))
        by_replays = (
            select(Affiliation.id)
            .join(Employer, Employer.id == Affiliation.employer_id)
            .where(Affiliation.courier_id == Courier.id, Employer.name == EMPLOYER)
        )
        foreign = await session.scalar(
            select(
                select(Courier.id).where(~by_replays.exists()).exists()
                | exists().where(
                    Compound.reference.is_(None) | ~Compound.reference.startswith(REFERENCE, autoescape=True)
                )
            )
        )
    if foreign:
        raise NotASandbox(
            "该数据库中有不是由回放产生的劳动者或小区",
            "There are couriers or compounds in the database that no replay has made",
        )
    for candidate in secrets:
        deployment = Deployment.of(settings, candidate)
        if all(_opens(deployment, key) for key in keys):
            return deployment
    raise NotASandbox(
        "该数据库由另一密钥文件加密", "The database is sealed with secrets that are not those of a replay"
    )


async def furnish(work: Work) -> None:
    """Areas, and a signing key that signs from the time of `work` on."""
    await plant_areas(work)
    states = await load_key_states(work.session, work.now)
    try:
        KeyRing(work.vault).signing(states, work.settings.issuer)
    except NoSigningKey:
        # The key of a replay of a later day takes over earlier; the first one ever is made.
        if await create_first_key(work) is None:
            await rotate_keys(work, at_once=True)


def _opens(deployment: Deployment, key: SigningKey) -> bool:
    try:
        deployment.vault.open(
            key.sealed_private or b"",
            table="signing_keys",
            column="sealed_private",
            row=f"{key.issuer}/{key.kid}",
        )
    except SealBroken:
        return False
    return True
