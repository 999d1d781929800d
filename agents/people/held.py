"""What a deployment holds of one person: the rows of their shard, and every record about them that is kept still."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from cryptography.exceptions import InvalidTag

from agents.codecs.avro import DECODERS
from agents.codecs.rows import DECODERS as ROWS
from agents.codecs.rows import decode_alias
from agents.decisions import Archive
from agents.vault import PersonalVault
from streams.decision import EvidenceUnreadable, unpack
from streams.records import Decision
from streams.rows import Deferral, Profile, Round
from streams.topology import BY_NOUN

# Topics whose records are about the person that their key names. Requests and examples of models are not among them:
# what they hold is in the decisions that they belong to.
NOUNS: Final = (
    "events", "decisions", "decision-notes", "activations", "contact-states", "outcomes", "rewards",
)  # fmt: skip
OWN: Final = ("profiles", "contacts", "open_decisions")  # tables whose rows are keyed by the person
OTHERS: Final = ("rounds", "deferrals")  # tables whose rows name the person
LEFT_OUT: Final = {"key": "it opens the evidence", "evidence": "opened, it stands under `saw`"}


@dataclass(frozen=True)
class Holding:
    """All that is held of one person."""

    profile_id: str  # canonical
    alias: str  # the name that was asked for, where that is only linked to the person
    rows: dict[str, list[Any]]  # by table
    records: dict[str, list[Any]]  # by noun of the topic, oldest first

    @property
    def profile(self) -> Profile | None:
        """Return the profile's row."""
        return next(iter(self.rows["profiles"]), None)

    @property
    def is_known(self) -> bool:
        """Tell whether anything is held."""
        return any(self.rows.values()) or any(self.records.values())


async def hold(archive: Archive, profile_id: str) -> Holding:
    """Return all that is held of a person; a name that is only an alias is followed to its person."""
    rows = await archive.rows(profile_id)
    alias = ""
    if (linked := rows.get(("aliases", profile_id))) is not None:
        alias, profile_id = profile_id, decode_alias(linked).profile_id
        rows = await archive.rows(profile_id)
    found = {table: [ROWS[table](row)] if (row := rows.get((table, profile_id))) else [] for table in OWN}
    found |= {table: [] for table in OTHERS}
    for (table, _), row in rows.items():
        if table in OTHERS:
            one = ROWS[table](row)
            if isinstance(one, Round | Deferral) and one.profile_id == profile_id:
                found[table].append(one)
    records = {
        noun: [
            one
            async for one in archive.said(noun, DECODERS[BY_NOUN[noun].schema], profile_id, of=profile_id)
            if one.profile_id == profile_id
        ]
        for noun in NOUNS
    }
    return Holding(profile_id, alias, found, records)


def to_json(holding: Holding) -> dict[str, Any]:
    """Return all of it as plain values; instants are epoch milliseconds, bytes are hex."""
    key = holding.profile.key if holding.profile else b""
    records = {noun: [_plain(one) for one in found] for noun, found in holding.records.items()}
    for told, decision in zip(records["decisions"], holding.records["decisions"], strict=True):
        told["saw"] = _opened(decision, key)
    return {
        "profile_id": holding.profile_id,
        "asked_for": holding.alias or holding.profile_id,
        "state": {table: [_plain(row) for row in found] for table, found in holding.rows.items()},
        "records": records,
        "kept_for_days": {noun: _days(noun) for noun in NOUNS},
        "left_out": LEFT_OUT,
    }


def _opened(decision: Decision, key: bytes) -> dict[str, Any] | str:
    """Return what a decision saw of its person, or why that cannot be read."""
    if not key:
        return "erased"
    try:
        return _plain(unpack(decision.evidence, partial(PersonalVault().open, key)).snapshot)
    except InvalidTag:
        return "erased: it was sealed with a key that is gone"
    except EvidenceUnreadable as error:
        return f"cannot be read: {error}"


def _plain(one: Any) -> dict[str, Any]:
    told = {name: value for name, value in asdict(one).items() if name not in LEFT_OUT}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in told.items()}


def _days(noun: str) -> int | None:
    """Return for how many days a topic keeps a record; None = until the next one of the person."""
    topic = BY_NOUN[noun]
    return None if topic.compacted else topic.retention_s // 86_400
