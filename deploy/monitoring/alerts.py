"""The alerts: when somebody has to look, why that is, and what helps.

`docs/operations.md` and Prometheus' rules are generated from this table. A threshold is a number of the house: the
shard's limits stand in `agents/applier.py` and `agents/transport`, the others say when a person would notice.
"""

from __future__ import annotations

from typing import Final

from deploy.monitoring.rules import Alert

_STREAM: Final = (
    Alert(
        "ProcessDown", "critical",
        'max_over_time(up{job="continuo"}[$2m]) == 0', "$1m",
        "{{ $labels.process }} {{ $labels.instance }} does not answer",
        "The process has ended or hangs, or Prometheus cannot reach its web port.",
        "Read the last lines of its log (`.continuo/logs/<name>.log`, or the container's). Exit code 70: the transport "
        "or the disk failed, it is started again by itself. Exit code 78: it refuses to go on and says why; nothing "
        "starts it again before that is changed. A process that hangs may be killed: what it had not committed never "
        "happened.",
    ),
    Alert(
        "ProcessRestarting", "warning",
        'changes(process_start_time_seconds{job="continuo"}[$15m]) > 2', "",
        "{{ $labels.process }} {{ $labels.instance }} was started three times in a quarter of an hour",
        "It crashes on something that is still there after a restart: a broker that does not answer, a disk that is "
        "full, a record that kills the process.",
        "Its log says the same line before each end. Mend what it names; the state needs no repair.",
    ),
    Alert(
        "PartitionsNotHeld", "critical",
        "count(count by (partition) (continuo_transport_step)) < max(continuo_transport_partitions) "
        "or absent(continuo_transport_partitions)", "$1m",
        "Nobody works on some of the partitions: their people are not decided about",
        "There are no workers, a worker refused to take a partition over (exit code 78), or a restore takes long.",
        "`/ready` of each worker says what it holds. Start workers; read the logs of those that refused. After a "
        "`kill -9` of a broker the group comes back within a minute.",
    ),
    Alert(
        "ShardStands", "critical",
        "max by (partition) (continuo_transport_lag_seconds) > $1m_s "
        "and max by (partition) (changes(continuo_transport_step[$5m])) == 0", "$1m",
        "Partition {{ $labels.partition }} has records to apply and applies none",
        "Its applier is full (200 rounds wait for models), there is no policy, or a barrier of lockstep is shut.",
        "See *rounds that wait* on the dashboard *stream*, and the alerts on models. Without a policy: `continuo run "
        "--policy FOLDER` publishes one.",
    ),
    Alert(
        "WorkerLagging", "warning",
        "max by (partition) (continuo_transport_lag_seconds) > $30s_s", "$2m",
        "Partition {{ $labels.partition }} is {{ $value | humanizeDuration }} behind",
        "More comes than the worker can apply, or it waits: for commits of a slow broker, models, the processor. While "
        "a history is played, being behind is its nature.",
        "A peak passes by itself: nothing is lost, decisions are late. Else start another worker (at most one a "
        "partition has work), and see *lag* beside *commit*, *rounds that wait* and the processor's share.",
    ),
    Alert(
        "CommitsSlow", "warning",
        "continuo:commit_seconds:p99 > 2", "$5m",
        "One commit in a hundred takes longer than {{ $value | humanizeDuration }}",
        "The broker is slow to write: its disk, its replicas, its network. After 30 seconds a worker ends.",
        "Look at the brokers' disks and at `UnderReplicatedPartitions`; workers need no attention.",
    ),
    Alert(
        "Rebalancing", "warning",
        "max(changes(continuo_transport_generation[$15m])) > 4", "",
        "The workers' group does not come to rest",
        "Workers join and leave: they crash, are killed for memory, or lose their broker for longer than a session.",
        "Find the worker that restarts (*ProcessRestarting*, *restarts* on the dashboard *kafka and faust*).",
    ),
    Alert(
        "RoundsPilingUp", "warning",
        "max by (partition) (continuo_propose_rounds_open) > 150", "$2m",
        "{{ $value }} rounds of partition {{ $labels.partition }} wait for models; at 200 it takes no more events",
        "A model is asked more than it can answer, or its process is away and deadlines are long.",
        "Start another process of the model (`continuo model NAME` shares its partitions), or shorten its deadline.",
    ),
)  # fmt: skip

