"""W4: three models in processes of their own, asked in micro-batches; and one of them that is slow at times."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from itertools import count
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from time import monotonic, sleep
from typing import Any, Final

from agents.codecs.avro import DECODERS
from bench import crowd, meter, open_loop, report
from bench.feeding import feed
from bench.kafka import Kafka, running
from bench.open_loop import Play
from bench.peers.job import Job
from bench.report import Column, middle, spread
from bench.rounds import Line, Plan, interleave, valid
from bench.source import PARTITIONS
from bench.streams import two_doors
from bench.verify import Wrong, read, wait_count
from bench.whole import environment, prepare, recompute_topics
from bench.workloads.commits import columns
from streams.topology import topic_name
from tests.brokers import free_port

TITLE: Final = "W4: three models in processes of their own"
PURCHASES, PURCHASES_QUICK = 10_000, 400
RATE, RATE_QUICK = 400, 100  # decisions a second: about a third of what this takes of a core
SECONDS, SECONDS_QUICK = 8.0, 3.0
SLOW_EVERY: Final = 100  # batches
PAIRS: Final = 5
STUDENT_T: Final = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}  # 97.5 %, by the number of pairs
WORD_S: Final = 300.0

_runs = count()


def run(plan: Plan) -> None:
    """Measure and publish the section."""
    pairs = Plan(plan.rounds if plan.quick else PAIRS, plan.quick, plan.rows, plan.soak_s)
    with running() as kafka:
        backlog = {"backlog": partial(work_off, kafka, plan)}
        doors = {name: partial(at_the_door, kafka, every, plan) for name, every in (("fast", 0), ("slow", SLOW_EVERY))}
        names = [name for name in (*backlog, *doors) if not plan.rows or name in plan.rows]
        lines = interleave(backlog, plan) if "backlog" in names else []
        lines += interleave(doors, pairs) if "fast" in names or "slow" in names else []
    told: list[Column] = [
        ("worker, µs/decision", spread("us", 0)),
        ("model processes, µs/decision", middle("models_us")),
        ("decisions/s, wall", middle("rate")),
        ("answers joined", middle("joined")),
        ("closed without one", middle("degraded")),
    ]
    report.publish(
        TITLE,
        "Purchases ask three models, each in a process of its own; leave-takings ask two of them. No answer is lost: "
        "each is\njoined, or told as late. Every decision was recomputed.\n\n"
        + report.table([("backlog", "**the whole stream**, a backlog")], lines, told)
        + f"\n\nDecisions that do not need the third model, {RATE:,} decisions/s in all, read committed;\n"
        f"it answers one batch in {SLOW_EVERY} fifty times later in the second row.\n\n"
        + report.table([("fast", "no model is slow"), ("slow", "the third model is slow at times")], lines, columns())
        + f"\n\n{unmoved(lines)}",
        lines,
        plan,
    )


def unmoved(lines: list[Line]) -> str:
    """Say how far the slow model moved the p99 of decisions that do not ask it."""
    fast, slow = ({line["round"]: line["p99_ms"] for line in valid(lines, row)} for row in ("fast", "slow"))
    ratios = [slow[number] / fast[number] for number in sorted(fast.keys() & slow.keys())]
    if len(ratios) not in STUDENT_T:
        return f"{len(ratios)} valid pairs: too few to say whether the p99 moved."
    middle_of, half = mean(ratios), STUDENT_T[len(ratios)] * stdev(ratios) / sqrt(len(ratios))
    verdict = "excludes" if middle_of + half < 1.1 else "does not exclude"
    return (
        f"p99 with the slow model against without, {len(ratios)} pairs: {middle_of:.2f} "
        f"(95 %: {middle_of - half:.2f}–{middle_of + half:.2f}), which {verdict} +10 %."
    )


def work_off(kafka: Kafka, plan: Plan) -> Line:
    """Work off a backlog of purchases."""
    people, purchases = (300, PURCHASES_QUICK) if plan.quick else (crowd.PEOPLE, PURCHASES)
    namespace = f"bench-w4-{next(_runs)}"
    topic = partial(topic_name, namespace)
    prepare(kafka, namespace, *crowd.MODELS)
    feed(kafka.address, topic("raw-events"), map(crowd.record, crowd.opening(people, meter.wall_ms())))
    told = environment(kafka, namespace)
    job = Job("W4", kafka.address, topic("raw-events"), "", "", "", PARTITIONS, people + purchases, people, 0)
    with ExitStack() as stack:
        models = [stack.enter_context(_model(kafka, told, model, 0)) for model in crowd.MODELS]
        for model in crowd.MODELS:  # each beats on `models` once it serves: then the shards ask it
            _wait_heartbeat(kafka, topic("models"), model)
        feed(
            kafka.address,
            topic("raw-events"),
            (crowd.record(crowd.purchase(n, n % people, meter.wall_ms())) for n in range(purchases)),
        )
        command = [sys.executable, "-m", "bench.peers.whole", "kafka"]
        worker = stack.enter_context(meter.Program(command, told | job.environment, kafka.home / f"{namespace}-worker"))
        worker.wait_word("begin", WORD_S)
        pids = [model.pid for model in models]
        before, models_before = meter.read([worker.pid], kafka.pid, pids), sum(map(meter.cpu_s, pids))
        worker.wait_word("end", WORD_S)
        passed = meter.read([worker.pid], kafka.pid, pids).since(before)
        models_s = sum(map(meter.cpu_s, pids)) - models_before
        wait_count(kafka.address, topic("decisions"), purchases)
    wanted = [crowd.decision_id(crowd.purchase(n, 0, 0)) for n in range(purchases)]
    return {
        **passed, **_joined(kafka, namespace, wanted), "events": purchases, "us": passed["cpu_s"] / purchases * 1e6,
        "models_us": models_s / purchases * 1e6, "rate": purchases / passed["wall_s"],
    }  # fmt: skip


def at_the_door(kafka: Kafka, every: int, plan: Plan) -> Line:
    """Play purchases and leave-takings in the open loop; one batch in `every` of the third model is slow."""
    rate, seconds = (RATE_QUICK, SECONDS_QUICK) if plan.quick else (RATE, SECONDS)
    people = 300 if plan.quick else two_doors.PEOPLE
    namespace = f"bench-w4-{next(_runs)}"
    topic = partial(topic_name, namespace)
    prepare(kafka, namespace, *crowd.MODELS)
    feed(kafka.address, topic("raw-events"), map(crowd.record, crowd.opening(people, meter.wall_ms())))
    told = environment(kafka, namespace)
    with ExitStack() as stack:
        models = [
            stack.enter_context(_model(kafka, told, model, every if model == crowd.SLOW else 0))
            for model in crowd.MODELS
        ]
        for model in crowd.MODELS:
            _wait_heartbeat(kafka, topic("models"), model)
        command = [sys.executable, "-m", "agents", "worker", "--web-port", str(free_port())]
        worker = stack.enter_context(meter.Program(command, told, kafka.home / f"{namespace}-worker"))
        wait_count(kafka.address, topic("events"), people)
        listened = topic("decisions")
        line = open_loop.play(
            kafka, [worker.pid],
            Play("two_doors", kafka.address, topic("raw-events"), listened, True, rate, seconds, 0, 0),
            [model.pid for model in models],
        )  # fmt: skip
        wanted = [crowd.decision_id(two_doors.event(n)) for n in range(int(rate * seconds))]
        wait_count(kafka.address, listened, len(wanted))
    return line | _joined(kafka, namespace, wanted)


def _joined(kafka: Kafka, namespace: str, wanted: list[str]) -> Line:
    """Recompute the decisions; raise Wrong where an answer is neither joined nor told as late."""

    def total(noun: str, schema: str, *models: str) -> int:
        records = (one for model in models or ("",) for one in _stands(kafka, namespace, noun, schema, model))
        return sum(len(record.items) for record in records)

    readings = recompute_topics(kafka, namespace, wanted, *crowd.MODELS).readings
    asked = total("requests", "request_batch", *crowd.MODELS)
    if readings.total() - readings["cold"] != asked:
        raise Wrong(f"{asked} questions were asked; decisions saw {dict(readings)}")
    deadline = monotonic() + WORD_S
    while True:  # a late answer is told of some time after it has come
        answered = total("proposals", "proposal_batch")
        notes = _stands(kafka, namespace, "decision-notes", "decision_note")
        late = sum(note.kind == "late_answer" for note in notes)
        if readings["ok"] + late == answered:
            return {"asked": asked, "joined": readings["ok"], "late": late, "degraded": readings["missing"]}
        if monotonic() > deadline:
            raise Wrong(f"{answered} answers were given; {readings['ok']} were joined, {late} were late")
        sleep(1)


def _stands(kafka: Kafka, namespace: str, noun: str, schema: str, model: str = "") -> Any:
    values = (value for _, _, value in read(kafka.address, topic_name(namespace, noun, model)))
    return (DECODERS[schema](value) for value in values if value is not None)


def _model(kafka: Kafka, told: dict[str, str], model: str, every: int) -> meter.Program:
    command = [sys.executable, "-m", "bench.peers.model", model, str(every)]
    log = kafka.home / f"{told['CONTINUO_NAMESPACE']}-{model}"
    return meter.Program(command, told, Path(log))


def _wait_heartbeat(kafka: Kafka, topic: str, model: str) -> None:
    """Wait until a model's process says that it serves."""
    wait_count(kafka.address, topic, 1, 1, key=f"heartbeat/{model}".encode())
