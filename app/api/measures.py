"""Shows the measures to who watches the deployment, and to nobody else."""

from collections.abc import Sequence
from ipaddress import ip_address

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.api.client import Network
from app.api.walls import CLIENT
from app.errors import NotFound
from app.metrics import Metrics


def install_measures(app: FastAPI, *, metrics: Metrics, watchers: Sequence[Network]) -> None:
    """Serve /metrics to clients in `watchers`, and to those on a Unix socket. Others find nothing there."""

    @app.get("/metrics", include_in_schema=False)
    async def show_measures(request: Request) -> Response:
        address = request.scope[CLIENT]
        if address is not None and not any(ip_address(address) in network for network in watchers):
            raise NotFound
        page, media_type = metrics.exposition()
        return Response(page, headers={"content-type": media_type})
