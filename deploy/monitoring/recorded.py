"""The recording rules: shares, quantiles and silences that alerts and panels have in common."""

from __future__ import annotations

from typing import Final

from deploy.monitoring.rules import Recorded


def _share(of: str, among: str, by: str = "") -> str:
    """Return which part of what is counted `among` is also counted in `of`, over five minutes."""
    grouped = f"sum by ({by}) " if by else "sum "
    return f"{grouped}(rate({of}[$5m])) / {grouped}(rate({among}[$5m]))"


def _quantile(histogram: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile(0.99, sum by ({labels}) (rate({histogram}_bucket[$5m])))"


_ANSWERS: Final = "continuo_propose_answers_total"
_EVENTS: Final = 'continuo_ingest_events_total{source!~"channel:.*|other"}'  # of channels the alerts on delivery tell
_HEARD: Final = 'continuo_ingest_heard_at_seconds{source!~"channel:.*|other"}'

RECORDED: Final = (
    Recorded("continuo:dead_letters:share",
             _share('continuo_ingest_records_total{outcome="dead_letter"}', "continuo_ingest_records_total")),
    Recorded("continuo:source_events:rate_day", f"sum by (source) (rate({_EVENTS}[$1d]))"),
    # A worker that starts anew has heard nobody yet: what was told before it counts.
    Recorded("continuo:source_silence:seconds", f"time() - max by (source) (max_over_time({_HEARD}[$1d]))"),
    Recorded("continuo:model_missing:share",
             _share(f'{_ANSWERS}{{status="missing"}}', f'{_ANSWERS}{{status!~"late|orphan"}}', "model")),
    Recorded("continuo:model_errors:share",
             _share(f'{_ANSWERS}{{status="error"}}', f'{_ANSWERS}{{status!~"late|orphan"}}', "model")),
    Recorded("continuo:model_cold:share",
             _share(f'{_ANSWERS}{{status="cold"}}', f'{_ANSWERS}{{status!~"late|orphan"}}', "model")),
    Recorded("continuo:commit_seconds:p99", _quantile("continuo_transport_commit_seconds")),
    Recorded("continuo:report_seconds:p99", _quantile("continuo_channel_report_seconds", "delivery_channel")),
    Recorded("continuo:activations_rejected:share",
             _share('continuo_channel_activations_total{outcome="rejected"}', "continuo_channel_activations_total",
                    "delivery_channel")),
    Recorded("continuo:api_defaults:share",
             _share('continuo_api_choices_total{status="default"}', "continuo_api_choices_total", "decision_point")),
    Recorded("continuo:api_failures:share",
             _share('continuo_api_requests_total{operation!="other", status=~"5.."}',
                    'continuo_api_requests_total{operation!="other"}')),
)  # fmt: skip
