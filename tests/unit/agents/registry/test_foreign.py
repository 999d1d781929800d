"""Records that producers wrote with a registry: read as their own schema says, and refused where that is no event."""

from __future__ import annotations

import asyncio
import io
import json
from types import SimpleNamespace
from typing import Any, Final

import fastavro
import pytest
from aiohttp import web
from prometheus_client import Gauge

import schemas
from agents.codecs.avro import encode_raw_event
from agents.codecs.errors import Undecodable
from agents.codecs.framing import HEADER_LENGTH
from agents.raw_events import decode
from agents.registry import foreign, waiting
from agents.registry.foreign import Foreign
from agents.registry.waiting import WAITING_MAX, Waiting
from streams.inputs import RawInput
from tests.brokers import free_port
from tests.shard import raw

OURS: Final = schemas.load("raw_event")
THEIRS: Final = OURS | {
    "fields": [*OURS["fields"][:3], {"name": "campaign", "type": "string"}, *OURS["fields"][3:5]]
}  # one field more, and none of those that have defaults
EVENT: Final = raw(event_id="e", consent={"email": True})


class Told:
    """What a registry that is played answers, while it is there."""

    def __init__(self, **by_id: Any) -> None:
        self.by_id, self.asked = by_id, 0
        self.is_there = asyncio.Event()
        self.is_there.set()

    async def ask(self, _client: Any, number: int) -> str | None:
        self.asked += 1
        await self.is_there.wait()
        told = self.by_id.get(f"id{number}")
        return told if told is None or isinstance(told, str) else json.dumps(told)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told(id7=OURS, id8=THEIRS, id9={"type": "record", "name": "Other", "fields": []}, id10="no schema", id11="5")
    monkeypatch.setattr(foreign, "_ask", told.ask)
    return told


def head(number: int) -> bytes:
    return b"\0" + number.to_bytes(4, "big")


def record(value: bytes | None, offset: int = 0) -> Any:
    return SimpleNamespace(value=value, key=None, headers=(), topic="t", partition=0, offset=offset, timestamp=0)


def theirs(**fields: Any) -> bytes:
    told = {"event_id": "e", "profile_id": "p", "type": "t", "campaign": "c", "occurred_at": 5, "source": "s"} | fields
    body = io.BytesIO()
    fastavro.schemaless_writer(body, foreign._plain(THEIRS), told)
    return head(8) + body.getvalue()


async def learned(*numbers: int) -> Foreign:
    known = Foreign("http://nowhere")
    for number in numbers:
        await known.learn(head(number))
    return known


async def test_our_schema_under_another_id_is_our_event(registry: Told) -> None:
    known = await learned(7)
    value = head(7) + encode_raw_event(EVENT)[HEADER_LENGTH:]
    (given,) = decode(record(value), known)
    assert isinstance(given, RawInput)
    assert given.event == EVENT
    assert given.original.value == value


async def test_a_schema_with_more_and_less_is_resolved_to_ours(registry: Told) -> None:
    (given,) = decode(record(theirs()), await learned(8))
    assert isinstance(given, RawInput)
    told = given.event
    assert (told.event_id, told.profile_id, told.occurred_at, told.properties, told.consent) == ("e", "p", 5, {}, None)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (theirs()[:-1], "undecodable:truncated"), (theirs() + b"x", "undecodable:trailing"),
        (head(9), "undecodable:schema"), (head(10) + b"x", "undecodable:schema"),
        (head(11) + b"x", "undecodable:schema"),
        (head(12) + b"x", "undecodable:schema_id"), (b"\0\0", "undecodable:truncated"), (b"\7", "undecodable:magic"),
    ],
)  # fmt: skip
async def test_what_is_no_event_is_a_dead_letter_that_says_why(registry: Told, value: bytes, cause: str) -> None:
    known = await learned(8, 9, 10, 11, 12)
    with pytest.raises(Undecodable) as refused:
        decode(record(value), known)
    assert refused.value.cause == cause


