"""Delivers by HTTP: one POST for each activation, its id as idempotency key, told what it means by the policy.

Theory of operation.  What an answer leaves open decides all: refused before it was taken (no connection, 429, 503), an
activation is still owed.  Answered by 4xx, it is rejected for good.  Sent without an answer, or answered by another
5xx, it may have been carried out: a receiver that knows repetitions gets it again under the same key, of any other it
is unknown, and asked about instead.  A short retry smooths over a moment; the breaker leaves alone whoever fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import orjson
import stamina
from aiolimiter import AsyncLimiter

from agents.channels.breaker import Breaker
from agents.channels.contract import AGAIN, DELIVERED, OWED, REJECTED, UNKNOWN, Fate
from agents.channels.mapping import Unmapped, address, fill, meaning, query_address
from streams.policy.providers import Provider
from streams.records import Activation

SLICE_MAX: Final = 100  # activations between two commits: 8 at once at 20 ms each take a quarter of a second
BEGIN_S: Final = 2.0  # of a slice, after which no call begins: what was checked before it is still fresh
RETRY_S: Final = 1.0  # in which a call is tried again at once: a connection reset, a moment's 503
ASKED_MAX: Final = 100  # addresses asked about unknown results at a time
ANSWER_BYTES_MAX: Final = 64 << 10  # of an answer that are read
NOT_TAKEN: Final = (425, 429, 503)
NEVER_ARRIVED: Final = "never_arrived"


class Failed(Exception):
    """A call failed in a way that may pass."""

    def __init__(self, reason: str, *, is_sent: bool, is_slow: bool = False) -> None:
        super().__init__(reason)
        self.is_sent: Final = is_sent  # perhaps
        self.is_slow: Final = is_slow  # another try would last as long


@dataclass
class Try:
    """What was tried of one activation that is owed."""

    number: int = 0  # while the breaker was closed
    is_sent: bool = False  # perhaps


class WebhookKind:
    """A delivery channel that calls an address; `with` holds its connections."""

    def __init__(self, provider: Provider, secret: str, breaker: Breaker | None = None) -> None:
        self.repeats: Final = provider.repeats
        self._provider: Final = provider
        self._headers: Final = {provider.header: provider.prefix + secret} if secret else {}
        self._breaker: Final = breaker or Breaker()
        self._limiter: Final = AsyncLimiter(1, 1 / provider.rate_per_s) if provider.rate_per_s else None
        self._tries: Final[dict[str, Try]] = {}  # by activation, of those that are owed
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Prepare to call."""
        timeout = aiohttp.ClientTimeout(total=self._provider.timeout_ms / 1000)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._session.close()

    @property
    def is_resting(self) -> bool:
        """Whether the breaker is open."""
        return not self._breaker.is_closed

    def room(self) -> int:
        """Return how many calls may begin now; a slice ends in seconds, whatever the limit of the rate is."""
        rate = self._provider.rate_per_s
        return self._breaker.room(min(SLICE_MAX, int(rate * BEGIN_S)) if rate else SLICE_MAX)

    async def ask(self, activation_ids: Collection[str]) -> dict[str, Fate]:
        """Return what the receiver says of these, if he can be asked; he cannot be expected to be certain of OWED."""
        if not self._provider.query_url:
            return {}
        asked = list(activation_ids)[:ASKED_MAX]
        gate = asyncio.Semaphore(self._provider.at_once)
        told = await asyncio.gather(*(self._ask(one, gate) for one in asked))
        return {one: fate for one, fate in zip(asked, told, strict=True) if fate is not None}

    async def deliver(self, activations: Sequence[Activation], stamps: Sequence[int]) -> list[Fate]:
        """Call for each of these, some at once."""
        del stamps  # the receiver has a clock of his own
        gate = asyncio.Semaphore(self._provider.at_once)
        until = time.monotonic() + BEGIN_S
        return list(await asyncio.gather(*(self._deliver(one, gate, until) for one in activations)))

    async def _deliver(self, activation: Activation, gate: asyncio.Semaphore, until: float) -> Fate:
        try:
            url, body = request_of(self._provider, activation)
        except Unmapped as lack:
            return Fate(REJECTED, str(lack))
        async with gate:
            if time.monotonic() > until:
                return Fate(OWED)
            fate = await self._try(activation, url, body)
        if fate.outcome not in (OWED, AGAIN):
            self._tries.pop(activation.activation_id, None)
        return fate

    async def _try(self, activation: Activation, url: str, body: bytes) -> Fate:
        """Call, and once more after a failure of a moment."""
        try:
            return await self._post(activation, url, body)
        except Failed as failed:
            fate = self._put_off(activation.activation_id, failed)
            if failed.is_slow or fate.outcome not in (OWED, AGAIN):
                return fate
        try:
            async for attempt in stamina.retry_context(
                on=self._may_retry, attempts=2, timeout=RETRY_S, wait_initial=0.1, wait_max=0.5
            ):
                with attempt:
                    fate = await self._post(activation, url, body)
        except Failed as failed:
            fate = self._put_off(activation.activation_id, failed)
        return fate

    def _may_retry(self, error: Exception) -> bool:
        return isinstance(error, Failed) and not error.is_slow and (self.repeats or not error.is_sent)

    def _put_off(self, one: str, failed: Failed) -> Fate:
        """Say what becomes of an activation that may be sent again: not for ever, while others come through."""
        tried = self._tries.setdefault(one, Try())
        tried.is_sent |= failed.is_sent
        tried.number += self._breaker.is_closed
        if tried.is_sent and not self.repeats:
            return Fate(UNKNOWN, str(failed))
        if tried.number >= self._provider.attempts:
            return Fate(UNKNOWN if tried.is_sent else REJECTED, f"given_up:{failed}")
        return Fate(AGAIN if tried.is_sent else OWED, str(failed))

    async def _post(self, activation: Activation, url: str, body: bytes) -> Fate:
        """Call once; raises Failed where the failure may pass."""
        if self._limiter is not None:
            await self._limiter.acquire()
        call = self._breaker.begin()
        if call is None:
            return Fate(AGAIN if self._is_sent(activation.activation_id) else OWED)
        told: BaseException | None = None
        headers = {
            **self._headers, "Content-Type": "application/json", "Idempotency-Key": activation.activation_id,
            **({"traceparent": activation.traceparent} if activation.traceparent else {}),
        }  # fmt: skip
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return read_answer(self._provider, answer.status, await answer.content.read(ANSWER_BYTES_MAX))
        except BaseException as error:
            told = _failed(error)
            if told is error:
                raise
            raise told from error
        finally:
            self._breaker.end(call, told)

    def _is_sent(self, one: str) -> bool:
        return one in self._tries and self._tries[one].is_sent

    async def _ask(self, one: str, gate: asyncio.Semaphore) -> Fate | None:
        """Return what the receiver says became of an activation; None if he does not say."""
        url = query_address(self._provider.query_url, one)
        try:
            async with gate, self._session.get(url, headers=self._headers, allow_redirects=False) as answer:
                if answer.status == 404:
                    return Fate(REJECTED, NEVER_ARRIVED)
                fate = read_answer(self._provider, answer.status, await answer.content.read(ANSWER_BYTES_MAX))
        except (Failed, aiohttp.ClientError, TimeoutError):
            return None
        # That he refuses to be asked says nothing of the activation.
        return None if fate.outcome == UNKNOWN or fate.reason.startswith("http_") else fate


