"""The outbox: what a step says, stamped; what it counts."""

from __future__ import annotations

from streams.inputs import Output
from streams.outbox import Outbox


def test_what_is_said_carries_its_step() -> None:
    out = Outbox(6)
    out.step += 1
    out.put("events", "p", "record", raw=b"raw")
    out.note("d", "p", "late_answer", 5, {"model": "m"})
    assert out.outputs[0] == Output("events", "", "p", "record", 7, b"raw")
    assert [(one.noun, one.step) for one in out.outputs] == [("events", 7), ("decision-notes", 7)]


def test_a_rewind_goes_back_to_a_step_and_forgets_what_was_counted() -> None:
    out = Outbox(6)
    out.step += 3
    out.count("records", "accepted")
    out.count("records", "accepted")
    out.waits_ms.append(5)
    assert out.tally == {("records", "accepted"): 2}
    out.rewind(6)
    assert (out.step, out.tally, out.waits_ms) == (6, {}, [])
