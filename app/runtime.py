"""What one process holds while it serves: database, clock, keys and the clients of other servers."""

from dataclasses import dataclass
from typing import Self

import httpx

from app.clock import Clock, system_clock
from app.database import REQUEST_STATEMENT_SECONDS, Database
from app.metrics import Metrics
from app.services.accounts.actors import AccessTokens
from app.services.codes.reading import CodeReader
from app.services.gathering import Gathering
from app.services.keys.ring import KeyRing
from app.services.limits import RateLimits
from app.services.scans.answers import Answer
from app.services.scans.gathering import gather_scans
from app.services.scans.presentation import Presentation
from app.services.wechat.client import WeChatClient
from app.services.wechat.token_store import SqlTokenStore
from app.services.wechat.transport import open_http
from app.settings import Secrets, Settings
from app.work import Deployment


@dataclass(frozen=True, slots=True)
class Runtime:
    """Built once, reached by dependencies, closed when the process stops.

    Workers are forked after that (ADR 0015): nothing here opens a connection or starts a thread until asked.
    """

    deployment: Deployment
    database: Database
    clock: Clock
    access_tokens: AccessTokens
    ring: KeyRing
    codes: CodeReader
    scans: Gathering[Presentation, Answer]
    limits: RateLimits
    metrics: Metrics
    http: httpx.AsyncClient
    wechat: WeChatClient

    @classmethod
    def of(
        cls,
        settings: Settings,
        secrets: Secrets,
        *,
        database: Database | None = None,
        clock: Clock = system_clock,
    ) -> Self:
        """The runtime of `settings`; tests and replays bring their own database and clock."""
        deployment = Deployment.of(settings, secrets)
        database = database or Database(
            settings.database_url,
            pool_size=settings.database_pool,
            statement_seconds=REQUEST_STATEMENT_SECONDS,
            must_exist=True,
        )
        ring = KeyRing(deployment.vault)
        http = open_http()
        return cls(
            deployment=deployment,
            database=database,
            clock=clock,
            access_tokens=AccessTokens(secrets, issuer=settings.issuer),
            ring=ring,
            codes=CodeReader(database, deployment, clock, ring),
            scans=gather_scans(database, deployment, clock),
            limits=RateLimits(database, clock, digest_key=secrets.digest_key.get_secret_value()),
            metrics=Metrics(),
            http=http,
            wechat=WeChatClient(
                settings.wechat.base_url,
                settings.wechat.appid,
                settings.wechat.secret.get_secret_value(),
                SqlTokenStore(database, deployment.vault),
                http,
                clock=clock,
                production=settings.in_production,
            ),
        )

    @property
    def settings(self) -> Settings:
        return self.deployment.settings

    async def close(self) -> None:
        """Stores what was taken, then lets go of connections."""
        await self.scans.close()
        await self.limits.close()
        await self.http.aclose()
        await self.database.close()
