"""What a process tells on its web port, as Prometheus reads it, beside the declaration."""

from __future__ import annotations

import urllib.error
import urllib.request

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from agents.telemetry import BY_NAME, CONTENT_TYPE, METRICS

Series = tuple[str, tuple[str, ...]]  # name, values of the labels in the order declared


def page(port: int, path: str) -> str | None:
    """Return the text of a page; None while nobody listens, or while the process says that it is not ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            assert path != "metrics" or answer.headers["Content-Type"].startswith(CONTENT_TYPE)
            return text
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return None
    except OSError:
        return None


def families(port: int) -> dict[str, Metric]:
    """Return all that is told of ours, by the names of the declaration."""
    found = text_string_to_metric_families(page(port, "metrics") or "")
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in found
        if family.name.startswith("continuo_")
    }


def series(port: int) -> dict[Series, float]:
    """Return the series that are not 0; of histograms how much was observed."""
    return {
        (sample.name, tuple(sample.labels[label] for label, _ in BY_NAME[name].labels)): sample.value
        for name, family in families(port).items()
        for sample in family.samples
        if sample.value and not sample.name.endswith(("_sum", "_bucket"))
    }


def misdeclared(port: int, process: str) -> list[str]:
    """Return the metrics of such a process that are not told as they are declared, and those that are not declared."""
    found, own = families(port), {metric.name: metric for metric in METRICS if metric.told_by == process}
    wrong = sorted(found.keys() ^ own.keys())
    for name in found.keys() & own.keys():
        family, metric = found[name], own[name]
        labels = {label for label, _ in metric.labels}
        bounds = {one.labels["le"] for one in family.samples if one.name.endswith("_bucket")}
        told = (family.type, family.documentation, bounds - {"+Inf"})
        if told != (metric.kind, metric.meaning, set(map(str, metric.buckets)) if family.samples else set()) or any(
            one.labels.keys() - {"le"} != labels for one in family.samples
        ):
            wrong.append(name)
    return wrong
