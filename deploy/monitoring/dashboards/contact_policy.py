"""Dashboard: the contact policy."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import RATE, Dashboard, graph, rate

WITHHELD: Final = "continuo_arbitrate_withheld_total"
DECISIONS: Final = "continuo_arbitrate_decisions_total"
ACTIVATIONS: Final = "continuo_activate_activations_total"
CONTACT: Final = 'reason=~"consent|suppression|conflict|cooldown|contact:.*"'

CONTACT_POLICY: Final = Dashboard(
    "contact-policy", "Continuo: contact policy", "How often do we speak, and what keeps us from it?",
    (
        graph("kept from it", "Share of decisions for which consent, suppression, conflicts, cool-downs or caps left "
              "no candidate.", "percentunit",
              (f"sum (rate({WITHHELD}{{{CONTACT}}}[{RATE}])) / {rate(DECISIONS)}", "contact policy")),
        graph("by cap", "Decisions for no action, by the contact rule that left no candidate.", "ops",
              (rate(f'{WITHHELD}{{reason=~"contact:.*"}}', "reason"), "{{reason}}")),
        graph("by consent and conflict", "Decisions for no action, by what else keeps us from speaking.", "ops",
              (rate(f'{WITHHELD}{{reason=~"consent|suppression|conflict|cooldown"}}', "reason"), "{{reason}}")),
        graph("by engagement policy", "Decisions for no action, by whom and when it makes no sense for.", "ops",
              (rate(f'{WITHHELD}{{reason=~"eligibility|.*ability|validity"}}', "reason"), "{{reason}}")),
        graph("not worth it", "Decisions for no action: what was left was worth less than its threshold, or its model "
              "did not answer.", "ops",
              (rate(f'{WITHHELD}{{reason=~"threshold|model_missing"}}', "reason"), "{{reason}}")),
        graph("contacts", "Activations published, by delivery channel.", "ops",
              (rate(ACTIVATIONS, "delivery_channel"), "{{delivery_channel}}")),
        graph("contacts a decision", "How many decisions end in a contact.", "percentunit",
              (f"{rate(ACTIVATIONS)} / {rate(DECISIONS)}", "contacts")),
        graph("held out", "Decisions about people who are not spoken to, to measure against.", "ops",
              (f'sum (rate({DECISIONS}{{source="holdout"}}[{RATE}]))', "held out")),
    ),
)  # fmt: skip
