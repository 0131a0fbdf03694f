"""Authentication: tokens that are accepted, tokens that are refused, and which organisation they belong to."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

import server.auth.keys
import server.auth.tokens
from models.rules.roles import Role
from server.auth.keys import LIFETIME, PAUSE, RETRY, PublicKeys
from server.auth.tokens import Authenticator
from server.transport.refusals import BadRequest, NotAllowed, NotAuthenticated, NotAvailable, RefusedRequest
from tests.support.servers.stand_in import SECRET, settings, token
from tests.support.servers.tokens import unsigned

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def rsa_jwk(kid: str | None = "r1", **more: Any) -> dict[str, Any]:
    jwk = {**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "use": "sig", "alg": "RS256", **more}
    return jwk if kid is None else {**jwk, "kid": kid}


def ec_jwk(kid: str = "e1") -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "use": "sig", "kid": kid}


def handmade(header: Any, payload: Any = None) -> str:
    parts = (json.dumps(part).encode() if not isinstance(part, bytes) else part for part in (header, payload, b"sig"))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


async def refused(credential: str | None, orgid: str | None = None, **given: Any) -> RefusedRequest:
    with pytest.raises(RefusedRequest) as caught:
        await Authenticator(settings(**given)).authenticate(credential, orgid)
    return caught.value


async def test_a_token_becomes_a_scope() -> None:
    """The subject, organisation, role, name and expiry of the caller are those of the claims."""
    end = int(time.time()) + 60
    credential = f"Bearer {token(name='Ann', email='ann@acme.example', exp=end)}"
    caller = await Authenticator(settings()).authenticate(credential, None)
    assert (caller.subject, caller.organisation, caller.role) == ("ann", "acme", Role.REP)
    assert (caller.name, caller.email, caller.expires_at) == (
        "Ann",
        "ann@acme.example",
        datetime.fromtimestamp(end, UTC),
    )


async def test_the_names_of_claims_are_settings() -> None:
    """The settings can name the claims as another issuer does."""
    names = {"claim_subject": "uid", "claim_organisation": "https://x/tenants", "claim_role": "grp", "claim_name": "n"}
    claims: dict[str, Any] = {"uid": "u1", "https://x/tenants": ["t1"], "grp": "ADMIN", "n": "Uma"}
    credential = token(sub=None, org_id=None, role=None, **claims)
    caller = await Authenticator(settings(**names)).authenticate(credential, None)
    assert (caller.subject, caller.organisation, caller.role, caller.name) == ("u1", "t1", Role.ADMIN, "Uma")


@pytest.mark.parametrize(
    ("claims", "verified"),
    [
        ({}, True),
        ({"email_verified": True}, True),
        ({"email_verified": "true"}, True),
        ({"email_verified": False}, False),
        ({"email_verified": "false"}, False),
        ({"email_verified": 0}, False),
    ],
)
async def test_an_address_counts_as_verified_unless_the_issuer_denies_it(
    claims: dict[str, Any], verified: bool
) -> None:
    """The claim must be true if it is there."""
    caller = await Authenticator(settings()).authenticate(token(email="ann@acme.example", **claims), None)
    assert caller.email_verified is verified


@pytest.mark.parametrize("name", ["sub", "uid"])
async def test_nobody_is_an_imported_member(name: str) -> None:
    """A token with the name that an import gives to a member who has not signed in is refused."""
    for subject in ("imported:jane@acme.com", "imported:"):
        claims = {"sub": None, name: subject}
        wrong = await refused(token(**claims), claim_subject=name)
        assert isinstance(wrong, NotAuthenticated)
        assert f"The `{name}` claim of this token begins with `imported:`" in wrong.message
    caller = await Authenticator(settings()).authenticate(token(sub="Imported: jane"), None)
    assert caller.subject == "Imported: jane"


@pytest.mark.parametrize("role", ["viewer", "REP", "Manager", "aDmIn"])
async def test_the_case_of_a_role_does_not_matter(role: str) -> None:
    """A role is accepted in any spelling of upper and lower case."""
    assert (await Authenticator(settings()).authenticate(token(role=role), None)).role == role.upper()


@pytest.mark.parametrize("role", ["admın", "ADMİN", "vıewer", "manager\u200b", "ｒｅｐ", " rep", "ﬁ"])
async def test_a_role_is_ascii(role: str) -> None:
    """A letter of another alphabet is another letter, whatever its capital is."""
    assert "must be one of viewer, rep, manager, admin" in (await refused(token(role=role))).message


@pytest.mark.parametrize(
    ("org_id", "orgid", "found"),
    [
        ("acme", None, "acme"),
        ("acme", "", "acme"),
        ("acme", "acme", "acme"),
        (["acme"], None, "acme"),
        (["acme", "acme"], None, "acme"),
        (["acme", "zeta"], "zeta", "zeta"),
        ("Zürich 中文 ' OR 1=1 --", "Zürich 中文 ' OR 1=1 --", "Zürich 中文 ' OR 1=1 --"),
        ("x" * 200, None, "x" * 200),
    ],
)
async def test_the_organisation_is_one_of_the_tokens(org_id: Any, orgid: str | None, found: str) -> None:
    """Any printable key is accepted, exactly as it is spelled; it may be left out when the token has only one."""
    assert (await Authenticator(settings()).authenticate(token(org_id=org_id), orgid)).organisation == found


@pytest.mark.parametrize(
    ("org_id", "orgid", "kind", "said"),
    [
        ("acme", "other", NotAllowed, 'not for the organisation "other"'),
        ("acme", "ACME", NotAllowed, "ACME"),
        ("acme", "acme,zeta", NotAllowed, "acme,zeta"),
        (["acme", "zeta"], "other", NotAllowed, "other"),
        (["acme", "zeta"], None, BadRequest, "names 2 organisations: name one of them as `orgid`"),
        ("acme", "a\0", BadRequest, "printable"),
        ("acme", "a\n", BadRequest, "printable"),
        ("acme", "\ud800", BadRequest, "printable"),
        ("acme", "x" * 201, BadRequest, "200"),
        ([], None, NotAuthenticated, "`org_id` claim"),
        (None, None, NotAuthenticated, "`org_id` claim"),
        ("", "", NotAuthenticated, "`org_id` claim"),
        (7, "7", NotAuthenticated, "`org_id` claim"),
        (["acme", 7], "acme", NotAuthenticated, "`org_id` claim"),
        ({"acme": 1}, "acme", NotAuthenticated, "`org_id` claim"),
        ("a\0", None, NotAuthenticated, "`org_id` claim"),
        ("x" * 201, None, NotAuthenticated, "`org_id` claim"),
    ],
)
async def test_another_organisation_is_refused(
    org_id: Any, orgid: str | None, kind: type[RefusedRequest], said: str
) -> None:
    """A good token gets 403 for a foreign `orgid`, 400 for a missing or malformed one; a wrong claim gets 401."""
    failure = await refused(token(org_id=org_id), orgid)
    assert type(failure) is kind
    assert said in failure.message


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        (None, "No token was sent"),
        ("", "No token was sent"),
        ("Bearer", "not a well-formed JWT"),
        ("Bearer ", "not a well-formed JWT"),
        ("Basic YTpi", "must be `Bearer <JWT>`"),
        ("Bearer a b", "must be `Bearer <JWT>`"),
        ("Bearer nonsense", "not a well-formed JWT"),
        ("Bearer a.b.c", "not a well-formed JWT"),
        ("Bearer ....", "not a well-formed JWT"),
        ("Bearer ä.ö.ü", "must be `Bearer <JWT>`"),
        ("Bearer " + "x" * 10_000, "up to 8192 characters"),
        ("Bearer " + handmade([1]), "not a well-formed JWT"),
        ("Bearer " + handmade(b"[" * 5000), "not a well-formed JWT"),
        ("Bearer " + handmade({"alg": ["HS256"]}), "not a well-formed JWT"),
        ("Bearer " + handmade({"typ": "JWT"}), "signed with another algorithm"),
        (unsigned(), "signed with another algorithm"),
        (handmade({"alg": "NONE"}), "signed with another algorithm"),
        (token(secret="another secret, also of more than 32 bytes"), "not signed with the key"),
        (token()[:-2], "not"),
        (token(secret=SECRET * 2, algorithm="HS512"), "signed with another algorithm"),
        (token(exp=1), "expired"),
        (token(exp=time.time() - 60), "expired"),
        (token(exp=None), "`exp`"),
        (token(exp="soon"), "not a well-formed JWT"),
        (token(exp=float("inf")), "not a well-formed JWT"),
        (token(exp=float("nan")), "not a well-formed JWT"),
        (token(nbf=time.time() + 86_400), "not valid yet"),
        (token(iat=time.time() + 86_400), "not valid yet"),
        (token(sub=None), "`sub` claim"),
        (token(sub=""), "`sub` claim"),
        (token(sub="a\0"), "`sub` claim"),
        (token(sub="\ud800"), "`sub` claim"),
        (token(sub="x" * 201), "`sub` claim"),
        (token(role=None), "must be one of viewer, rep, manager, admin"),
        (token(role="owner"), "must be one of"),
        (token(role=["admin"]), "must be one of"),
        (token(role=7), "must be one of"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_token_that_proves_nothing(credential: str | None, said: str) -> None:
    """Each token gets 401 UNAUTHENTICATED, with a message that says what is wrong with it."""
    failure = await refused(credential)
    assert (type(failure), failure.status, failure.code) == (NotAuthenticated, 401, "UNAUTHENTICATED")
    assert said in failure.message


async def test_a_sub_that_is_no_text_is_refused() -> None:
    """jwt.encode refuses to create such a token, but other libraries do not."""
    payload = {"sub": 7, "org_id": "acme", "role": "rep", "exp": int(time.time()) + 60}
    credential = jwt.api_jws.encode(json.dumps(payload).encode(), SECRET, "HS256")
    assert "`sub` claim" in (await refused(credential)).message


async def test_an_end_beyond_all_calendars() -> None:
    """A token may expire in the year 10⁹⁹, which counts as 9999."""
    caller = await Authenticator(settings()).authenticate(token(exp=10**99), None)
    assert caller.expires_at is not None
    assert caller.expires_at.year == 9999


async def test_decorating_claims_never_refuse() -> None:
    """A name or an e-mail address that cannot be stored is dropped, cut or corrected."""
    caller = await Authenticator(settings()).authenticate(token(name=7, email="a\0b"), None)
    assert (caller.name, caller.email) == (None, None)
    caller = await Authenticator(settings()).authenticate(token(name="\ud800" + "x" * 500, email=" "), None)
    assert (caller.name, caller.email) == ("?" + "x" * 199, None)


async def test_clocks_may_differ_a_little() -> None:
    """A token that expired five seconds ago, or starts in five, is accepted."""
    allowed: list[dict[str, Any]] = [{"exp": time.time() - 5}, {"nbf": time.time() + 5}, {"iat": time.time() + 5}]
    for claims in allowed:
        assert (await Authenticator(settings()).authenticate(token(**claims), None)).subject == "ann"


async def test_issuer_and_audience_are_checked_when_set() -> None:
    """If set, they must be present and match; if not, they may be anything."""
    assert await Authenticator(settings()).authenticate(token(iss="x", aud="y"), None)
    given = {"jwt_issuer": "https://issuer", "jwt_audience": "dealboard"}
    assert await Authenticator(settings(**given)).authenticate(
        token(iss="https://issuer", aud=["other", "dealboard"]), None
    )
    assert "`iss`" in (await refused(token(iss="https://other", aud="dealboard"), **given)).message
    assert "`iss`" in (await refused(token(aud="dealboard"), **given)).message
    assert "`aud`" in (await refused(token(iss="https://issuer", aud="other"), **given)).message
    assert "`aud`" in (await refused(token(iss="https://issuer"), **given)).message


async def test_a_good_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A good token is cached for its organisation until it expires or a revoked key must show; a bad one is not
    cached."""
    verified = 0
    decode = jwt.decode

    def counting(*args: Any, **more: Any) -> Any:
        nonlocal verified
        verified += 1
        return decode(*args, **more)

    now = time.time()
    monkeypatch.setattr(jwt, "decode", counting)
    monkeypatch.setattr(time, "time", lambda: now)
    authenticator = Authenticator(settings())
    long, short = token(org_id=["a", "b"], exp=int(now) + 3600), token(exp=int(now) + 20)
    caller = await authenticator.authenticate(long, "a")
    assert await authenticator.authenticate(long, "a") is caller
    assert (await authenticator.authenticate(long, "b")).organisation == "b"
    await authenticator.authenticate(short, None)
    assert verified == 3
    now += 299
    await authenticator.authenticate(long, "a")
    assert verified == 3
    now += 2
    await authenticator.authenticate(long, "a")
    assert verified == 4
    await authenticator.authenticate(
        short, None
    )  # past its expiry here, so verified again, by a clock that was not moved
    assert verified == 5


