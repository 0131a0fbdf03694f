"""The text of a mail: plain, and the same as simple HTML. It is bounded, whatever the records are called.

What people typed cannot become a header or markup: texts are put on one line, headers are encoded by the standard
library, and the HTML is escaped. The rest of the message is written out, which takes a third of the time.
"""

import unicodedata
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from hashlib import sha256
from html import escape
from uuid import UUID

from models.database import Row
from models.rules.ids import public_id
from models.tables.notification import NotificationReason
from resolvers.reactions.mail.contents import MailContent

MOST_NEWS = 50
"""Notifications that a mail names; it counts the rest."""

LONGEST = 120
"""Characters of a name or a title."""

SETTINGS_PATH = "/settings/notifications"
"""The path of the page, in the app, on which a member chooses what mail to get."""

JOINERS = "\u200c\u200d"
"""Invisible characters that belong to words of some languages, and to emoji."""

HEADER_LINE = 64
"""Characters of a line of a header, after its name."""

BOUNDARY = "=_dealboard"
"""What separates the parts of a message (RFC 2045, section 6.7, suggests it)."""


@dataclass(frozen=True)
class MailSender:
    """Who mails are from, and the address of the app that their links lead to, without a slash at its end."""

    name: str
    address: str
    app_url: str


@dataclass(frozen=True)
class TextLine:
    """A line of a mail, and the record it leads to."""

    text: str
    link: str | None = None


Part = tuple[str, Sequence[TextLine]]
"""A heading, and its lines."""


def compose(content: MailContent, sender: MailSender) -> bytes:
    """The message to the member, as it is sent."""
    news = [TextLine(sentence(row), _link(row, sender)) for row in content.news[:MOST_NEWS]]
    more = len(content.news) - len(news)
    if more:
        news.append(TextLine(f"And {more} more."))
    parts = [*_tasks(content, sender), ("New", news)]
    headers = (
        f"From: {formataddr((_name(sender.name), sender.address))}\r\n",
        f"To: {formataddr((_name(content.name), content.email or ''))}\r\n",
        f"Subject: {header_text(f'{_line(content.organisation)}: {_subject(content)}')}\r\n",
        f"Date: {format_datetime(content.mail.now)}\r\n",
        f"Message-ID: <{_identity(content)}@{sender.address.rpartition('@')[2]}>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        f"List-Unsubscribe: <{sender.app_url}{SETTINGS_PATH}>\r\n",
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n',
    )
    plain, html = "\r\n".join(_plain(parts, sender)), "".join(_html(parts, sender))
    return "".join((*headers, _part("plain", plain), _part("html", html), f"--{BOUNDARY}--\r\n")).encode("ascii")


def _name(text: str) -> str:
    """A name before an address, which no reader takes for an encoded word."""
    return _line(text).replace("=?", "= ?")


def header_text(text: str) -> str:
    """A line of text as the value of a header: as it is, or encoded and folded. What looks like an encoded word is text
    as well, so it is encoded once more: decoded, it could be a line break."""
    if text.isascii() and "=?" not in text and len(text) <= HEADER_LINE:
        return text
    return Header(text, "utf-8", HEADER_LINE).encode(linesep="\r\n")


def _part(subtype: str, text: str) -> str:
    """A part of the message. No line of it can be the boundary, because quoted-printable never holds `=_`."""
    encoded = b2a_qp(f"{text}\r\n".encode(), istext=True).decode("ascii")
    return (
        f"--{BOUNDARY}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{encoded}"
    )


def sentence(row: Row) -> str:
    """A notification as a sentence: who did what to which record, how often."""
    actor, count, what = _line(row["actor"] or "") or "Somebody", row["count"], _titled(row)
    match NotificationReason(row["reason"]):
        case NotificationReason.ASSIGNED:
            return f"{actor} gave you {what or f'{count} leads or tasks'}."
        case NotificationReason.MENTIONED:
            on = f" on {what}" if what else ""
            return f"{actor} mentioned you{on}{f' {count} times' if count > 1 else ''}."
        case NotificationReason.STAGE_CHANGED_OF_YOURS:
            often = f" {count} times" if what and count > 1 else ""
            return f"{actor} moved {what or 'leads of yours'} to another stage{often}."
        case NotificationReason.TASK_OVERDUE:
            return f"Overdue: {what or f'{count} tasks of yours'}."
        case NotificationReason.REMINDER:
            return f"Reminder: {what or f'{count} tasks of yours'}."


