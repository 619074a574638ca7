"""How commands speak: one sentence in the operator's language, and an exit code."""

import os
import sys
from contextvars import ContextVar

from app.errors import Text
from app.language import Language

FAILED = 1
"""The command understood, and could not or would not."""

_chosen: ContextVar[Language | None] = ContextVar("chosen", default=None)


class Refused(Exception):
    """A command will not go on; `sentence` says why and what mends it."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.sentence = Text(zh, en)


def choose_language(language: Language | None) -> None:
    """Answer in `language` from now on, whatever the environment says."""
    _chosen.set(language)


def language() -> Language:
    """The language to answer in: chosen by `--lang`, else that of the locale, else Chinese."""
    if chosen := _chosen.get():
        return chosen
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "zh"
    return "zh" if locale.lower().startswith("zh") else "en"


def say(zh: str, en: str) -> None:
    """One line on standard output."""
    print(zh if language() == "zh" else en, flush=True)  # noqa: T201 # what a command is for


def complain(sentence: Text) -> None:
    """One line on standard error. The sentence is taken as it is: no placeholder is filled."""
    print(sentence.zh if language() == "zh" else sentence.en, file=sys.stderr, flush=True)  # noqa: T201 # as above
