"""What the description of the API promises: it is complete, true of itself, and the one in the repository."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.openapi import ANY_ACCOUNT, CALLERS, UNKNOWN
from app.cli import openapi
from app.models.accounts import Role
from tests.described import Operation, application, described, description

NAMED_FOR = {
    "devices": {"devices", "shifts"},
    "compounds": {"compounds", "gates"},
    "gate_rules": {"gate"},  # up to the first underscore
}
"""Areas that keep a second thing of the glossary, which operations may be named for."""

CHINESE = re.compile("[\u4e00-\u9fff]")


def examples(operation: Operation) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where an operation shows a JSON body, its schema, and the body."""
    parts = {"request": operation.said.get("requestBody", {}), **operation.responses}
    for part, body in parts.items():
        for media_type, content in body.get("content", {}).items():
            if "json" not in media_type:
                continue
            where = f"{operation.id} {part}"
            if "example" in content:
                yield where, content["schema"], content["example"]
            for named in content.get("examples", {}).values():
                code = named["$ref"].rpartition("/")[2]
                yield where, content["schema"], description()["components"]["examples"][code]["value"]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def said_about_itself(operation: Operation) -> bool:
    return bool(operation.said.get("summary")) and bool(operation.said.get("description"))


def named_for_its_area(operation: Operation) -> bool:
    (tag,) = operation.said["tags"]
    area, _, verb = operation.id.partition("_")
    return bool(verb) and area in NAMED_FOR.get(tag, {tag})


def summed_up_in_both_languages(operation: Operation) -> bool:
    english, _, chinese = operation.said["summary"].partition(" · ")
    return bool(CHINESE.search(chinese)) and not CHINESE.search(english)


def says_who_may_call(operation: Operation) -> bool:
    prose, _, who = operation.said["description"].rpartition(CALLERS)
    return bool(prose.strip()) and all(role in who for role in operation.roles or ["everyone"])


def names_known_roles(operation: Operation) -> bool:
    return operation.roles == [ANY_ACCOUNT] or set(operation.roles) <= {role.value for role in Role}


def asks_for_a_sign_in_where_it_needs_one(operation: Operation) -> bool:
    return bool(operation.said["security"]) == bool(operation.roles)


def answers_who_has_not_signed_in(operation: Operation) -> bool:
    return not operation.roles or "unauthenticated" in operation.problems


def answers_who_lacks_the_role(operation: Operation) -> bool:
    return operation.roles in ([], [ANY_ACCOUNT]) or "forbidden" in operation.problems


def answers_what_is_not_there(operation: Operation) -> bool:
    ids = [found for found in operation.parameters("path") if found["schema"].get("format") == "uuid"]
    return not ids or "not_found" in operation.problems


def answers_bodies_that_are_no_json(operation: Operation) -> bool:
    return (
        not operation.body
        or {
            "unreadable_body",
            "unsupported_media_type",
            "content_too_large",
        }
        <= operation.problems
    )


def answers_what_anything_may(operation: Operation) -> bool:
    return {"malformed_request", "internal_error", "unavailable", "overloaded"} <= operation.problems


def describes_its_parameters(operation: Operation) -> bool:
    return all(
        found.get("description") or found["schema"].get("format") == "uuid"
        for found in operation.said.get("parameters", [])
    )


def shows_every_json_body(operation: Operation) -> bool:
    bodies = [operation.said.get("requestBody", {}), *operation.responses.values()]
    return all(
        "example" in content or "examples" in content
        for body in bodies
        for media_type, content in body.get("content", {}).items()
        if "json" in media_type
    )


def has_a_word_for_every_field(operation: Operation) -> bool:
    return not any(word == UNKNOWN for _, _, shown in examples(operation) for word in strings(shown))


def has_one_success(operation: Operation) -> bool:
    return len([status for status in operation.said["responses"] if status.startswith("2")]) == 1


@pytest.mark.parametrize(
    "rule",
    [
        said_about_itself,
        named_for_its_area,
        summed_up_in_both_languages,
        says_who_may_call,
        names_known_roles,
        asks_for_a_sign_in_where_it_needs_one,
        answers_who_has_not_signed_in,
        answers_who_lacks_the_role,
        answers_what_is_not_there,
        answers_bodies_that_are_no_json,
        answers_what_anything_may,
        describes_its_parameters,
        shows_every_json_body,
        has_a_word_for_every_field,
        has_one_success,
    ],
    ids=lambda rule: rule.__name__,
)
def test_every_operation(rule: Callable[[Operation], bool]) -> None:
    assert [operation.id for operation in described() if not rule(operation)] == []


def test_operation_ids_are_unique() -> None:
    ids = [operation.id for operation in described()]
    assert len(set(ids)) == len(ids)


def test_examples_are_what_their_schemas_allow() -> None:
    """Checked by a JSON Schema validator of its own, formats included."""
    definitions = description()["components"]
    faults = []
    for operation in described():
        for where, schema, shown in examples(operation):
            validator = jsonschema_rs.Draft202012Validator(
                {**schema, "components": definitions}, validate_formats=True
            )
            faults += [
                f"{where}: {error.instance_path} {error.message}" for error in validator.iter_errors(shown)
            ]
    assert faults == []


def test_examples_of_requests_pass_our_own_validation() -> None:
    """The schemas say less than the field types check."""
    shown = {
        (operation.path, operation.method): operation.body["example"]
        for operation in described()
        if operation.body
    }
    checked = set()
    for route in iter_route_contexts(application().routes):
        if not isinstance(route.original_route, APIRoute) or not route.include_in_schema:
            continue
        name = (route.path_format or "", min(route.methods or {""}).lower())
        if name in shown:
            _, faults = route.body_field.validate(shown[name], loc=("body",))
            assert not faults, (name, faults)
            checked.add(name)
    assert checked == set(shown)


def test_the_whole_is_described_in_both_languages() -> None:
    whole = description()
    assert whole["openapi"].startswith("3.1.")
    assert {"title", "version", "summary", "description", "contact"} <= set(whole["info"])
    assert CHINESE.search(whole["info"]["description"])
    used = {tag for operation in described() for tag in operation.said["tags"]}
    assert {tag["name"] for tag in whole["tags"]} == used
    assert all(" · " in tag["description"] for tag in whole["tags"])
    assert set(whole["components"]["securitySchemes"]) == {"access_token"}


def test_every_schema_has_a_plain_name_and_says_what_it_is() -> None:
    schemas = description()["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch("[A-Z][A-Za-z]+", name)] == []
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_every_field_says_what_it_is() -> None:
    assert [
        f"{name}.{field}"
        for name, schema in description()["components"]["schemas"].items()
        if name != "ProblemDocument"
        for field, said in schema.get("properties", {}).items()
        if not said.get("description") and "$ref" not in said
    ] == []


def test_everything_that_is_referred_to_is_there() -> None:
    whole = description()
    found = set(re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', json.dumps(whole)))
    assert all(name in whole["components"][kind] for kind, name in found)
    for kind in ("schemas", "responses", "examples"):
        assert {name for shared, name in found if shared == kind} == set(whole["components"][kind])


def test_the_file_in_the_repository_is_what_the_application_says() -> None:
    file = Path(__file__).parents[2] / "openapi.yaml"
    assert file.read_text(encoding="utf-8") == openapi.description(), (
        "run `huixin openapi` and commit openapi.yaml"
    )
