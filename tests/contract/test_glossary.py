"""Tables, paths, tags and roles say the words of docs/glossary.md and no others."""

import re
from collections import Counter
from pathlib import Path

import httpx
import pytest

from app.models import Base
from app.models.accounts import Role

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"
MADE_OF = {"wechat"}
"""Names of others, which are their own words."""
FORMS = {"svg", "png", "txt", "json", "csv", "v1"}


def _words() -> set[str]:
    """Every word of the first column, in singular, and the words that terms are made of."""
    found: set[str] = set()
    for line in GLOSSARY.read_text("utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| word"):
            for term in line.split("|")[1].split(","):
                found |= {_singular(word) for word in re.findall(r"[a-z0-9]+", term.lower())}
    return found


def _singular(word: str) -> str:
    for ending, short in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss") and len(word) > 2:
            return word.removesuffix(ending) + short
    return word


def _unknown(name: str) -> set[str]:
    words = {_singular(word) for word in re.findall(r"[a-z0-9]+", name.lower())}
    return words - _words() - {_singular(word) for word in MADE_OF | FORMS}


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
def test_every_table_says_a_word_of_the_glossary(table: str) -> None:
    assert _unknown(table) == set()


def test_every_term_stands_once() -> None:
    """Two merged versions of a line are two meanings of a word."""
    lines = GLOSSARY.read_text("utf-8").splitlines()
    assert [line for line in lines if re.match(r"(<{7}|={7}|>{7})", line)] == []
    terms = Counter(
        term.strip()
        for line in lines
        if line.startswith("| ") and not line.startswith(("| word", "| role"))
        for term in line.split("|")[1].split(",")
    )
    assert [term for term, times in terms.items() if times > 1] == []


@pytest.mark.parametrize("role", Role)
def test_every_role_stands_in_the_glossary(role: Role) -> None:
    assert re.search(rf"\b{role.value}\b", GLOSSARY.read_text("utf-8"))


async def test_every_path_and_tag_says_words_of_the_glossary(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    unknown = {
        f"{segment} in {path}"
        for path in described["paths"]
        for segment in path.split("/")
        if not segment.startswith("{") and _unknown(re.sub(r"\{.*?\}", "", segment))
    }
    tags = {
        tag
        for operations in described["paths"].values()
        for operation in operations.values()
        for tag in operation["tags"]
        if _unknown(tag)
    }
    assert sorted(unknown | tags) == []
