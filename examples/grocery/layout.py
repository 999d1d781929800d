"""The report as a person reads it: what happened, what was decided, what was withheld and why, what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from examples.grocery.expected import differences, is_whole
from examples.grocery.reckoning import MICRO, Reckoning
from examples.grocery.tables import ZONE

WIDTH = 96
BAR = 28  # characters of the longest bar


def report(summary: dict[str, Any], reckoning: Reckoning, costs: dict[str, Any], namespace: str) -> str:
    """Return the report, sections separated by empty lines."""
    decided, refused = summary["decisions"], dict(reckoning.refused.most_common())
    sections = [
        _flow(summary),
        _bars("Activations, by delivery channel", summary["activations"], decided, "of decisions"),
        _bars("No action, by the reason that left nothing", summary["withheld"], decided, "of decisions"),
        _bars("Candidates refused, by filter", refused, reckoning.candidates, "of candidates"),
        _models(summary["models"]),
        _value(summary, reckoning),
        _cost(summary, costs),
        _expected(summary, costs),
        _example(reckoning, namespace),
    ]
    return "\n\n".join(section for section in sections if section)


def _heading(text: str) -> str:
    return f"── {text} ".ljust(WIDTH, "─")


def _flow(s: dict[str, Any]) -> str:
    dead = ", ".join(f"{cause} {count:,}" for cause, count in s["dead_letters"].items()) or "none"
    told = (
        (s["events_in"], "raw events in, delivery reports included"),
        (s["events_accepted"], f"accepted; {s['duplicates']:,} duplicates, {s['forwarded']:,} forwarded"),
        (sum(s["dead_letters"].values()), f"dead letters: {dead}"),
        (s["decisions"], f"decisions, one for each of {s['triggers']:,} completed baskets"),
        (sum(s["activations"].values()), f"activations, {s['explored']:,} of them drawn to explore"),
        (s["held_out"], "more were masked by the holdout"),
        (s["degraded"], f"decisions without an answer that was asked for; {s['late']:,} answers came too late"),
        (s["rewards"], f"final rewards, {s['examples']:,} training examples"),
    )
    return "\n".join([_heading("A year of groceries"), *(f"{count:>12,}  {what}" for count, what in told)])


def _bars(title: str, counts: Mapping[str, int], whole: int, of: str) -> str:
    if not counts:
        return ""
    most = max(counts.values())
    lines = [_heading(title)]
    for name, count in counts.items():
        if count:
            bar = "█" * max(1, round(BAR * count / most))
            lines.append(f"{count:>12,}  {name:<24} {100 * count / whole:5.1f} % {of}  {bar}")
    return "\n".join(lines)


def _models(models: dict[str, dict[str, dict[str, Any]]]) -> str:
    lines = [
        _heading("Models, by quarter of the decision; every answer scored before it was learned from"),
        f"  {'':<22}{'answered':>10}   {'log-loss':>9} {'base':>8}   {'AUC':>6} {'base':>6}   {'rate':>6}",
    ]
    for model, quarters in models.items():
        for quarter, told in quarters.items():
            start = f"  {model + '  ' + quarter:<22}{told['answered']:>10,}   "
            if "log_loss" in told:
                columns = (told["log_loss"], told["base_log_loss"], told["auc"], told["base_auc"], told["base_rate"])
                shown = ["–" if value is None else f"{value:.4f}" for value in columns]
                lines.append(f"{start}{shown[0]:>9} {shown[1]:>8}   {shown[2]:>6} {shown[3]:>6}   {shown[4]:>6}")
            elif "rmse" in told:
                error, base, mean = told["rmse"], told["base_rmse"], told["mean"]
                lines.append(f"{start}error {error:.2f}, against {base:.2f} of who knows the mean, {mean:.2f}")
            else:
                lines.append(f"{start}cold: the policy's prior stood in")
    lines.append("  base: who knows the quarter's rate of each category in advance, and nothing else")
    return "\n".join(lines)


def _value(summary: dict[str, Any], reckoning: Reckoning) -> str:
    credited = summary["credited_value"]
    lines = [_heading("Value"), f"  credited by last touch: {credited['amount']:,.2f} {credited['currency']}"]
    lines += [f"  {part}" for part in _wrapped(credited["note"])]
    means = {ghost: sum(values) / len(values) / MICRO for ghost, values in reckoning.values_micro.items() if values}
    if len(means) == 2:
        told = (
            f"A final reward is {means[False]:.2f} on average, and {means[True]:.2f} where a household was held out: "
            "the difference is who was held out and how credit is shared, not effect."
        )
        lines += [f"  {part}" for part in _wrapped(told)]
    return "\n".join(lines)


def _cost(summary: dict[str, Any], costs: dict[str, Any]) -> str:
    latency = summary["latency_ms"]
    lines = [
        _heading("Cost"),
        f"  {summary['events_per_s']:,} events per second, from the first raw record to the last decision",
        f"  {latency['p50']:,} ms from raw record to decision, p99 {latency['p99']:,} ms, the backlog included",
    ]
    if costs:
        early = f", {costs['worker_rss_mb_early']:.0f} MB at 40 % of the events" if costs["worker_rss_mb_early"] else ""
        lines.append(f"  {summary['worker_rss_mb']:.0f} MB in the largest worker at the end{early}")
        spent = ", ".join(f"{name} {cost['cpu_s']:.0f} s" for name, cost in costs["processes"].items())
        lines.append("\n".join(f"  {part}" for part in _wrapped(f"CPU: {spent}")))
    return "\n".join(lines)


def _expected(summary: dict[str, Any], costs: dict[str, Any]) -> str:
    if not is_whole(summary):
        return ""
    found = list(differences(summary, costs))
    told = found or ["The year came out as expected (examples/grocery/expected.py)."]
    return "\n".join([_heading("As expected?"), *(f"  {line}" for line in told)])


def _example(reckoning: Reckoning, namespace: str) -> str:
    one = reckoning.example
    if one is None:
        return ""
    at = datetime.fromtimestamp(one.decided_at / 1000, ZONE)
    command = f"CONTINUO_NAMESPACE={namespace} continuo explain"
    lines = [
        _heading("One decision, and how to have it told"),
        f"  {one.profile_id}, {at:%d %b %Y %H:%M}: {one.treatment}, {one.source}, score {one.score_micro / MICRO:.3f}",
        f"  {command} {one.decision_id}",
        f"  {command} --profile {one.profile_id} --at {at.isoformat(timespec='seconds')}",
    ]
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > WIDTH - 4:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
