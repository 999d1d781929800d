"""The accepted events that opened rounds, of one partition, read along with its decisions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from typing import Final

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_event
from agents.codecs.errors import Undecodable
from agents.turn import STEP
from streams.records import Decision, Event

KEPT_MAX: Final = 65_536  # 30 MiB; a round waits a minute at most, and other triggers come meanwhile

Chunks = AsyncGenerator[list[ConsumerRecord[bytes, bytes]], None]


class Triggers:
    """What is known of the triggers up to a step; the oldest are forgotten."""

    def __init__(self, events: Chunks, types: Collection[str], *, is_whole: bool) -> None:
        """Read these chunks of accepted events; whole: the partition still has its first record."""
        self._events: Final = events
        self._words: Final = [name.encode() for name in types]
        self._known: dict[str, list[Event]] = {}  # by event_id; sources may use the same ids
        self._known_from = 0 if is_whole else None  # the clock at the first event there is; None = none read yet
        self._step = -1
        self._is_ended = False

    async def read_to(self, step: int) -> None:
        """Read on until all events of the steps up to this one are known."""
        while self._step < step and not self._is_ended:
            chunk = await anext(self._events, None)
            if chunk is None:
                self._is_ended = True
            else:
                self._take(chunk)

    def find(self, decision: Decision) -> Event | None:
        """Return the trigger that a decision names; None if there is no such event."""
        found = self._known.get(decision.trigger_event_id, [])
        same = [event for event in found if event.profile_id == decision.profile_id]
        return next(iter(same or found), None)

    def may_be_gone(self, decision: Decision) -> bool:
        """Tell whether a decision's trigger came before all that the topic still has."""
        return self._known_from is None or decision.opened_at <= self._known_from

    def _take(self, chunk: list[ConsumerRecord[bytes, bytes]]) -> None:
        for record in chunk:
            if self._known_from is None or any(word in record.value for word in self._words):
                try:
                    event = decode_event(record.value)
                except Undecodable:
                    continue  # then the trigger that it may have been is missed, and told
                if self._known_from is None:
                    self._known_from = event.accepted_at
                self._known.setdefault(event.event_id, []).append(event)
        while len(self._known) > KEPT_MAX:
            forgotten = self._known.pop(next(iter(self._known)))
            self._known_from = max(self._known_from or 0, *(event.accepted_at for event in forgotten))
        self._step = STEP.unpack(dict(chunk[-1].headers)["step"])[1]
