"""Records whose bytes begin with a raw event's: what the producer wrote goes on as it came, with our fields behind it.

Valid where nothing of the raw event was rewritten, and where `raw` is framed Avro that `decode_raw_event` took.
"""

from __future__ import annotations

from agents.codecs.framing import HEADER_LENGTH
from agents.codecs.generated import event, routed_event
from agents.codecs.varint import write_int, write_long
from streams.records import Origin


def event_from_raw(raw: bytes, accepted_at: int, alias: str | None = None) -> bytes:
    """Return the framed event that a framed raw event becomes: what encoding it anew gives, at a tenth of the cost."""
    return b"".join((event.HEADER, raw[HEADER_LENGTH:], write_long(accepted_at), _optional(alias)))


def routed_from_raw(raw: bytes, origin: Origin, alias: str | None = None) -> bytes:
    """Return the framed routed event that a framed raw event becomes."""
    topic = origin.topic.encode()
    place = (
        *(write_long(len(topic)), topic),
        *(write_int(origin.partition), write_long(origin.offset), write_long(origin.timestamp)),
    )
    return b"".join((routed_event.HEADER, raw[HEADER_LENGTH:], *place, _optional(alias)))


def _optional(text: str | None) -> bytes:
    if text is None:
        return b"\x00"
    encoded = text.encode()
    return b"\x02" + write_long(len(encoded)) + encoded
