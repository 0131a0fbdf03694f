"""Authentication: a bearer token (a JWT) and the `orgid` header become a `Caller`.

401: the token is missing, expired, wrongly signed or lacks a claim. 403: the token is valid but names other
organisations. 400: the token names several organisations and `orgid` names none of them.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from engine.caller import Caller, Person
from models.rules.roles import Role
from models.tables.member import IMPORTED
from server.auth.keys import Keys
from server.settings import Settings
from server.transport.refusals import BadRequest, NotAllowed, NotAuthenticated

LEEWAY = 10.0
"""Seconds that the clocks of the issuer and of this machine may differ."""

REMEMBERED = 4096
"""Tokens whose verification is remembered."""

AGAIN = 300.0
"""Seconds after which a remembered token is verified again, so that revoked keys stop working."""

LONGEST = 200
"""Most characters of an organisation's key, of a subject, a name and an e-mail address."""

LONGEST_TOKEN = 8192
"""Most characters of a token."""

LAST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
"""The latest expiry that a datetime can hold. Later ones count as this one."""

VERIFIED = "email_verified"
"""The claim by which issuers say whether an e-mail address is known to be the person's (OpenID Connect Core 1.0,
section 5.1); some send it as a text. Without it the address counts as known: the issuer is trusted for all claims."""

Admit = Callable[[Caller], Awaitable[Caller]]
"""Refuses callers whose access was revoked, however good the token is; returns the others with the role they have."""


