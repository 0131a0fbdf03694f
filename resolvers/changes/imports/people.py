"""The members, customers and contacts that the lines of a file name: found by name or e-mail address, or created.

All lines are read before any record is created, so the same records come of them in whatever order they stand. An
e-mail address is one person, on all lines that have it; a name at a customer without an address is the same person,
unless lines know two addresses for it. Members are compared by name or address without regard to case, customers and
contacts by the keys of `models.rules.matching`, also of what was merged into them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from engine.read.rows import ORG
from models.database import Connection, Row, Statement
from models.rules.matching.domains import email_key
from models.rules.matching.keys import KeyKind
from models.rules.matching.names import company_key, person_key
from models.tables.member import IMPORTED
from resolvers.changes.imports.copying import Records
from resolvers.changes.imports.options import Import
from resolvers.changes.imports.rows import Deal

MEMBERS = Statement(
    text("SELECT id, subject, name, email, active FROM member WHERE org_id = :org_id ORDER BY id").bindparams(ORG)
)
CUSTOMERS = Statement(
    text(
        "SELECT id, name, name_key FROM customer WHERE org_id = :org_id AND archived_at IS NULL ORDER BY id"
    ).bindparams(ORG)
)
CONTACTS = Statement(
    text(
        "SELECT id, name, email, customer_id FROM contact WHERE org_id = :org_id AND archived_at IS NULL ORDER BY id"
    ).bindparams(ORG)
)
FORMER_KEYS = Statement(
    text(
        "SELECT kind, key, record_id FROM former_key"
        f" WHERE org_id = :org_id AND kind IN ('{KeyKind.NAME}', '{KeyKind.EMAIL}') ORDER BY record_id"
    ).bindparams(ORG)
)

HINT = "create it first, or import with --create-missing"

Key = Callable[[str], str]
"""Makes what a name is compared by."""

NameAt = tuple[str, Any]
"""The key of a contact's name, and what names its customer."""


@dataclass(frozen=True)
class Person:
    """A contact as the lines with an e-mail address describe it: what most of them say."""

    name: str
    email: str
    customer: str | None


class Survey:
    """What all lines of a file say of people and companies, whatever their order."""

    def __init__(self, deals: Iterable[Deal]) -> None:
        spelled: defaultdict[tuple[Key, str], Counter[str]] = defaultdict(Counter)
        names: defaultdict[str, Counter[str]] = defaultdict(Counter)
        emails: defaultdict[str, Counter[str]] = defaultdict(Counter)
        customers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        addresses: defaultdict[NameAt, set[str]] = defaultdict(set)
        for deal in deals:
            for name, key in ((deal.owner, str.casefold), (deal.customer, company_key), (deal.contact, person_key)):
                if name is not None:
                    spelled[key, key(name)][name] += 1
            if deal.contact_email is not None:
                email = email_key(deal.contact_email)
                emails[email][deal.contact_email] += 1
                if deal.contact is not None:
                    names[email][deal.contact] += 1
                    addresses[_at(deal)].add(email)
                if deal.customer is not None:
                    customers[email][deal.customer] += 1
        self._spelled = {key: _most(texts) for key, texts in spelled.items()}
        self._addresses = addresses
        self.people = {
            email: Person(
                _most(names[email]) if names[email] else _most(texts),
                _most(texts),
                _most(customers[email]) if customers[email] else None,
            )
            for email, texts in emails.items()
        }

    def spelling(self, name: str, key: Key) -> str:
        """How most lines spell a name, of those with the same key."""
        return self._spelled[key, key(name)]

    def addresses(self, deal: Deal) -> set[str]:
        """The e-mail addresses of the deal's contact."""
        if deal.contact_email is not None:
            return {email_key(deal.contact_email)}
        return self._addresses.get(_at(deal), set())


