"""A crowd that buys: the policy, the models and the events of W3, W4, W6, W9 and of the whole stream's latency.

The policy is that of the decision tests (`tests/crowd.py`): 40 actions in 62 treatments, of which about 20 reach
scoring; seven contact rules, conflicts, exploration, a holdout. Each purchase asks for a decision; before the first one
everybody tells who they are and what they agree to.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from agents.codecs.avro import encode_raw_event
from bench.source import PARTITIONS
from streams.ids import derive
from streams.partition import partition_of
from streams.policy import Policy, compile_policy
from streams.records import ModelVersion, RawEvent, Value
from tests.crowd import CATEGORIES, PRODUCTS, crowd_policy
from tests.models import weighted

PEOPLE: Final = 5_000
POINT, DOOR = "till", "door"
SOURCE: Final = "bench"
MODELS: Final = ("purchase", "lapse", "leave")
SLOW: Final = "purchase"  # the model that is slow at times in W4; at the door it is not asked
DEADLINE_MS: Final = 200

Record = tuple[int, bytes, bytes]  # partition, key, value


def bundle(*by_topic: str) -> dict[str, Any]:
    """Return the policy; the models named answer in processes of their own, the others inline.

    A second decision point asks two of the three models when somebody leaves. All that the judges of the fault tests
    read is written out, and no message is exempt from a cap.
    """
    policy = crowd_policy(4, 40, timed=False)
    always = {"valid_from": "2017-01-01", "valid_to": "2100-01-01", "class": "promo", "tier": 1}
    served = {name: "topic" if name in by_topic else "inline" for name in MODELS}
    kinds = {"purchase": "online", "lapse": "onnx", "leave": "onnx"}
    return policy | {
        "actions": [
            *(action | always | {"points": [POINT]} for action in policy["actions"]),
            *map(_farewell, range(4)),
        ],
        "contact": [{"value": "*", "class": "*"} | rule for rule in policy["contact"]],
        "delivery_channels": {name: one | {"lease_s": 3600} for name, one in policy["delivery_channels"].items()},
        "models": {
            name: policy["models"][name]
            | {"serves": served[name], "kind": kinds[name], "deadline_ms": DEADLINE_MS, "required": False}
            for name in MODELS
        },
        "decision_points": {
            POINT: {"trigger": "bought", "slot": POINT, "models": list(MODELS)},
            DOOR: {"trigger": "left", "slot": DOOR, "models": [name for name in MODELS if name != SLOW]},
        },
        "exploration": {"epsilon": 0.05, "delta": 0.5, "salt": "explore:v1"},
    }


def _farewell(number: int) -> dict[str, Any]:
    """Return an action for those who leave."""
    return {
        "id": f"stay{number}", "category": CATEGORIES[number], "intent": "winback", "points": [DOOR], "class": "promo",
        "valid_from": "2017-01-01", "valid_to": "2100-01-01", "value": {"retain": 1.0 + number},
        "treatments": [{"id": f"stay{number}.app", "channel": "app"}],
    }  # fmt: skip


@cache
def versions() -> tuple[ModelVersion, ...]:
    """Return a version of each model: a logistic regression per category, and two graphs of scikit-learn's."""
    from tests.examples_of_models import graph  # brings libraries of training along, which take seconds

    made = []
    for model in policy().models.values():
        version = weighted(model.name, model.inputs, CATEGORIES if model.by_category else ())
        if model.kind == "onnx":
            version.kind, version.artefact = "onnx", graph(inputs=model.inputs)
        made.append(version)
    return tuple(made)


def opening(people: int, now: int) -> Iterator[RawEvent]:
    """Generate what everybody tells first: age, membership, segment, complaints, consents."""
    chance = random.Random(1)
    for person in range(people):
        told: dict[str, Value] = {
            "age": chance.randrange(14, 80),
            "member": chance.random() < 0.5,
            "segment": chance.choice(("mass", "loyal", "new")),
            "complaint": chance.random() < 0.1,
        }
        consent = {scope: chance.random() < 0.9 for scope in ("email", "push", "sms")}
        yield RawEvent(f"told-{person}", name_of(person), "told", now, SOURCE, told, consent)


def purchase(n: int, person: int, now: int) -> RawEvent:
    """Return purchase n."""
    bought: dict[str, Value] = {
        "category": CATEGORIES[n % len(CATEGORIES)],
        "product": PRODUCTS[n % len(PRODUCTS)],
        "amount": float(1 + n % 60),
    }
    return RawEvent(f"bought-{n}", name_of(person), "bought", now, SOURCE, bought)


def leaving(n: int, person: int, now: int) -> RawEvent:
    """Return leave-taking n."""
    return RawEvent(f"left-{n}", name_of(person), "left", now, SOURCE, {})


def decision_id(event: RawEvent) -> str:
    """Return the id of the decision that an event asks for."""
    return derive("decision", POINT if event.type == "bought" else DOOR, event.source, event.event_id)


def name_of(person: int) -> str:
    """Return a person's profile id."""
    return f"person-{person}"


def record(event: RawEvent) -> Record:
    """Return an event as a producer writes it, in its person's partition."""
    return _home(event.profile_id), event.profile_id.encode(), encode_raw_event(event)


@cache
def policy(*by_topic: str) -> Policy:
    """Return the policy, compiled."""
    return compile_policy(bundle(*by_topic))


@cache
def _home(profile_id: str) -> int:
    return partition_of(profile_id, PARTITIONS)
