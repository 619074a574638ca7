"""Says what is wrong with a malformed request, in two languages, without repeating what was sent."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.api.schemas.base import Unfit
from app.errors import Text
from app.language import Language

MOST = 20
"""Faults named in one answer: enough to mend a form, too few to make a small request a large reply."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)
"""What a field can be called. Other member names are the client's own text, and are not repeated."""

UNKNOWN = Text("内容不符合要求。", "Does not have the required form.")

MEANINGS: Mapping[str, Text] = {
    "missing": Text("缺少此项。", "Is missing."),
    "extra_forbidden": Text("没有此项。", "There is no such field."),
    "string_type": Text("应为字符串。", "Must be a string."),
    "string_too_short": Text("至少 {min_length} 个字符。", "Must have at least {min_length} characters."),
    "string_too_long": Text("至多 {max_length} 个字符。", "Must have at most {max_length} characters."),
    "string_pattern_mismatch": Text("格式不正确。", "Does not match the required pattern."),
    "int_type": Text("应为整数。", "Must be an integer."),
    "int_parsing": Text("应为整数。", "Must be an integer."),
    "float_type": Text("应为数字。", "Must be a number."),
    "float_parsing": Text("应为数字。", "Must be a number."),
    "finite_number": Text("应为有限的数字。", "Must be a finite number."),
    "bool_type": Text("应为 true 或 false。", "Must be true or false."),
    "bool_parsing": Text("应为 true 或 false。", "Must be true or false."),
    "enum": Text("应为其中之一：{expected}。", "Must be one of: {expected}."),
    "literal_error": Text("应为其中之一：{expected}。", "Must be one of: {expected}."),
    "greater_than": Text("应大于 {gt}。", "Must be greater than {gt}."),
    "greater_than_equal": Text("不应小于 {ge}。", "Must be at least {ge}."),
    "less_than": Text("应小于 {lt}。", "Must be less than {lt}."),
    "less_than_equal": Text("不应大于 {le}。", "Must be at most {le}."),
    "list_type": Text("应为数组。", "Must be an array."),
    "dict_type": Text("应为对象。", "Must be an object."),
    "model_type": Text("应为对象。", "Must be an object."),
    "model_attributes_type": Text("应为对象。", "Must be an object."),
    "too_short": Text("至少 {min_length} 项。", "Must have at least {min_length} items."),
    "too_long": Text("至多 {max_length} 项。", "Must have at most {max_length} items."),
}
"""By pydantic's error type. The parameters come from the schema, so none repeats what was sent."""


def faults(errors: Iterable[Mapping[str, Any]], language: Language) -> list[dict[str, str]]:
    """The `errors` member of a problem document, from pydantic's errors.

    Each has the part of the request (`in`), a JSON pointer within it (RFC 6901), a code and a
    sentence. Neither values nor member names of the client's own making appear.
    """
    return [_fault(error, language) for error, _ in zip(errors, range(MOST), strict=False)]


def _fault(error: Mapping[str, Any], language: Language) -> dict[str, str]:
    where, *steps = error["loc"]
    code, detail = _meaning(error, language)
    return {"in": str(where), "pointer": _pointer(steps), "code": code, "detail": detail}


def _meaning(error: Mapping[str, Any], language: Language) -> tuple[str, str]:
    context = error.get("ctx", {})
    reason = context.get("error")
    if isinstance(reason, Unfit):
        return reason.code, reason.text.render(language)
    text = MEANINGS.get(error["type"])
    return error["type"], (text.render(language, **context) if text else UNKNOWN.render(language))


def _pointer(steps: Sequence[object]) -> str:
    pointer = ""
    for step in steps:
        if isinstance(step, int) or (isinstance(step, str) and NAME.fullmatch(step)):
            pointer += f"/{step}"
        else:
            break
    return pointer