async def test_a_registry_that_is_away_is_asked_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "RETRY_S", 0.05)
    port = free_port()
    known = Foreign(f"http://127.0.0.1:{port}/some/path")
    learning = asyncio.create_task(known.learn(head(7)))
    done, _ = await asyncio.wait({learning}, timeout=0.3)
    assert not done

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"schema": json.dumps(OURS)})

    app = web.Application()
    app.add_routes([web.get("/some/path/schemas/ids/7", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with asyncio.timeout(10):
        await learning
    await runner.cleanup()
    assert known.decode(head(7) + encode_raw_event(EVENT)[HEADER_LENGTH:]) == EVENT


async def test_only_ids_of_others_are_asked_about_and_each_once(
    registry: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Foreign("http://nowhere")
    values = [encode_raw_event(EVENT), b"{}", None, b"\0\1", head(7), head(7) + b"x", head(12)]
    assert known.unknown(map(record, values)) == {head(7), head(12)}
    await known.learn(head(7))
    await known.learn(head(12))
    assert known.unknown(map(record, values)) == set()
    assert known.decode(head(12)) is None
    monkeypatch.setattr(foreign, "ASK_AGAIN_S", -1.0)
    assert known.decode(head(12)) is None
    assert known.unknown(map(record, values)) == {head(12)}, "an id that was not known may be by now"


async def test_whoever_invents_ids_makes_it_forget_none_that_there_is(
    registry: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "UNKNOWN_MAX", 3)
    known = await learned(7, *range(100, 120))
    assert known.decode(head(7) + encode_raw_event(EVENT)[HEADER_LENGTH:]) == EVENT
    assert len(known._reads) <= 1 + 3


async def test_waiting_that_fails_ends_the_process_and_does_not_stand_still(
    registry: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[BaseException] = []
    monkeypatch.setattr(waiting, "die", lambda reason, error, **_: ended.append(error))

    async def offer(_: Any) -> None:
        raise RuntimeError("a bug")

    source = Waiting(await learned(), offer, Gauge("fails", "", registry=None))
    await source.take(SimpleNamespace(message=SimpleNamespace(partition=0), value=[record(head(7))]))
    await asyncio.wait(source._tasks.values())
    async with asyncio.timeout(5):
        while not ended:
            await asyncio.wait({asyncio.ensure_future(learned())})
    assert isinstance(ended[0], RuntimeError)


async def test_a_partition_waits_for_itself_in_order_and_memory_stays_bounded(registry: Told) -> None:
    registry.is_there.clear()
    offered: list[tuple[int, int]] = []

    async def offer(chunk: Any) -> None:
        offered.append((chunk.message.partition, chunk.value[0].offset))

    def chunk(partition: int, number: int, offset: int) -> Any:
        return SimpleNamespace(message=SimpleNamespace(partition=partition), value=[record(head(number), offset)])

    gauge = Gauge("waits", "", registry=None)
    source = Waiting(await learned(), offer, gauge)
    await source.take(chunk(0, 7, 0))
    await source.take(SimpleNamespace(message=SimpleNamespace(partition=0), value=[record(b"{}", 1)]))
    await source.take(SimpleNamespace(message=SimpleNamespace(partition=1), value=[record(b"{}", 0)]))
    assert offered == [(1, 0)]
    assert gauge._value.get() == 1
    for offset in range(2, WAITING_MAX - 1):
        await source.take(chunk(0, 7, offset))
    held = asyncio.create_task(source.take(chunk(0, 8, WAITING_MAX - 1)))
    done, _ = await asyncio.wait({held}, timeout=0.05)
    assert not done, "what waits would grow without bounds"
    registry.is_there.set()
    await held
    assert offered == [(1, 0), *((0, offset) for offset in range(WAITING_MAX))]
    assert gauge._value.get() == 0
    assert registry.asked == 2
    await source.take(chunk(0, 7, 99))
    assert offered[-1] == (0, 99)