def read_answer(provider: Provider, status: int, body: bytes) -> Fate:
    """Return what an answer means; raises Failed where it leaves that open."""
    if provider.answer_field:
        outcome, told = meaning(provider, _parsed(body))
        if outcome:
            return Fate(outcome, "" if outcome == DELIVERED else told)
        if 200 <= status < 300:
            return Fate(UNKNOWN, f"answer:{told}")
    if 200 <= status < 300:
        return Fate(DELIVERED)
    if status in NOT_TAKEN:
        raise Failed(f"http_{status}", is_sent=False)
    if status >= 500 or status == 408:
        raise Failed(f"http_{status}", is_sent=True)
    return Fate(REJECTED, f"http_{status}")


def request_of(provider: Provider, activation: Activation) -> tuple[str, bytes]:
    """Return address and body of the call that an activation is; raises Unmapped."""
    body = asdict(activation) if provider.request is None else fill(provider.request, activation)
    return address(provider.url, activation), orjson.dumps(body)


def _failed(error: BaseException) -> BaseException:
    """Return what a call's error says of the call."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Failed("unreachable", is_sent=False)
    if isinstance(error, TimeoutError):
        return Failed("timeout", is_sent=True, is_slow=True)
    if isinstance(error, aiohttp.ClientError):
        return Failed("cut_off", is_sent=True)
    return error


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
