"""How WeChat's replies are read, and which file is served for its domain check."""

import httpx
import pytest

from app.services.wechat.answers import read_answer
from app.services.wechat.domain_check import DomainCheckFile, UnfitCheckFile, load_check_file


@pytest.mark.parametrize(
    ("content", "errcode"),
    [
        (b'{"errcode":0}', 0),
        (b"{}", 0),
        (b'{"errcode":null}', 0),
        (b'{"errcode":""}', 0),
        (b'{"errcode":"40029"}', 40029),
        (b'{"errcode":40029.0}', 40029),
        (b'{"errcode":"many"}', None),
        (b'{"errcode":[1]}', None),
        (b"[]", None),
        (b"null", None),
        (b"", None),
        (b"<html>", None),
        (b'{"a":NaN}', None),
        (b'{"a":"\xff"}', None),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, None),
        (b'{"errcode":0', None),
    ],
)
def test_replies_are_read_by_their_bytes(content: bytes, errcode: int | None) -> None:
    answer = read_answer(httpx.Response(200, content=content))
    assert (answer.errcode if answer else None) == errcode


@pytest.mark.parametrize(
    ("status", "content", "read"),
    [
        (200, b'{"errcode":0}', True),
        (412, b'{"errcode":40001}', True),
        (404, b"{}", False),
        (302, b"{}", False),
        (502, b'{"errcode":0}', False),
    ],
)
def test_status_alone_makes_no_success(status: int, content: bytes, read: bool) -> None:  # noqa: FBT001
    assert (read_answer(httpx.Response(status, content=content)) is not None) == read


@pytest.mark.parametrize(
    ("errmsg", "rid"),
    [
        ("invalid code rid: 65f0a1b2-0c3d4e5f-6a7b8c9d", "65f0a1b2-0c3d4e5f-6a7b8c9d"),
        ("invalid code, hints: [ req_id: aBc1-xY ]", "aBc1-xY"),
        ("ok", None),
    ],
)
def test_trace_id_is_found(errmsg: str, rid: str | None) -> None:
    answer = read_answer(httpx.Response(200, json={"errcode": 1, "errmsg": errmsg}))
    assert answer is not None
    assert answer.rid == rid


def test_domain_check_file_is_served_as_it_was_handed_out() -> None:
    assert load_check_file("", "") is None
    assert load_check_file("a1B2c3D4e5.txt", "0f1e2d3c\n") == DomainCheckFile("a1B2c3D4e5.txt", b"0f1e2d3c\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", ""),
        ("", "0f1e"),
        ("../a.txt", "0f1e"),
        ("a/b.txt", "0f1e"),
        ("a.txt\n", "0f1e"),
        ("a.html", "0f1e"),
        (".txt", "0f1e"),
        ("码.txt", "0f1e"),
        ("a.txt", "x" * 5000),
    ],
)
def test_other_files_are_no_domain_check_files(name: str, content: str) -> None:
    with pytest.raises(UnfitCheckFile):
        load_check_file(name, content)
