"""What a change needs to know of what is sent to other servers: where to, signed with what, and what of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.outgoing.sealed import Sealer
from engine.outgoing.target import Guard


def unchecked(document: str) -> None:
    """Accept any document, where no schema is there to check it against."""


async def unresolved(url: str) -> None:
    """Accept any name, where none can be looked up."""


@dataclass(frozen=True)
class Outlet:
    """The operator's settings for what is sent out.

    - `guard`: what is allowed beyond HTTPS to the public internet.
    - `sealer`: seals secrets; None where the operator has given no key.
    - `look_up`: checks the addresses that the name of a URL has now. Raises `TargetRefused`.
    - `check`: checks a document against the schema and the limits of requests. Raises `RequestError`.
    - `mail`: whether mail is sent at all.
    """

    guard: Guard = field(default_factory=Guard)
    sealer: Sealer | None = None
    look_up: Callable[[str], Awaitable[None]] = unresolved
    check: Callable[[str], None] = unchecked
    mail: bool = False
