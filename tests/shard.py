"""One shard in memory, driven input by input; what it says is kept as records, by topic."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from typing import Any, Final

from agents.codecs.rows import ROW_CODEC
from agents.vault import PersonalVault
from streams.inputs import (
    AnswerInput,
    DueInput,
    Input,
    ModelInput,
    Original,
    Output,
    PolicyInput,
    RawInput,
    RoutedInput,
    Setting,
    TickInput,
)  # fmt: skip
from streams.partition import partition_of
from streams.policy import Policy, compile_policy
from streams.records import Calibrator, Feature, ModelVersion, Origin, Proposal, RawEvent, RoutedEvent
from streams.rows import ShardRow
from streams.state import Changes, State
from streams.step import Step
from tests.builders import DAY_MS, NOW, small_policy

WALL: Final = NOW + 40 * DAY_MS  # the time of the histories that tests play lies before it
TOPIC: Final = "continuo.raw-events.v1"


@cache
def _compiled(text: str) -> Policy:
    return compile_policy(json.loads(text))


def compiled(bundle: dict[str, Any]) -> Policy:
    """Compile a bundle, each only once in a run."""
    return _compiled(json.dumps(bundle))


SMALL: Final = compiled(small_policy())


class Formula:
    """Inline models that are a formula of their features, for every model and version."""

    def answer(self, name: str, version: str, features: list[Feature]) -> list[float] | None:
        """Return a propensity of 1 in 10 and more; for the model `basket`, an amount of money."""
        total = sum(value for value in features if isinstance(value, int))
        return [20.0 + total % 40] if name == "basket" else [0.1 + total % 7 / 10]


def plain_policy(**sections: Any) -> dict[str, Any]:
    """Return a bundle that offers everybody cheap soup in the app, at every basket, with nothing in the way."""
    soup = {
        "id": "soup_off", "category": "soup", "intent": "cross_sell", "line": "soup", "price": "discount:1000",
        "valid_from": "2017-01-01", "valid_to": "2018-01-01", "value": {"purchase": 20.0}, "offer_days": 14,
        "treatments": [{"id": "soup_off.app", "channel": "app", "content": {"text": "Soup, 10 % off"}}],
    }  # fmt: skip
    free = {"contexts": [], "contact": [], "conflicts": {}, "holdout": {"share": 0, "seed": "s"}}
    return small_policy(actions=[soup], **free | sections)


def raw(kind: str = "basket_completed", at: int = NOW, **fields: Any) -> RawEvent:
    """Return a raw event of the small policy: a basket, a purchase of soup, or whatever `properties` say."""
    usual: dict[str, Any] = {
        "basket_completed": {"basket_id": "b1", "amount": 12.5},
        "product_purchased": {"category": "soup", "product_id": "tin", "quantity": 1, "amount": 3.25},
    }
    properties = fields.pop("properties", usual.get(kind, {}))
    given = {"event_id": f"{kind}-{at}", "profile_id": "p", "source": "till"} | fields
    return RawEvent(type=kind, occurred_at=at, properties=properties, **given)


def version(
    model: str, name: str = "v1", until: int = 0, *, calibrated: bool = False, kind: str = "online"
) -> ModelVersion:
    """Return a version as its trainer publishes it; a calibrated one maps every output to 5 or 50 in 100."""
    calibrator = Calibrator(f"{model}-{name}", [500_000_000], [50_000_000, 500_000_000]) if calibrated else None
    inputs = list(SMALL.models[model].inputs) if model in SMALL.models else []
    return ModelVersion(model, name, kind, until, WALL, b"", calibrator, inputs, {})


def release(model: str, barrier: int) -> ModelVersion:
    """Return what a model's trainer says when it releases a barrier."""
    return ModelVersion(model, "", "release", barrier, 0, b"", None, [], {})


