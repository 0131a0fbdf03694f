"""The keys that tokens are verified with: a shared secret, or the public keys behind a JWKS URL.

The algorithm of the token alone decides which of the two is used. A public key can therefore never serve as a secret,
whatever a token claims.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from server.auth.jwks import Fetch, fetcher
from server.settings import Settings
from server.transport.refusals import NotAuthenticated, NotAvailable

log = logging.getLogger("dealboard.keys")

SECRET_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
PUBLIC_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA"}
)

LIFETIME = 600.0
"""Seconds after which public keys are fetched again, so that revoked keys stop working."""

PAUSE = 30.0
"""Seconds between two fetches, however many unknown key ids arrive."""

RETRY = 1.0
"""Seconds after a failed fetch until the next one."""

TIMEOUT = 5.0
"""Seconds that a fetch may take, and that a request waits for one."""


class Keys:
    """Finds the key that verifies a token."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.jwt_secret
        self._public = PublicKeys(fetcher(settings.jwks_url, TIMEOUT)) if settings.jwks_url else None
        wanted = frozenset(settings.jwt_algorithms)
        self.algorithms = (wanted & SECRET_ALGORITHMS if self._secret else frozenset()) | (
            wanted & PUBLIC_ALGORITHMS if self._public else frozenset()
        )

    async def find(self, header: Mapping[str, Any]) -> tuple[Any, str]:
        """The key, and the one algorithm that it verifies. Raises NotAuthenticated or NotAvailable."""
        algorithm = header.get("alg")
        if algorithm not in self.algorithms:
            allowed = ", ".join(sorted(self.algorithms)) or "none, because neither a secret nor a JWKS URL is set"
            raise NotAuthenticated(
                f"This token is signed with another algorithm than this server accepts. Accepted: {allowed}."
            )
        if algorithm in SECRET_ALGORITHMS or self._public is None:
            return self._secret, str(algorithm)
        kid = header.get("kid")
        found = await self._public.find(kid if isinstance(kid, str) else None, str(algorithm))
        if found is None:
            raise NotAuthenticated("This token is signed with an unknown key: get a new token.")
        return found, str(algorithm)


class PublicKeys:
    """The keys of a JWKS URL, fetched in a thread, kept for LIFETIME, and fetched at most once in PAUSE.

    A failed fetch is repeated after RETRY. There is one fetch at a time: if one hangs, no other begins.
    """

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: list[jwt.PyJWK] = []
        self._tried: float | None = None
        self._fetched: float | None = None
        self._lock = asyncio.Lock()
        self._refresh: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[list[jwt.PyJWK]] | None = None

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of that id for that algorithm; without an id the only key for it. None if there is no such key.

        Raises NotAvailable when no key has ever been fetched.
        """
        found = self._find(kid, algorithm)
        if found is not None:
            if self._clock() - (self._fetched or 0.0) > LIFETIME and self._due():
                self._refresh = asyncio.create_task(self._update())
            return found
        if self._due():
            await self._update()
            found = self._find(kid, algorithm)
        if self._fetched is None:
            raise NotAvailable(
                "Tokens cannot be verified: the server of their keys does not answer. Retry in a moment."
            )
        return found

    def _find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        usable = [key for key in self._keys if key.algorithm_name == algorithm and key.public_key_use in (None, "sig")]
        if kid is None:
            return usable[0] if len(usable) == 1 else None
        return next((key for key in usable if key.key_id == kid), None)

    def _due(self) -> bool:
        # While a fetch runs it is due for every caller, so that all of them wait for it.
        pause = PAUSE if self._tried == self._fetched else RETRY
        return self._lock.locked() or self._tried is None or self._clock() - self._tried >= pause

    async def _update(self) -> None:
        before = self._tried
        async with self._lock:
            if self._tried != before:  # another caller has fetched while this one waited
                return
            now: float | None = None
            try:
                if self._fetching is None or self._fetching.done():
                    self._fetching = asyncio.create_task(asyncio.to_thread(self._fetch))
                    self._fetching.add_done_callback(_retrieved)
                self._keys = await asyncio.wait_for(asyncio.shield(self._fetching), TIMEOUT)
                now = self._fetched = self._clock()
            except (jwt.PyJWTError, ValueError, OSError) as failure:
                log.warning("the public keys could not be fetched: %s", failure or "it took too long")
            finally:
                self._tried = now or self._clock()


def _retrieved(fetching: asyncio.Task[list[jwt.PyJWK]]) -> None:
    """Take the failure of a fetch for which nobody waits any more, which would be logged as forgotten."""
    if not fetching.cancelled():
        fetching.exception()
