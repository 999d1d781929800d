"""The suite that every kind of delivery channel passes, on a log in memory that can lose what was not committed."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents.channels.delivery import Clock, Delivery, Phase
from agents.channels.file import FileKind
from agents.channels.ledger import DONE, INTENDED, KEPT_MS, Ledger
from agents.errors import UserError
from streams.records import Activation, Dispatch, RawEvent

HOUR_MS = 3_600_000
NOW = 1_500_000_000_000


def activation(number: int, *, expires_at: int = NOW + 100 * HOUR_MS, channel: str = "email") -> Activation:
    return Activation(
        f"activation-{number}", f"decision-{number}", f"person-{number}", "soup_off", "soup_off.email", channel,
        {"subject": "Soup, 10 % off"}, NOW, NOW + number, expires_at, "hash", None,
    )  # fmt: skip


class Crash(Exception):
    """The process is gone: what it had in memory too."""


class House:
    """Kafka and the disk, which outlive the processes of a delivery channel."""

    def __init__(self, home: Path) -> None:
        self.ledger: dict[str, Dispatch] = {}
        self.reports: list[RawEvent] = []
        self.path = home / "channels" / "email.jsonl"

    def commit(self, phase: Phase) -> None:
        for entry in phase.entries:
            self.ledger[entry.activation_id] = entry
        for one in phase.forgotten:
            del self.ledger[one]
        self.reports += phase.reports

    def run(self, *batches: list[Activation], crash: str = "") -> None:
        """Start a process, give it the batches, and let it die `before` or `after` the delivery of the last one."""
        with ExitStack() as stack:
            kind = stack.enter_context(FileKind(self.path))
            ledger = Ledger("email")
            for entry in self.ledger.values():
                ledger.take(entry)
            delivery = Delivery("email", kind, ledger, Clock(is_live=False, delay_ms=HOUR_MS))
            for batch in batches:
                last = batch is batches[-1]
                intended = delivery.intend(batch)
                if last and crash == "at once":
                    raise Crash
                self.commit(intended)
                if last and crash == "before":
                    raise Crash
                delivered = delivery.deliver()
                if last and crash == "after":
                    raise Crash
                self.commit(delivered)

    def sent(self) -> Counter[str]:
        return Counter(json.loads(line)["activation_id"] for line in self.path.read_text().splitlines())

    def told(self) -> Counter[tuple[str, str]]:
        return Counter((one.type, str(one.properties["activation_id"])) for one in self.reports)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def once(*numbers: int) -> Counter[str]:
    return Counter(f"activation-{number}" for number in numbers)


def delivered(*numbers: int) -> Counter[tuple[str, str]]:
    return Counter(("activation_delivered", f"activation-{number}") for number in numbers)


def test_an_activation_is_delivered_and_reported(house: House) -> None:
    house.run([activation(1), activation(2)])
    assert house.sent() == once(1, 2)
    assert house.told() == delivered(1, 2)
    assert {entry.state for entry in house.ledger.values()} == {DONE}


def test_a_line_says_what_to_deliver_to_whom(house: House) -> None:
    house.run([activation(1)])
    line = json.loads(house.path.read_text())
    assert line["profile_id"] == "person-1"
    assert line["content"] == {"subject": "Soup, 10 % off"}
    assert line["delivered_at"] == NOW + 1 + HOUR_MS


def test_a_report_is_an_event_of_that_person_at_release_and_declared_delay(house: House) -> None:
    house.run([activation(1)])
    (report,) = house.reports
    assert (report.profile_id, report.source, report.occurred_at) == ("person-1", "channel:email", NOW + 1 + HOUR_MS)
    assert report.properties == {
        "activation_id": "activation-1", "decision_id": "decision-1", "delivery_channel": "email",
    }  # fmt: skip


def test_a_repeated_activation_is_delivered_once(house: House) -> None:
    house.run([activation(1), activation(1)], [activation(1)])
    house.run([activation(1)])
    assert house.sent() == once(1)
    assert house.told() == delivered(1)


def test_another_delivery_channels_activation_is_left_alone(house: House) -> None:
    house.run([activation(1, channel="app")])
    assert not house.sent()
    assert not house.reports
    assert not house.ledger


@pytest.mark.parametrize("crash", ["at once", "before", "after"])
def test_a_crash_anywhere_still_delivers_once_and_reports_once(house: House, crash: str) -> None:
    with pytest.raises(Crash):
        house.run([activation(1)], [activation(2), activation(3)], crash=crash)
    house.run([activation(2), activation(3)], [activation(4)])
    assert house.sent() == once(1, 2, 3, 4)
    assert house.told() == delivered(1, 2, 3, 4)


@pytest.mark.parametrize("crashes", [("before", "after"), ("after", "after"), ("after", "before", "at once")])
def test_crashes_in_a_row_still_deliver_once(house: House, crashes: tuple[str, ...]) -> None:
    for crash in crashes:
        with pytest.raises(Crash):
            house.run([activation(1), activation(2)], crash=crash)
    house.run([activation(1), activation(2)])
    assert house.sent() == once(1, 2)
    assert house.told() == delivered(1, 2)


def test_the_report_of_a_repeat_has_the_same_id(house: House, tmp_path: Path) -> None:
    house.run([activation(1)])
    other = House(tmp_path / "other")
    other.run([activation(1)])
    assert house.reports == other.reports


def test_an_expired_activation_is_rejected_and_not_sent(house: House) -> None:
    late = activation(1, expires_at=NOW + HOUR_MS)  # the delay ends 1 ms after that
    house.run([late, activation(2)])
    house.run([late])
    assert house.sent() == once(2)
    assert house.told() == Counter([("activation_rejected", "activation-1"), ("activation_delivered", "activation-2")])
    (rejection,) = [one for one in house.reports if one.type == "activation_rejected"]
    assert rejection.properties["reason"] == "expired"


def test_a_line_half_written_at_a_crash_is_cut_off_and_written_again(house: House) -> None:
    with pytest.raises(Crash):
        house.run([activation(1)], [activation(2)], crash="after")
    whole = house.path.read_bytes()
    house.path.write_bytes(whole[:-30])
    house.run([activation(2)])
    assert house.path.read_bytes() == whole
    assert house.told() == delivered(1, 2)


def test_two_processes_cannot_deliver_to_one_file(house: House) -> None:
    with FileKind(house.path), pytest.raises(UserError, match="another process"):
        house.run([activation(1)])


def test_the_ledger_forgets_what_can_no_longer_be_repeated() -> None:
    ledger = Ledger("email")
    ledger.enter(["old"], DONE, [NOW - KEPT_MS - 1])
    ledger.enter(["unfinished"], INTENDED, [NOW - KEPT_MS - 1])
    ledger.enter(["new"], DONE, [NOW])
    assert ledger.forget() == ["old"]
    assert not ledger.has("old", DONE)
    assert ledger.unfinished() == {"unfinished"}
    assert ledger.has("new", DONE)
    assert ledger.forget() == []


def test_in_live_mode_a_report_is_stamped_with_the_wall_clock(tmp_path: Path) -> None:
    with FileKind(tmp_path / "email.jsonl") as kind:
        delivery = Delivery("email", kind, Ledger("email"), Clock(is_live=True, delay_ms=HOUR_MS))
        delivery.intend([activation(1)])
        assert not delivery.deliver().reports  # 2017 has expired
        delivery.intend([activation(2, expires_at=NOW * 2)])
        (report,) = delivery.deliver().reports
        assert report.occurred_at > NOW + 5 * 365 * 24 * HOUR_MS
