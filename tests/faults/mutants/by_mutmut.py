"""Bugs that nobody chose, drawn from all that mutmut makes of the engine (`make mutants`)."""

from __future__ import annotations

from typing import Final

from tests.faults.mutants.planting import Mutant

FATES: Final = {
    "changes nothing that is said or kept": 10,
    "is silent, and is found": 12,
    "makes a stage fail, and is found": 22,
    "stops the deployment": 6,
}  # of all that were drawn
BY_MUTMUT: Final = (
    Mutant(
        "streams.attribute.x_outcomes_of__mutmut_11",
        "streams.attribute",
        "outcomes_of",
        "        if not any(touch in opened.touches for opened in row.decisions):",
        "        if any(touch in opened.touches for opened in row.decisions):",
    ),
    Mutant(
        "streams.propose.x_take_answer__mutmut_13",
        "streams.propose",
        "take_answer",
        "    elif status == \"ok\":",
        "    elif status == \"XXokXX\":",
    ),
    Mutant(
        "streams.step.xǁStepǁ_close_window__mutmut_12",
        "streams.step",
        "Step._close_window",
        "    self.out.step += 1",
        "    self.out.step -= 1",
    ),
    Mutant(
        "streams.attribute.x_outcomes_of__mutmut_44",
        "streams.attribute",
        "outcomes_of",
        "                winner.activation_id if winner else None,",
        "                winner.activation_id if (winner) and False else None,",
    ),
    Mutant(
        "streams.step.xǁStepǁ_take_answer__mutmut_10",
        "streams.step",
        "Step._take_answer",
        "    if opened is None or name is None:",
        "    if opened is not None or name is None:",
    ),
    Mutant(
        "streams.state.xǁStateǁ_restore_timers__mutmut_1",
        "streams.state",
        "State._restore_timers",
        "        row = self.open_decisions.get(key)",
        "        row = None",
    ),
    Mutant(
        "streams.step.xǁStepǁ_passes_window__mutmut_6",
        "streams.step",
        "Step._passes_window",
        "    barrier = self.barriers.ahead(to) if self.barriers is not None else 0",
        "    barrier = self.barriers.ahead(to) if self.barriers is not None else 1",
    ),
    Mutant(
        "streams.step.xǁStepǁ_trigger__mutmut_121",
        "streams.step",
        "Step._trigger",
        "    state.rounds.put(opened.round_id, opened)",
        "    state.rounds.put(opened.round_id, None)",
    ),
    Mutant(
        "streams.propose.x_quantise__mutmut_15",
        "streams.propose",
        "quantise",
        "    if not all(-AMOUNT_MAX <= x <= AMOUNT_MAX for x in outputs):",
        "    if all(-AMOUNT_MAX <= x <= AMOUNT_MAX for x in outputs):",
    ),
    Mutant(
        "streams.attribute.x_await_outcomes__mutmut_22",
        "streams.attribute",
        "await_outcomes",
        "        candidate.action_id if candidate else \"\",",
        "        None,",
    ),
    Mutant(
        "streams.ingest.x__typed__mutmut_21",
        "streams.ingest",
        "_typed",
        "        if not isfinite(value):",
        "        if isfinite(value):",
    ),
    Mutant(
        "streams.ingest.x_accept__mutmut_7",
        "streams.ingest",
        "accept",
        "        raw.event_id, raw.profile_id, raw.type, raw.occurred_at, raw.source, properties, raw.consent, raw.traceparent,",
        "        raw.event_id, raw.profile_id, raw.type, raw.occurred_at, raw.source, properties, None, raw.traceparent,",
    ),
)
