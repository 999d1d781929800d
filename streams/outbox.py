"""What the step that is being applied says: records for topics, and counts of what happened."""

from __future__ import annotations

from typing import Final

from streams.inputs import Original, Output
from streams.records import ContactState, DeadLetter, Decision, DecisionNote, Request
from streams.topology import BY_NOUN

DETAIL_MAX: Final = 1_000  # characters of a dead letter's detail: it may quote what was wrong
# Of the record that a dead letter keeps: its cause, its detail and its origin stand beside it. What a producer has
# compressed may be larger than any topic takes.
ORIGINAL_BYTES_MAX: Final = BY_NOUN["dead-letters"].record_bytes_max - (64 << 10)


class Outbox:
    """The outputs of one step after the other, each stamped with its step."""

    def __init__(self, step: int) -> None:
        self.step = step  # the last one's number
        self.outputs: list[Output] = []
        self.tally: dict[tuple[str, ...], int] = {}  # what happened, by (what, of which kind); until it is cleared
        self.waits_ms: list[int] = []  # how long rounds took that were closed; until it is cleared

    def begin(self) -> None:
        """Begin the next step, with no outputs."""
        self.step += 1
        self.outputs = []

    def clear(self) -> None:
        """Begin to count anew."""
        self.tally = {}
        self.waits_ms = []

    def rewind(self, step: int) -> None:
        """Forget what was counted, and go on after this step."""
        self.step = step
        self.clear()

    def put(self, noun: str, key: str, record: object, model: str = "", *, raw: bytes | None = None) -> None:
        """Say a record."""
        self.outputs.append(Output(noun, model, key, record, self.step, raw))

    def count(self, what: str, *kind: str) -> None:
        """Count what happened."""
        key = (what, *kind)
        self.tally[key] = self.tally.get(key, 0) + 1

    def count_decision(self, decision: Decision) -> None:
        """Count how a decision came out."""
        self.count("decisions", decision.source)
        if decision.reason:
            self.count("withheld", decision.reason)
        if decision.delivery_channel:
            self.count("activations", decision.delivery_channel)
        for flag in decision.flags:
            self.count("flags", flag)

    def ask(self, profile_id: str, model: str, request: Request) -> None:
        """Send a request to a model's process."""
        self.put("requests", profile_id, request, model)
        self.count("requests", model)

    def note(self, decision_id: str, profile_id: str, kind: str, noted_at: int, details: dict[str, str]) -> None:
        """Say what came after a decision."""
        self.put("decision-notes", profile_id, DecisionNote(decision_id, profile_id, kind, noted_at, details))

    def state(self, stated: ContactState | None) -> None:
        """Say by which ways a person may be contacted, if that has changed."""
        if stated is not None:
            self.put("contact-states", stated.profile_id, stated)

    def refuse(self, original: Original, cause: str, detail: str, *, is_event: bool) -> None:
        """Park a record that is refused."""
        if is_event:
            self.count("records", "dead_letter")
        self.dead_letter(original, cause, detail)

    def dead_letter(self, original: Original, cause: str, detail: str) -> None:
        """Park a record with what is wrong with it; of one that is too large, what is wrong with it and where it is."""
        self.count("dead_letters", cause)
        detail = detail[:DETAIL_MAX].encode("utf-8", "backslashreplace").decode()
        origin, key, value, headers = original.origin, original.key, original.value, original.headers
        size = len(key or b"") + len(value or b"") + sum(len(name.encode()) + len(said) + 16 for name, said in headers)
        if size > ORIGINAL_BYTES_MAX:
            key, value, headers = None, None, []
            detail += f" (its {size} bytes are too many to be kept here: they are where it came from)"
        self.put("dead-letters", "", DeadLetter(cause, detail, origin, key, value, headers, origin.timestamp))
