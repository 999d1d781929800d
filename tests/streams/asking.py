"""A live policy whose one process model is waited for as long as a test says, and what is asked and answered of it."""

from __future__ import annotations

import itertools
from typing import Any, Final

from streams.records import Proposal, RawEvent
from tests.shard import plain_policy, raw
from tests.streams.contract import Question, Stream

MODEL: Final = "next_purchase"
_numbers = itertools.count()


def waiting(deadline_ms: int) -> dict[str, Any]:
    """Return the plain policy with a model that is waited for so long, its actions valid whenever this is run."""
    models = plain_policy()["models"]
    bundle = plain_policy(models=models | {MODEL: models[MODEL] | {"deadline_ms": deadline_ms}})
    for action in bundle["actions"]:
        action["valid_to"] = "2100-01-01"
    return bundle


PATIENT: Final = waiting(60_000)
HASTY: Final = waiting(100)


def trigger(stream: Stream) -> RawEvent:
    """Return the basket of somebody new."""
    number = next(_numbers)
    return raw(at=stream.now(), event_id=f"basket-{number}", profile_id=f"person-{number}")


def answered(question: Question, **fields: Any) -> Proposal:
    """Return an answer to a question, a good one but for these fields."""
    asked = question.request
    usual = {"call_id": asked.call_id, "round_id": asked.round_id, "version": asked.version, "status": "ok"}
    return Proposal(**{**usual, "outputs": [0.1, 0.7]} | fields)
