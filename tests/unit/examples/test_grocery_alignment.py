from examples.grocery.alignment import AHEAD_MS, DAY_MS, IN_FLIGHT_MAX, Alignment

T0 = 1_483_246_800_000


def test_the_first_event_may_come_at_once() -> None:
    assert Alignment(2).may_feed(T0)


def test_nothing_is_fed_a_week_beyond_the_slowest_partition_that_has_work() -> None:
    alignment = Alignment(2)
    alignment.feed(0, T0, 10)
    alignment.feed(1, T0 + DAY_MS, 10)
    alignment.accept(1, T0 + DAY_MS)
    assert alignment.may_feed(T0 + AHEAD_MS)
    assert not alignment.may_feed(T0 + AHEAD_MS + 1)


def test_a_partition_that_took_all_it_was_given_holds_nobody_up() -> None:
    alignment = Alignment(2)
    alignment.feed(0, T0, 10)
    alignment.accept(0, T0)
    alignment.feed(1, T0 + 6 * DAY_MS, 10)
    assert alignment.may_feed(T0 + 12 * DAY_MS)


def test_a_clock_frees_what_was_fed_up_to_it() -> None:
    alignment = Alignment(1)
    for day in range(5):
        alignment.feed(0, T0 + day * DAY_MS, 100)
    alignment.accept(0, T0 + 2 * DAY_MS)
    assert alignment.in_flight == 200
    assert alignment.may_feed(T0 + 9 * DAY_MS)
    assert not alignment.may_feed(T0 + 9 * DAY_MS + 1)


def test_the_backlog_is_bounded() -> None:
    alignment = Alignment(2)
    alignment.feed(0, T0, IN_FLIGHT_MAX - 1)
    assert alignment.may_feed(T0)
    alignment.feed(1, T0, 1)
    assert not alignment.may_feed(T0)
    alignment.accept(1, T0)
    assert alignment.may_feed(T0)


def test_what_was_read_and_refused_is_done_with_too() -> None:
    alignment = Alignment(2)
    alignment.feed(0, T0, IN_FLIGHT_MAX)
    alignment.accept_all()
    assert alignment.in_flight == 0
    assert alignment.may_feed(T0 + 100 * DAY_MS)


def test_an_older_clock_changes_nothing() -> None:
    alignment = Alignment(1)
    alignment.feed(0, T0, 1)
    alignment.accept(0, T0)
    alignment.feed(0, T0 + DAY_MS, 1)
    alignment.accept(0, T0 - DAY_MS)
    assert alignment.in_flight == 1
    assert alignment.may_feed(T0 + AHEAD_MS)
