"""Samples read from the text of /metrics."""

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


def figures(text: str) -> dict[tuple[str, Labels], float]:
    """Every sample, by its name without `dealboard_` and its labels."""
    return {
        (sample.name.removeprefix("dealboard_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(text: str, name: str, **labels: str) -> float | None:
    """One sample; None when there is none."""
    return figures(text).get((name, frozenset(labels.items())))