_QUALITY: Final = (
    Alert(
        "RegistryAway", "critical",
        "max(continuo_ingest_schema_waits) > 0", "$1m",
        "{{ $value }} partitions wait for the schema registry",
        "Producers write with ids of the registry that CONTINUO_REGISTRY names, and it does not answer.",
        "Start it, or mend the way to it: events go on by themselves then, in their order, none is lost. An id that it "
        "does not know is a dead letter and holds nothing up.",
    ),
    Alert(
        "DeadLetterFlood", "warning",
        "continuo:dead_letters:share > 0.05", "$2m",
        "{{ $value | humanizePercentage }} of what producers send is refused",
        "A producer sends what it should not: another format, an unknown event type, a field that is missing. Refused "
        "records change nothing and are kept on the topic `dead-letters` with their cause.",
        "`continuo dead-letters list` has the counts by cause, `explain ID` what each means and what to do. Mend the "
        "producer or the policy; then `continuo dead-letters replay --cause CAUSE` sends what is right of it again.",
    ),
    Alert(
        "StageFailing", "critical",
        'sum(increase(continuo_ingest_dead_letters_total{cause="internal_error"}[$5m])) > 0', "",
        "A stage fails on records that were accepted: a bug, or a bad policy",
        "Code of a stage raised on a record, which became a dead letter with cause `internal_error:<exception>`. When "
        "a fifth of a minute's records do, the worker stops with exit code 78 and commits nothing of it.",
        "`continuo dead-letters list --cause internal_error`, then `show ID`. Go back to the version or the policy "
        "before; `continuo dead-letters replay --cause internal_error` sends again what was buried.",
    ),
    Alert(
        "SourceSilent", "warning",
        "continuo:source_silence:seconds > $5m_s "
        "and continuo:source_silence:seconds * continuo:source_events:rate_day > 20", "$1m",
        "Nothing accepted from {{ $labels.source }} for {{ $value | humanizeDuration }}",
        "A source is silent for five minutes or more, in which it usually tells more than 20 events (by its mean of "
        "the last day; before a day of watching is over that is too low, and the alert comes late): its producer "
        "stands, its network is cut, or all it sends is refused.",
        "Ask the producer. If its records come and are refused, *DeadLetterFlood* says so. A source that comes in one "
        "batch a day is silent by nature: silence this alert for it.",
    ),
    Alert(
        "BoundReached", "warning",
        "sum(increase(continuo_ingest_seen_overflow_total[$1h])) > 0 "
        "or sum(increase(continuo_attribute_overflow_total[$1h])) > 0", "",
        "Somebody did more than we keep of a person: ids seen, or open decisions, were forgotten early",
        "A profile id that is no person: a test account, a till, a default value that a producer fills in.",
        "Look for the profile with the most events on the topic `events`; its producer should not name it.",
    ),
)  # fmt: skip

_MODELS: Final = (
    Alert(
        "ModelNotAnswering", "warning",
        "continuo:model_missing:share > 0.1", "$2m",
        "{{ $labels.model }} does not answer {{ $value | humanizePercentage }} of what it is asked in time",
        "Its process is away, slow or overloaded. Decisions are made without it, with the policy's prior, and say so "
        "(`degraded:<model>`).",
        "*Answer time* and *lag* on the dashboard *models*: lag that grows wants another process of the model; an "
        "answer time near the deadline wants a faster model or a longer deadline in the policy.",
    ),
    Alert(
        "ModelFailing", "warning",
        "continuo:model_errors:share > 0.05", "$2m",
        "{{ $labels.model }} answers {{ $value | humanizePercentage }} of what it is asked with an error",
        "The model raises on its rows, gives what is no propensity, or was made for other inputs.",
        "Publish the version before again; try the failing one on recorded features.",
    ),
    Alert(
        "ModelCold", "warning",
        "continuo:model_cold:share > 0.5", "$15m",
        "{{ $labels.model }} has no version that can be asked",
        "No version was published, or only ones for other inputs than the policy's, or ones that learned from later "
        "than the decisions.",
        "Start its trainer or publish a version. A new model is cold until its first 500 examples.",
    ),
    Alert(
        "TrainerStands", "warning",
        "sum by (model) (continuo_trainer_lag_records) > 1000 "
        "and sum by (model) (increase(continuo_trainer_examples_total[$15m])) == 0", "$5m",
        "The trainer of {{ $labels.model }} has examples to learn from and learns from none",
        "Its process hangs, or all examples are for other inputs (*skipped* on the dashboard *models*).",
        "Restart it. Examples of a former policy with other inputs are passed over, as is right: wait for new ones.",
    ),
)  # fmt: skip

