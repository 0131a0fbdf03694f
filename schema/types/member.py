"""Members, and the caller as one of them."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from engine.publish.enums import ordering
from engine.publish.fields import Argument, column, id_field, read
from engine.publish.node import Node
from engine.read.json_text import Expression
from engine.read.rows import ORGANISATION, ROLE
from engine.read.slots import Args
from models.rules.roles import Role
from models.tables.notification import NotificationReason
from resolvers.reads import members, organisations
from resolvers.reads.forecast import forecast
from resolvers.reads.forecast.deals import ForecastBy
from resolvers.reads.inbox import mail, notifications
from resolvers.reads.tasks import counts as task_counts
from schema.forecast import arguments as forecast_arguments
from schema.types.task_counts import TaskCounts

if TYPE_CHECKING:
    from schema.forecast.forecast import ForecastRow
    from schema.inbox.notification import CalendarFeed, MailSettings, NotificationSetting
    from schema.rights import ViewerRights

MENTIONS = "To mention a member, write `@` and the member's id, `@member_0192…`: they are notified."
"""How texts mention members."""


@strawberry.type(description="A person of your organisation: someone who can own leads and do tasks.")
class Member(Node):
    id: strawberry.ID = id_field("member", "The member's id.")
    name: str = column("name", "The person's name.")
    email: str | None = column("email", "The person's e-mail address.")
    role: Role = column("role", "The most that the person may do. A token with a lower role allows less.")
    active: bool = column("active", "Whether the person is active. Inactive members cannot be assigned leads.")
    time_zone: str = column("time_zone", "The person's time zone, as the IANA database names it: `Europe/Paris`.")
    capacity: int = column("capacity", "The person's share of the leads of a WEIGHTED pool.")
    daily_cap: int | None = column(
        "daily_cap",
        ("The most leads that routing assigns to the person in a day of their time zone; null for no limit."),
    )
    goals: list[Annotated["ForecastRow", strawberry.lazy("schema.forecast.forecast")]] = read(
        forecast.goals(ForecastBy.OWNER),
        "What the person is to win in a period, has won and expects, by currency: the rows of `forecast` by OWNER. "
        "Empty without a quota and deals.",
        arguments=forecast_arguments.OF_ONE,
        rows=2,
    )
    open_leads: int = read(members.open_leads, "How many open leads and opportunities the person works on.")
    version: int = column("version", "Counts the changes of this record: 1, 2, 3, …")


@strawberry.type(description="Your organisation: what you see here belongs to it, and nothing else is visible.")
class Organisation:
    id: strawberry.ID = id_field("organisation", "The organisation's id. `viewer` finds it; `node` does not.")
    name: str = column("name", "The organisation's name.")
    key: str = column("key", "The organisation's key in tokens and in the `orgid` header.")
    currency: str = column("currency", "The currency used when none is given, as an ISO 4217 code.")
    time_zone: str = column(
        "time_zone",
        "The organisation's time zone, as the IANA database names it. Its days are those of forecasts, of exchange "
        "rates, and of days that conditions count from today. What is due to a member is counted by the member's own.",
    )
    fiscal_year_start: int = column(
        "fiscal_year_start", "The month with which the fiscal year begins: 1 for January to 12 for December."
    )


def _key(root: Any, args: Args) -> Expression:
    return ORGANISATION


def _role(root: Any, args: Args) -> Expression:
    return ROLE


@strawberry.type(description="The caller: the person whose token the request carries.")
class Viewer:
    id: strawberry.ID = read(members.viewer_id, "Your id as a caller: the same in each of your requests.")
    organisation_key: str = read(_key, "The key of your organisation in your token.")
    organisation: Organisation | None = read(organisations.mine, "Your organisation; null before anybody signs in.")
    role: Role = read(_role, "Your role: the lesser of the one in your token and the one of your member record.")
    member: Member | None = read(members.viewer_member, "Your member record; null before you sign in.")
    can: Annotated["ViewerRights", strawberry.lazy("schema.rights")] = read(
        members.of_record, "The mutations that your role lets you run: what to offer at all."
    )
    unread_count: int = read(notifications.unread_count, "How many unread notifications you have.")
    notification_cursor: str = read(
        notifications.place,
        "The place up to which your notifications are made: subscribe to `notified` after it to miss none.",
    )
    notification_settings: list[Annotated["NotificationSetting", strawberry.lazy("schema.inbox.notification")]] = read(
        notifications.settings,
        "What you chose by reason; you are notified for all others, and mail about them comes by default.",
        rows=len(NotificationReason),
    )
    mail_settings: Annotated["MailSettings", strawberry.lazy("schema.inbox.notification")] = read(
        mail.settings, "When mail about your notifications comes."
    )
    calendar_feed: Annotated["CalendarFeed", strawberry.lazy("schema.inbox.notification")] | None = read(
        notifications.calendar_feed, "Your calendar feed; null when you have none."
    )
    task_counts: TaskCounts = read(
        task_counts.task_counts,
        "How many open tasks you have, by due date: the numbers of a badge.",
        arguments={
            "time_zone": Argument(
                str | None,
                "The time zone whose day is today, as the IANA database names it: `Europe/Paris`. Without it, yours.",
            )
        },
    )


MemberOrder = ordering("Member", members.ORDERS)
