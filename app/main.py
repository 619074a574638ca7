"""Builds the application: routers, error handlers, lifespan, nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import schema
from app.api import routers
from app.api.problems import install_problem_handlers
from app.api.walls import install_walls
from app.runtime import Runtime
from app.services.tokens import require_cryptography_backend


def create_app(runtime: Runtime) -> FastAPI:
    """The application on the parts in `runtime`. It refuses to start on a schema that is not at head."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        require_cryptography_backend()
        await runtime.database.require_schema(schema.head())
        yield
        await runtime.close()

    app = FastAPI(
        title="惠新码",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.runtime = runtime
    install_problem_handlers(app)
    install_walls(app, settings=runtime.settings)
    for router in routers():
        app.include_router(router)
    return app
