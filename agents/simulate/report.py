"""What a simulation found: two runs in numbers, the decisions that changed, and what it cannot know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from agents.simulate.tally import FATES, SAME, Change, Side, Tally
from streams.decision.wording import instant, money

EXAMPLES_SHOWN: Final = 5
ACTIONS_SHOWN: Final = 12
FAILED_SHOWN: Final = 3
WIDTH: Final = 34

LIMITS: Final = (
    "People did what they did under the recorded policy: no purchase is made up or taken away.",
    "Value is what the models expected of what went out; what it causes, an experiment tells.",
    "Where the recorded run sent nothing there, a delivery is taken to succeed after the channel's delay.",
)


@dataclass
class Report:
    """A simulation, counted."""

    said: str  # the range
    zone: str  # in which instants are told
    currency: str
    candidate: str  # hash; "" = the policies of then
    tally: Tally = field(default_factory=Tally)
    events: int = 0  # of the window
    known_from: int = 0  # accepted_at of the first event that is kept, epoch ms
    unreadable: int = 0  # decisions
    failed: list[tuple[str, str]] = field(default_factory=list)  # event_id and error
    seconds: float = 0.0

    def add(self, other: Report) -> None:
        """Take in what was found of other partitions."""
        self.tally.add(other.tally)
        self.events += other.events
        self.known_from = min(self.known_from or other.known_from, other.known_from or self.known_from)
        self.unreadable += other.unreadable
        self.failed += other.failed


def to_json(report: Report) -> dict[str, Any]:
    """Return all of it as plain values; instants are epoch milliseconds, money is in micro-units."""
    tally = report.tally
    return {
        "range": report.said,
        "candidate": report.candidate,
        "events": report.events,
        "known_from": report.known_from,
        "recorded": _plain(tally.recorded),
        "simulated": _plain(tally.simulated),
        "fates": {fate: tally.fates[fate] for fate in FATES},
        "only_recorded": tally.only_recorded,
        "only_simulated": tally.only_simulated,
        "changes": [asdict(change) for change in tally.changes],
        "unreadable": report.unreadable,
        "failed": [{"event_id": event_id, "error": error} for event_id, error in report.failed],
        "seconds": round(report.seconds, 3),
        "limits": list(LIMITS),
    }


def to_text(report: Report) -> str:
    """Return it in words."""
    rate = f" ({report.events / report.seconds:,.0f} a second)" if report.seconds else ""
    under = f"the policy {report.candidate[:12]}" if report.candidate else "the policies of then"
    lines = [
        f"Simulated {report.said} under {under}: {report.events:,} events in {report.seconds:.1f} s{rate}.",
        f"Events are kept from {instant(report.known_from, report.zone)} ({report.zone}); before that nobody is known.",
        "",
        f"{'':{WIDTH}}{'recorded':>12}{'simulated':>12}{'change':>12}",
        *_numbers(report),
        "",
        *_sameness(report.tally),
    ]
    for change in report.tally.changes[:EXAMPLES_SHOWN]:
        lines += ["", *_told(change, report)]
    if report.unreadable:
        lines += ["", f"{report.unreadable:,} recorded decisions cannot be read here; they count as not made."]
    if report.failed:
        lines += ["", f"A stage failed on {len(report.failed):,} events, which would be dead letters:"]
        lines += [f"  {event_id}: {error}" for event_id, error in report.failed[:FAILED_SHOWN]]
    return "\n".join([*lines, "", "What this cannot know", *(f"  {limit}" for limit in LIMITS)]) + "\n"


def _plain(side: Side) -> dict[str, Any]:
    counted = {name: dict(sorted(value.items())) for name, value in vars(side).items() if isinstance(value, Counter)}
    del counted["contacts"]  # as many as there are people
    plain = {name: value for name, value in vars(side).items() if isinstance(value, int)}
    people, most = len(side.contacts), max(side.contacts.values(), default=0)
    return plain | counted | {"people_contacted": people, "contacts_of_one_max": most}


def _numbers(report: Report) -> Iterator[str]:
    recorded, simulated = report.tally.recorded, report.tally.simulated
    yield _row("decisions", recorded.decisions, simulated.decisions)
    yield _row("with an action", recorded.actions.total(), simulated.actions.total())
    yield from _rows("  by ", recorded.channels, simulated.channels)
    yield _row("without", recorded.reasons.total(), simulated.reasons.total())
    yield from _rows("  for ", recorded.reasons, simulated.reasons)
    yield _row("explored", recorded.sources["explore"], simulated.sources["explore"])
    yield _row("degraded", recorded.degraded, simulated.degraded)
    yield _row("people contacted", len(recorded.contacts), len(simulated.contacts))
    yield _row("most contacts of one person", _most(recorded), _most(simulated))
    yield _row(f"expected value, {report.currency}", recorded.ev_micro, simulated.ev_micro, is_money=True)
    yield _row(f"cost, {report.currency}", recorded.cost_micro, simulated.cost_micro, is_money=True)
    names = {name: abs(simulated.actions[name] - count) for name, count in recorded.actions.items()}
    names |= {name: abs(count - recorded.actions[name]) for name, count in simulated.actions.items()}
    shown = [name for name in sorted(names, key=lambda name: (-names[name], name)) if names[name]][:ACTIONS_SHOWN]
    if shown:
        yield ""
        yield "actions that changed most"
    for name in shown:
        yield _row(f"  {name}", recorded.actions[name], simulated.actions[name])


def _rows(prefix: str, recorded: Counter[str], simulated: Counter[str]) -> Iterator[str]:
    for name in sorted(recorded.keys() | simulated.keys()):
        yield _row(f"{prefix}{name}", recorded[name], simulated[name])


def _row(name: str, recorded: int, simulated: int, *, is_money: bool = False) -> str:
    values = [recorded, simulated, simulated - recorded]
    said = [money(value, "").strip() if is_money else f"{value:,}" for value in values]
    sign = "+" if values[2] > 0 else ""
    return f"{name:{WIDTH}}{said[0]:>12}{said[1]:>12}{sign + said[2]:>12}"


def _most(side: Side) -> int:
    return max(side.contacts.values(), default=0)


def _sameness(tally: Tally) -> Iterator[str]:
    both = tally.fates.total()
    if both:
        same = tally.fates[SAME]
        yield f"Of {both:,} decisions that both made, {same:,} ({same / both:.1%}) are the same."
        yield from (f"  {tally.fates[fate]:>9,}: {fate}" for fate in FATES if fate != SAME)
    if tally.only_recorded or tally.only_simulated:
        yield f"{tally.only_recorded:,} were made in the recorded run only, {tally.only_simulated:,} only simulated."


def _told(change: Change, report: Report) -> Iterator[str]:
    recorded, simulated = change.recorded, change.simulated
    when = instant(recorded.opened_at, report.zone)
    yield f"{recorded.decision_id}, {recorded.profile_id}, {when}: {change.fate}"
    for name, choice in (("recorded", recorded), ("simulated", simulated)):
        yield f"  {name:10} {choice.said}, score {money(choice.score_micro, '').strip()}"
