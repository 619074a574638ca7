"""Forgers' work: what somebody makes of a valid code or sign-in token without its key."""

import base64
import hashlib
import hmac
import json
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from app.services.codes import format as code_format
from app.services.codes.format import Code

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (SEC 2, section 2.4.2)."""

LOOKALIKES = "01890٠АВЕОСｱＡ２oOlIß\u2167\u0301\u200b"
"""What reads like a letter of base32 and is none, with letters whose upper case is ASCII."""

Mutation = Callable[[Random], str]


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def flip(data: bytes, random: Random, bits: int = 1) -> bytes:
    """`data` with `bits` different bits flipped."""
    changed = int.from_bytes(data, "big")
    for bit in random.sample(range(len(data) * 8), bits):
        changed ^= 1 << bit
    return changed.to_bytes(len(data), "big")


def swap(data: bytes, random: Random) -> bytes:
    """`data` with two bytes that differ swapped."""
    first = random.randrange(len(data))
    second = random.choice([place for place, byte in enumerate(data) if byte != data[first]])
    swapped = bytearray(data)
    swapped[first], swapped[second] = data[second], data[first]
    return bytes(swapped)


def letters(text: str, alphabet: str, random: Random) -> str:
    """`text` with one of its characters replaced, doubled, dropped or moved."""
    place = random.randrange(len(text))
    head, tail = text[:place], text[place + 1 :]
    return random.choice(
        [
            head + random.choice(alphabet) + tail,
            head + text[place] * 2 + tail,
            head + tail,
            tail + text[place] + head,
        ]
    )


def misspelt(text: str, alphabet: str, chance: Random) -> str:
    """`text` with one to three mistakes: letters replaced, dropped, put in, of the other case or swapped."""
    letters = list(text)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(letters))
        match chance.randrange(5):
            case 0:
                letters[place] = chance.choice(alphabet)
            case 1:
                del letters[place]
            case 2:
                letters.insert(place, chance.choice(alphabet))
            case 3:
                letters[place] = letters[place].swapcase()
            case _:
                other = chance.randrange(len(letters))
                letters[place], letters[other] = letters[other], letters[place]
    return "".join(letters)


def mutations_of_code(
    text: str, jws: str, *, prefix: str, other: Code, published: dict[str, Any]
) -> list[Mutation]:
    """Ways to spoil a code, given as link and as JWS; `other` is one more valid code, of another courier."""
    code = code_format.parse_code_text(text, [prefix])
    packed = code_format.pack(code)
    bare = text.removeprefix(prefix)

    def link(data: bytes) -> str:
        return prefix + base64.b32encode(data).rstrip(b"=").decode()

    def changed(**fields: Any) -> str:
        return link(code_format.pack(replace(code, **fields)))

    fields: list[Mutation] = [
        lambda random: changed(kid=f"{random.randrange(256):02x}"),
        lambda random: changed(iss=f"{random.randrange(10_000):04}"),
        lambda random: changed(ttl=random.randrange(256)),
        lambda random: changed(iat=code.iat + random.randint(-3_600, 86_400)),
        lambda random: changed(sub=random.randbytes(8)),
        lambda random: changed(jti=random.randbytes(6)),
        lambda random: changed(signature=random.choice([other.signature, random.randbytes(64)])),
        lambda _: changed(sub=other.sub),
        lambda _: changed(sub=other.sub, jti=other.jti, iat=other.iat),
        lambda _: changed(signature=code.signature[32:] + code.signature[:32]),
        lambda random: changed(signature=_number(random) + _number(random)),
    ]
    bytewise: list[Mutation] = [
        lambda random: link(flip(packed, random)),
        lambda random: link(flip(packed, random, random.randint(2, 12))),
        lambda random: link(swap(packed, random)),
        lambda random: link(packed[: random.randrange(len(packed))]),
        lambda random: link(packed + random.randbytes(random.randint(1, 8))),
        lambda random: prefix + bare[: random.randrange(len(bare))],
        lambda random: prefix + bare[:-1] + random.choice([c for c in _BASE32 if c != bare[-1]]),
        lambda random: prefix + letters(bare, _BASE32, random),
        lambda random: prefix + letters(bare, LOOKALIKES + string.printable, random),
        lambda random: letters(prefix, string.ascii_letters, random) + bare,
        lambda _: text + base64.b32encode(packed).decode()[-1] + "====",
    ]
    return fields + bytewise + list(_mutations_of_jws(jws, "07", published))


def mutations_of_token(token: str, *, published: dict[str, Any]) -> list[Mutation]:
    """Ways to spoil a sign-in token."""
    return list(_mutations_of_jws(token, "a1", published))


def _mutations_of_jws(jws: str, kid: str, published: dict[str, Any]) -> Iterator[Mutation]:
    """Ways to spoil a compact JWS; `published` is a public key that everybody knows."""
    head, body, seal = jws.split(".")
    header, claims, signature = (_decoded(segment) for segment in (head, body, seal))
    known = json.loads(claims)

    def with_header(**members: Any) -> str:
        spelled = encoded(json.dumps({**json.loads(header), **members}, separators=(",", ":")).encode())
        return f"{spelled}.{body}"

    def with_claims(random: Random) -> str:
        name = random.choice(list(known))
        value = known[name]
        lie = (
            value + random.randint(1, 86_400)
            if isinstance(value, int)
            else value[:-1] + random.choice("0Aa_")
        )
        lies = {**known, name: random.choice([lie, None, True, str(value), [value], float("1e3")])}
        return encoded(json.dumps(lies, separators=(",", ":"), sort_keys=True).encode())

    def confused(random: Random) -> str:
        """HMAC under the public key, which a verifier that trusts `alg` would take for the secret."""
        alg, digest = random.choice([("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")])
        secret = random.choice(
            [
                json.dumps(published).encode(),
                published["x"].encode(),
                _decoded(published["x"]),
                b"",
                kid.encode(),
            ]
        )
        signed = with_header(alg=alg)
        return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), digest))}"

    yield lambda random: f"{encoded(flip(header, random))}.{body}.{seal}"
    yield lambda random: f"{head}.{encoded(flip(claims, random))}.{seal}"
    yield lambda random: f"{head}.{body}.{encoded(flip(signature, random))}"
    yield lambda random: f"{head}.{body}.{encoded(swap(signature, random))}"
    yield lambda random: f"{head}.{encoded(swap(claims, random))}.{seal}"
    yield lambda random: f"{head}.{with_claims(random)}.{seal}"
    yield (
        lambda random: f"{head}.{with_claims(random)}.{encoded(hashlib.sha256(random.randbytes(4)).digest())}"
    )
    yield lambda random: f"{with_header(alg=random.choice(['none', 'None', 'NONE', 'nOnE', '']))}."
    yield lambda random: f"{with_header(alg=random.choice(['none', 'ES384', 'RS256', None, 1, []]))}.{seal}"
    yield (
        lambda random: f"{with_header(typ=random.choice(['JWT', 'hx+jwt', 'at+jwt', 'x', None]), x=1)}.{seal}"
    )
    yield (
        lambda random: f"{with_header(kid=random.choice(['00', 'ff', '../a1', '', None, 7, ['07']]))}.{seal}"
    )
    yield lambda random: f"{with_header(crit=['exp'])}.{seal}" if random.random() < 0.5 else f"{head}.{body}."
    yield lambda _: f"{with_header(jwk=published)}.{seal}"
    yield lambda _: f"{with_header(b64=False, crit=['b64'])}.{seal}"
    yield confused
    yield lambda random: jws[: random.randrange(1, len(jws))]
    yield lambda random: letters(jws, string.ascii_letters + string.digits + "-_.+/= ", random)
    yield (
        lambda random: (
            ".".join(random.sample([head, body, seal], 3)) if random.random() < 0.5 else f"{jws}.{seal}"
        )
    )
    yield lambda random: _respelled([head, body, seal], random)
    yield lambda random: jws.replace(".", random.choice(["..", ",", " .", ""]))


def _respelled(segments: list[str], random: Random) -> str:
    """Base64 has more spellings of the same bytes: padding, spare bits, the other alphabet, white space."""
    place = random.randrange(3)
    segment = segments[place]
    spellings = [segment + "=" * (-len(segment) % 4 or 1), segment + "\n", segment[:5] + " " + segment[5:]]
    spellings.append(segment.replace("-", "+").replace("_", "/") + "=")
    if len(segment) % 4:
        last = _BASE64URL.index(segment[-1])
        spellings.append(segment[:-1] + _BASE64URL[last + 1 if last % 4 < 3 else last - 1])
    return ".".join([*segments[:place], random.choice(spellings), *segments[place + 1 :]])


def _number(random: Random) -> bytes:
    """A half of a signature that lazy arithmetic stumbles over (Wycheproof's edge cases)."""
    return random.choice([0, 1, 2, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1]).to_bytes(32, "big")


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
