"""The interactive documentation at /docs, served from an installed package: no CDN, no inline script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from swagger_ui_bundle import swagger_ui_path

ASSETS = Path(swagger_ui_path)

Asset = Literal["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"]
"""The files that the page loads; the package holds more than anyone needs."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of the page. Swagger UI draws its icons from data URLs."""

PAGE = """<!doctype html>
<html lang="zh">
<meta charset="utf-8">
<title>惠新码 API</title>
<link rel="icon" href="docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""

START = """window.ui = SwaggerUIBundle({
  url: "docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""
"""`validatorUrl: null` keeps the page from sending our description to a validator on the internet."""

DAY = "private, max-age=86400"
"""The assets change with an upgrade of the package only."""

router = APIRouter(include_in_schema=False)


def install_docs(app: FastAPI) -> None:
    """Serve /docs. `app` itself is to be made with `docs_url=None, redoc_url=None`."""
    app.include_router(router)


@router.get("/docs")
async def show_page() -> HTMLResponse:
    """The page itself."""
    return HTMLResponse(PAGE, headers={"content-security-policy": POLICY})


@router.get("/docs/start.js")
async def show_start() -> Response:
    """The few lines that start the reader."""
    return Response(START, media_type="text/javascript")


@router.get("/docs/openapi.json")
async def show_description(request: Request) -> JSONResponse:
    """The description in the words of OpenAPI 3.0."""
    return JSONResponse(as_openapi_30(request.app.openapi()))


@router.get("/docs/assets/{name}")
async def show_asset(name: Asset) -> FileResponse:
    """A file of Swagger UI."""
    return FileResponse(ASSETS / name, headers={"cache-control": DAY})


def as_openapi_30(description: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAPI 3.1 `description` in the words of 3.0.3, as far as a reader needs them.

    The Swagger UI of the package (4.15) refuses to draw 3.1. Nothing but the page reads this.
    """
    spoken: dict[str, Any] = _spoken(description)
    spoken["openapi"] = "3.0.3"
    spoken.pop("jsonSchemaDialect", None)
    spoken.pop("webhooks", None)
    return spoken


def _spoken(node: Any) -> Any:
    if isinstance(node, list):
        return [_spoken(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    plain = {
        key: {name: _spoken(inner) for name, inner in value.items()}
        if key == "properties" and isinstance(value, Mapping)
        else value
        if key in {"example", "examples", "default", "enum", "value"}
        else _spoken(value)
        for key, value in node.items()
    }
    if "const" in plain and not isinstance(plain["const"], Mapping):
        plain["enum"] = [plain.pop("const")]
    if isinstance(plain.get("examples"), list):
        plain["example"] = plain.pop("examples")[0]
    for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(plain.get(word), int | float) and not isinstance(plain[word], bool):
            plain[bound], plain[word] = plain[word], True
    return _nullable(plain)


def _nullable(plain: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema's type `null` as OpenAPI 3.0's `nullable`."""
    null = {"type": "null"}
    kinds = plain.get("type")
    if isinstance(kinds, list):
        others = [kind for kind in kinds if kind != "null"]
        plain |= {"type": others[0] if others else "string", "nullable": "null" in kinds}
    choices = plain.get("anyOf")
    if isinstance(choices, list) and null in choices:
        others = [choice for choice in choices if choice != null]
        del plain["anyOf"]
        plain |= {"nullable": True, **(others[0] if len(others) == 1 else {"anyOf": others})}
    return plain
