"""The judge finds what is planted: records of a flawless run, each time with one thing made wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any, Final

import msgspec
import pytest
from aiokafka.structs import ConsumerRecord

from agents.codecs.avro import decode_activation, encode_raw_event
from agents.transport.applier import Output
from streams.ids import derive
from streams.partition import partition_of
from streams.records import RawEvent, Value
from tests import stream
from tests.faults.bundle import grocery
from tests.faults.case import REPORTS, Case
from tests.faults.checker import flaws, mechanisms
from tests.faults.feeding import END_MS, Feeding
from tests.faults.log import Log, read_log
from tests.witness import Seen

PARTITIONS: Final = 2
Recorded = tuple[Log, Case]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """Return what a deployment in memory made of a bad day, nothing being killed."""
    bundle = grocery()
    deployment = stream.Deployment(bundle, PARTITIONS)
    deployment.log.attach("activations", "", lambda record: _delivered(deployment, record))
    deployment.log.run()
    policy = next(iter(deployment.parts.book.by_hash.values()))
    feeding = Feeding(40, date(2017, 2, 5), PARTITIONS, policy.holdout, seed=1)
    slices = list(feeding.slices())
    for part in slices:
        for one in part.fed:
            deployment.log.send("raw-events", one.key, one.value, one.partition)
        deployment.log.run()
    deployment.tick(feeding.ends_at + END_MS)
    fed = [one for part in slices for one in part.fed]
    case = Case(fed, feeding.homes, bundle, list(policy.points["checkout"].board.filters))
    log = read_log(lambda noun, model, _: _seen(deployment.log.records(noun, model)), PARTITIONS, sorted(policy.models))
    log.changelog = _changelog(deployment)
    return log, case


def _delivered(deployment: stream.Deployment, record: ConsumerRecord[bytes, bytes]) -> list[Output]:
    one = decode_activation(record.value)
    told: dict[str, Value] = {
        "activation_id": one.activation_id,
        "decision_id": one.decision_id,
        "delivery_channel": one.delivery_channel,
    }
    name = derive("event", one.activation_id, "delivered")
    source = f"channel:{one.delivery_channel}"
    report = RawEvent(name, one.profile_id, "activation_delivered", one.release_at, source, told)
    partition = partition_of(one.profile_id, PARTITIONS)
    topic = f"{deployment.settings.namespace}.raw-events.v1"
    return [(topic, partition, one.profile_id.encode(), encode_raw_event(report), [])]


def _seen(records: Iterable[ConsumerRecord[bytes, bytes]]) -> list[Seen]:
    return [Seen(one.partition, one.offset, one.key, one.value, list(one.headers)) for one in records]


def _changelog(deployment: stream.Deployment) -> list[Seen]:
    found = []
    for partition, rows in enumerate(deployment.rows):
        found += [Seen(partition, 0, key, value, []) for key, value in rows.items()]
        place = {f"{deployment.settings.namespace}.raw-events.v1": [1 << 40, 0]}
        position = msgspec.msgpack.encode((1, deployment.appliers[partition].step, place))
        found.append(Seen(partition, 0, b"\0position", position, []))
    return found


def test_a_flawless_run_has_no_flaws_and_shows_what_it_did(recorded: Recorded) -> None:
    assert flaws(*recorded) == []
    seen = mechanisms(*recorded)
    for name in (
        "accepted",
        "forwarded",
        "duplicates",
        "source holdout",
        "source explore",
        "note delivered",
        "reward final",
    ):
        assert seen[name], name


def copied(log: Log, case: Case) -> Recorded:
    """Return a recording of which the original knows nothing."""
    said = {noun: [replace(one, told=dict(one.told)) for one in records] for noun, records in log.said.items()}
    return Log(log.raw, list(log.changelog), said), replace(case, bundle=dict(case.bundle))


def first(log: Log, noun: str, **fields: Any) -> int:
    """Return where the first record of a topic stands that says so."""
    return next(
        i for i, one in enumerate(log.said[noun]) if all(one.told[name] == value for name, value in fields.items())
    )


def lose(noun: str, **fields: Any) -> Callable[[Log, Case], None]:
    """Leave out a record of a topic."""

    def edit(log: Log, _case: Case) -> None:
        del log.said[noun][first(log, noun, **fields)]

    return edit


def repeat(noun: str, **fields: Any) -> Callable[[Log, Case], None]:
    """Say a record of a topic once more."""

    def edit(log: Log, _case: Case) -> None:
        place = first(log, noun, **fields)
        log.said[noun].insert(place, log.said[noun][place])

    return edit


def say(noun: str, new: dict[str, Any], **fields: Any) -> Callable[[Log, Case], None]:
    """Have a record of a topic say something else."""

    def edit(log: Log, _case: Case) -> None:
        log.said[noun][first(log, noun, **fields)].told.update(new)

    return edit


def exchange(log: Log, _case: Case) -> None:
    """Let two purchases of one person change places."""
    events = log.said["events"]
    one = first(log, "events", type="product_purchased")
    two = first(log, "events", type="basket_completed", profile_id=events[one].told["profile_id"])
    told = (events[two].told, events[one].told)
    events[one], events[two] = replace(events[one], told=told[0]), replace(events[two], told=told[1])


def step_back(log: Log, _case: Case) -> None:
    """Let a record carry a step that was before the one before it."""
    log.said["decisions"][5] = replace(log.said["decisions"][5], step=log.said["decisions"][3].step)


def remember_nobody(log: Log, _case: Case) -> None:
    """Delete a person's row."""
    row = next(seen for seen in log.changelog if (seen.key or b"").startswith(b"P"))
    log.changelog.append(row._replace(value=None))


