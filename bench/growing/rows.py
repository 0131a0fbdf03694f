"""What is measured in a large organisation: each operation that grew with it once."""

from collections.abc import Mapping
from typing import Any

PIPELINE = "pipeline_01900000-0004-7000-8000-000000000001"
MEMBER = "member_01900000-0001-7000-8000-000000000002"
CONTACT = "contact_01900000-0003-7000-8000-000000000001"
STAGES = [f"stage_01900000-0005-7000-8000-00000000000{nth}" for nth in range(1, 7)]
LEAD = "lead_01900000-0006-7000-8000-{:012x}"

NODES = "nodes { id title value currency owner { id name } }"


def board(totals: str = "", order: str = "", shown: str = "count values { currency value weightedValue }") -> str:
    """A board of six columns of 50 cards."""
    given = f"first: 50{f', orderBy: {{field: {order}, direction: DESC}}' if order else ''}"
    of = f"(filter: {totals})" if totals else ""
    return f"""{{ pipeline(id: "{PIPELINE}") {{ stages {{
        id totals{of} {{ {shown} }} leads({given}) {{ {NODES} }}
    }} }} }}"""


def leads(filter: str = "", order: str = "", shown: str = NODES) -> str:
    """A list of 50 leads."""
    parts = ["first: 50"]
    if filter:
        parts.append(f"filter: {filter}")
    if order:
        parts.append(f"orderBy: {{field: {order}, direction: ASC}}")
    return f"{{ leads({', '.join(parts)}) {{ {shown} }} }}"


def matching(shown: str) -> str:
    """The leads of a person, found by e-mail address."""
    return f"""{{ matchingLeads(first: 50, condition: {{contactEmail: {{equals: "contact7@example.com"}}}}) {{
        {shown}
    }} }}"""


COUNTED = "count { count precision }"
TOTAL = "totalCount"

READS: Mapping[str, str] = {
    "board, 6 × 50, with totals": board(),
    "board with withoutNextTask": board(shown="count withoutNextTask"),
    "board, totals of an owner": board(f'{{ownerIds: ["{MEMBER}"]}}'),
    "board, counts of an owner": board(f'{{ownerIds: ["{MEMBER}"]}}', shown="count"),
    "board, totals without an owner": board("{unowned: true}"),
    "board, counts without a next task": board("{hasNextTask: false}", shown="count"),
    "board, totals of a kind": board("{kind: OPPORTUNITY}"),
    "board, totals of a search": board('{search: "renewal jansen"}'),
    "board, totals by value of 100 to 200": board('{value: {min: "100", max: "200"}}'),
    "columns by VALUE": board(order="VALUE"),
    "columns by TITLE": board(order="TITLE"),
    **{
        f"all by {order}": leads(order=order)
        for order in ("BOARD", "TITLE", "SCORE", "STAGE_ENTERED_AT", "EXPECTED_CLOSE_DATE", "CREATED_AT")
    },
    "a pipeline": leads(f'{{pipelineIds: ["{PIPELINE}"]}}'),
    "hasNextTask: false": leads("{hasNextTask: false}"),
    "a kind": leads("{kind: OPPORTUNITY}"),
    "a kind that no lead has": leads("{kind: LEAD}"),
    "an owner": leads(f'{{ownerIds: ["{MEMBER}"]}}'),
    "matchingLeads by contactEmail": matching(NODES),
    "matchingLeads by contactEmail, totalCount": matching(TOTAL),
    "search, no hit": leads('{search: "nobody"}'),
    "search, one hit": leads('{search: "4711 jansen"}'),
    "search, three words": leads('{search: "renewal for jansen"}'),
    "search, a word of all leads": leads('{search: "jansen"}'),
    "search, a word of all leads, count": leads('{search: "jansen"}', shown=COUNTED),
    "search, a word of all leads, totalCount": leads('{search: "jansen"}', shown=TOTAL),
    "totalCount of all": leads(shown=TOTAL),
    "totalCount of a pipeline": leads(f'{{pipelineIds: ["{PIPELINE}"]}}', shown=TOTAL),
    "totalCount of an owner": leads(f'{{ownerIds: ["{MEMBER}"]}}', shown=TOTAL),
    "count of an owner": leads(f'{{ownerIds: ["{MEMBER}"]}}', shown=COUNTED),
    "totalCount of open leads": leads("{closed: false}", shown=TOTAL),
    "count of open leads": leads("{closed: false}", shown=COUNTED),
    "totalCount of contacts": "{ contacts { totalCount } }",
    "contacts by NAME": "{ contacts(first: 50) { nodes { id name } } }",
}
"""Queries by what they are."""

CREATE = "mutation ($input: CreateLeadInput!) { result: createLead(input: $input) { userErrors { code } } }"
UPDATE = "mutation ($input: UpdateLeadInput!) { result: updateLead(input: $input) { userErrors { code } } }"
MOVE = "mutation ($input: MoveLeadInput!) { result: moveLead(input: $input) { userErrors { code } } }"
RENAME = "mutation ($input: UpdateContactInput!) { result: updateContact(input: $input) { userErrors { code } } }"


def changes(nth: int) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Changes by what they are, of another lead each time."""
    lead = LEAD.format(1 + nth)
    return {
        "createLead": (CREATE, {"title": f"Created {nth}", "stageId": STAGES[0], "contactId": CONTACT}),
        "updateLead, its title": (UPDATE, {"leadId": lead, "title": f"Renamed {nth}"}),
        "updateLead, its value": (UPDATE, {"leadId": lead, "value": f"{nth}.00", "currency": "EUR"}),
        "moveLead": (MOVE, {"leadId": lead, "stageId": STAGES[1 + nth % 3]}),
        "updateContact, its name": (RENAME, {"contactId": CONTACT, "name": f"Renamed {nth}"}),
    }