_DELIVERY: Final = (
    Alert(
        "ChannelNotDelivering", "critical",
        "sum by (delivery_channel) (increase(continuo_activate_activations_total[$5m])) > 0 "
        "unless sum by (delivery_channel) (increase(continuo_channel_activations_total[$5m])) > 0", "$2m",
        "{{ $labels.delivery_channel }} is given activations and delivers none",
        "The process of this delivery channel is away, hangs, or fails at each delivery and starts anew.",
        "Its log says which. Activations wait on their topic and are delivered once it works, those that expire "
        "meanwhile are rejected; nothing is sent twice.",
    ),
    Alert(
        "ChannelSlow", "warning",
        "continuo:report_seconds:p99 > 60", "$5m",
        "One report of {{ $labels.delivery_channel }} in a hundred comes after {{ $value | humanizeDuration }}",
        "What it delivers to is slow, or a backlog is being worked off.",
        "*Lag* on the dashboard *delivery* tells which: a backlog shrinks by itself.",
    ),
    Alert(
        "ChannelResting", "critical",
        "min by (delivery_channel) (min_over_time(continuo_channel_breaker_open[$1m])) > 0", "$1m",
        "Whoever delivers for {{ $labels.delivery_channel }} fails most of the time and is left alone",
        "The address that the policy names answers with errors, too late or not at all; one call now and then tries "
        "whether that is over.",
        "The log of the process has the answers. Mend the provider, or take the channel out for a while: `continuo "
        "channel pause` keeps its activations from going out. What is owed is delivered once it works, until it "
        "expires.",
    ),
    Alert(
        "ActivationsExpired", "warning",
        "continuo:activations_rejected:share > 0.05", "$5m",
        "{{ $value | humanizePercentage }} of the activations of {{ $labels.delivery_channel }} expire undelivered",
        "They reach the delivery channel after their validity: it was down, or leases in the policy are short.",
        "Compare *report time* with `lease_s` of the delivery channel in the policy.",
    ),
)  # fmt: skip

_API: Final = (
    Alert(
        "ApiFailing", "critical",
        "continuo:api_failures:share > 0.05", "$2m",
        "{{ $value | humanizePercentage }} of the requests are answered with a status of 500 or more",
        "Kafka does not acknowledge what callers send, or no policy is published yet (503), or the API has a "
        "bug (500).",
        "Nothing that was answered with 202 is lost, and callers that repeat with the same ids or key repeat safely. "
        "See *events under way*, the broker, and the log of the process, which has the cause.",
    ),
    Alert(
        "ApiDefaults", "warning",
        "continuo:api_defaults:share > 0.2", "$5m",
        "{{ $value | humanizePercentage }} of the answers about {{ $labels.decision_point }} are the declared default",
        "Decisions come after the deadline of those who ask: the stream lags, its commit interval is longer than they "
        "wait, a model takes its time, or no worker runs.",
        "Compare *answer time* with *round time* and *commit* on the dashboard *stream*. What is decided late is still "
        "recorded, and what it has to go out goes out.",
    ),
)  # fmt: skip

ALERTS: Final = (*_STREAM, *_QUALITY, *_MODELS, *_DELIVERY, *_API)
SECTIONS: Final = {
    "The stream": _STREAM,
    "Data quality": _QUALITY,
    "Models": _MODELS,
    "Delivery": _DELIVERY,
    "The HTTP API": _API,
}
INHIBITED: Final = {
    "PartitionsNotHeld": ("SourceSilent", "WorkerLagging", "ShardStands"),
    "ShardStands": ("SourceSilent", "WorkerLagging"),
}
"""What follows from an alert and is therefore not told beside it."""
