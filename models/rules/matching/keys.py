"""The columns of a record that are made of others when a change writes these: what it is sorted and recognised by."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from models.rules.matching.domains import company_of_address, company_of_url, email_key
from models.rules.matching.names import company_key, person_key
from models.rules.sort_key import SORTED, sort_key


class KeyKind(StrEnum):
    """What a record is recognised by; by a telephone number it is only found."""

    NAME = "NAME"
    DOMAIN = "DOMAIN"
    EMAIL = "EMAIL"
    EXTERNAL_ID = "EXTERNAL_ID"
    PHONE = "PHONE"


class DerivedKey(NamedTuple):
    """A column that is made of another one, and how; null where that is null."""

    source: str
    made: Callable[[Any], str | None]


RECOGNISED: Mapping[str, Mapping[str, DerivedKey]] = {
    "customer": {"name_key": DerivedKey("name", company_key), "domain_key": DerivedKey("website", company_of_url)},
    "contact": {"email_key": DerivedKey("email", email_key), "domain_key": DerivedKey("email", company_of_address)},
}
"""What customers and contacts are recognised by."""

KEYS: Mapping[str, Mapping[str, DerivedKey]] = {
    table: {"sort_key": DerivedKey(name, sort_key), **RECOGNISED.get(table, {})} for table, name in SORTED.items()
}
"""The derived columns of each table that has some."""


FORMER: Mapping[str, Mapping[str, str]] = {
    "customer": {
        KeyKind.NAME: "name_key",
        KeyKind.DOMAIN: "domain_key",
        KeyKind.EXTERNAL_ID: "external_id",
        KeyKind.PHONE: "phone",
    },
    "contact": {
        KeyKind.NAME: "person_key",
        KeyKind.DOMAIN: "domain_key",
        KeyKind.EMAIL: "email_key",
        KeyKind.PHONE: "phone",
    },
}
"""Which keys of a record are kept when it is merged into another, by their kind."""


def with_keys(table: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record of a table, with the keys that are made of them."""
    keys = KEYS.get(table, {})
    made = {column: _made(key, fields[key.source]) for column, key in keys.items() if key.source in fields}
    return {**fields, **made}


def _made(key: DerivedKey, value: Any) -> str | None:
    return None if value is None else key.made(value)


def former_keys(table: str, record: Mapping[str, Any]) -> dict[str, str]:
    """What a customer or a contact is recognised by, by the kind of key: kept for the record it is merged into."""
    known = {**with_keys(table, record), "person_key": person_key(record["name"])}
    return {kind: known[column] for kind, column in FORMER[table].items() if known[column]}