def leave_open(log: Log, _case: Case) -> None:
    """Leave a round that was never decided."""
    log.changelog.append(Seen(0, 1, b"Rsomething", b"row", []))


def allow_less(_log: Log, case: Case) -> None:
    """Have a contact policy that was not kept."""
    case.bundle["contact"] = [rule | {"limit": 1} for rule in case.bundle["contact"]]


PLANTED: Final = [
    ("letters", lose("dead-letters", cause="future_time")),
    ("letters", repeat("dead-letters", cause="undecodable:magic")),
    ("letters", say("dead-letters", {"cause": "undecodable:schema"}, cause="undecodable:magic")),
    ("letters", say("dead-letters", {"value": b"other bytes"}, cause="not_finite:amount")),
    ("intake", lose("events", type="product_purchased")),
    ("intake", repeat("events", type="basket_completed")),
    ("intake", lose("routed-events")),
    ("order", exchange),
    ("order", say("events", {"consent": {"email": True, "app": True, "sms": True}}, type="consent_recorded")),
    ("clock", say("events", {"accepted_at": 1_483_333_333_333}, type="campaign_started")),
    ("decisions", lose("decisions", source="none")),
    ("decisions", say("decisions", {"decision_id": "0" * 32}, source="none")),
    ("activations", lose("activations")),
    ("activations", repeat("activations")),
    ("activations", say("activations", {"action": "another"})),
    ("activations", say("decisions", {"action": "beef_coupon"}, source="holdout")),
    ("draws", say("decisions", {"u": 7}, source="best")),
    ("draws", say("decisions", {"q": 7}, source="explore")),
    ("chain", say("decisions", {"previous_hash": b"?" * 32}, source="best")),
    ("chain", say("decisions", {"hash": b"?" * 32}, source="best")),
    ("contacts", allow_less),
    ("steps", step_back),
    ("steps", repeat("routed-events")),
    ("rewards", lose("rewards", status="final")),
    ("rewards", repeat("rewards", status="final")),
    ("rewards", say("rewards", {"ghost": True}, ghost=False, status="final")),
    ("worth", say("rewards", {"value_micro": 1 << 50}, ghost=False, status="final")),
    ("examples", repeat("retraining")),
    ("changelog", remember_nobody),
    ("changelog", leave_open),
]  # fmt: skip


@pytest.mark.parametrize(("check", "edit"), PLANTED, ids=[f"{n}-{check}" for n, (check, _) in enumerate(PLANTED)])
def test_what_is_planted_is_found(recorded: Recorded, check: str, edit: Callable[[Log, Case], None]) -> None:
    log, case = copied(*recorded)
    edit(log, case)
    assert check in {flaw.split(":")[0] for flaw in flaws(log, case)}


def test_reports_are_no_part_of_what_was_fed(recorded: Recorded) -> None:
    log, case = recorded
    assert any(event["type"] in REPORTS for event in log.told("events"))
    assert not any(one.event and one.event["type"] in REPORTS for one in case.fed)
