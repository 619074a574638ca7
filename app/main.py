"""Builds the application: routers, error handlers, lifespan, nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from app import schema
from app.api import codes, routers, scans
from app.api.docs import install_docs
from app.api.measures import install_measures
from app.api.openapi import install_openapi
from app.api.problems import install_problem_handlers
from app.api.straight import StraightWay, straight_routes
from app.api.walls import WallSettings, install_walls
from app.database import is_away
from app.errors import Unavailable
from app.runtime import Runtime
from app.services.codes.symbol import check_prefix
from app.services.tokens import require_cryptography_backend

UPLOADS = ("/v1/couriers/me/photo", "/v1/couriers/assisted/", "/v1/employers/")
"""Beneath these paths bodies may be as large as a photo or a roster."""
OFFLINE_UPLOADS = "/v1/enrolments/"
"""Beneath this path bodies may hold 500 scans, of some 400 bytes each, or twice that as JWS."""
OFFLINE_LIMIT = 512 * 1024

STRAIGHT = (scans.make, codes.examine_code, codes.mint)
"""Scans and wallets, hundreds of times a second in a city; and what scanners try themselves out on."""


def create_app(runtime: Runtime) -> FastAPI:
    """The application on the parts in `runtime`.

    Raises ValueError for a link prefix that no symbol has room for. It refuses to start on a schema
    that is not at head (SchemaBehind), unless the database is away just then.
    """
    settings = runtime.settings
    check_prefix(settings.link_prefix)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        require_cryptography_backend()
        try:
            await runtime.database.require_schema(schema.head())
        except Unavailable:  # requests are answered 503 until it is back
            structlog.get_logger().warning("the schema could not be looked at: the database is away")
        yield
        await runtime.close()

    app = FastAPI(
        title="惠新码",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # a redirect would be built from the client's Host header
        telemetry={"tracing": False, "metrics": False, "logs": False},  # we have our own, without paths
    )
    app.state.runtime = runtime
    install_problem_handlers(app)
    install_openapi(app)
    install_docs(app)
    app.add_middleware(
        StraightWay,
        routes=straight_routes((route for router in routers() for route in router.routes), STRAIGHT),
    )
    install_walls(
        app,
        settings=WallSettings(
            body_limit=settings.body_limit,
            larger_bodies=dict.fromkeys(UPLOADS, settings.upload_limit) | {OFFLINE_UPLOADS: OFFLINE_LIMIT},
            concurrency=settings.concurrency,
            trusted_proxies=settings.trusted_proxies,
            allowed_origins=settings.allowed_origins,
        ),
        metrics=runtime.metrics,
        outages=[is_away],
    )
    install_measures(app, metrics=runtime.metrics, watchers=settings.watchers)
    for router in routers():
        app.include_router(router)
    return app