def _titled(row: Row) -> str | None:
    if row["task_id"] is not None and row["task"] is not None:
        about = f" on the lead “{_line(row['lead'])}”" if row["lead"] else ""
        return f"the task “{_line(row['task'])}”{about}"
    return f"the lead “{_line(row['lead'])}”" if row["lead"] else None


def _subject(content: MailContent) -> str:
    if len(content.news) == 1 and not content.is_digest:
        return sentence(content.news[0])
    count = len(content.news)
    return f"{'Your digest: ' if content.is_digest else ''}{count} new notification{'s' if count > 1 else ''}"


def _tasks(content: MailContent, sender: MailSender) -> Iterator[Part]:
    """The tasks that are late, and those of today."""
    now, zone = content.mail.now, content.times.zone
    for heading, tasks in (
        ("Overdue", [task for task in content.tasks if task["deadline"] < now]),
        ("Today", [task for task in content.tasks if task["deadline"] >= now]),
    ):
        if tasks:
            yield heading, [TextLine(_task(task, now, zone), _task_link(task["id"], sender)) for task in tasks]


def _task(task: Row, now: datetime, zone: object) -> str:
    due: datetime | None = task["due_at"]
    local = due and due.astimezone(zone)  # type: ignore[arg-type]
    at = f" ({local:%H:%M})" if local and due and due >= now else f" ({local:%d %b %Y, %H:%M})" if local else ""
    about = f", lead “{_line(task['lead'])}”" if task["lead"] else ""
    return f"“{_line(task['title'])}”{about}{at}"


def _link(row: Row, sender: MailSender) -> str | None:
    if row["task_id"] is not None and row["task"] is not None:
        return _task_link(row["task_id"], sender)
    if row["lead_id"] is not None and row["lead"] is not None:
        return f"{sender.app_url}/leads/{public_id('lead', row['lead_id'])}"
    return None


def _task_link(task_id: UUID, sender: MailSender) -> str:
    return f"{sender.app_url}/tasks/{public_id('task', task_id)}"


def _plain(parts: Iterable[Part], sender: MailSender) -> Iterator[str]:
    for heading, lines in parts:
        yield heading
        for line in lines:
            yield f"- {line.text}"
            if line.link:
                yield f"  {line.link}"
        yield ""
    yield f"Choose what mail you get: {sender.app_url}{SETTINGS_PATH}"


def _html(parts: Iterable[Part], sender: MailSender) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><body>\r\n'
    for heading, lines in parts:
        yield f"<h3>{escape(heading)}</h3><ul>\r\n"
        for line in lines:
            text = escape(line.text)
            yield f'<li><a href="{escape(line.link)}">{text}</a></li>\r\n' if line.link else f"<li>{text}</li>\r\n"
        yield "</ul>\r\n"
    yield f'<p><a href="{escape(sender.app_url + SETTINGS_PATH)}">Choose what mail you get</a></p></body></html>\r\n'


def _line(text: str) -> str:
    """A text that people typed, on one line, without characters that steer what follows, and not too long."""
    plain = "".join(" " if unicodedata.category(one)[0] in "CZ" and one not in JOINERS else one for one in text)
    tidy = " ".join(plain.split())
    return tidy if len(tidy) <= LONGEST else tidy[: LONGEST - 1] + "…"


def _identity(content: MailContent) -> str:
    """The same for each attempt at a mail, so that a server can notice one that it has."""
    mail = content.mail
    named = f"{mail.org_id} {mail.member_id} {mail.channel} {mail.due_at} {mail.number}"
    return sha256(named.encode()).hexdigest()[:32]
