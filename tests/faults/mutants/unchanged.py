"""Mutants that were drawn and change nothing that is said or kept in the months of the trial, each with the reason."""

from __future__ import annotations

from typing import Final

UNCHANGED: Final[dict[str, str]] = {
    "streams.profile.x__read_tally__mutmut_8": "equivalent: the same total, added up instead of looked up",
    "streams.decision.decay.x__root__mutmut_4": "equivalent: bisection from one further off finds the same root",
    "streams.intake.xǁIntakeǁ_take_event__mutmut_80": "encoded anew, a producer like ours has said the same bytes",
    "agents.turn.xǁEncoderǁbatches__mutmut_12": "below 90 features equivalent: 256 is the smaller bound",
    "streams.decision.observe.xǁColumnsǁ__init____mutmut_4": "for an action that is no promotion shadows do not count, "
    "and the grocery has promotions only",
    "streams.decision.order.x_conclude__mutmut_64": "shows where a score is its threshold exactly, and none is",
    "streams.profile.x__fold_consents__mutmut_12": "shows at a scope of exactly 256 characters",
    "streams.profile.x__read_distinct__mutmut_6": "nobody is decided about before he has bought something",
    "streams.outbox.xǁOutboxǁrefuse__mutmut_7": "a count for /metrics, which stands on no topic",
    "streams.rounds.xǁRoundsǁtake_answer__mutmut_73": "holds back events when 200 rounds are open, and is said nowhere",
    "agents.applier.xǁStageFailuresǁnote__mutmut_14": "stops a worker when a fifth of its records fail",
    "agents.applier.xǁShardApplierǁ_attempt__mutmut_17": "tells of a timer that fails, and none does",
    "streams.clock.xǁClockǁ__init____mutmut_5": "ends a shard in lockstep, and no month is in lockstep",
}
