"""The suite that every kind of delivery channel passes, on a log in memory that can lose what was not committed."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agents.channels.contract import DeliveryKind
from agents.channels.delivery import Clock, Delivery, Phase
from agents.channels.file import FileKind
from agents.channels.ledger import DONE, INTENDED, KEPT_MS, UNKNOWN, Ledger
from agents.channels.webhook import WebhookKind
from agents.errors import UserError
from streams.policy.providers import Provider
from streams.records import Activation, Dispatch, RawEvent
from tests.receivers import Receiver

HOUR_MS = 3_600_000
NOW = 1_500_000_000_000


def activation(number: int, *, expires_at: int = NOW + 100 * HOUR_MS, channel: str = "email") -> Activation:
    return Activation(
        f"activation-{number}", f"decision-{number}", f"person-{number}", "soup_off", "soup_off.email", channel,
        {"subject": "Soup, 10 % off"}, NOW, NOW + number, expires_at, "hash", None,
    )  # fmt: skip


class Crash(Exception):
    """The process is gone: what it had in memory too."""


async def wait_moment() -> None:
    """Wait as a dispatcher does when nothing goes out."""
    await asyncio.sleep(0.02)


class House(ABC):
    """Kafka and whoever carries activations out, which outlive the processes of a delivery channel."""

    def __init__(self) -> None:
        self.ledger: dict[str, Dispatch] = {}
        self.reports: list[RawEvent] = []
        self.unknown: dict[str, Activation] = {}
        self.refused: dict[str, str] = {}  # activation -> why it must not go out

    @abstractmethod
    def open(self) -> AsyncIterator[DeliveryKind]:
        """Yield the kind of delivery channel, as one process has it."""

    @abstractmethod
    def sent(self) -> Counter[str]:
        """Return how often each activation was carried out."""

    def commit(self, phase: Phase) -> None:
        for entry in phase.entries:
            self.ledger[entry.activation_id] = entry
        for one in phase.forgotten:
            del self.ledger[one]
        self.unknown |= {one.activation_id: one for one in phase.kept}
        for one in phase.resolved:
            del self.unknown[one]
        self.reports += phase.reports

    def run(self, *batches: list[Activation], crash: str = "", resolves: bool = False) -> None:
        """Start a process, give it the batches, and let it die `before` or `after` the delivery of the last one."""
        asyncio.run(self._run(batches, crash, resolves))

    async def _run(self, batches: tuple[list[Activation], ...], crash: str, resolves: bool) -> None:
        async with asynccontextmanager(self.open)() as kind:
            ledger = Ledger("email")
            for entry in self.ledger.values():
                ledger.take(entry)
            delivery = Delivery(
                "email", kind, ledger, Clock(is_live=False, delay_ms=HOUR_MS),
                refuse=lambda one: self.refused.get(one.activation_id, ""), unknown=self.unknown.values(),
            )  # fmt: skip
            await delivery.recover()
            for batch in batches:
                last = batch is batches[-1]
                delivery.take(batch)
                while delivery.owed:
                    intended = delivery.intend()
                    if last and crash == "at once":
                        raise Crash
                    self.commit(intended)
                    if last and crash == "before":
                        raise Crash
                    delivered = await delivery.deliver()
                    if last and crash == "after":
                        raise Crash
                    self.commit(delivered)
                    if not delivered:
                        await wait_moment()
            if resolves:
                self.commit(await delivery.resolve())

    def told(self) -> Counter[tuple[str, str]]:
        return Counter((one.type, str(one.properties["activation_id"])) for one in self.reports)


class FileHouse(House):
    def __init__(self, home: Path) -> None:
        super().__init__()
        self.path = home / "channels" / "email.jsonl"

    async def open(self) -> AsyncIterator[DeliveryKind]:
        with FileKind(self.path) as kind:
            yield kind

    def sent(self) -> Counter[str]:
        return Counter(json.loads(line)["activation_id"] for line in self.path.read_text().splitlines())


class WebhookHouse(House):
    def __init__(self, receiver: Receiver, **told: object) -> None:
        super().__init__()
        self.receiver = receiver
        self.provider = Provider("webhook", f"{receiver.url}/send", **told)  # type: ignore[arg-type]

    async def open(self) -> AsyncIterator[DeliveryKind]:
        async with WebhookKind(self.provider, "") as kind:
            yield kind

    def sent(self) -> Counter[str]:
        return +self.receiver.effects


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture(params=["file", "webhook"])
def house(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> House:
    return FileHouse(tmp_path) if request.param == "file" else WebhookHouse(receiver, repeats=True)


@pytest.fixture
def file_house(tmp_path: Path) -> FileHouse:
    return FileHouse(tmp_path)


def once(*numbers: int) -> Counter[str]:
    return Counter(f"activation-{number}" for number in numbers)


def delivered(*numbers: int) -> Counter[tuple[str, str]]:
    return Counter(("activation_delivered", f"activation-{number}") for number in numbers)


def test_an_activation_is_delivered_and_reported(house: House) -> None:
    house.run([activation(1), activation(2)])
    assert house.sent() == once(1, 2)
    assert house.told() == delivered(1, 2)
    assert {entry.state for entry in house.ledger.values()} == {DONE}


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


@pytest.mark.parametrize("crashes", [("before", "after"), ("after", "after"), ("after", "at once", "before")])
def test_crashes_in_a_row_still_deliver_once(house: House, crashes: tuple[str, ...]) -> None:
    for crash in crashes:
        with pytest.raises(Crash):
            house.run([activation(1), activation(2)], crash=crash)
    house.run([activation(1), activation(2)])
    assert house.sent() == once(1, 2)
    assert house.told() == delivered(1, 2)


def test_the_report_of_a_repeat_has_the_same_id(tmp_path: Path) -> None:
    one, other = FileHouse(tmp_path / "one"), FileHouse(tmp_path / "other")
    one.run([activation(1)])
    other.run([activation(1)])
    assert one.reports == other.reports


def test_an_expired_activation_is_rejected_and_not_sent(house: House) -> None:
    late = activation(1, expires_at=NOW + HOUR_MS)  # the delay ends 1 ms after that
    house.run([late, activation(2)])
    house.run([late])
    assert house.sent() == once(2)
    assert house.told() == Counter([("activation_rejected", "activation-1"), ("activation_delivered", "activation-2")])
    (rejection,) = [one for one in house.reports if one.type == "activation_rejected"]
    assert rejection.properties["reason"] == "expired"


def test_what_must_not_go_out_now_is_rejected_with_the_reason_and_not_sent(house: House) -> None:
    house.refused["activation-1"] = "consent"
    house.run([activation(1), activation(2)])
    assert house.sent() == once(2)
    (rejection,) = [one for one in house.reports if one.type == "activation_rejected"]
    assert (rejection.properties["activation_id"], rejection.properties["reason"]) == ("activation-1", "consent")


def test_what_a_crash_left_sent_is_never_reported_as_rejected(house: House) -> None:
    with pytest.raises(Crash):
        house.run([activation(1)], crash="after")
    house.refused["activation-1"] = "consent"
    house.run([activation(1)])
    assert house.sent() == once(1)
    assert house.reports[-1].type in ("activation_delivered", "activation_unknown")


def test_a_receiver_that_knows_no_repetitions_gets_nothing_twice_whatever_a_crash_leaves_open(
    receiver: Receiver,
) -> None:
    house = WebhookHouse(receiver, repeats=False)
    for number, crash in enumerate(("at once", "before", "after")):
        with pytest.raises(Crash):
            house.run([activation(number)], crash=crash)
    house.run([activation(number) for number in range(3)])
    assert receiver.keys() == once(0, 2)
    assert house.told() == Counter(
        [("activation_delivered", "activation-0"), *(("activation_unknown", f"activation-{n}") for n in (1, 2))]
    )
    assert {house.ledger[f"activation-{n}"].state for n in (1, 2)} == {UNKNOWN}


def test_what_a_crash_left_open_is_asked_about_where_somebody_tells(receiver: Receiver) -> None:
    house = WebhookHouse(receiver, repeats=False, query_url=f"{receiver.url}/status/{{activation_id}}")
    for number, crash in enumerate(("before", "after")):
        with pytest.raises(Crash):
            house.run([activation(number)], crash=crash)
    house.run([activation(number) for number in range(2)])
    assert receiver.keys() == once(1)
    assert house.told() == Counter(
        [("activation_rejected", "activation-0"), ("activation_delivered", "activation-1")]
    )
    assert house.reports[0].properties["reason"] == "never_arrived"


def test_a_line_says_what_to_deliver_to_whom(file_house: FileHouse) -> None:
    file_house.run([activation(1)])
    line = json.loads(file_house.path.read_text())
    assert line["profile_id"] == "person-1"
    assert line["content"] == {"subject": "Soup, 10 % off"}
    assert line["delivered_at"] == NOW + 1 + HOUR_MS


def test_a_line_half_written_at_a_crash_is_cut_off_and_written_again(file_house: FileHouse) -> None:
    with pytest.raises(Crash):
        file_house.run([activation(1)], [activation(2)], crash="after")
    whole = file_house.path.read_bytes()
    file_house.path.write_bytes(whole[:-30])
    file_house.run([activation(2)])
    assert file_house.path.read_bytes() == whole
    assert file_house.told() == delivered(1, 2)


def test_two_processes_cannot_deliver_to_one_file(file_house: FileHouse) -> None:
    with FileKind(file_house.path), pytest.raises(UserError, match="another process"):
        file_house.run([activation(1)])


def test_the_ledger_forgets_what_can_no_longer_be_repeated() -> None:
    ledger = Ledger("email")
    ledger.enter(["old"], DONE, [NOW - KEPT_MS - 1])
    ledger.enter(["unfinished"], INTENDED, [NOW - KEPT_MS - 1])
    ledger.enter(["unknown"], UNKNOWN, [NOW - KEPT_MS - 1])
    ledger.enter(["new"], DONE, [NOW])
    assert ledger.forget() == ["old"]
    assert not ledger.has("old", DONE)
    assert ledger.unfinished() == {"unfinished"}
    assert ledger.has("unknown", UNKNOWN)
    assert ledger.has("new", DONE)
    assert ledger.forget() == []


async def test_in_live_mode_a_report_is_stamped_with_the_wall_clock(tmp_path: Path) -> None:
    with FileKind(tmp_path / "email.jsonl") as kind:
        delivery = Delivery("email", kind, Ledger("email"), Clock(is_live=True, delay_ms=HOUR_MS))
        delivery.take([activation(1)])
        delivery.intend()
        assert not (await delivery.deliver()).reports  # 2017 has expired
        delivery.take([activation(2, expires_at=NOW * 2)])
        delivery.intend()
        (report,) = (await delivery.deliver()).reports
        assert report.occurred_at > NOW + 5 * 365 * 24 * HOUR_MS
