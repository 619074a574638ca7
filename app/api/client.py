"""Whose address a request comes from, believing only proxies that the deployment trusts."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def client_address(
    peer: tuple[str, int] | None, forwarded_for: Sequence[str], trusted: Iterable[Network]
) -> str | None:
    """The address of the client: the peer's, or the right-most in X-Forwarded-For that is no proxy of ours.

    Every hop appends whom it heard from, so the list is read from the right for as long as the
    speaker is trusted. What an untrusted one wrote further left is hearsay. None where the peer has
    no address, as on a Unix socket.
    """
    heard = _parse(peer[0]) if peer else None
    if heard is None:
        return None
    networks = tuple(trusted)
    if not networks:
        return str(heard)
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    while hops and any(heard in network for network in networks):
        further = _parse(hops.pop())
        if further is None:
            break
        heard = further
    return str(heard)


@lru_cache(maxsize=4096)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
