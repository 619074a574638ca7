"""Every refusal has a code of its own, both languages, and an entry in the API description."""

import importlib
import pkgutil
import re
import string

import pytest

import app
from app.api.problems import EVERYWHERE, WITH_BODY, kinds, problem_responses
from app.errors import Problem

for module in pkgutil.walk_packages(app.__path__, "app."):
    if not module.name.startswith(("app.cli", "app.standin")):
        importlib.import_module(module.name)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.code)
def test_every_problem_is_complete(kind: type[Problem]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{2,63}", kind.code)
    assert 400 <= kind.status <= 599
    assert not kind.__name__.endswith("Error")
    assert kind.__doc__
    for text in (kind.title, kind.message):
        assert re.search(r"[\u4e00-\u9fff]", text.zh)
        assert text.en.isascii()
        assert _placeholders(text.zh) == _placeholders(text.en)
    assert not _placeholders(kind.title.en)


def test_422_is_for_malformed_requests_only() -> None:
    for kind in kinds():
        if kind.status == 422:
            assert set(kind.code.split("_")) & {"malformed", "invalid", "unreadable"}, kind.code


def test_every_code_belongs_to_one_problem() -> None:
    by_code: dict[str, set[str]] = {}
    for kind in kinds():
        by_code.setdefault(kind.code, set()).add(f"{kind.__module__}.{kind.__name__}")
    assert {code: names for code, names in by_code.items() if len(names) > 1} == {}


def test_an_operation_describes_what_it_may_answer() -> None:
    described = problem_responses(body=True)
    for kind in (*EVERYWHERE, *WITH_BODY):
        examples = described[kind.status]["content"]["application/problem+json"]["examples"]
        assert examples[kind.code]["value"]["code"] == kind.code


def _placeholders(text: str) -> set[str]:
    """Names of the parameters; `{reason.zh}` and `{reason.en}` are the same one in two languages."""
    named = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    return {re.sub(r"(^|\.)(zh|en)$", "", name) for name in named}
