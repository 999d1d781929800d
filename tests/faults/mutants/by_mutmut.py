"""Bugs that nobody chose, drawn from all that mutmut makes of the engine (`make mutants`)."""

from __future__ import annotations

from typing import Final

from tests.faults.mutants.planting import Mutant

FATES: Final = {
    "changes nothing that is said or kept": 13,
    "is silent, and is found": 23,
    "makes a stage fail, and is found": 46,
    "stops the deployment": 8,
}  # of all that were drawn
BY_MUTMUT: Final = (
    Mutant(
        "streams.profile.x_fold__mutmut_30",
        "streams.profile",
        "fold",
        "            value = properties.get(series.property)",
        "            value = None",
    ),
    Mutant(
        "streams.intake.xǁIntakeǁtake_raw__mutmut_6",
        "streams.intake",
        "Intake.take_raw",
        "    is_home = raw.profile_id in state.profiles or self._setting.owns(raw.profile_id)",
        "    is_home = raw.profile_id not in state.profiles or self._setting.owns(raw.profile_id)",
    ),
    Mutant(
        "streams.decision.calibrate.x_read_answers__mutmut_8",
        "streams.decision.calibrate",
        "read_answers",
        "        status = answer.status",
        "        status = None",
    ),
    Mutant(
        "streams.propose.x_answer_at_once__mutmut_3",
        "streams.propose",
        "answer_at_once",
        "        return None if is_there else DEAD",
        "        return None if (is_there) and False else DEAD",
    ),
    Mutant(
        "streams.decision.effects.x_settle__mutmut_32",
        "streams.decision.effects",
        "settle",
        '        if offer.activation_id == activation_id and offer.state == "reserved":',
        '        if offer.activation_id == activation_id and offer.state != "reserved":',
    ),
    Mutant(
        "streams.decision.effects.x_reserve__mutmut_57",
        "streams.decision.effects",
        "reserve",
        '                "live" if ghost else "reserved",',
        '                "live" if ghost else "RESERVED",',
    ),
    Mutant(
        "streams.decision.effects.x_settle__mutmut_19",
        "streams.decision.effects",
        "settle",
        "        _insert(contacts, at, *row[1:7], 0, row[8])",
        "        _insert(contacts, at, *row[1:7], None, row[8])",
    ),
    Mutant(
        "agents.turn.xǁEncoderǁ_name__mutmut_7",
        "agents.turn",
        "Encoder._name",
        "        name = self._names[noun, model] = topic_name(self._namespace, noun, model)",
        "        name = self._names[noun, model] = topic_name(self._namespace, noun, None)",
    ),
    Mutant(
        "streams.ingest.x_check__mutmut_24",
        "streams.ingest",
        "check",
        "            typed[name] = _typed(name, told[name], expected)",
        "            typed[name] = _typed(name, told[name], None)",
    ),
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
        '    elif status == "ok":',
        '    elif status == "XXokXX":',
    ),
    Mutant(
        "streams.outcomes.xǁOutcomesǁclose_window__mutmut_12",
        "streams.outcomes",
        "Outcomes.close_window",
        "    self._out.step += 1",
        "    self._out.step -= 1",
    ),
    Mutant(
        "streams.attribute.x_outcomes_of__mutmut_44",
        "streams.attribute",
        "outcomes_of",
        "                winner.activation_id if winner else None,",
        "                winner.activation_id if (winner) and False else None,",
    ),
    Mutant(
        "streams.intake.xǁIntakeǁtake_routed__mutmut_10",
        "streams.intake",
        "Intake.take_routed",
        "        self._take_event(routed.event, given.original, routed.alias, wall)",
        "        self._take_event(routed.event, given.original, None, wall)",
    ),
    Mutant(
        "streams.decision.effects.x_cool_down__mutmut_5",
        "streams.decision.effects",
        "cool_down",
        '    scope = f"category:{category[:CATEGORY_MAX]}" if outcome.match_category else "global"',
        '    scope = f"category:{category[:CATEGORY_MAX]}" if (outcome.match_category) or True else'
        ' "global"',
    ),
    Mutant(
        "streams.rounds.xǁRoundsǁtake_answer__mutmut_10",
        "streams.rounds",
        "Rounds.take_answer",
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
        "streams.clock.xǁClockǁpasses__mutmut_6",
        "streams.clock",
        "Clock.passes",
        "    barrier = self.barriers.ahead(to) if self.barriers is not None else 0",
        "    barrier = self.barriers.ahead(to) if self.barriers is not None else 1",
    ),
    Mutant(
        "streams.rounds.xǁRoundsǁ_open__mutmut_87",
        "streams.rounds",
        "Rounds._open",
        "    state.rounds.put(opened.round_id, opened)",
        "    state.rounds.put(opened.round_id, None)",
    ),
    Mutant(
        "streams.propose.x_quantise__mutmut_15",
        "streams.propose",
        "quantise",
        "    if not all(low <= x <= high for x in outputs):",
        "    if all(low <= x <= high for x in outputs):",
    ),
    Mutant(
        "streams.attribute.x_await_outcomes__mutmut_22",
        "streams.attribute",
        "await_outcomes",
        '        candidate.action_id if candidate else "",',
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
        "        raw.event_id, raw.profile_id, raw.type, raw.occurred_at, raw.source, properties, r"
        "aw.consent, raw.traceparent,",
        "        raw.event_id, raw.profile_id, raw.type, raw.occurred_at, raw.source, properties, N"
        "one, raw.traceparent,",
    ),
)
