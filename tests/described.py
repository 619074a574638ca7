"""The application's own description of itself, for tests that are generated from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fastapi import FastAPI

from app.api.openapi import operations
from app.database import Database
from app.main import create_app
from app.runtime import Runtime
from tests.factories.settings import make_secrets, make_settings


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API, as it is described."""

    path: str
    method: str
    said: dict[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        said: str = self.said["operationId"]
        return said

    @property
    def roles(self) -> list[str]:
        said: list[str] = self.said["x-roles"]
        return said

    @property
    def problems(self) -> set[str]:
        """The codes of the problems that it may answer."""
        return {
            code
            for reply in self.responses.values()
            for code in reply.get("content", {}).get("application/problem+json", {}).get("examples", {})
        }

    @property
    def responses(self) -> dict[str, dict[str, Any]]:
        """What it may answer, by status, with references followed."""
        shared = description()["components"]["responses"]
        return {
            status: shared[reply["$ref"].rpartition("/")[2]] if "$ref" in reply else reply
            for status, reply in self.said["responses"].items()
        }

    @property
    def body(self) -> dict[str, Any] | None:
        """The media type object of its JSON body, if it takes one."""
        said: dict[str, Any] | None = (
            self.said.get("requestBody", {}).get("content", {}).get("application/json")
        )
        return said

    def parameters(self, place: str) -> list[dict[str, Any]]:
        """Its parameters in `path`, `query` or `header`."""
        return [found for found in self.said.get("parameters", []) if found["in"] == place]


@cache
def application() -> FastAPI:
    """The application on a database that is never opened."""
    database = Database("sqlite+aiosqlite:///:memory:")
    return create_app(Runtime.of(make_settings(), make_secrets(), database=database))


@cache
def description() -> dict[str, Any]:
    """The whole description."""
    return application().openapi()


def described() -> Iterator[Operation]:
    """Every operation."""
    for path, method, said in operations(description()):
        yield Operation(path, method, said)
