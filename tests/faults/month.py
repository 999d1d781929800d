"""A bad month of some households, in memory: all that a deployment can do, and nobody who kills it.

The same seed gives the same month.  Beside what `Feeding` does to the events, people take back their consent and move,
facts come late, as JSON and under second names, models are cold, dead, late, forgetful, silent, broken or talk
nonsense, shards are started again, and what is delivered is reported late, twice, in the wrong partition, as refused or
not at all.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import date
from typing import Any, Final

import msgspec
from aiokafka.structs import ConsumerRecord

from agents.codecs.avro import (
    decode_activation,
    decode_request_batch,
    encode_model_version,
    encode_proposal_batch,
    encode_raw_event,
)
from agents.transport.applier import Output
from agents.workers.answering import answer
from agents.workers.shelf import Shelf
from examples.grocery import adapter
from streams.decision.holdout import bucket
from streams.ids import derive
from streams.partition import partition_of
from streams.policy import Policy
from streams.records import ModelVersion, Proposal, ProposalBatch, RawEvent, Request, Value
from tests.faults.bundle import grocery, renewed
from tests.faults.case import ACCEPTED, Case, Fed
from tests.faults.feeding import DAY_MS, END_MS, Feeding
from tests.faults.log import Log, read_log
from tests.models import weighted
from tests.stream import Deployment
from tests.witness import Seen

PARTITIONS: Final = 2
HOUSEHOLDS: Final = 24
UNTIL: Final = date(2017, 2, 8)
DEAD_IN: Final = (4, 9)  # slices in which the process of next_purchase is silent
FORGETFUL_IN: Final = (3, 7)  # slices in which it loses every second question, lives, and is asked again
RESTARTED_IN: Final = (4, 6)  # slices after which shards go on from their rows; after the first, rounds wait
BROKEN_IN: Final = 8  # from this slice on lapse, which one cannot do without, fails
ZONES: Final = ("America/Los_Angeles", "Pacific/Auckland", "Mars/Olympus", "UTC")
LATE_MS: Final = 2 * 3_600_000  # longer than a round is kept that was given up, for the answer that may come
JSON_EVERY: Final = 15  # events of which one comes as JSON
PATIENCE_MS: Final = 31_000  # longer than a round of a history waits for a dead process
BEAT_MS: Final = 2_000  # before a timer, so that the process is alive when it fires
LINKED_IN: Final = 2  # slice in which some people tell a second name; later some of their events come under it
LINKED: Final = 4  # people
NONSENSE: Final[tuple[list[float], ...]] = ([], [7.0] * 26, [0.5], [float("nan")] * 26)


def bundle() -> dict[str, Any]:
    """Return the grocery policy, made so that such a month shows all that it can do."""
    found = grocery()
    basket = found["models"]["basket"] | {"reference": 0.5}  # what stands for it answers between 0 and 1
    found["models"] = found["models"] | {"basket": basket}
    kind = found["events"]["household_described"]
    told = kind | {"properties": kind["properties"] | {"zone": "string"}, "optional": [*kind["optional"], "zone"]}
    links = {"properties": {"canonical_profile_id": "string"}, "links": "canonical_profile_id"}
    found["events"] = found["events"] | {"household_described": told, "identity_linked": links}
    moved = {"event": "household_described", "window": "1d", "lateness": "1d", "cool_down": "5d"}
    found["outcomes"] = found["outcomes"] | {"moved": moved}
    return found


class Month:
    """One month, and the processes around the deployment."""

    def __init__(
        self, seed: int, households: int = HOUSEHOLDS, until: date = UNTIL, *, renewed_in: int | None = None
    ) -> None:
        """Prepare; `renewed_in`: slice in which another policy is published."""
        self._chance: Final = random.Random(seed)
        self.bundle: Final = bundle()
        self.deployment: Final = Deployment(self.bundle, PARTITIONS)
        vars(self.deployment.parts._vault)["_seed"] = b"month"  # keys by chance would make each run's bytes its own
        self.deployment.log.run()
        self.policy: Final[Policy] = next(iter(self.deployment.parts.book.by_hash.values()))
        self.feeding: Final = Feeding(adapter.events(households, until), PARTITIONS, self.policy.holdout, seed)
        self._shelf: Final = Shelf()
        self._is_alive = True
        self._slice = 0
        self._renewed_in: Final = renewed_in
        self._later: list[dict[str, Any]] = []
        self._asked: list[tuple[int, Request]] = []  # and not answered yet
        self._lost: set[str] = set()  # calls that the process lost once
        self._names: dict[str, str] = {}  # second ones, by person
        self._reports: list[Output] = []  # that come with the next slice
        self._fed: list[Fed] = []
        self.deployment.log.attach("requests", "next_purchase", self._listen)
        self.deployment.log.attach("activations", "", self._deliver)

    def play(self) -> tuple[Log, Case]:
        """Let it all happen; return what the topics hold then, and what the judge is told."""
        log = self.deployment.log
        for number, part in enumerate(self.feeding.slices()):
            self._publish(number)
            self._is_alive = number not in DEAD_IN
            self._slice = number
            if number == self._renewed_in:
                self._feed(part.fed[: len(part.fed) // 2])
                self._renew()
                self._feed(part.fed[len(part.fed) // 2 :])
            else:
                self._feed(part.fed)
            log.run()
            if number in RESTARTED_IN:
                self.deployment.restart()
            if number in FORGETFUL_IN:
                log.pass_time(PATIENCE_MS - BEAT_MS)
                self._beat()
                log.run()
                log.pass_time(BEAT_MS)
            if not self._is_alive:
                log.pass_time(PATIENCE_MS)  # what waits is given up, and what comes then is not asked
                del self._asked[: len(self._asked) // 2]  # and some of what was asked is never answered
            self._answer()
            self._feed(self._asides(part.fed, number))
            for output in self._reports:
                log.append(output)
            self._reports = []
            log.run()
            self._feed(self._links(part.fed) if number == LINKED_IN else self._under_second_names(part.fed))
            log.run()
        for _ in range(2):  # reports of what was decided last, and of what was decided because of them
            for output in self._reports:
                log.append(output)
            self._reports = []
            log.run()
        self.deployment.tick(self.feeding.ends_at + END_MS)
        log.pass_time(LATE_MS)
        filters = list(self.policy.points["checkout"].board.filters)
        return self._log(), Case(self._fed, self.feeding.homes, self.bundle, filters, self._later)

    def digest(self) -> str:
        """Return a hash over all that stands in the topics and in the rows."""
        said = hashlib.sha256()
        for place, records in sorted(self.deployment.log.log.items()):
            for one in records:
                said.update(repr((place, one.key, one.value, one.headers)).encode())
        for rows in self.deployment.rows:
            said.update(repr(sorted(rows.items())).encode())
        return said.hexdigest()

    # what is fed

    def _feed(self, fed: Iterable[Fed]) -> None:
        for each in fed:
            is_json = each.event is not None and not each.alias and self._chance.randrange(JSON_EVERY) == 0
            one = each._replace(value=json.dumps(each.event).encode()) if is_json else each
            self._fed.append(one)
            self.deployment.log.send("raw-events", one.key, one.value, one.partition)

    def _asides(self, fed: list[Fed], number: int) -> list[Fed]:
        """Return what people say late, and of consent: at times of this slice, after all of it."""
        at_home = [one for one in fed if one.fate == ACCEPTED and one.partition == one.home]
        told = [one for one in at_home if not self._is_held_out(one)]
        found = []
        for place, one in enumerate(self._chance.sample(told, min(8, len(told)))):
            assert one.event is not None
            event = replace(RawEvent(**one.event), event_id=f"aside-{number}-{place}")
            if place < 3:
                said = {scope: self._chance.random() < 0.6 for scope in ("email", "app")}
                later = replace(event, type="consent_recorded", properties={}, consent=said)
            elif place < 5:
                later = replace(event, type="household_described", properties={"zone": self._chance.choice(ZONES)})
            else:
                later = replace(event, traceparent=f"00-{event.event_id}")
            at = event.occurred_at - self._chance.choice((0, 0, 1, 3)) * DAY_MS
            found.append(self._aside(replace(later, occurred_at=at), one))
        return found

    def _links(self, fed: list[Fed]) -> list[Fed]:
        """Return what links a second name, which lives in another partition, to some people."""
        first = {one.key.decode(): one for one in fed if one.fate == ACCEPTED and one.partition == one.home}
        people = [person for person, one in first.items() if not self._is_held_out(one)][:LINKED]
        found = []
        for person in people:
            one = first[person]
            assert one.event is not None
            home = (one.home + 1) % PARTITIONS
            name = next(name for name in (f"{person}-{number}" for number in range(99)) if _home(name) == home)
            self._names[person], self.feeding.homes[name] = name, home
            told: dict[str, Value] = {"canonical_profile_id": person}
            event = replace(RawEvent(**one.event), event_id=f"link-{name}", profile_id=name, type="identity_linked")
            link = replace(event, properties=told, consent=None)
            found.append(self._aside(link, one)._replace(partition=home, home=home, key=name.encode()))
        return found

    def _under_second_names(self, fed: list[Fed]) -> list[Fed]:
        """Return an event of each of these people, as it comes under their second names."""
        last = {one.key.decode(): one for one in fed if one.fate == ACCEPTED and one.partition == one.home}
        found = []
        for person, name in self._names.items():
            if person in last:
                one = last[person]
                assert one.event is not None
                event = replace(RawEvent(**one.event), event_id=f"{name}-{self._slice}")
                under = encode_raw_event(replace(event, profile_id=name))
                fed_so = self._aside(event, one)._replace(value=under, partition=_home(name), alias=name)
                found.append(fed_so._replace(key=name.encode()))
        return found

    def _is_held_out(self, one: Fed) -> bool:
        """Tell whether an event is of somebody held out: what comes twice is theirs, and would be new a day later."""
        holdout = self.policy.holdout
        return bucket(holdout.seed, one.key.decode()) < holdout.buckets

    def _aside(self, event: RawEvent, like: Fed) -> Fed:
        told = {field.name: getattr(event, field.name) for field in fields(event)}
        return like._replace(value=encode_raw_event(event), fate=ACCEPTED, event=told)

    # policies and models

    def _renew(self) -> None:
        """Publish another policy, of which shards hear while rounds are open."""
        self._later.append(renewed(self.bundle))
        self.deployment.publish(self._later[-1])

    def _publish(self, number: int) -> None:
        """Publish versions as they are learned: one knows the future, one comes for a calibrator, one is broken."""
        begun = self.feeding.begins_at
        now = begun + number * 3 * DAY_MS
        if number == 1:
            self._learn(self._version("next_purchase", "n1", begun))
            self._learn(replace(self._version("lapse", "l1", begun), calibrator=None))
            self._learn(self._version("basket", "b1", now + 2 * DAY_MS))
        if number == 2:
            self._learn(self._version("lapse", "l2", now - DAY_MS))
            self._learn(replace(self._version("next_purchase", "other", now), inputs=["baskets_7d"]))
        if number == 6:
            self._learn(self._version("next_purchase", "n2", now, slope=0.9))
        if number == BROKEN_IN:
            self._learn(replace(self._version("lapse", "broken", now), artefact=b"?"))
        if number not in DEAD_IN:
            self._beat()

    def _beat(self) -> None:
        beat = ModelVersion("next_purchase", "", "heartbeat", 0, self.deployment.log.wall, b"", None, [], {})
        self.deployment.log.send("models", b"beat", encode_model_version(beat))

    def _version(self, model: str, name: str, until: int, slope: float = 0.5) -> ModelVersion:
        told = self.policy.models[model]
        keys = self.policy.categories if told.by_category else ()
        return weighted(model, told.inputs, keys, name=name, until=until, slope=slope)

    def _learn(self, version: ModelVersion) -> None:
        self.deployment.learn(version)
        if version.model == "next_purchase":
            self._shelf.put(version)

    def _listen(self, record: ConsumerRecord[bytes, bytes]) -> list[Output]:
        batch = decode_request_batch(record.value)
        for item in batch.items:
            if self._slice in FORGETFUL_IN and int(item.call_id, 16) % 2 and item.call_id not in self._lost:
                self._lost.add(item.call_id)
            else:
                self._asked.append((batch.reply_partition, item))
        return self._answers() if self._is_alive else []

    def _answer(self) -> None:
        for output in self._answers():
            self.deployment.log.append(output)

    def _answers(self) -> list[Output]:
        """Answer what was asked, one by one; not always with sense, sometimes twice."""
        topic = f"{self.deployment.settings.namespace}.proposals.v1"
        found: list[Output] = []
        for partition, request in self._asked:
            (proposal,) = answer([request], self._shelf.get, lambda: self.deployment.log.wall)
            proposal.cost_micro, proposal.latency_ms = self._chance.randrange(9), self._chance.randrange(50)
            for _ in range(self._chance.choice((1, 1, 1, 1, 2))):
                batch = ProposalBatch("next_purchase", [self._spoilt(proposal)])
                found.append((topic, partition, None, encode_proposal_batch(batch), []))
        self._asked = []
        return found

    def _spoilt(self, proposal: Proposal) -> Proposal:
        if self._chance.random() < 0.9:
            return proposal
        spoilt: list[dict[str, Any]] = [*({"outputs": one} for one in NONSENSE), {"status": "what?"}, {"version": "v9"}]
        return replace(proposal, **self._chance.choice(spoilt))

    # delivery channels

    def _deliver(self, record: ConsumerRecord[bytes, bytes]) -> list[Output]:
        """Deliver one activation, or not; return the report that comes at once."""
        one = decode_activation(record.value)
        fate = self._chance.choices(("delivered", "rejected", "silent"), (80, 12, 8))[0]
        if fate == "silent":
            return []
        told: dict[str, Value] = {
            "activation_id": one.activation_id, "decision_id": one.decision_id,
            "delivery_channel": one.delivery_channel,
        }  # fmt: skip
        name = derive("event", one.activation_id, fate)
        at = one.release_at + self.policy.channels[one.delivery_channel].delay_ms
        source = f"channel:{one.delivery_channel}"
        report = RawEvent(name, one.profile_id, f"activation_{fate}", at, source, told)
        home = partition_of(one.profile_id, PARTITIONS)
        partition = (home + 1) % PARTITIONS if self._chance.random() < 0.1 else home
        topic = f"{self.deployment.settings.namespace}.raw-events.v1"
        output: Output = (topic, partition, one.profile_id.encode(), encode_raw_event(report), [])
        if self._chance.random() < 0.4:
            self._reports.append(output)
            return []
        return [output] * self._chance.choice((1, 1, 1, 2))

    # what stands in the topics

    def _log(self) -> Log:
        models = sorted(self.policy.models)
        log = read_log(lambda noun, model, _: _seen(self.deployment.log.records(noun, model)), PARTITIONS, models)
        for partition, rows in enumerate(self.deployment.rows):
            log.changelog += [Seen(partition, 0, key, value, []) for key, value in rows.items()]
            place = {f"{self.deployment.settings.namespace}.raw-events.v1": [1 << 40, 0]}
            position = msgspec.msgpack.encode((1, self.deployment.appliers[partition].step, place))
            log.changelog.append(Seen(partition, 0, b"\0position", position, []))
        return log


def _home(name: str) -> int:
    return partition_of(name, PARTITIONS)


def _seen(records: Iterable[ConsumerRecord[bytes, bytes]]) -> list[Seen]:
    return [Seen(one.partition, one.offset, one.key, one.value, list(one.headers)) for one in records]
