"""The file by which WeChat checks that a domain is ours before links to it may open the mini-program."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z0-9]{1,64}\.txt", re.ASCII)
_CONTENT_LIMIT = 4096
"""WeChat hands out a few dozen bytes; whatever is longer is another file."""


class UnfitCheckFile(ValueError):
    """What is set as the domain check file is not one that WeChat handed out."""


@dataclass(frozen=True, slots=True)
class DomainCheckFile:
    """A check file: served as plain text, byte for byte, directly beneath the link prefix."""

    name: str
    content: bytes


def load_check_file(name: str, content: str) -> DomainCheckFile | None:
    """The check file that is set, or None where neither name nor content is.

    The name must be letters and digits with the ending `.txt`, so that it can stand for no other
    path. Raises UnfitCheckFile.
    """
    if not name and not content:
        return None
    if not _NAME.fullmatch(name):
        raise UnfitCheckFile("the name of the domain check file must be letters and digits ending in .txt")
    encoded = content.encode()
    if not encoded or len(encoded) > _CONTENT_LIMIT:
        raise UnfitCheckFile(f"the domain check file must hold 1 to {_CONTENT_LIMIT} bytes")
    return DomainCheckFile(name, encoded)
