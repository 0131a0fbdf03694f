"""What this machine asks of itself: from its own address, by a name of its own, and not through a proxy."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Headers of proxies: what they pass on comes from elsewhere."""


def is_loopback(host: str | None) -> bool:
    """Whether a name or an address means the machine itself."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(request: Request) -> str | None:
    """The name or address by which the server is asked, without its port; None where that cannot be read.

    It is as the client says. A page of another site that has its own name lead here names itself.
    """
    try:
        return urlsplit("//" + request.headers.get("host", "")).hostname
    except ValueError:
        return None


def comes_from_here(request: Request) -> bool:
    """Whether this machine asks itself."""
    return (
        request.client is not None
        and is_loopback(request.client.host)
        and is_loopback(host_of(request))
        and not any(name in request.headers for name in FORWARDED)
    )
