"""What a new delivery channel begins with: a section for the policy, and a sample to try it on.

The mappings of `sms`, `push` and `audience` have the shape that such providers commonly have; the address, the names of
fields and the values of answers are to be replaced by those in the provider's manual.
"""

from __future__ import annotations

from typing import Any, Final

KINDS: Final = ("file", "webhook", "smtp", "sms", "push", "audience")

_COSTS: Final = "  cost: 0.0      # of one contact\n  threshold: 0.0 # a candidate must score more than this\n"

_DELIVER: Final = {
    "file": "    kind: file\n",
    "webhook": """\
    kind: webhook
    url: https://receiver.example.org/activations
    repeats: false # true only if a second call with the same Idempotency-Key changes nothing there
    auth: {secret: NAME_TOKEN}
""",
    "smtp": """\
    kind: smtp
    url: mail.example.org:587
    auth: {secret: NAME_LOGIN} # user:password
    request: {from: shop@example.org, to: "{profile_id}", subject: "{content.subject}", text: "{content.text}"}
""",
    "sms": """\
    kind: webhook
    url: https://sms.example.org/messages
    query_url: https://sms.example.org/messages/{activation_id} # an SMS in doubt is asked about, never sent again
    rate_per_s: 10
    auth: {secret: NAME_TOKEN}
    request: {to: "{profile_id}", text: "{content.text}", reference: "{activation_id}"}
    response: {field: status, delivered: [accepted, sent], rejected: [blocked], bounced: [invalid_number]}
""",
    "push": """\
    kind: webhook
    url: https://push.example.org/send
    repeats: true
    auth: {secret: NAME_TOKEN}
    request: {message: {user: "{profile_id}", body: "{content.text}"}, collapse_key: "{activation_id}"}
    response: {field: result.state, delivered: [queued], rejected: [quota], bounced: [unregistered]}
""",
    "audience": """\
    kind: webhook
    url: https://ads.example.org/audiences/{action}/members
    repeats: true # a member that is added twice is a member once
    auth: {secret: NAME_TOKEN}
    request: {operations: [{add: {external_id: "{profile_id}", until: "{expires_at}"}}]}
    response: {field: received, delivered: ["1"], rejected: ["0"]}
""",
}
_ANSWERS: Final[dict[str, Any]] = {
    "sms": {"status": "accepted"}, "push": {"result": {"state": "queued"}}, "audience": {"received": 1},
}  # fmt: skip


def section(name: str, kind: str) -> str:
    """Return the YAML of a delivery channel, to stand under `delivery_channels`."""
    secret = name.upper().replace("-", "_").replace(".", "_").replace(":", "_")
    deliver = _DELIVER[kind].replace("NAME", secret)
    return f"{name}:\n{_COSTS}  deliver:\n{deliver}"


def sample(name: str, kind: str) -> dict[str, Any]:
    """Return a sample for `continuo map test`."""
    content = {"subject": "Soup, 10 % off", "text": "Soup, 10 % off until Sunday"}
    return {
        "activation": {"delivery_channel": name, "profile_id": "person-1", "content": content},
        "answer": {"status": 200, "body": _ANSWERS.get(kind)},
    }
