"""The circuit breaker before a provider, its clock moved by hand."""

from __future__ import annotations

import asyncio

import pytest

from agents.channels.breaker import CALLS_MIN, REST_S, REST_S_MAX, WINDOW_S, Breaker
from agents.channels.smtp import SmtpKind
from agents.channels.webhook import WebhookKind
from streams.policy.providers import Provider

ERROR = OSError("no answer")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int = CALLS_MIN) -> None:
    for _ in range(times):
        call = breaker.begin()
        assert call is not None
        breaker.end(call, ERROR)


def test_a_failure_now_and_then_opens_nothing(breaker: Breaker, clock: Clock) -> None:
    for _ in range(100):
        for error in (ERROR, None, None):
            call = breaker.begin()
            assert call == "usual"
            breaker.end(call, error)
    assert breaker.is_closed


def test_most_calls_of_a_window_failing_open_it(breaker: Breaker) -> None:
    fail(breaker)
    assert breaker.begin() is None
    assert breaker.room(100) == 0


def test_failures_of_long_ago_do_not_count(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, CALLS_MIN - 1)
    clock.now += WINDOW_S
    fail(breaker, CALLS_MIN - 1)
    assert breaker.is_closed


def test_after_its_rest_exactly_one_probe_goes_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += REST_S
    assert breaker.room(100) == 1
    assert breaker.begin() == "probe"
    assert breaker.begin() is None
    assert breaker.room(100) == 0


def test_a_probe_that_succeeds_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += REST_S
    breaker.begin()
    breaker.end("probe", None)
    assert breaker.room(100) == 100
    fail(breaker, CALLS_MIN - 1)  # it counts anew
    assert breaker.is_closed


def test_each_probe_that_fails_doubles_the_rest_up_to_a_bound(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    rest = REST_S
    for _ in range(10):
        clock.now += rest
        assert breaker.begin() == "probe"
        breaker.end("probe", ERROR)
        rest = min(2 * rest, REST_S_MAX)
        clock.now += rest - 0.01
        assert breaker.begin() is None
        clock.now += 0.01 - rest


def test_a_cancelled_call_says_nothing_and_a_cancelled_probe_gives_way_to_the_next(
    breaker: Breaker, clock: Clock
) -> None:
    for _ in range(2 * CALLS_MIN):
        breaker.begin()
        breaker.end("usual", asyncio.CancelledError())
    assert breaker.is_closed
    fail(breaker)
    clock.now += REST_S
    breaker.begin()
    breaker.end("probe", asyncio.CancelledError())
    assert breaker.begin() == "probe"


def test_a_call_that_was_under_way_when_it_opened_changes_nothing(breaker: Breaker, clock: Clock) -> None:
    assert breaker.begin() == "usual"
    fail(breaker)
    clock.now += REST_S
    assert breaker.begin() == "probe"
    breaker.end("usual", None)
    assert breaker.begin() is None


@pytest.mark.parametrize("kind", [WebhookKind, SmtpKind])
def test_a_delivery_channel_says_that_it_leaves_its_provider_alone(kind: type[WebhookKind | SmtpKind]) -> None:
    breaker = Breaker(lambda: 0.0)
    channel = kind(Provider("webhook", "localhost:25"), "", breaker)
    told = [(channel.is_resting, channel.room() > 0)]
    for _ in range(CALLS_MIN):
        call = breaker.begin()
        assert call is not None
        breaker.end(call, ERROR)
    told.append((channel.is_resting, channel.room() > 0))
    assert told == [(False, True), (True, False)]
