"""Dashboard: decisions."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import RATE, Dashboard, graph, rate

DECISIONS: Final = "continuo_arbitrate_decisions_total"

DECISION: Final = Dashboard(
    "decisions", "Continuo: decisions", "What is decided, how often for nothing, and on what ground?",
    (
        graph("decisions by source", "How the action was chosen; none: no action is a decision too.", "ops",
              (rate(DECISIONS, "source"), "{{source}}")),
        graph("share without action", "Decisions for no action; held out and deferred ones too.", "percentunit",
              (f'sum (rate({DECISIONS}{{source!~"best|explore"}}[{RATE}])) / {rate(DECISIONS)}', "without action")),
        graph("rounds by decision point", "What was asked for.", "ops",
              (rate("continuo_propose_triggers_total", "decision_point"), "{{decision_point}}")),
        graph("why not", "Decisions for no action, by the first filter that left no candidate.", "ops",
              (rate("continuo_arbitrate_withheld_total", "reason"), "{{reason}}")),
        graph("to bear in mind", "Decisions with a flag: a model that gave no answer, a prior in its place.", "ops",
              (rate("continuo_arbitrate_flags_total", "flag"), "{{flag}}")),
        graph("share explored", "Decisions drawn by lot, so that models learn.", "percentunit",
              (f'sum (rate({DECISIONS}{{source="explore"}}[{RATE}])) / {rate(DECISIONS)}', "explored")),
        graph("share held out", "People who got nothing, to measure against.", "percentunit",
              (f'sum (rate({DECISIONS}{{source="holdout"}}[{RATE}])) / {rate(DECISIONS)}', "held out")),
        graph("rewards", "What decisions earned: pending as it comes, final when its window has closed.", "ops",
              (rate("continuo_attribute_rewards_total", "status"), "{{status}}")),
    ),
)  # fmt: skip
