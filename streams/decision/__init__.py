"""Decision: the rules by which one action, or none, is chosen for one person."""

from streams.decision.evidence import EvidenceUnreadable, pack, unpack
from streams.decision.order import decide, replay
from streams.decision.verdict import Reading, Snapshot, Verdict

__all__ = ["EvidenceUnreadable", "Reading", "Snapshot", "Verdict", "decide", "pack", "replay", "unpack"]
