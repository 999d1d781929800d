"""State: what is put is durable after a flush and gone after a rewind."""

import pytest

from agents.codecs.rows import ROW_CODEC
from streams.rows import Alias, OpenDecisions, Profile
from streams.state import State, Timers
from tests.builders import make_open_decision, make_round


def new_state(rows: dict[bytes, bytes] | None = None) -> State:
    return State({} if rows is None else rows, ROW_CODEC)


def test_a_flush_writes_each_changed_row_once() -> None:
    rows: dict[bytes, bytes] = {}
    state = new_state(rows)
    person = Profile(zone="Europe/Paris")
    state.profiles.put("p1", person)
    person.zone = "Europe/Rome"
    state.profiles.put("p1", person)
    changes = state.flush()
    assert list(changes) == [b"Pp1"]
    assert changes == rows
    assert new_state(rows).profiles.get("p1") == person
    assert state.flush() == {}


def test_a_rewind_takes_back_what_was_changed_in_place() -> None:
    state = new_state()
    state.profiles.put("p1", Profile(zone="Europe/Paris"))
    state.flush()
    person = state.profiles.get("p1")
    assert person is not None
    person.zone = "Asia/Tokyo"
    state.profiles.put("p1", person)
    state.aliases.put("a", Alias("p1", 7))
    state.rewind()
    assert state.profiles.get("p1") == Profile(zone="Europe/Paris")
    assert state.aliases.get("a") is None
    assert state.flush() == {}


def test_a_deleted_row_is_a_tombstone_only_if_it_was_durable() -> None:
    state = new_state()
    state.open_decisions.put("p1", OpenDecisions())
    state.open_decisions.delete("p1")
    assert state.open_decisions.get("p1") is None
    assert state.flush() == {}
    state.open_decisions.put("p1", OpenDecisions())
    state.flush()
    state.open_decisions.delete("p1")
    assert "p1" not in state.open_decisions
    assert state.flush() == {b"Op1": None}


def test_a_rewind_takes_back_what_was_changed_but_not_put() -> None:
    state = new_state()
    state.profiles.put("p1", Profile(zone="Europe/Paris"))
    state.flush()
    person = state.profiles.get("p1")
    assert person is not None
    person.zone = "Asia/Tokyo"
    state.rewind()
    assert state.profiles.get("p1") == Profile(zone="Europe/Paris")


def test_a_rewind_sets_again_what_fired_and_forgets_what_was_set() -> None:
    timers = Timers()
    timers.set(20, "b", "p2")
    timers.set(10, "a", "p1")
    assert timers.pop(5) is None
    timers.flush()
    timers.set(12, "c", "p3")
    assert [timers.pop(15), timers.pop(15), timers.pop(15)] == [(10, "a", "p1"), (12, "c", "p3"), None]
    timers.set(11, "d", "p4")
    timers.rewind()
    assert [timers.pop(30), timers.pop(30), timers.pop(30)] == [(10, "a", "p1"), (20, "b", "p2"), None]
    timers.flush()
    timers.rewind()
    assert timers.first() is None


def test_timers_fire_in_the_order_of_due_and_id_whenever_they_were_set() -> None:
    timers = Timers()
    timers.set(10, "b", "p")
    timers.flush()
    timers.set(10, "a", "p")
    timers.set(10, "c", "p")
    assert [timers.pop(10), timers.pop(10), timers.pop(10)] == [(10, "a", "p"), (10, "b", "p"), (10, "c", "p")]


def test_a_table_knows_how_many_rows_are_durable() -> None:
    rows: dict[bytes, bytes] = {}
    state = new_state(rows)
    for name in ("p1", "p2", "p1"):
        state.profiles.put(name, Profile())
    state.flush()
    state.profiles.put("p1", Profile())
    state.profiles.delete("p2")
    state.flush()
    assert (state.profiles.size, new_state(rows).profiles.size) == (1, 1)
    assert state.contacts.size == 0


@pytest.mark.usefixtures("pure_core")
def test_many_warm_rows_are_let_go_at_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.state.WARM_ROWS_MAX", 3)
    state = new_state()
    persons = {str(number): Profile(zone=str(number)) for number in range(5)}
    for name, person in persons.items():
        state.profiles.put(name, person)
    state.flush()
    again = state.profiles.get("3")
    assert again == persons["3"]
    assert again is not persons["3"]


def test_restored_timers_are_those_of_open_rounds_and_open_decisions() -> None:
    rows: dict[bytes, bytes] = {}
    state = new_state(rows)
    state.rounds.put("open", make_round("open", deadline_wall_at=50))
    state.rounds.put("closed", make_round("closed", deadline_wall_at=90, closed_at=20))
    state.rounds.put("lockstep", make_round("lockstep"))
    state.open_decisions.put("p", OpenDecisions([make_open_decision("d1", until=7), make_open_decision("d2", until=5)]))
    state.flush()
    again = new_state(rows)
    assert again.rounds_open == 2
    deadlines = [again.deadlines.pop(99), again.deadlines.pop(99), again.deadlines.pop(99)]
    assert deadlines == [(50, "open", "p"), (90, "closed", "p"), None]
    assert [again.timers.pop(9), again.timers.pop(9), again.timers.pop(9)] == [(5, "d2", "p"), (7, "d1", "p"), None]


def test_what_is_dropped_leaves_no_row() -> None:
    state = new_state()
    state.rounds.put("r", make_round("r"))
    state.rounds_open = 1
    state.open_decisions.put("p", OpenDecisions([make_open_decision("d1"), make_open_decision("d2")]))
    state.flush()
    state.drop_round("r")
    state.drop_round("r")
    state.drop_open_decision("p", "d1")
    assert (state.rounds_open, "r" in state.rounds, "p" in state.open_decisions) == (0, False, True)
    state.drop_open_decision("p", "d2")
    state.drop_open_decision("p", "d2")
    assert "p" not in state.open_decisions