class Shard:
    """A shard of the small policy, or of the bundle given; in a history unless `live`."""

    def __init__(
        self, bundle: dict[str, Any] | None = None, *, live: bool = False, lockstep: bool = False, partitions: int = 1,
        partition: int = 0, models: Any = None,
    ) -> None:  # fmt: skip
        self.wall = WALL
        self.rows: dict[bytes, bytes] = {}
        self.changes: Changes = {}
        self.said: Final[dict[str, list[Any]]] = defaultdict(list)  # records by topic
        self.outputs: Final[list[Output]] = []
        self.setting = Setting(partition, partitions, live, lockstep)
        self.models = models or Formula()
        self.book: Final[dict[str, Policy]] = {}
        self._offset = 0
        self.driver = self._start(0)
        self.switch(small_policy() if bundle is None else bundle)

    def _start(self, step: int) -> Step:
        vault = PersonalVault(b"lockstep")
        return Step(State(self.rows, ROW_CODEC), self.book, self.models, vault, self.setting, step)

    def restart(self) -> None:
        """Go on from the durable rows alone."""
        self.flush()
        self.driver = self._start(self.driver.out.step)

    def flush(self) -> None:
        """Make durable what changed."""
        self.changes = self.driver.state.flush()

    def give(self, given: Input, wall: int | None = None) -> list[Any]:
        """Apply an input, after the timers that it passes; return what was said."""
        if wall is not None:
            self.wall = wall
        said: list[Any] = []
        while True:
            for output in self.driver.apply(given, self.wall):
                self.outputs.append(output)
                self.said[output.noun].append(output.record)
                said.append(output.record)
            if self.driver.firing is None or self.driver.held or isinstance(given, DueInput):
                return said  # the input is taken, or held at a barrier

    def switch(self, bundle: dict[str, Any]) -> Policy:
        """Make this bundle current."""
        policy = compiled(bundle)
        self.book[policy.hash] = policy
        self.give(PolicyInput(policy))
        return policy

    def original(self, value: bytes | None = b"raw", topic: str = TOPIC) -> Original:
        """Return the next record of a source, as Kafka holds it."""
        self._offset += 1
        origin = Origin(topic, self.setting.partition, self._offset - 1, self.wall)
        return Original(origin, b"key", value, [("h", b"1")])

    def tell(self, *events: RawEvent) -> list[Any]:
        """Take raw events in order; return what was said."""
        return [record for event in events for record in self.give(RawInput(event, self.original()))]

    def route(self, event: RawEvent, alias: str | None = None) -> list[Any]:
        """Take an event that another shard forwarded."""
        original = self.original()
        return self.give(RoutedInput(RoutedEvent(event, original.origin, alias), original))

    def learn(self, *versions: ModelVersion) -> None:
        """Hear of versions of models."""
        for each in versions:
            self.give(ModelInput(each))

    def beat(self, *models: str) -> None:
        """Hear of the processes of these models now."""
        for model in models:
            self.give(ModelInput(ModelVersion(model, "", "heartbeat", 0, self.wall, b"", None, [], {})))

    def answer(self, request: Any, *outputs: float, **fields: Any) -> list[Any]:
        """Answer a request; return what was said."""
        usual = {"call_id": request.call_id, "round_id": request.round_id, "version": request.version, "status": "ok"}
        return self.give(AnswerInput("next_purchase", Proposal(**usual | {"outputs": list(outputs)} | fields)))

    def pass_time(self, ms: int) -> list[Any]:
        """Let time pass on the wall clock, and fire what is due then."""
        self.wall += ms
        said: list[Any] = []
        while (due := self.driver.wake_at()) is not None and due <= self.wall:
            said += self.give(DueInput())
        return said

    def tick(self, at: int) -> list[Any]:
        """Move the clock of a history."""
        return self.give(TickInput(at))

    def counted(self, what: str) -> dict[tuple[str, ...], int]:
        """Return what was counted of a kind since the start, or the last `clear`."""
        return {key[1:]: number for key, number in self.driver.out.tally.items() if key[0] == what}

    @property
    def shard(self) -> ShardRow:
        return self.driver.state.shard


def home(partition: int, partitions: int) -> str:
    """Return a profile_id that lives in this partition."""
    return next(name for name in map(str, range(1_000)) if partition_of(name, partitions) == partition)
