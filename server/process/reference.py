"""The reference pages in docs/, written from the code: settings, errors and metrics."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from prometheus_client import Metric
from pydantic.fields import FieldInfo

from engine.errors import Code
from schema.api import graphql_schema
from server.observe.metrics import Metrics
from server.settings import PREFIX, Settings
from server.transport.close_codes import CLOSE_CODES
from server.transport.http import STATUSES


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings_page() -> str:
    """Every setting: its variable, type, default and description."""
    rows = [
        (f"`{PREFIX}{name.upper()}`", setting_type(field), _default(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]
    return f"""# Settings

Set them as environment variables. `dealboard serve --help` prints the same list. An empty variable counts as unset; a
variable that starts with `{PREFIX}` and names no setting stops the server with a message.

{table(("variable", "type", "default", "description"), rows)}
"""


def setting_type(field: FieldInfo) -> str:
    """The type of a setting in words, with its bounds: `integer, from 1 to 64`."""
    types = [part for part in get_args(field.annotation) if part is not NoneType] or [field.annotation]
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{value}`" for value in types)
    bounds = {name: value for bound in field.metadata for name, value in _bounds(bound)}
    least, most, above = bounds.get("ge"), bounds.get("le"), bounds.get("gt")
    limits = (
        f"from {least} to {most}"
        if least is not None and most is not None
        else f"at least {least}"
        if least is not None
        else f"above {above}"
        if above is not None
        else ""
    )
    name = "list" if get_origin(field.annotation) is tuple else TYPES[types[0]]
    return f"{name}, {limits}" if limits else name


TYPES: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "path"}
"""The types of settings in words."""


def _bounds(constraint: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(constraint, name)) for name in ("ge", "le", "gt") if hasattr(constraint, name)]


def errors_page() -> str:
    """Every code of `errors`, of `userErrors` and of closed sockets."""
    refusals = graphql_schema.type_map["UserErrorCode"]
    values = [(f"`{name}`", value.description) for name, value in refusals.values.items()]  # type: ignore[attr-defined]
    codes = [(f"`{code}`", STATUSES.get(code, 400), code.description) for code in Code]
    return f"""# Errors

Programs decide on codes. Messages are for people and may change.

## Errors of a request

`errors[].extensions.code`. The status is that of a response in `application/graphql-response+json` when nothing ran.

{table(("code", "status", "meaning"), codes)}

## User errors

`userErrors[].code` in the payload of a mutation. The mutation has changed nothing.

{table(("code", "meaning"), values)}

## Close codes of a WebSocket

{table(("code", "meaning"), CLOSE_CODES.items())}
"""


def metrics_page() -> str:
    """Every metric at /metrics: its name, type, labels and help."""
    all_metrics = Metrics()
    metrics: list[tuple[Metric, Sequence[str]]] = [
        (metric, getattr(one, "_labelnames", ()))
        for part in (all_metrics, all_metrics.consumers, all_metrics.work, all_metrics.mail)
        for one in vars(part).values()
        if hasattr(one, "describe")
        for metric in one.describe()
    ]
    rows = [
        (
            f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`",
            metric.type,
            ", ".join(labels),
            metric.documentation,
        )
        for metric, labels in metrics
    ]
    return f"""# Metrics

`/metrics` serves the metrics of all workers of a server in the text format of Prometheus. Durations are in seconds. A
histogram has the series `_bucket`, `_count` and `_sum`.

{table(("metric", "type", "labels", "help"), rows)}
"""


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "metrics.md": metrics_page}
"""Each page by its file in docs/."""


def write(folder: Path) -> None:
    """Write every page into a folder."""
    for name, page in PAGES.items():
        (folder / name).write_text(page())


def _default(value: object) -> str:
    if value in (None, ()):
        return ""
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"`{text.lower() if isinstance(value, bool) else text}`"
