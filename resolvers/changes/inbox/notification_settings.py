"""What the caller wants to be notified of, and when mail about it comes."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, text

from engine.change.transaction import Change
from engine.read.rows import ORG
from models.database import Statement
from models.rules.clock.local_time import clock_time
from models.rules.clock.mail_times import DEFAULTS, is_quiet
from models.rules.refusal import Checks, Refusal, Refused
from models.rules.text import spelled
from models.tables.notification import NotificationReason
from resolvers.changes.inbox.mail_due import rearm
from resolvers.changes.tasks.day_reminders import FIND_AGAIN

MOST_TIMES = 6
"""Digests of a day."""

LOCK_SELF = Statement(
    text("SELECT id FROM member WHERE org_id = :org_id AND id = :id FOR NO KEY UPDATE").bindparams(ORG)
)
"""One change of what a member has chosen at a time."""

CHOSEN = Statement(
    text(
        "SELECT reason, in_app, mail FROM notification_setting WHERE org_id = :org_id AND member_id = :member_id"
        " ORDER BY reason"
    ).bindparams(ORG)
)

SET = Statement(
    text(
        """
        INSERT INTO notification_setting (org_id, member_id, reason, in_app, mail)
        SELECT CAST(:org_id AS uuid), CAST(:member_id AS uuid), chosen.reason, chosen.in_app, chosen.mail
        FROM unnest(CAST(:reasons AS text[]), CAST(:in_app AS boolean[]), CAST(:mail AS text[]))
            AS chosen (reason, in_app, mail)
        ON CONFLICT (org_id, member_id, reason) DO UPDATE SET in_app = excluded.in_app, mail = excluded.mail
        """
    ).bindparams(ORG)
)

TIMES = Statement(text("SELECT * FROM mail_setting WHERE org_id = :org_id AND member_id = :member_id").bindparams(ORG))

SET_TIMES = Statement(
    text(
        """
        INSERT INTO mail_setting (
            org_id, member_id, digest_times, digest_weekdays, quiet_from, quiet_until, all_day_reminder_at
        ) VALUES
            (:org_id, :member_id, :digest_times, :digest_weekdays, :quiet_from, :quiet_until, :all_day_reminder_at)
        ON CONFLICT (org_id, member_id) DO UPDATE SET digest_times = excluded.digest_times,
            digest_weekdays = excluded.digest_weekdays, quiet_from = excluded.quiet_from,
            quiet_until = excluded.quiet_until, all_day_reminder_at = excluded.all_day_reminder_at
        """
    ).bindparams(ORG, *(bindparam(name, type_=ARRAY(Text())) for name in ("digest_times", "digest_weekdays")))
)


async def set_notification_settings(
    change: Change, settings: Sequence[Mapping[str, Any]] | None = None, **times: Any
) -> Mapping[str, Any]:
    """Choose for some reasons whether the caller is notified and when mail comes, and at which times.

    Raises `Refused` INVALID: a reason is named twice, a time is none, or digests would come in quiet hours.
    """
    chosen, wanted = tidy_settings({"settings": settings, **times})
    if "all_day_reminder_at" in wanted:
        await change.run(FIND_AGAIN, member_id=change.actor_id)
    await change.run(LOCK_SELF, id=change.actor_id)
    stored = {row["reason"]: dict(row) for row in await change.all(CHOSEN, member_id=change.actor_id)}
    if chosen:
        unset = {"in_app": True, "mail": None}
        for reason, given in chosen.items():
            stored[reason] = {"reason": reason, **unset, **stored.get(reason, {}), **given}
        columns = {name: [stored[reason][name] for reason in chosen] for name in unset}
        await change.run(SET, member_id=change.actor_id, reasons=list(chosen), **columns)
    row = await change.first(TIMES, member_id=change.actor_id)
    present = {name: row[name] if row else default for name, default in DEFAULTS.items()}
    if wanted:
        present |= wanted
        _expect_loud(present, spelled(next(iter(wanted))))
        await change.run(SET_TIMES, member_id=change.actor_id, **present)
    channels = any("mail" in given for given in chosen.values())
    if wanted or channels:
        await rearm(change, change.actor_id, channels=channels)
    shown = [stored[reason] for reason in sorted(stored)]
    return {"settings": shown, "mail_settings": {**present, "sent": change.outlet.mail}}


def tidy_settings(given: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """What is chosen by reason, and the times that are, as they are stored. Raises `Refused` INVALID, for all that is
    wrong at once."""
    with Checks() as check:
        chosen = check(_by_reason, given.get("settings") or ())
        times = {name: check(TIDY[name], given[name], spelled(name)) for name in DEFAULTS if name in given}
        check(_expect_both_ends, times)
        check(_expect_loud, times, "digestTimes")
    return chosen, times


def _by_reason(settings: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    chosen: dict[str, dict[str, Any]] = {}
    with Checks() as check:
        for at, setting in enumerate(settings):
            given = {name: value for name, value in setting.items() if value is not None}
            reason = NotificationReason(given.pop("reason")).value
            check(_expect_new, reason, chosen, at)
            chosen[reason] = given
    return dict(sorted(chosen.items()))


def _expect_new(reason: str, chosen: Mapping[str, Any], at: int) -> None:
    if reason in chosen:
        raise Refused(Refusal.INVALID, f"{reason} is named twice. Leave one out.", "settings", str(at), "reason")


def _time(text: str | None, *field: str) -> str:
    if text is None:
        raise Refused(Refusal.INVALID, "This cannot be null. Send a time, such as 09:00.", *field)
    try:
        clock_time(text)
    except ValueError as wrong:
        raise Refused(Refusal.INVALID, str(wrong), *field) from wrong
    return text


def _optional_time(text: str | None, *field: str) -> str | None:
    return None if text is None else _time(text, *field)


def _times(texts: Sequence[str] | None, *field: str) -> list[str]:
    if not texts or len(texts) > MOST_TIMES:
        raise Refused(
            Refusal.INVALID,
            f"Send 1 to {MOST_TIMES} times. For no digests, set `mail` of each reason to IMMEDIATE or OFF.",
            *field,
        )
    with Checks() as check:
        for at, text in enumerate(texts):
            check(_time, text, *field, str(at))
            check(_expect_once, texts, at, *field)
    return sorted(texts)


def _weekdays(days: Sequence[str] | None, *field: str) -> list[str]:
    if not days:
        raise Refused(Refusal.INVALID, "Send at least one day. For no digests, set `mail` of each reason.", *field)
    with Checks() as check:
        for at in range(len(days)):
            check(_expect_once, days, at, *field)
    return [str(day) for day in days]


def _expect_once(values: Sequence[str], at: int, *field: str) -> None:
    if values[at] in values[:at]:
        raise Refused(Refusal.INVALID, f"{values[at]} is named twice. Leave one out.", *field, str(at))


def _expect_both_ends(times: Mapping[str, Any]) -> None:
    ends = [name for name in ("quiet_from", "quiet_until") if name in times]
    given = [name for name in ends if times[name] is not None]
    if len(ends) == 1 or len(given) == 1:
        missing = "quietFrom" if "quiet_until" in (given or ends) else "quietUntil"
        raise Refused(Refusal.INVALID, "Quiet hours need both ends: send both, or null for both for none.", missing)
    if given and times["quiet_from"] == times["quiet_until"]:
        raise Refused(
            Refusal.INVALID,
            "Quiet hours cannot end when they begin. For no mail, set `mail` to OFF.",
            "quietUntil",
        )


def _expect_loud(times: Mapping[str, Any], *field: str) -> None:
    """Refuse digests that would come in quiet hours: they would all be late."""
    start, end = times.get("quiet_from"), times.get("quiet_until")
    if start is None or end is None:
        return
    quiet = [text for text in times.get("digest_times") or () if is_quiet(text, start, end)]
    if quiet:
        listed = ", ".join(quiet)
        raise Refused(
            Refusal.INVALID,
            f"The digest at {listed} would come in the quiet hours from {start} to {end}. Choose other times.",
            *field,
        )


TIDY = {
    "digest_times": _times,
    "digest_weekdays": _weekdays,
    "quiet_from": _optional_time,
    "quiet_until": _optional_time,
    "all_day_reminder_at": _time,
}
"""The rule of each time."""
