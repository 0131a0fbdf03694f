"""Requests that are refused before GraphQL sees them.

Refused                 anything below: an HTTP status, a code, and a message that says what to do
    BadRequest          400 BAD_REQUEST           the request cannot be understood
    NotAuthenticated    401 UNAUTHENTICATED       no token, or an invalid one
    NotAllowed          403 FORBIDDEN             a valid token, but not for this organisation; or another origin
    TooManyConnections  429 RATE_LIMITED          a member has as many connections as are allowed
    NotAvailable        503 SERVICE_UNAVAILABLE   the database or the keys cannot be reached
"""

from collections.abc import Sequence

from engine.errors import Code, encode_errors, error

Headers = Sequence[tuple[bytes, bytes]]


class RefusedRequest(Exception):
    """A refused request."""

    status = 400
    code: str = Code.BAD_REQUEST
    headers: Headers = ()

    def __init__(self, message: str, *, status: int | None = None, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.headers = headers if headers is not None else self.headers

    @property
    def body(self) -> bytes:
        """The GraphQL response with the error."""
        return encode_errors([error(self.code, self.message)])


class BadRequest(RefusedRequest):
    """The request cannot be understood. `status` may name a closer one than 400 (405, 406, 413, 415)."""


class NotAuthenticated(RefusedRequest):
    """The caller is not authenticated."""

    status = 401
    code = Code.UNAUTHENTICATED
    headers = ((b"www-authenticate", b'Bearer realm="dealboard"'),)


class NotAllowed(RefusedRequest):
    """The caller is authenticated, but has no access here."""

    status = 403
    code = Code.FORBIDDEN


class TooManyConnections(RefusedRequest):
    """The caller has as many connections as are allowed."""

    status = 429
    code = Code.RATE_LIMITED
    headers = ((b"retry-after", b"5"),)

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} connections, which is the limit: close one first.")
        self.most = most

    @property
    def body(self) -> bytes:
        """The GraphQL response with the error and the limit."""
        return encode_errors([error(self.code, self.message, limit=self.most)])


class NotAvailable(RefusedRequest):
    """The database or the keys cannot be reached; the same request may succeed later."""

    status = 503
    code = Code.SERVICE_UNAVAILABLE
    headers = ((b"retry-after", b"5"),)
