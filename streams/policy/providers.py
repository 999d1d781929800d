"""Providers: who carries out the activations of a delivery channel, and how he is asked and understood.

A template is plain values in which `{field}` stands for a field of the activation and `{content.name}` for an entry of
its content; a text that is nothing but one field keeps the field's type.  What an answer means is read from one field
of its JSON body (`field`, dots lead inwards): a value listed under an outcome means that outcome.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from streams.policy.quantities import SECOND_MS
from streams.policy.reading import Node, Record

KINDS: Final = ("file", "webhook", "smtp")
MAIL: Final = ("from", "to", "subject", "text")  # what the template of a mail has
OUTCOMES: Final = ("delivered", "rejected", "bounced")  # what an answer can mean; any other value means unknown
FIELDS: Final = (
    "activation_id", "decision_id", "profile_id", "action", "treatment", "delivery_channel", "decided_at", "release_at",
    "expires_at",
)  # fmt: skip
TIMEOUT_S_MAX: Final = 10  # a channel that is told to stop has 15 s to learn what became of what it has sent
AT_ONCE_MAX: Final = 64
ATTEMPTS_MAX: Final = 100
RATE_MAX: Final = 10_000
PLACE: Final = re.compile(r"\{([a-z_]+)(?:\.([A-Za-z0-9_]+))?\}")

_URL: Final = re.compile(r"https?://[^\s/]+(/\S*)?")
_SERVER: Final = re.compile(r"[A-Za-z0-9_.-]+:[0-9]{1,5}")
_SECRET: Final = re.compile(r"[A-Z][A-Z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class Provider:
    """Who carries out activations."""

    kind: str = "file"
    url: str = ""  # template; of smtp: host:port
    query_url: str = ""  # template of the address that tells what became of an activation; "" = nobody tells
    repeats: bool = False  # he takes a repetition under the same id for the same: what is unknown is sent again
    timeout_ms: int = 5 * SECOND_MS
    at_once: int = 8  # calls under way
    rate_per_s: int = 0  # calls begun in a second; 0 = no limit
    attempts: int = 10  # of one activation, while others come through
    secret: str = ""  # environment variable of what goes into `header`
    header: str = "Authorization"
    prefix: str = "Bearer "  # before the secret
    request: Any = None  # template of the body; None = the whole activation
    answer_field: str = ""  # of the answer's body; "" = its status alone tells
    meanings: dict[str, str] = field(default_factory=dict)  # value of that field -> outcome


def read_provider(node: Node) -> Provider:
    """Read the `deliver` section of a delivery channel."""
    optional = (
        "url", "query_url", "repeats", "timeout_s", "at_once", "rate_per_s", "attempts", "auth", "request", "response",
    )  # fmt: skip
    record = node.record("provider", ("kind",), optional)
    kind = record.one_of("kind", "kind of provider", KINDS, "file")
    url, query_url = record.text("url"), record.text("query_url")
    if kind == "webhook":
        _check_url(record, "url", url)
        if query_url:
            _check_url(record, "query_url", query_url)
            if set(places(query_url)) - {("activation_id", "")}:
                record.wrong("query_url", "expected no other field than {activation_id}: it is all that is kept")
    elif kind == "smtp":
        _check_mail(record, url)
    elif len(record.fields) > 1:
        record.node.wrong("a file is written by its channel's name: it takes nothing but `kind`")
    request = record.fields.get("request")
    if request is not None:
        check_template(request)
    secret, header, prefix = _auth(record.fields.get("auth"))
    told, meanings = _response(record.fields.get("response"))
    return Provider(
        kind, url, query_url, record.flag("repeats"), record.whole("timeout_s", 5, 1, TIMEOUT_S_MAX) * SECOND_MS,
        record.whole("at_once", 8, 1, AT_ONCE_MAX), record.whole("rate_per_s", 0, 0, RATE_MAX),
        record.whole("attempts", 10, 1, ATTEMPTS_MAX), secret, header, prefix,
        request.value if request is not None else None, told, meanings,
    )  # fmt: skip


def places(text: str) -> Iterator[tuple[str, str]]:
    """Yield what the places of a template stand for: (field, entry of the content or "")."""
    for found in PLACE.finditer(text):
        yield found[1], found[2] or ""


def check_template(node: Node) -> None:
    """Note every place of a template that stands for nothing."""
    if isinstance(node.value, dict):
        for key in node.value:
            check_template(node.child(key))
    elif isinstance(node.value, list):
        for item in node.items("values"):
            check_template(item)
    elif isinstance(node.value, str):
        for name, entry in places(node.value):
            if (name in FIELDS and not entry) or (name == "content" and entry):
                continue
            told = f"{name}.{entry}" if entry else name
            node.wrong(f"{{{told}}} stands for nothing: there are {', '.join(FIELDS)} and content.<name>")


def _check_url(record: Record, name: str, url: str) -> None:
    if not _URL.fullmatch(url):
        record.wrong(name, f"expected an address such as https://host/path, got {url!r}")
    elif name in record.fields:
        check_template(record.fields[name])


def _check_mail(record: Record, url: str) -> None:
    if not _SERVER.fullmatch(url):
        record.wrong("url", f"expected host:port of a mail server, got {url!r}")
    for name in ("query_url", "repeats", "at_once", "response"):
        if record.has(name):
            record.wrong(name, "a mail server answers one mail after the other, by codes, and knows no repetitions")
    mail = record.fields["request"].value if record.has("request") else {}
    if not isinstance(mail, dict) or set(mail) != set(MAIL) or not all(isinstance(mail[part], str) for part in MAIL):
        record.wrong("request", f"expected the texts {', '.join(MAIL)} of a mail, got {mail!r}")


def _auth(node: Node | None) -> tuple[str, str, str]:
    usual = Provider()
    if node is None:
        return "", usual.header, usual.prefix
    record = node.record("authentication", ("secret",), ("header", "prefix"))  # of smtp: user:password
    secret = record.text("secret")
    if not _SECRET.fullmatch(secret) or secret.startswith("CONTINUO_"):
        record.wrong("secret", f"expected the name of an environment variable, not of a setting, got {secret!r}")
    return secret, record.text("header", usual.header), record.text("prefix", usual.prefix)


def _response(node: Node | None) -> tuple[str, dict[str, str]]:
    if node is None:
        return "", {}
    record = node.record("response", ("field",), OUTCOMES)
    meanings: dict[str, str] = {}
    for outcome in OUTCOMES:
        listed = record.fields.get(outcome)
        for item in listed.items("values") if listed is not None else ():
            value = str(item.value)
            if value in meanings:
                item.wrong(f"{value!r} means {meanings[value]} already")
            meanings[value] = outcome
    if not meanings:
        node.wrong(f"expected values of the field under {', '.join(OUTCOMES)}")
    return record.text("field"), meanings
