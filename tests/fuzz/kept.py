"""Targets: the bytes in which state is kept — rows, personal keys, evidence, positions, artefacts of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from agents.codecs.errors import RowUnreadable
from agents.codecs.rows import DECODERS, decode_personal_key, decode_profile, encode_row
from agents.trainers.contract import Learner
from agents.transport.copartition import Copartition, Held
from agents.transport.errors import Refused
from agents.transport.positions import Place, Position, decode_position
from agents.workers.contract import ModelRefusedError
from agents.workers.layout import lay_out
from agents.workers.online import OnlineModel
from agents.workers.weights import decode_weights
from streams.decision.evidence import SEALED, EvidenceUnreadable, unpack
from streams.records import ModelVersion, TrainingExample
from streams.rows import Alias, Answer, ModelRow, OpenDecisions, ShardRow
from tests.builders import NOW, make_contacts, make_offer, make_open_decision, make_profile, make_round
from tests.fuzz.shapes import MSGPACK, VERSIONED
from tests.fuzz.target import Shape, Target, Tree

ROWS: Final[dict[str, list[Any]]] = {
    "profiles": [make_profile(key=b"k" * 16, seen={5: NOW}, series={"spend": [1, 2, 3]}, suppressed=["app"])],
    "rounds": [make_round(answers={"lapse": Answer("v1", "ok", [5])}, features=[1, None, "a", True])],
    "contacts": [make_contacts({}, {"channel": "app"}, offers=[make_offer()], cooldowns=[["email", NOW]])],
    "open_decisions": [OpenDecisions([make_open_decision(features=[1, None], versions={"lapse": "v1"})])],
    "aliases": [Alias("p", NOW)],
    "models": [ModelRow([[NOW, "v1", "c", [1], [2, 3], "layout"]], NOW, NOW)],
    "shard": [ShardRow(NOW, "hash", b"chain", {"bought": NOW}, NOW)],
}
INPUTS: Final = ("baskets", "days")


def _row(table: str) -> Callable[[bytes], object]:
    decode = DECODERS[table]

    def take(data: bytes) -> None:
        again = encode_row(decode(data))
        assert encode_row(decode(again)) == again, "what is written is not what was read"

    return take


def _seeds_of(table: str) -> Callable[[], list[bytes]]:
    return lambda: [encode_row(row) for row in ROWS[table]]


def _key(data: bytes) -> None:
    key = decode_personal_key(data)
    assert isinstance(key, bytes)
    assert decode_profile(data).key == key


# evidence: sealed as plain text, so that what is sealed is mutated too


def _plain(text: bytes, _decision_id: str) -> bytes:
    return text


def _evidence(data: bytes) -> None:
    unpack(data, _plain)
    unpack(data, None)


def _evidence_seeds() -> list[bytes]:
    from tests.shard import plain_policy, raw
    from tests.stream import Deployment

    deployment = Deployment(plain_policy(), 1)
    vault = deployment.parts._vault
    sealed: list[bytes] = []

    def seal(_key: bytes, text: bytes, _about: str) -> bytes:
        sealed.append(text)
        return text

    vars(vault)["seal"] = seal
    deployment.tell([raw(at=NOW + n, event_id=str(n), profile_id=f"p{n}") for n in range(3)])
    assert sealed
    return [decision.evidence for decision in deployment.said("decisions")]


def _evidence_tree(data: bytes) -> Tree:
    version, told = VERSIONED.to_tree(data)
    told[SEALED] = MSGPACK.to_tree(told[SEALED])
    return [version, told]


def _evidence_back(tree: Tree) -> bytes:
    version, told = tree
    told[SEALED] = MSGPACK.from_tree(told[SEALED])
    return VERSIONED.from_tree([version, told])


def _position(data: bytes) -> None:
    position = decode_position(data)
    assert decode_position(position.snapshot().record) == position


def _position_seeds() -> list[bytes]:
    return [Position(9, {"t": Place(5, NOW)}, 8, "live", "continuo").snapshot().record]


# what an online model has learned


def _learner() -> Learner:
    from agents.trainers.online import OnlineLearner  # river brings scipy: seconds that no other target needs

    return OnlineLearner("lapse", lay_out(INPUTS, ()), 100_000_000)


def _weights(data: bytes) -> None:
    decode_weights(data)
    served = OnlineModel()
    served.load(data, INPUTS)
    served.answer([[1.0, float("nan")]])


def _restored(data: bytes) -> None:
    learner = _learner()
    learner.restore(ModelVersion("lapse", "v", "online", 0, 0, data, None, [*INPUTS], {}))
    learner.take(_example(1.0))
    learner.snapshot()


def _example(label: float) -> TrainingExample:
    fields = dict.fromkeys(TrainingExample.__slots__, "")
    told = {"label": label, "features": [3, None], "final_at": NOW}
    return TrainingExample(**fields | told)  # type: ignore[arg-type]


def _artefacts() -> list[bytes]:
    learner = _learner()
    for n in range(8):
        learner.take(_example(float(n % 2)))
    return [learner.snapshot().artefact]


# what members of the group say of themselves


class _Member(msgspec.Struct):
    user_data: bytes
    subscription: list[str]


def _members(data: bytes) -> None:
    members: dict[str, Any] = {"other": _Member(data, ["t"]), "own": _Member(_held(), ["t"])}
    shares = Copartition(4, lambda: Held(1, [0]), lambda _: None).assign(None, members)
    given = [number for one in shares.values() for _, numbers in one.assignment for number in numbers]
    assert sorted(given) == [0, 1, 2, 3]


def _held() -> bytes:
    return msgspec.msgpack.encode(Held(5, [1, 3]))


TARGETS: Final = [
    *(Target(f"row_{table}", _row(table), (RowUnreadable,), _seeds_of(table), VERSIONED) for table in ROWS),
    Target("personal_key", _key, (RowUnreadable,), _seeds_of("profiles"), VERSIONED),
    Target("evidence", _evidence, (EvidenceUnreadable,), _evidence_seeds, Shape(_evidence_tree, _evidence_back)),
    Target("position", _position, (Refused,), _position_seeds, MSGPACK),
    Target("weights", _weights, (ModelRefusedError,), _artefacts, MSGPACK, size_max=16_384),
    Target("learner", _restored, (ModelRefusedError,), _artefacts, MSGPACK, size_max=16_384),
    Target("member", _members, (), lambda: [_held()], MSGPACK, size_max=256),
]
