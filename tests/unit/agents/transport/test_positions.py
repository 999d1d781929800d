"""The position record."""

from __future__ import annotations

import msgspec
import pytest

from agents.transport.errors import Refused
from agents.transport.positions import Place, Position, check_deployment, decode_position


def test_what_is_written_is_read_back() -> None:
    position = Position(7, {"t": Place(12, 1_700_000_000_000)}, 8, "live", "continuo")
    snapshot = position.snapshot()
    assert decode_position(snapshot.record) == position
    assert (snapshot.step, snapshot.places) == (7, position.places)


def test_a_snapshot_does_not_change_when_the_position_goes_on() -> None:
    position = Position(1, {"t": Place(1, 1)})
    snapshot = position.snapshot()
    position.places["t"] = Place(2, 2)
    assert snapshot.places == {"t": Place(1, 1)}


NO_TEXT = msgspec.msgpack.encode((1, 0, {}, 8, "live", "~")).replace(b"~", b"\xff")


@pytest.mark.parametrize("raw", [b"", b"\xc1", NO_TEXT, msgspec.msgpack.encode((2, 0, {}, 8, "live", "continuo"))])
def test_a_record_of_another_version_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="stored position"):
        decode_position(raw)


def test_every_difference_of_deployments_is_told() -> None:
    problems = check_deployment(3, Position(1, {}, 8, "live", "a"), Position(0, {}, 16, "history", "a"))
    assert len(problems) == 2
    assert "partition 3 keeps state of partitions=8, the settings say 16" in problems[0]
    assert "CONTINUO_MODE" in problems[1]