class People:
    """The records behind the names; `records` are those of the current batch."""

    def __init__(self, options: Import, survey: Survey, records: Records) -> None:
        self.options = options
        self.survey = survey
        self.records = records

    async def load(self, connection: Connection) -> None:
        """Index members, customers and contacts by the names that a file may use."""
        self.members: dict[str, dict[str, Any]] = {}
        members = await MEMBERS.all(connection, org_id=self.options.org_id)
        called = [(name, row) for row in members for name in (row["email"], row["name"]) if name]
        # A member who was imported, and renamed since, is still the one that files name.
        called += [(row["subject"][len(IMPORTED) :], row) for row in members if row["subject"].startswith(IMPORTED)]
        for name, row in called:
            self.members.setdefault(name.casefold(), dict(row))
        customers = await CUSTOMERS.all(connection, org_id=self.options.org_id)
        self._written = {row["name"].casefold(): row["id"] for row in reversed(customers)}
        self._customers: dict[str, UUID] = {row["name_key"]: row["id"] for row in reversed(customers)}
        self._by_email: dict[str, UUID] = {}
        self._without_email: dict[NameAt, UUID] = {}
        self._by_name: defaultdict[NameAt, set[UUID]] = defaultdict(set)
        contacts = await CONTACTS.all(connection, org_id=self.options.org_id)
        for row in reversed(contacts):
            self._index(row, row["id"])
        known = {row["id"] for row in customers}
        employers = {row["id"]: row["customer_id"] for row in contacts}
        for row in await FORMER_KEYS.all(connection, org_id=self.options.org_id):
            id, key = row["record_id"], row["key"]
            if row["kind"] == KeyKind.EMAIL and id in employers:
                self._by_email.setdefault(key, id)
            elif row["kind"] == KeyKind.NAME and id in employers:
                self._by_name.setdefault((key, employers[id]), {id})
            elif row["kind"] == KeyKind.NAME and id in known:
                self._customers.setdefault(key, id)

    def _index(self, contact: Row | dict[str, Any], id: UUID) -> None:
        at = (person_key(contact["name"]), contact["customer_id"])
        self._by_name[at].add(id)
        if contact["email"]:
            self._by_email[email_key(contact["email"])] = id
        else:
            self._without_email[at] = id

    def missing(self, deal: Deal) -> str | None:
        """Why a deal is rejected, if somebody whom it names is missing."""
        if deal.owner is not None and (member := self.members.get(deal.owner.casefold())) is not None:
            if not member["active"]:
                return f"owner: {deal.owner!r} is no longer active; name another owner"
        elif deal.owner is not None and not self.options.create_missing:
            return f"owner: there is no member {deal.owner!r}; {HINT}"
        if self.options.create_missing:
            return None
        if deal.customer is not None and self._known_customer(deal.customer) is None:
            return f"customer: there is no customer {deal.customer!r}; {HINT}"
        if (deal.contact or deal.contact_email) and self._known(deal, self.customer(deal.customer)) is None:
            return f"contact: there is no contact {deal.contact or deal.contact_email!r}; {HINT}"
        return None

    def owner(self, name: str | None) -> UUID | None:
        """The owner of this name, created if missing."""
        if name is None:
            return None
        member = self.members.get(name.casefold())
        if member is None:
            called = self.survey.spelling(name, str.casefold)
            given = {"subject": f"{IMPORTED}{called}", "name": called, "role": "REP", "active": True}
            if "@" in called:
                given["email"] = called
            member = self.members[name.casefold()] = {**given, "id": self.records.make("member", given)}
        owner_id: UUID = member["id"]
        return owner_id

    def _known_customer(self, name: str) -> UUID | None:
        """The customer whose name is written so, or else has the same key."""
        return self._written.get(name.casefold()) or self._customers.get(company_key(name))

    def customer(self, name: str | None) -> UUID | None:
        """The customer of this name, created if missing."""
        if name is None:
            return None
        known = self._known_customer(name)
        if known is None:
            given = {"name": self.survey.spelling(name, company_key)}
            known = self._customers[company_key(name)] = self.records.make("customer", given)
        return known

    def _known(self, deal: Deal, customer: UUID | None) -> UUID | None:
        """The contact of a deal, if there is one: by its address, or by its name where that is of one person only."""
        addresses = self.survey.addresses(deal)
        if len(addresses) == 1:
            return self._by_email.get(next(iter(addresses)))
        at = (person_key(deal.contact or ""), customer)
        if not addresses and len(self._by_name[at]) == 1:
            return next(iter(self._by_name[at]))
        return self._without_email.get(at)

    def contact(self, deal: Deal, customer: UUID | None) -> UUID | None:
        """The contact of a deal, created if missing."""
        if deal.contact is None and deal.contact_email is None:
            return None
        known = self._known(deal, customer)
        if known is None:
            addresses = self.survey.addresses(deal)
            given: dict[str, Any]
            if len(addresses) == 1:
                person = self.survey.people[next(iter(addresses))]
                given = {"name": person.name, "email": person.email, "customer_id": self.customer(person.customer)}
            else:
                name = self.survey.spelling(deal.contact or "", person_key)
                given = {"name": name, "email": None, "customer_id": customer}
            known = self.records.make("contact", given)
            self._index(given, known)
        return known


def _at(deal: Deal) -> NameAt:
    return person_key(deal.contact or ""), deal.customer and company_key(deal.customer)


def _most(texts: Counter[str]) -> str:
    """The text that occurs most; of several, the first in order."""
    return min(texts, key=lambda text: (-texts[text], text))
