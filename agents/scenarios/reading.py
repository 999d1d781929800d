"""Scenario files: a folder with what happens, what models answer, and what is expected to be decided.

scenarios/<name>/*.yaml    about, models, events, expect: in one file or several
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from agents.errors import UserError
from agents.policy_files import Bundle, load_bundle
from streams import ingest
from streams.policy import Policy
from streams.policy.problems import Problem, expected_one_of
from streams.policy.quantities import instant_ms
from streams.policy.reading import Node, Record
from streams.records import RawEvent, Value

FOLDER: Final = "scenarios"  # beside a policy's files
SOURCE: Final = "scenario"

Answers = dict[str, list[float]]  # by model: one output, or one for each category


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, and what models answer from then on."""

    event: RawEvent
    answers: Answers
    channel: str = ""  # of a report: that by which the person was last reached, which it is about


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario of a policy."""

    name: str
    about: str
    answers: Answers  # from the beginning
    happenings: tuple[Happening, ...]
    until: int  # how long it is looked on
    expected: tuple[str, ...]
    folder: Path


def find_scenarios(policy_folder: Path) -> list[Path]:
    """Return the folders of a policy's scenarios, by name; raises UserError where there is none."""
    folders = sorted(file for file in (policy_folder / FOLDER).glob("*") if file.is_dir())
    if not folders:
        raise UserError(f"{policy_folder / FOLDER}: expected a folder for each scenario, found none")
    return folders


def read_scenario(folder: Path, policy: Policy) -> Scenario:
    """Read one; raises UserError with file and line of everything that is wrong."""
    bundle = load_bundle(folder)
    problems: list[Problem] = []
    root = Node(dict(bundle), (), problems).record("scenario", ("about", "events"), ("models", "expect", "until"))
    answers = _answers(root.fields["models"], policy) if root.has("models") else {}
    happenings = tuple(_happening(node, number, policy) for number, node in enumerate(_items(root, "events")))
    last = max((one.event.occurred_at for one in happenings), default=0)
    until = _instant(root, "until", policy.zone) if root.has("until") else last
    expected = tuple(node.value for node in _items(root, "expect") if _is_text(node))
    if until < last:
        root.wrong("until", "expected an instant at or after the last event")
    if any(one.event.occurred_at > two.event.occurred_at for one, two in pairwise(happenings)):
        root.wrong("events", "expected events in the order in which they happen")
    if problems:
        raise UserError(_told(bundle, problems, folder))
    return Scenario(folder.name, root.text("about"), answers, happenings, until, expected, folder)


def _told(bundle: Bundle, problems: list[Problem], folder: Path) -> str:
    return f"the scenario {folder.name} cannot be read:\n{bundle.tell(problems)}"


def _items(root: Record, field: str) -> list[Node]:
    return root.fields[field].items(field) if root.has(field) else []


def _is_text(node: Node) -> bool:
    if not isinstance(node.value, str):
        node.wrong(f"expected a line of text, got {node.value!r}")
    return isinstance(node.value, str)


def _instant(record: Record, field: str, zone: str) -> int:
    at = instant_ms(record.text(field), zone) if record.has(field) else 0
    if at is None:
        record.wrong(field, f"expected a date or a time such as 2017-07-14 08:00, got {record.text(field)!r}")
    return at or 0


def _happening(node: Node, number: int, policy: Policy) -> Happening:
    told = node.value if isinstance(node.value, Mapping) else {}
    kind = str(told.get("type"))
    is_report = kind in ingest.REPORTS
    catalogue = policy.events | ingest.BUILT_IN
    known = catalogue[kind].properties if kind in catalogue and not is_report else {}
    required = ("at", "person", "type", *(("channel",) if is_report else ()))
    record = node.record("event", required, ("consent", "models", *known))
    record.one_of("type", "event type", catalogue)
    properties: dict[str, Value] = {name: told[name] for name in known if name in told}
    consent = told.get("consent")
    if consent is not None and not (isinstance(consent, dict) and all(isinstance(v, bool) for v in consent.values())):
        record.wrong("consent", f"expected scopes with true or false, got {consent!r}")
        consent = None
    event = RawEvent(
        f"{number + 1}", record.text("person"), kind, _instant(record, "at", policy.zone), SOURCE, properties,
        consent,
    )  # fmt: skip
    if not is_report and kind in catalogue and event.occurred_at:
        try:
            ingest.check_identity(event)
            ingest.check(event, policy.events, event.occurred_at, live=True)
        except ingest.Refused as refused:
            node.wrong(f"such an event is refused: {refused}")
    channel = record.one_of("channel", "delivery channel", policy.channels)
    return Happening(event, _answers(record.fields["models"], policy) if record.has("models") else {}, channel)


def _answers(node: Node, policy: Policy) -> Answers:
    """Read what models answer: a number, or numbers by category."""
    answers: Answers = {}
    for name, entry in node.entries("models", is_word=True):
        if name not in policy.models:
            entry.wrong(f"unknown model {name!r}: {expected_one_of(policy.models, name)}")
            continue
        count, value = policy.outputs_of(policy.models[name]), entry.value
        by_category: dict[str, Any] = value if isinstance(value, dict) and count > 1 else {}
        if unknown := sorted(set(by_category) - set(policy.categories)):
            entry.wrong(f"unknown categories {', '.join(unknown)}")
        told = [by_category.get(one, 0) for one in policy.categories] if by_category else [value] * count
        if any(isinstance(one, bool) or not isinstance(one, int | float) for one in told):
            entry.wrong(f"expected a number{' or numbers by category' * (count > 1)}, got {value!r}")
            continue
        answers[name] = [float(one) for one in told]
    return answers
