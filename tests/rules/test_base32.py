"""Base32 as the standard library writes it."""

from base64 import b32encode

from hypothesis import given
from hypothesis import strategies as st

from app.services.codes.base32 import PACKED, to_base32


@given(st.binary(min_size=PACKED, max_size=PACKED))
def test_every_code_reads_as_rfc_4648_has_it(packed: bytes) -> None:
    assert to_base32(packed) == b32encode(packed).decode().rstrip("=")
