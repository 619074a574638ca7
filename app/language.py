"""Which of the product's two languages a caller reads, from its Accept-Language header."""

from typing import Literal

Language = Literal["zh", "en"]

DEFAULT: Language = "zh"
"""The product serves a Chinese city: whoever does not say otherwise reads Chinese."""

LONGEST_HEADER = 256
"""Browsers send under 100 characters; what is longer is not read further."""


def preferred(accept_language: str | None) -> Language:
    """The better of Chinese and English for an Accept-Language value (RFC 9110, section 12.5.4).

    The higher weight wins, the earlier of equals; `*` and anything unreadable mean Chinese.
    """
    if accept_language is None:
        return DEFAULT
    best, best_weight = DEFAULT, 0.0
    for item in accept_language[:LONGEST_HEADER].split(","):
        tag, _, parameters = item.partition(";")
        weight = _weight(parameters)
        language = _language(tag.strip().lower())
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best


def _language(tag: str) -> Language | None:
    match tag.partition("-")[0]:
        case "zh" | "*":
            return "zh"
        case "en":
            return "en"
        case _:
            return None


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
