"""Dashboard: models and their trainers."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.panels import RATE, Dashboard, graph, number, quantile, rate

ANSWER: Final = "continuo_model_answer_seconds"

MODELS: Final = Dashboard(
    "models", "Continuo: models", "Do models answer in time, and do they learn?",
    (
        graph("answers", "What shards got of each model; late and orphan came after the decision.", "ops",
              (rate("continuo_propose_answers_total", "model, status"), "{{model}}: {{status}}")),
        graph("share missing", "Asked, and no answer before the deadline: the policy's prior stood in.", "percentunit",
              ("continuo:model_missing:share", "{{model}}")),
        graph("share of errors", "Answered with an error, or with what is no answer.", "percentunit",
              ("continuo:model_errors:share", "{{model}}")),
        graph("answer time", "In the model's process: from reading some request batches to having answered them.", "s",
              (quantile(0.5, ANSWER, "model"), "{{model}}: half"),
              (quantile(0.99, ANSWER, "model"), "{{model}}: 99 of 100")),
        graph("answered", "What processes of models answered; cold: they have not the version that was asked.", "ops",
              (rate("continuo_model_answers_total", "model, status"), "{{model}}: {{status}}")),
        graph("requests", "Sent to processes of models, and given up there because their deadline had passed.", "ops",
              (rate("continuo_propose_requests_total", "model"), "{{model}}"),
              (rate("continuo_model_expired_total", "model"), "{{model}}: expired")),
        graph("lag", "Request batches that a model's processes have not read yet.", "short",
              ("sum by (model) (continuo_model_lag_records)", "{{model}}")),
        number("versions", "Versions of a model that can be asked for.", "short",
               ("max by (model) (continuo_model_versions)", "{{model}}")),
        graph("examples", "Published by the stream, and learned by trainers.", "ops",
              (rate("continuo_retrain_examples_total", "model"), "{{model}}: published"),
              (rate("continuo_trainer_examples_total", "model"), "{{model}}: learned")),
        graph("skipped", "Examples that a trainer could not use.", "ops",
              (rate("continuo_trainer_skipped_total", "model, reason"), "{{model}}: {{reason}}")),
        graph("examples that wait", "Examples that a trainer has not read yet.", "short",
              ("sum by (model) (continuo_trainer_lag_records)", "{{model}}")),
        graph("log-loss", "Of the last version: of scores given before their examples were learned; less is better.",
              "short",
              ("max by (model) (continuo_trainer_log_loss)", "{{model}}")),
        graph("versions published", "Versions that trainers published, an hour.", "per_hour",
              (f"sum by (model) (rate(continuo_trainer_versions_total[{RATE}])) * 3600", "{{model}}")),
        graph("learned until", "How long ago, in stream time, the last version stopped learning.", "s",
              ("time() - max by (model) (continuo_trainer_trained_until_seconds)", "{{model}}")),
    ),
)  # fmt: skip
