"""When mail about the caller's notifications comes: as chosen, or by default."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, literal_column

from engine.read.json_text import Expression
from engine.read.rows import SENDS_MAIL, Same, rows
from engine.read.slots import Args
from models.rules.clock.mail_times import DEFAULTS
from models.tables.notification import MailSetting
from resolvers.reads.tasks.filters import viewer_id


def settings(viewer: Any, args: Args) -> Same:
    """The caller's settings of mail."""
    found = rows(MailSetting)
    return Same(found.where(found.entity.member_id == viewer_id()))


def sent(found: Any, args: Args) -> Expression:
    """Whether this server sends mail."""
    return SENDS_MAIL


def chosen(name: str) -> Callable[[Any, Args], Expression]:
    """What the caller has chosen in a column, or else its default."""

    def resolver(found: Any, args: Args) -> Expression:
        value: Expression = found.value(lambda setting: getattr(setting, name))
        default = DEFAULTS[name]
        if default is None:
            return value
        return func.coalesce(value, literal_column(_literal(default), value.type), type_=value.type)

    return resolver


def _literal(default: str | list[str]) -> str:
    """A default as SQL."""
    return f"'{default}'" if isinstance(default, str) else f"'{{{','.join(default)}}}'::text[]"
