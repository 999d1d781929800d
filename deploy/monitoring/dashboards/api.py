"""Dashboard: the HTTP API."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import Dashboard, graph, quantile, rate

REQUEST: Final = "continuo_api_request_seconds"

API: Final = Dashboard(
    "api", "Continuo: HTTP API", "Are callers answered, in time, with what they asked for?",
    (
        graph("requests", "Answers by their HTTP status: 4xx says what is wrong with a request, 5xx that nothing is "
              "certain and it is to be repeated.", "ops",
              (rate("continuo_api_requests_total", "operation, status"), "{{operation}}: {{status}}")),
        graph("answer time", "From a request's head to its answer.", "s",
              (quantile(0.5, REQUEST, "operation"), "{{operation}}: half"),
              (quantile(0.99, REQUEST, "operation"), "{{operation}}: 99 of 100")),
        graph("events by caller", "Events that are in Kafka.", "ops",
              (rate("continuo_api_events_total", "caller"), "{{caller}}")),
        graph("decisions", "Decided in time, or answered with what is declared for when it is not.", "ops",
              (rate("continuo_api_choices_total", "decision_point, status"), "{{decision_point}}: {{status}}")),
        graph("share late", "Answers with the declared default, of all about a decision point.", "percentunit",
              ("continuo:api_defaults:share", "{{decision_point}}")),
        graph("share failed", "Answers with a status of 500 or more.", "percentunit",
              ("continuo:api_failures:share", "failed")),
        graph("events under way", "Sent to Kafka and not acknowledged; above 20,000 a process takes no more.", "short",
              ("continuo_api_pending_events", "{{instance}}")),
        graph("callers read", "How long ago the file of callers in force was read.", "s",
              ("time() - continuo_api_callers_read_at_seconds", "{{instance}}")),
    ),
)  # fmt: skip
