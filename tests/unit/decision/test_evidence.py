from __future__ import annotations

import msgspec
import pytest

from streams.decision import EvidenceUnreadable, Occasion, Verdict, decide, pack, replay, unpack
from streams.rows import Answer
from tests.builders import NOW, compiled, make_contacts, make_offer, make_profile

POLICY = compiled()
POINT = POLICY.points["checkout"]
PERSON = "person-7f"


def seal(plaintext: bytes, decision_id: str) -> bytes:
    """Stand for encryption: reversible, and other bytes than the plaintext."""
    return bytes(byte ^ 0x5A for byte in plaintext)


def verdict() -> Verdict:
    """Return a verdict with a bit of everything in it."""
    contacts = make_contacts({}, {"at": NOW - 5}, offers=[make_offer(group="other", line="tea", intent="inform")])
    contacts.pressure = {"email": [500_000, NOW]}
    contacts.cooldowns = [["category:bread", NOW + 1]]
    profile = make_profile(suppressed=["channel:sms"])
    answers = {"basket": Answer("v1", "ok", [44_000_000])}
    return decide(POLICY, POINT, profile, contacts, [1, 0, 2, "secret", 8, 5], answers, {}, Occasion("d1", PERSON, NOW))


def test_evidence_is_read_as_it_was_packed() -> None:
    found = verdict()
    assert unpack(pack(found, seal), seal) == _recorded(found)


def _recorded(found: Verdict) -> Verdict:
    """Return what is kept of a verdict: of what was shown when, only what told."""
    found.snapshot.shown = found.shown
    return found


def test_a_decision_replays_from_its_evidence_to_the_same_bytes() -> None:
    evidence = pack(verdict(), seal)
    assert pack(replay(POLICY, unpack(evidence, seal)), seal) == evidence


def test_the_version_comes_first_and_the_rest_is_one_array() -> None:
    evidence = pack(verdict(), seal)
    assert evidence[0] == 2
    assert len(msgspec.msgpack.decode(evidence[1:])) == 24


def test_personal_data_stands_in_the_sealed_slot_only() -> None:
    evidence = pack(verdict(), lambda plaintext, decision_id: b"")
    assert b"secret" not in evidence
    assert PERSON.encode() not in evidence
    assert b"a1" not in evidence
    assert b"secret" in pack(verdict(), lambda plaintext, decision_id: plaintext)


def test_without_the_key_all_but_the_personal_part_is_read() -> None:
    found = unpack(pack(verdict(), seal), None)
    assert (found.decision_id, found.scored, found.source) == ("d1", verdict().scored, verdict().source)
    assert (found.snapshot.profile_id, found.snapshot.features, found.snapshot.offers) == ("", [], [])
    assert found.snapshot.readings == verdict().snapshot.readings


@pytest.mark.parametrize(
    "evidence", [b"", b"\x01\x90", b"\x02", b"\x02\x90", b"\x02\xc1", b"\x02\x93\x01\x02\x03", b"\x02\x05"]
)
def test_other_bytes_are_no_evidence(evidence: bytes) -> None:
    with pytest.raises(EvidenceUnreadable, match="expected"):
        unpack(evidence, seal)


def test_a_wrong_key_is_no_key() -> None:
    with pytest.raises(EvidenceUnreadable, match="expected"):
        unpack(pack(verdict(), seal), lambda sealed, decision_id: sealed)
