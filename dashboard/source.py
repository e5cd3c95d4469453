"""Where a request comes from, and whether this browser has let somebody in before."""

import hashlib
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from flask import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from dashboard.services import Services

COOKIE = "kibaba_known"
_KNOWN_SECONDS = 90 * 86_400
_NAMES_MAX = 5
_IPV6_PREFIX = 64

Networks = Sequence[IPv4Network | IPv6Network]


def source_of(request: Request, trusted_proxies: Networks) -> str:
    """The network that a request comes from: one IPv4 address, or the /64 of an IPv6 one.

    `X-Forwarded-For` counts only as far as proxies we trust have written it: from the right, the first
    address that is none of theirs. What stands left of it is what the caller wrote themselves.
    """
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).split(",")
    hops = [*(hop.strip() for hop in forwarded), request.remote_addr or ""]
    source = hops.pop()
    while hops and hops[-1] and _is_within(source, trusted_proxies):
        source = hops.pop()
    return _network(source)


def is_known(request: Request, parts: Services, email: str) -> bool:
    """Whether somebody has signed in with this name in this browser lately."""
    return _hash(email) in _names(request, parts)


def remember(response: Response, request: Request, parts: Services, email: str) -> None:
    """Let this browser be known for this name. The cookie opens nothing."""
    names = [name for name in _names(request, parts) if name != _hash(email)]
    response.set_cookie(
        COOKIE,
        _signer(parts).dumps([*names, _hash(email)][-_NAMES_MAX:]),
        max_age=_KNOWN_SECONDS,
        path="/dashboard",
        secure=parts.is_https,
        httponly=True,
        samesite="Lax",
    )


def _is_within(text: str, networks: Networks) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _network(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return "unreadable"
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)


def _names(request: Request, parts: Services) -> list[str]:
    try:
        names: list[str] = _signer(parts).loads(request.cookies.get(COOKIE, ""), max_age=_KNOWN_SECONDS)
    except BadSignature:
        return []
    return names


def _signer(parts: Services) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts.secret_key, salt="known browser")


def _hash(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]
