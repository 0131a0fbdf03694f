"""Which connections are open, and which one goes when there is no room for another.

A connection that is served keeps its seat: its request is complete and not yet answered, or its socket has been
authenticated. Every other one waits, and costs its client nothing. When all seats are taken, the connection that has
waited longest makes room for a new one, so that silent clients cannot keep others out, from one address or from many.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address


class Crowded(Exception):
    """There is no room for this connection. `reason` is a label of the metric of cut connections."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Seat:
    """The place of one connection. Every method may be called in any state, and again."""

    __slots__ = ("abort", "admission", "network")

    def __init__(self, admission: "Seats", network: str | None, abort: Callable[[], None]) -> None:
        self.admission = admission
        self.network = network
        self.abort = abort

    def wait(self) -> None:
        """The connection waits for its client."""
        if self in self.admission.seats:
            self.admission.waiting[self] = None

    def serve(self) -> None:
        """The connection is served."""
        self.admission.waiting.pop(self, None)

    def leave(self) -> None:
        """The connection has ended."""
        admission = self.admission
        if self not in admission.seats:
            return
        admission.seats.discard(self)
        admission.waiting.pop(self, None)
        if self.network is not None:
            left = admission.networks[self.network] - 1
            if left:
                admission.networks[self.network] = left
            else:
                del admission.networks[self.network]


@dataclass
class Seats:
    """The connections of this process: at most `most`, and from one address at most `most_per_address`, 0 for any."""

    most: int
    most_per_address: int
    cut: Callable[[str], None]
    """Counts a connection that is cut, by reason."""
    seats: set[Seat] = field(default_factory=set)
    waiting: dict[Seat, None] = field(default_factory=dict)
    """Those that wait for their clients, longest first."""
    networks: dict[str, int] = field(default_factory=dict)
    """Connections by address, as far as they are limited."""

    def admit(self, host: str | None, abort: Callable[[], None]) -> Seat:
        """A seat for a new connection, which waits. `abort` ends the connection. Raises `Crowded`."""
        network = network_of(host) if self.most_per_address else None
        if network is not None and self.networks.get(network, 0) >= self.most_per_address:
            raise Crowded("address")
        if len(self.seats) >= self.most:
            oldest = next(iter(self.waiting), None)
            if oldest is None:
                raise Crowded("total")
            self.cut("idle")
            oldest.leave()
            oldest.abort()
        seat = Seat(self, network, abort)
        self.seats.add(seat)
        self.waiting[seat] = None
        if network is not None:
            self.networks[network] = self.networks.get(network, 0) + 1
        return seat


def network_of(host: str | None) -> str | None:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which one client has for itself.

    None, which is not limited, for a Unix socket and for this machine: a reverse proxy connects from there for all.
    """
    if host is None:
        return None
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return None if address.is_loopback else str(IPv6Address(int(address) >> 64 << 64))
        address = address.ipv4_mapped
    return None if address.is_loopback else str(address)
