"""Where a request is sent: a URL, checked as far as it can be without asking anybody.

Names are resolved when a request is made, and every address of them is checked then (`http.py` beside this file).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from engine.outgoing.addresses import Address, Network, why_refused

LONGEST_URL = 2_000
"""Characters of a URL."""

PORTS = frozenset({443, 8443})
"""The ports that requests may be sent to, unless the operator names others."""

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}", re.ASCII)
_SAFE = re.compile(r"[!-~]+", re.ASCII)

LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")
"""Names, and ends of names, that mean something only inside a network."""


class TargetRefused(Exception):
    """Nothing is sent to a URL. The message says why, and what to send instead."""


@dataclass(frozen=True)
class Guard:
    """What the operator allows beyond HTTPS to the public internet: plain HTTP, other ports, private networks."""

    plain: bool = False
    ports: Collection[int] = PORTS
    networks: Sequence[Network] = ()


@dataclass(frozen=True)
class Target:
    """A URL in its parts. `host` is a name in lower case, or an address, without the dot at its end."""

    url: str
    secure: bool
    host: str
    port: int
    address: Address | None


def target_of(url: str, guard: Guard) -> Target:
    """The parts of a URL. Raises `TargetRefused`."""
    if len(url) > LONGEST_URL:
        raise TargetRefused(f"This URL has {len(url):,} characters. Send one of up to {LONGEST_URL:,}.")
    if not _SAFE.fullmatch(url) or "\\" in url:
        raise TargetRefused(
            "A URL has only ASCII characters, without spaces and backslashes. Write a name with other letters in its"
            " xn-- form, and anything else percent-encoded."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise TargetRefused("This is not a URL. Send one like https://example.com/webhooks.") from wrong
    schemes = ("https", "http") if guard.plain else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise TargetRefused(f"The URL must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host.")
    if "@" in parts.netloc:
        raise TargetRefused("A URL must not hold a user or a password. Verify the signature of each request instead.")
    if parts.fragment or "#" in url:
        raise TargetRefused("A URL must not hold a fragment, because it is never sent. Remove the # and what follows.")
    secure = parts.scheme == "https"
    port = port if port is not None else 443 if secure else 80
    if port not in guard.ports and not (port == 80 and not secure):
        listed = ", ".join(map(str, sorted(guard.ports)))
        raise TargetRefused(f"Requests are not sent to port {port}. Use one of these: {listed}.")
    host = parts.hostname.lower().removesuffix(".")
    address = _address(host, bracketed="[" in parts.netloc)
    if address is not None:
        if why := why_refused(address, guard.networks):
            raise TargetRefused(f"{address} belongs to {why}. Use an address of the public internet.")
    else:
        _expect_public_name(host, guard)
    return Target(url, secure, host, port, address)


def _address(host: str, *, bracketed: bool) -> Address | None:
    """The address that a host is, or None for a name. Raises `TargetRefused` for what only looks like one."""
    if bracketed:
        if "%" in host:
            raise TargetRefused(
                "An address with a zone belongs to a local link. Use an address of the public internet."
            )
        try:
            return IPv6Address(host)
        except ValueError as wrong:
            raise TargetRefused("What stands in brackets is not an IPv6 address.") from wrong
    if _QUAD.fullmatch(host):
        try:
            return IPv4Address(host)
        except ValueError as wrong:
            raise TargetRefused(f"{host} is not an address: each of its numbers is from 0 to 255.") from wrong
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise TargetRefused("An address is written as four decimal numbers, like 192.0.2.1, or as IPv6 in brackets.")
    return None


def _expect_public_name(host: str, guard: Guard) -> None:
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise TargetRefused("This is not the name of a host. Send a URL like https://example.com/webhooks.")
    if guard.networks:
        return
    ends = tuple(f".{name}" for name in LOCAL_NAMES)
    if host in LOCAL_NAMES or host.endswith(ends) or "." not in host:
        raise TargetRefused(f"{host} is the name of a host inside a network. Use a name of the public internet.")
