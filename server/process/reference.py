"""The reference pages in docs/, written from the code: settings, errors and metrics."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import Metric

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
    """Every setting: its variable, its default and what it is for."""
    rows = [
        (f"`{PREFIX}{name.upper()}`", "" if field.default is None else f"`{_shown(field.default)}`", field.description)
        for name, field in Settings.model_fields.items()
    ]
    return f"""# Settings

Settings are environment variables. `dealboard serve --help` lists the same as options. A variable that starts with
`{PREFIX}` and names no setting is refused.

{table(("variable", "default", "for"), rows)}
"""


def errors_page() -> str:
    """Every code that a client can meet: in errors, in `userErrors`, and when a socket is closed."""
    refusals = graphql_schema.type_map["UserErrorCode"]
    values = [(f"`{name}`", value.description) for name, value in refusals.values.items()]  # type: ignore[attr-defined]
    codes = [(f"`{code}`", STATUSES.get(code, 400), code.description) for code in Code]
    return f"""# Errors

Branch on codes; messages are for people and may change.

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
    """Every metric at /metrics: its name, its kind, its labels and what it counts."""
    metrics: list[tuple[Metric, Sequence[str]]] = [
        (metric, getattr(one, "_labelnames", ()))
        for one in vars(Metrics()).values()
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

`/metrics` answers in Prometheus' form for all workers of a server. A histogram has `_bucket`, `_count` and `_sum`.

{table(("metric", "kind", "labels", "counts"), rows)}
"""


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "metrics.md": metrics_page}
"""Each page by its file in docs/."""


def write(folder: Path) -> None:
    """Write every page into a folder."""
    for name, page in PAGES.items():
        (folder / name).write_text(page())


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)
