"""State: what is put is durable after a flush and gone after a rewind."""

from agents.codecs.rows import ROW_CODEC
from streams.rows import Alias, OpenDecisions, Profile
from streams.state import State


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
    assert list(changes) == [b"Pp1"] and changes == rows
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


def test_a_timer_that_fired_is_set_again_by_a_rewind() -> None:
    state = new_state()
    state.windows.set(20, "b", "p2")
    state.windows.set(10, "a", "p1")
    assert state.windows.pop(5) is None
    assert state.windows.pop(15) == (10, "a", "p1")
    state.rewind()
    assert [state.windows.pop(30), state.windows.pop(30), state.windows.pop(30)] == [(10, "a", "p1"), (20, "b", "p2"), None]
    state.flush()
    state.rewind()
    assert state.windows.first() is None
