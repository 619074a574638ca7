"""Completes the description of the API: who may call what, examples of all bodies, words about the whole."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.dependencies import SignedWork, WorkAs, current_claims
from app.api.openapi_words import ABOUT, EMPTY, SERVERS, TAGS, WORDS
from app.api.problems import MEDIA_TYPE

Schema = Mapping[str, Any]

ANY_ACCOUNT = "any signed-in account"
"""Stands for the roles of an operation that asks for a sign-in and no role."""

CALLERS = "Callers · 调用者: "
"""Begins the last line of every description, since readers of the documentation see no extensions."""

UNKNOWN = "…"
"""Stands where no word fits; the contract tests find it."""

FORM = "Body_"
"""How FastAPI begins the name of a form that it makes of an operation's fields."""

METHODS = frozenset({"get", "put", "post", "delete", "patch"})


def install_openapi(app: FastAPI) -> None:
    """Make the description of `app` complete. Call it once, before the description is first read."""
    describe = app.openapi
    complete: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not complete:
            complete.update(_completed(describe(), app))
        return complete

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it


def operations(description: Schema) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method in lower case and description of every operation."""
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def callers(dependant: Dependant) -> list[str]:
    """Who may call a route: its roles, `ANY_ACCOUNT`, or nobody in particular, since all may."""
    calls = list(_calls(dependant))
    roles = [role.value for call in calls if isinstance(call, WorkAs | SignedWork) for role in call.roles]
    if roles:
        return list(dict.fromkeys(roles))
    return [ANY_ACCOUNT] if current_claims in calls else []


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str = "") -> Any:
    """A value that `schema` allows, from the examples of its fields.

    `schemas` are those that it may refer to, `name` is that of the field where it stands, as
    `Owner.field`. Fields without an example of their own get the word that their name calls for.
    """
    if name in WORDS:
        return WORDS[name]
    if "$ref" in schema:
        target = schemas[schema["$ref"].rpartition("/")[2]]
        return example_of({**target, **{key: schema[key] for key in schema if key != "$ref"}}, schemas, name)
    if schema.get("examples"):
        return schema["examples"][0]
    if "anyOf" in schema:
        if name.rpartition(".")[2] in EMPTY and {"type": "null"} in schema["anyOf"]:
            return None
        choice = next(choice for choice in schema["anyOf"] if choice.get("type") != "null")
        return example_of(choice, schemas, name)
    return _plain_example(schema, schemas, name)


def _plain_example(schema: Schema, schemas: Mapping[str, Schema], name: str) -> Any:
    field = name.rpartition(".")[2]
    if choices := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return WORDS[field] if WORDS.get(field) in choices else choices[0]
    match schema.get("type"):
        case "object":
            owner = schema.get("title", "")
            return {
                member: example_of(inner, schemas, f"{owner}.{member}")
                for member, inner in schema.get("properties", {}).items()
            }
        case "array":
            item = example_of(schema.get("items", {}), schemas, name)
            return [item] * max(1, schema.get("minItems", 1))
        case "integer" | "number":
            return WORDS.get(field, max(1, schema.get("minimum", 1)))
        case "boolean":
            return WORDS.get(field, False)
        case _:
            return WORDS.get(field, UNKNOWN)


def _completed(description: dict[str, Any], app: FastAPI) -> dict[str, Any]:
    description = _plainly_named(description)
    components = description.setdefault("components", {})
    routes = _routes(app)
    for path, method, operation in operations(description):
        _say_who(operation, callers(routes[path, method].dependant))
        _add_examples(operation, components.get("schemas", {}))
        _share_problem_examples(operation, components.setdefault("examples", {}))
    used = {tag for _, _, operation in operations(description) for tag in operation.get("tags", [])}
    whole = {
        "openapi": description["openapi"],
        "info": {**description["info"], **ABOUT},
        "servers": SERVERS,
        "tags": [{"name": tag, "description": words} for tag, words in TAGS.items() if tag in used],
        "paths": description["paths"],
        "components": components,
    }
    _share_refusals(whole)
    _drop_unused_schemas(whole)
    return whole


def _routes(app: FastAPI) -> dict[tuple[str, str], Any]:
    return {
        (route.path_format or "", method.lower()): route
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
        for method in route.methods or ()
    }


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def _say_who(operation: dict[str, Any], who: list[str]) -> None:
    operation["x-roles"] = who
    operation["description"] = f"{operation['description']}\n\n{CALLERS}{_spelled_out(who)}"
    # An empty list says aloud that no sign-in is asked for; saying nothing would leave it open.
    operation["security"] = [{"access_token": []}] if who else []


def _spelled_out(who: list[str]) -> str:
    match who:
        case []:
            return "everyone · 任何人"
        case [only] if only == ANY_ACCOUNT:
            return f"{ANY_ACCOUNT} · 任何已登录账号"
        case _:
            return ", ".join(f"`{role}`" for role in who)


def _add_examples(operation: dict[str, Any], schemas: Mapping[str, Schema]) -> None:
    bodies = [operation.get("requestBody", {})]
    bodies += [reply for status, reply in operation["responses"].items() if status.startswith("2")]
    for body in bodies:
        for media_type, content in body.get("content", {}).items():
            if media_type == "application/json" and "example" not in content:
                content["example"] = example_of(content["schema"], schemas)


def _share_problem_examples(operation: dict[str, Any], shared: dict[str, Any]) -> None:
    """Say what a problem looks like once for all operations that may answer it."""
    for reply in operation["responses"].values():
        content = reply.get("content", {}).get(MEDIA_TYPE, {})
        for code, example in content.get("examples", {}).items():
            shared.setdefault(code, example)
            content["examples"][code] = {"$ref": f"#/components/examples/{code}"}


def _share_refusals(description: dict[str, Any]) -> None:
    """Describe a refusal that several operations answer once: every one may answer the same four."""
    by_name: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for _, _, operation in operations(description):
        for status, reply in operation["responses"].items():
            if codes := reply.get("content", {}).get(MEDIA_TYPE, {}).get("examples"):
                by_name.setdefault("_or_".join(sorted(codes)), []).append((operation["responses"], status))
    shared = description["components"].setdefault("responses", {})
    for name, places in sorted(by_name.items()):
        if len(places) > 1:
            shared[name] = places[0][0][places[0][1]]
            for responses, status in places:
                responses[status] = {"$ref": f"#/components/responses/{name}"}


def _plainly_named(description: dict[str, Any]) -> dict[str, Any]:
    """Where two areas have a schema of one name, FastAPI names them by module: here by area instead."""
    plain = {}
    for name in description.get("components", {}).get("schemas", {}):
        inner = name.split("__")[2:]
        if inner:
            area = inner[1] if inner[0] == "schemas" else inner[0]
            plain[name] = area.capitalize() + inner[-1]
        elif name.startswith(FORM):
            plain[name] = name.removeprefix(FORM).title().replace("_", "") + "Form"
    renamed: dict[str, Any] = _renamed(description, plain)
    for old, name in plain.items():
        schema = renamed["components"]["schemas"][name]
        schema["title"] = name
        if old.startswith(FORM):
            schema["description"] = f"The form of `{old.removeprefix(FORM)}`."
    return renamed


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            names.get(key, key): _reference(value, names) if key == "$ref" else _renamed(value, names)
            for key, value in node.items()
        }
    return [_renamed(item, names) for item in node] if isinstance(node, list) else node


def _reference(target: str, names: Mapping[str, str]) -> str:
    place, _, name = target.rpartition("/")
    return f"{place}/{names.get(name, name)}"


def _drop_unused_schemas(description: dict[str, Any]) -> None:
    """FastAPI describes its own validation error too, which no operation answers."""
    schemas = description["components"].get("schemas", {})
    while unused := set(schemas) - set(_schemas_named(description)):
        for name in unused:
            del schemas[name]


def _schemas_named(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _schemas_named(value)
    elif isinstance(node, list):
        for item in node:
            yield from _schemas_named(item)
