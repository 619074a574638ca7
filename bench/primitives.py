"""Codes and sign-in tokens per second on one core, each beside the bare `cryptography` primitive.

Run as `python -m bench.primitives [ROUNDS]`; prints JSON.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import hmac as hmac_primitive
from cryptography.hazmat.primitives.asymmetric import ec

from app.services import tokens
from app.services.codes import format as codes
from app.services.codes.symbol import draw_png, draw_svg

PREFIX = "https://hx.example.cn/c/"
CALLS = 200
"""Calls of one kind in a round: some 20 ms, long against the timer and short against other load."""

SLOW = 50
"""Drawing takes a hundred times as long as the rest."""


def measured() -> dict[str, Callable[[], object]]:
    """What is timed, by name. Whatever a real request finds ready is made here, outside the timing."""
    primitive = ec.generate_private_key(ec.SECP256R1())
    primitive_public = primitive.public_key()
    ecdsa = ec.ECDSA(hashes.SHA256())
    key = tokens.generate_es256("07")
    verifying = key.verifying
    iat = 1_790_000_000
    jti_key, sub = bytes(32), bytes(8)

    def mint() -> codes.SignedCode:
        (code,) = codes.sign_codes([(sub, iat)], iss="5000", ttl=12, jti_key=jti_key, key=key)
        return code

    text, jws = mint().symbol_text(PREFIX), mint().jws
    signed = codes.signing_input(codes.parse_code_text(text, [PREFIX]))
    der = primitive.sign(signed, ecdsa)
    secret = tokens.secret_key("s1", bytes(32))
    account = "0199c0de-0000-7000-8000-000000000001"
    claims = tokens.AccessClaims(iss="hx", sub=account, sid=account, kind="staff", iat=iat, exp=iat + 600)
    access = tokens.issue_access_token(claims, secret)
    now = datetime.fromtimestamp(iat, UTC)
    sealed = access.rpartition(".")[0].encode()

    def bare_hmac() -> bytes:
        context = hmac_primitive.HMAC(bytes(32), hashes.SHA256())
        context.update(sealed)
        return context.finalize()

    return {
        "es256_sign": lambda: primitive.sign(signed, ecdsa),
        "es256_verify": lambda: primitive_public.verify(der, signed, ecdsa),
        "hs256": bare_hmac,
        "mint_code": lambda: mint().symbol_text(PREFIX),
        "read_and_verify_code": lambda: codes.verify_code(codes.parse_code_text(text, [PREFIX]), verifying),
        "parse_code": lambda: codes.parse_code_text(text, [PREFIX]),
        "sign_jws": lambda: tokens.sign_jws(b"x" * 90, key, typ="x"),
        "verify_jws": lambda: tokens.verify_jws(jws, verifying, "ES256"),
        "issue_access_token": lambda: tokens.issue_access_token(claims, secret),
        "read_access_token": lambda: tokens.read_access_token(access, [secret], issuer="hx", now=now),
        "draw_svg": lambda: draw_svg(text, PREFIX),
        "draw_png": lambda: draw_png(text, PREFIX),
    }


BASELINES = {
    "mint_code": "es256_sign",
    "sign_jws": "es256_sign",
    "read_and_verify_code": "es256_verify",
    "verify_jws": "es256_verify",
    "issue_access_token": "hs256",
    "read_access_token": "hs256",
}


def rates(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Calls per second by name, one figure a round.

    Every kind is timed once in each round, so that other load on the machine falls on all alike.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            count = max(1, CALLS // SLOW) if name.startswith("draw") else CALLS
            start = perf_counter()
            for _ in range(count):
                call()
            found[name].append(count / (perf_counter() - start))
    return found


def report(rounds: int) -> dict[str, Any]:
    """Medians over `rounds`, and each beside its primitive."""
    by_round = rates(measured(), rounds)
    shares = {
        name: median(own / bare for own, bare in zip(by_round[name], by_round[baseline], strict=True))
        for name, baseline in BASELINES.items()
    }
    return {
        "rounds": rounds,
        "per_second": {name: round(median(figures)) for name, figures in by_round.items()},
        "share_of_primitive": {name: round(share, 3) for name, share in shares.items()},
    }


if __name__ == "__main__":
    json.dump(report(int(sys.argv[1]) if len(sys.argv) > 1 else 25), sys.stdout, indent=2)
    sys.stdout.write("\n")
