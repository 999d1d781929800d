"""A mapping tried on a sample: what would be sent for an activation, and what an answer to it would mean."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Final

import orjson

from agents.channels.contract import Fate
from agents.channels.mapping import Unmapped, fill
from agents.channels.webhook import Failed, read_answer, request_of
from agents.errors import UserError
from streams.policy.channels import DeliveryChannel
from streams.policy.problems import expected_one_of
from streams.policy.providers import Provider
from streams.records import Activation

HOUR_MS: Final = 3_600_000
USUAL_AT: Final = 1_500_000_000_000


def rehearse(channel: DeliveryChannel, sample: Any) -> str:
    """Return the request that a sample's activation is, and the outcome of its answer; raises UserError.

    A sample is {"activation": {some of its fields}, "answer": {"status": 200, "body": …}}; both may be left out.
    """
    if not isinstance(sample, dict) or set(sample) - {"activation", "answer"}:
        raise UserError('the sample: expected a JSON object with "activation" and "answer"')
    provider, activation = channel.provider, _activation(channel, sample.get("activation", {}))
    lines = _request(provider, activation)
    answer = sample.get("answer")
    if answer is not None and provider.kind == "webhook":
        if not isinstance(answer, dict) or not isinstance(answer.get("status"), int):
            raise UserError('the sample\'s answer: expected {"status": 200, "body": …}')
        lines += ["", f"An answer {answer['status']} {orjson.dumps(answer.get('body')).decode()} means"]
        lines.append(f"  {_meaning(provider, answer['status'], orjson.dumps(answer.get('body')))}")
    return "\n".join(lines)


def _activation(channel: DeliveryChannel, told: Any) -> Activation:
    usual = Activation(
        "activation-1", "decision-1", "person-1", "an-action", "a-treatment", channel.id, {}, USUAL_AT, USUAL_AT,
        USUAL_AT + HOUR_MS, "policy", None,
    )  # fmt: skip
    names = [field.name for field in fields(Activation)]
    if not isinstance(told, dict):
        raise UserError(f"the sample's activation: expected a JSON object, got {told!r}")
    if unknown := set(told) - set(names):
        name = min(unknown)
        raise UserError(f"the sample's activation: there is no field {name!r}. {expected_one_of(names, name)}")
    return Activation(**{**asdict(usual), **told})


def _request(provider: Provider, activation: Activation) -> list[str]:
    try:
        if provider.kind == "webhook":
            url, body = request_of(provider, activation)
            secret = [f"{provider.header}: {provider.prefix}<{provider.secret}>"] if provider.secret else []
            return [f"POST {url}", f"Idempotency-Key: {activation.activation_id}", *secret, "", body.decode()]
        told = asdict(activation) if provider.kind == "file" else fill(provider.request, activation)
    except Unmapped as lack:
        raise UserError(f"the activation would be rejected as {lack}: the sample's content lacks it") from None
    return [f"{provider.kind} {provider.url}".rstrip(), "", orjson.dumps(told).decode()]


def _meaning(provider: Provider, status: int, body: bytes) -> str:
    try:
        fate = read_answer(provider, status, body)
    except Failed as failed:
        if not failed.is_sent:
            return f"owed ({failed}): it was not taken, and is sent again"
        return f"{'owed' if provider.repeats else 'unknown'} ({failed}): it may have been carried out"
    return _told(fate)


def _told(fate: Fate) -> str:
    return f"{fate.outcome} ({fate.reason})" if fate.reason else fate.outcome