async def test_a_token_is_remembered_however_it_is_sent() -> None:
    """The blanks and the scheme around it are no part of it: they fill no memory."""
    authenticator = Authenticator(settings())
    credential = token()
    caller = await authenticator.authenticate(credential, None)
    for around in ("Bearer {}", "bearer {}", " {} ", "BEARER" + " " * 20_000 + "{}", "Bearer {}" + " " * 20_000):
        for orgid in (None, ""):
            assert await authenticator.authenticate(around.format(credential), orgid) is caller


async def test_the_memory_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recently used tokens are dropped first."""
    monkeypatch.setattr(server.auth.tokens, "REMEMBERED", 2)
    authenticator = Authenticator(settings())
    tokens = [token(sub=name) for name in ("a", "b", "c")]
    first = await authenticator.authenticate(tokens[0], None)
    second = await authenticator.authenticate(tokens[1], None)
    await authenticator.authenticate(tokens[0], None)
    await authenticator.authenticate(tokens[2], None)
    assert await authenticator.authenticate(tokens[0], None) is first
    assert await authenticator.authenticate(tokens[1], None) is not second


class Issuer:
    """A JWKS URL that counts its requests, and can be broken."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [rsa_jwk(), ec_jwk()]
        self.asked = 0
        self.broken = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(500 if issuer.broken else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": issuer.keys}).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield issuer
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


async def test_tokens_of_public_keys(issuer: Issuer) -> None:
    """RS256 and ES256 tokens are verified by key id, with one fetch for all; a token of another key is refused."""
    authenticator = Authenticator(settings(jwt_secret=None, jwks_url=issuer.url))
    for key, algorithm, kid in ((RSA_KEY, "RS256", "r1"), (EC_KEY, "ES256", "e1")):
        credential = token(key, algorithm, {"kid": kid})
        assert (await authenticator.authenticate(credential, None)).subject == "ann"
    assert issuer.asked == 1
    other = token(rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256", {"kid": "r1"})
    with pytest.raises(NotAuthenticated, match="not signed with the key"):
        await authenticator.authenticate(other, None)
    for kid in ("e1", "unknown"):
        with pytest.raises(NotAuthenticated, match="signed with an unknown key"):
            await authenticator.authenticate(token(RSA_KEY, "RS256", {"kid": kid}), None)


async def test_a_public_key_is_no_secret(issuer: Issuer) -> None:
    """A token signed by HMAC with the public key, or unsigned, is refused, with and without a secret of our own."""

    def signed(key: bytes) -> str:
        header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"r1"}').rstrip(b"=")
        claims = {"sub": "eve", "org_id": "acme", "role": "admin", "exp": int(time.time()) + 60}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(header + b"." + payload, key)
        return b".".join((header, payload, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()

    for secret in (None, SECRET):
        for credential in (signed(PUBLIC_PEM), signed(b""), unsigned()):
            with pytest.raises(NotAuthenticated):
                await Authenticator(settings(jwt_secret=secret, jwks_url=issuer.url)).authenticate(credential, None)
    issuer.keys = [{"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "r1", "alg": "HS256"}]
    credential = token(base64.urlsafe_b64decode("c2VjcmV0" * 8), "HS256", {"kid": "r1"})
    with pytest.raises(NotAuthenticated):
        await Authenticator(settings(jwt_secret=None, jwks_url=issuer.url)).authenticate(credential, None)


async def test_an_algorithm_that_is_not_set_is_refused(issuer: Issuer) -> None:
    """Only the algorithms of the setting are accepted."""
    given: dict[str, Any] = {"jwks_url": issuer.url, "jwt_algorithms": ["ES256"]}
    assert "ES256" in (await refused(token(), **given)).message
    assert "ES256" in (await refused(token(RSA_KEY, "RS256", {"kid": "r1"}), **given)).message


async def test_keys_that_cannot_be_had(issuer: Issuer) -> None:
    """The answer is 503, not 401, because the token may be good; and the issuer is not asked again at once."""
    issuer.broken = True
    authenticator = Authenticator(settings(jwt_secret=None, jwks_url=issuer.url))
    for _ in range(3):
        with pytest.raises(NotAvailable) as caught:
            await authenticator.authenticate(token(RSA_KEY, "RS256", {"kid": "r1"}), None)
        assert caught.value.status == 503
    assert issuer.asked == 1


async def test_keys_that_come_soon_after() -> None:
    """A failure is short: the issuer is asked again after RETRY, not after PAUSE."""
    source = Source(rsa_jwk())
    source.failure = OSError("unreachable")
    for _ in range(2):
        with pytest.raises(NotAvailable):
            await source.public.find("r1", "RS256")
    assert source.fetched == 1
    source.failure = None
    source.now += RETRY
    assert await source.public.find("r1", "RS256")
    assert source.fetched == 2


async def test_an_issuer_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits for TIMEOUT at most, also the next one; no second fetch begins beside the first."""
    monkeypatch.setattr(server.auth.keys, "TIMEOUT", 0.05)
    source, answers = Source(rsa_jwk()), threading.Event()

    def fetch() -> list[jwt.PyJWK]:
        source.fetch()
        answers.wait()
        return [jwt.PyJWK(rsa_jwk())]

    public = PublicKeys(fetch, lambda: source.now)
    try:
        for _ in range(3):
            with pytest.raises(NotAvailable):
                await asyncio.wait_for(public.find("r1", "RS256"), 30)
            source.now += RETRY
        assert source.fetched == 1
    finally:
        answers.set()
    assert public._fetching is not None
    await public._fetching
    assert await asyncio.wait_for(public.find("r1", "RS256"), 30)
    assert source.fetched == 2


class Source:
    """Public keys with a clock of their own."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.fetched = 0
        self.failure: Exception | None = None
        self.now = 1000.0
        self.public = PublicKeys(self.fetch, lambda: self.now)

    def fetch(self) -> list[jwt.PyJWK]:
        self.fetched += 1
        if self.failure:
            raise self.failure
        return [jwt.PyJWK(key) for key in self.keys]


async def test_unknown_key_ids_do_not_flood_the_issuer() -> None:
    """A rotated key is found once the pause is over; however many unknown ids come before, one fetch is made."""
    source = Source(rsa_jwk("old"))
    assert await source.public.find("old", "RS256")
    source.keys.append(rsa_jwk("new"))
    for number in range(50):
        assert await source.public.find(f"unknown{number}", "RS256") is None
    assert source.fetched == 1
    source.now += PAUSE
    assert await source.public.find("new", "RS256")
    assert source.fetched == 2


async def test_many_at_once_make_one_fetch() -> None:
    """All requests that wait for the first keys get them."""
    source = Source(rsa_jwk())
    found = await asyncio.gather(*(source.public.find("r1", "RS256") for _ in range(20)))
    assert all(found)
    assert source.fetched == 1


async def test_keys_are_renewed_without_waiting() -> None:
    """Old keys are used while new ones are fetched, also when that fails; a revoked key is refused afterwards."""
    source = Source(rsa_jwk("r1"), rsa_jwk("r2"))
    await source.public.find("r1", "RS256")
    source.now += LIFETIME + 1
    source.failure = OSError("unreachable")
    assert await source.public.find("r1", "RS256")
    await settled(source)
    assert await source.public.find("r1", "RS256")
    source.failure, source.keys = None, [rsa_jwk("r2")]
    source.now += PAUSE
    assert await source.public.find("r1", "RS256")
    await settled(source)
    assert await source.public.find("r1", "RS256") is None
    assert await source.public.find("r2", "RS256")
    assert source.fetched == 3


async def settled(source: Source) -> None:
    task = source.public._refresh
    assert task is not None
    await task


async def test_without_a_key_id_the_only_key_counts() -> None:
    """A token without `kid` is accepted when only one key fits."""
    assert await Source(rsa_jwk(None), ec_jwk()).public.find(None, "RS256")
    assert await Source(rsa_jwk("a"), rsa_jwk("b")).public.find(None, "RS256") is None


async def test_a_key_for_encryption_verifies_nothing() -> None:
    """A key with `use: enc` is not used to verify tokens."""
    assert await Source(rsa_jwk("r1", use="enc")).public.find("r1", "RS256") is None