class Authenticator:
    """Turns credentials into a `Caller`, and remembers verified ones for a while."""

    def __init__(self, settings: Settings, keys: Keys | None = None, admit: Admit | None = None) -> None:
        self.settings = settings
        self.admit = admit
        self.keys = keys or Keys(settings)
        self._scopes: OrderedDict[tuple[str, str | None], tuple[float, Caller]] = OrderedDict()

    async def authenticate(self, authorization: str | None, orgid: str | None) -> Caller:
        """The caller of `Bearer <JWT>` (or the bare JWT) in the organisation `orgid`.

        `orgid` may be left out when the token names exactly one. Raises NotAuthenticated, NotAllowed, BadRequest, or
        NotAvailable when the keys cannot be fetched.
        """
        token = bearer(authorization)
        orgid = orgid or None
        key = (token, orgid)
        remembered = self._scopes.get(key)
        if remembered is not None:
            if remembered[0] > time.time():
                self._scopes.move_to_end(key)
                return remembered[1]
            del self._scopes[key]
        claims = await self._verified(token)
        caller = self._scope(claims, orgid)
        if self.admit is not None:
            caller = await self.admit(caller)
        self._scopes[key] = (min(_end(claims) + LEEWAY, time.time() + AGAIN), caller)
        if len(self._scopes) > REMEMBERED:
            self._scopes.popitem(last=False)
        return caller

    @property
    def people(self) -> set[Person]:
        """The callers whose tokens are remembered."""
        now = time.time()
        return {caller.person for until, caller in self._scopes.values() if until > now}

    def forget(self, person: Person) -> None:
        """Forget the tokens of a person, so that they are verified again."""
        for key in [key for key, (_, caller) in self._scopes.items() if caller.person == person]:
            del self._scopes[key]

    def limit(self, people: Collection[Person], roles: Mapping[Person, Role]) -> None:
        """Limit the remembered tokens of these people to their roles as members; the others have all of theirs."""
        for key, (until, caller) in self._scopes.items():
            if caller.person in people:
                self._scopes[key] = (until, caller.limited(roles.get(caller.person)))

    async def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            key, algorithm = await self.keys.find(jwt.get_unverified_header(token))
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self.settings.jwt_issuer,
                audience=self.settings.jwt_audience,
                leeway=LEEWAY,
                # Which claims name the person is a setting, so `sub` is checked below, under its own name.
                options={"require": ["exp"], "verify_aud": self.settings.jwt_audience is not None, "verify_sub": False},
            )
        except jwt.ExpiredSignatureError as wrong:
            raise NotAuthenticated("This token has expired: get a new one.") from wrong
        except jwt.ImmatureSignatureError as wrong:
            raise NotAuthenticated(
                "This token is not valid yet: check the clocks of its issuer and of this server."
            ) from wrong
        except jwt.MissingRequiredClaimError as wrong:
            raise NotAuthenticated(
                f"This token has no `{wrong.claim}` claim, which is required: get one that has it."
            ) from wrong
        except jwt.InvalidIssuerError as wrong:
            raise NotAuthenticated(
                "This token is from an untrusted issuer (`iss`): get one from the issuer that this server trusts."
            ) from wrong
        except jwt.InvalidAudienceError as wrong:
            raise NotAuthenticated("This token is for another audience (`aud`): get one for this server.") from wrong
        except jwt.InvalidSignatureError as wrong:
            raise NotAuthenticated("This token is not signed with the key of this server: get a new one.") from wrong
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as wrong:
            raise NotAuthenticated("This token is not a well-formed JWT: send the token as it was issued.") from wrong
        return claims

    def _scope(self, claims: Mapping[str, Any], orgid: str | None) -> Caller:
        settings = self.settings
        return Caller(
            organisation=self._organisation(claims.get(settings.claim_organisation), orgid),
            subject=self._subject(claims),
            role=self._role(claims),
            name=_optional(claims.get(settings.claim_name)),
            email=_optional(claims.get(settings.claim_email)),
            email_verified=claims.get(VERIFIED, True) in (True, "true"),
            expires_at=datetime.fromtimestamp(_end(claims), UTC),
        )

    def _organisation(self, claim: Any, orgid: str | None) -> str:
        """The requested organisation, or the only one that the token names."""
        name = self.settings.claim_organisation
        named = [claim] if isinstance(claim, str) else claim
        if not isinstance(named, list) or not named or not all(isinstance(key, str) and _sound(key) for key in named):
            raise NotAuthenticated(f"The `{name}` claim of this token must name an organisation, or a list of them.")
        if orgid is None:
            if len(set(named)) > 1:
                raise BadRequest(f"This token names {len(set(named))} organisations: name one of them as `orgid`.")
            return str(named[0])
        if not _sound(orgid):
            raise BadRequest(f"`orgid` must be 1 to {LONGEST} printable characters.")
        if orgid not in named:
            raise NotAllowed(
                f'This token is not for the organisation "{orgid}": get one that is, or leave `orgid` out.'
            )
        return orgid

    def _subject(self, claims: Mapping[str, Any]) -> str:
        """Who the token is for. The names that an import gives to members who have not signed in are nobody's: a token
        with one would take such a member over, without the e-mail address."""
        name = self.settings.claim_subject
        subject = self._required(claims, name)
        if subject.startswith(IMPORTED):
            raise NotAuthenticated(
                f"The `{name}` claim of this token begins with `{IMPORTED}`, which is reserved for imported members who"
                " have not signed in: get a token with another one."
            )
        return subject

    def _required(self, claims: Mapping[str, Any], name: str) -> str:
        value = claims.get(name)
        if not isinstance(value, str) or not _sound(value):
            raise NotAuthenticated(f"The `{name}` claim of this token must be 1 to {LONGEST} printable characters.")
        return value

    def _role(self, claims: Mapping[str, Any]) -> Role:
        value = claims.get(self.settings.claim_role)
        # Other alphabets have letters whose capitals are ASCII, such as the dotless i.
        role = Role.__members__.get(value.upper()) if isinstance(value, str) and value.isascii() else None
        if role is None:
            roles = ", ".join(role.lower() for role in Role)
            raise NotAuthenticated(f"The `{self.settings.claim_role}` claim of this token must be one of {roles}.")
        return role


def bearer(authorization: str | None) -> str:
    """The token in the value of an Authorization header. Raises NotAuthenticated."""
    if not authorization:
        raise NotAuthenticated("No token was sent: send the header `Authorization: Bearer <JWT>`.")
    scheme, _, token = authorization.strip().rpartition(" ")
    if scheme.strip().lower() not in ("bearer", "") or not token.isascii() or len(token) > LONGEST_TOKEN:
        raise NotAuthenticated(f"Authorization must be `Bearer <JWT>`, of up to {LONGEST_TOKEN} characters.")
    return token


def _end(claims: Mapping[str, Any]) -> int:
    return min(int(claims["exp"]), LAST)


def _sound(value: str) -> bool:
    return 1 <= len(value) <= LONGEST and value.isprintable()


def _optional(value: Any) -> str | None:
    """An optional claim: dropped, not refused, when it cannot be stored."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return None
    return value.encode(errors="replace").decode()[:LONGEST]
