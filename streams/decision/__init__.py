"""Decision: the rules by which one action, or none, is chosen for one person."""

from streams.decision.evidence import EvidenceUnreadable, pack, unpack
from streams.decision.order import decide, replay
from streams.decision.release import release_at
from streams.decision.verdict import Occasion, Reading, Snapshot, Verdict

__all__ = [
    "EvidenceUnreadable", "Occasion", "Reading", "Snapshot", "Verdict", "decide", "pack", "release_at", "replay",
    "unpack",
]  # fmt: skip
