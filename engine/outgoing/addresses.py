"""The addresses that requests may be sent to: those of the public internet, and those that the operator allows.

The person who names a URL decides where this server connects to. So an address is refused when it is of a private
network, of this machine, or of a cloud's metadata service, which gives credentials to anyone who asks from inside.

Sources: IANA's special-purpose registries of IPv4 and IPv6 (RFC 6890), and the documentation of the clouds.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.169.254/32",  # AWS, Azure, Google, DigitalOcean, Hetzner, OpenStack, Oracle
        "169.254.169.253/32",  # AWS: names
        "169.254.169.123/32",  # AWS: time
        "169.254.170.2/32",  # AWS: credentials of ECS tasks
        "169.254.170.23/32",  # AWS: credentials of EKS pods
        "169.254.0.23/32",  # Tencent
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure: wire server
        "192.0.0.192/32",  # Oracle, the first generation
        "fd00:ec2::/64",  # AWS
        "fd20:ce::254/128",  # Google
        "fe80::a9fe:a9fe/128",  # OpenStack
    )
)
"""Never allowed, whatever the operator allows."""

REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(text), what)
    for text, what in (
        ("0.0.0.0/8", "this machine"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's private network"),
        ("127.0.0.0/8", "this machine"),
        ("169.254.0.0/16", "a local link"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "a reserved network"),
        ("192.0.2.0/24", "a network of examples"),
        ("192.88.99.0/24", "a relay of IPv6"),
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "a network of benchmarks"),
        ("198.51.100.0/24", "a network of examples"),
        ("203.0.113.0/24", "a network of examples"),
        ("224.0.0.0/4", "a multicast group"),
        ("240.0.0.0/4", "a reserved network"),
        ("::/128", "this machine"),
        ("::1/128", "this machine"),
        ("64:ff9b::/96", "a translation to IPv4 (NAT64)"),
        ("64:ff9b:1::/48", "a translation to IPv4 (NAT64)"),
        ("100::/64", "a network that drops everything"),
        ("2001::/32", "a tunnel to IPv4 (Teredo)"),
        ("2001::/23", "a reserved network"),
        ("2001:db8::/32", "a network of examples"),
        ("2002::/16", "a tunnel to IPv4 (6to4)"),
        ("3fff::/20", "a network of examples"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "a local link"),
        ("fec0::/10", "a private network"),
        ("ff00::/8", "a multicast group"),
    )
)
"""Refused unless the operator allows it; of several networks, the first one says why."""

UNICAST = IPv6Network("2000::/3")
"""The only addresses of IPv6 that are given out for the public internet."""

_NAT64 = IPv6Network("64:ff9b::/96")
_TUNNEL = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_COMPATIBLE = IPv6Network("::/96")


def why_refused(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """What an address belongs to that nothing is sent to, or None when it may be sent to.

    An IPv4 address inside an IPv6 one counts as well: a network that is allowed allows no way around it.
    """
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped is not None:
        return why_refused(mapped, allowed)
    inner = _embedded(address)
    if any(_contains(network, one) for one in (address, *inner) for network in METADATA):
        return "a cloud's metadata service"
    if not any(_contains(network, address) for network in allowed):
        for network, what in REFUSED:
            if _contains(network, address):
                return what
        if isinstance(address, IPv6Address) and address not in UNICAST:
            return "a reserved network"
    return next((why for one in inner if (why := why_refused(one, allowed))), None)


def is_public(address: Address) -> bool:
    """Whether an address is of the public internet, so that what it answers may be shown."""
    return why_refused(address) is None


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that a gateway would take from an IPv6 address."""
    if isinstance(address, IPv4Address):
        return ()
    number = int(address)
    if address in _NAT64 or (address in _COMPATIBLE and number > 0xFFFF):
        return (IPv4Address(number & 0xFFFF_FFFF),)
    if address in _TUNNEL:
        return (IPv4Address(number >> 80 & 0xFFFF_FFFF),)
    if address in _TEREDO:
        return (IPv4Address(number >> 64 & 0xFFFF_FFFF), IPv4Address(number & 0xFFFF_FFFF ^ 0xFFFF_FFFF))
    return ()


def _contains(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network
