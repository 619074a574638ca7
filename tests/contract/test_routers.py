"""What a router is: a path, who may call it, and one call of a service, with nothing decided in between."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from fastapi import params
from fastapi.routing import APIRoute, iter_route_contexts

import app.api
from app.api.body import JsonRoute
from app.api.dependencies import WorkAs
from tests.described import application

LONGEST_HANDLER = 24
"""Lines of a handler with its signature and without its docstring; most have ten."""

READING = {"GET", "HEAD"}


def routes() -> Iterator[tuple[str, Any]]:
    """Every route of ours that is described, with a name for it."""
    for route in iter_route_contexts(application().routes):
        if isinstance(route.original_route, APIRoute) and route.include_in_schema:
            yield f"{min(route.methods or {''})} {route.path_format}", route


NOTES_ITS_READER = {"GET /v1/devices/current/bundle"}
"""A reading method that changes nothing its caller asked for, but keeps when the caller was there: it is
safe in the sense of RFC 9110, section 9.2.1, and its whole purpose is to be conditional (section 13)."""


def source(route: Any) -> tuple[str, ast.AsyncFunctionDef]:
    """The handler of a route, as text and as a tree."""
    text = textwrap.dedent(inspect.getsource(route.endpoint))
    (handler,) = [node for node in ast.parse(text).body if isinstance(node, ast.AsyncFunctionDef)]
    return text, handler


def calls(dependant: Any) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from calls(inner)


def test_json_bodies_are_read_by_our_own_route() -> None:
    assert [
        name
        for name, route in routes()
        if route.body_field is not None
        and not isinstance(route.body_field.field_info, params.Form)
        and not isinstance(route.original_route, JsonRoute)
    ] == []


def test_reading_methods_open_no_writing_transaction_and_the_others_no_reading_one() -> None:
    assert [
        name
        for name, route in routes()
        for call in calls(route.dependant)
        if isinstance(call, WorkAs)
        and call.write == bool(READING & route.methods)
        and name not in NOTES_ITS_READER
    ] == []


def test_transactions_end_before_the_reply() -> None:
    """FastAPI sends the reply before a dependency of its default scope commits."""

    def work_dependencies(dependant: Any) -> Iterator[Any]:
        for inner in dependant.dependencies:
            if inspect.isasyncgenfunction(inner.call) or isinstance(inner.call, WorkAs):
                yield inner
            yield from work_dependencies(inner)

    scopes = {name: [inner.scope for inner in work_dependencies(route.dependant)] for name, route in routes()}
    assert any(scopes.values())
    assert {name: found for name, found in scopes.items() if set(found) - {"function"}} == {}


@pytest.mark.parametrize("kind", [ast.Try, ast.While, ast.For, ast.AsyncFor], ids=lambda kind: kind.__name__)
def test_handlers_neither_catch_nor_loop(kind: type[ast.AST]) -> None:
    found = [
        name for name, route in routes() if any(isinstance(node, kind) for node in ast.walk(source(route)[1]))
    ]
    assert found == []


def test_handlers_are_short() -> None:
    lengths = {}
    for name, route in routes():
        text, handler = source(route)
        documented = ast.get_docstring(handler, clean=False) or ""
        lengths[name] = len(text.splitlines()) - handler.lineno + 1 - len(documented.splitlines())
    assert {name: length for name, length in lengths.items() if length > LONGEST_HANDLER} == {}


def test_every_router_is_served() -> None:
    """A router that nobody includes is a feature that nobody has."""
    served = {route.endpoint for _, route in routes()}
    for found in walk_packages(app.api.__path__, "app.api."):
        for router in vars(import_module(found.name)).values():
            if type(router).__name__ == "APIRouter":
                own = [
                    route
                    for route in router.routes
                    if isinstance(route, APIRoute) and route.include_in_schema
                ]
                assert [route.path for route in own if route.endpoint not in served] == [], found.name


def test_no_two_routes_answer_the_same_path_and_method() -> None:
    names = [name for name, _ in routes()]
    assert sorted(names) == sorted(set(names))
