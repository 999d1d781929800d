"""What the processes beside the workers tell on a web port: as it is declared, and what the topics say."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import pytest

from agents.api import serving
from agents.codecs.avro import encode_activation, encode_model_version, encode_request_batch, encode_training_example
from agents.telemetry import OTHERS
from streams.partition import partition_of
from streams.records import Activation, Request, RequestBatch
from tests import examples_of_models as made
from tests.api import Api
from tests.brokers import free_port
from tests.builders import DAY_MS, HOUR_MS, NOW, small_policy
from tests.models import weighted
from tests.processes import PATIENCE_S, Deployment, wait_until
from tests.scraping import Series, families, misdeclared, page, series
from tests.shard import SMALL

pytestmark = pytest.mark.kafka

MODEL: Final = "next_purchase"
CHANNELS: Final = ("app", "email")
PARTS: Final = {"channel": CHANNELS, "api": serving.PARTS}  # of a process; of the others it is the model
COMMANDS: Final = {"model": ("model", MODEL), "trainer": ("trainer", MODEL), "channel": ("channel", "run", *CHANNELS)}
START_S: Final = 3 * PATIENCE_S  # of all of them at once
LEARNED: Final = 520  # a first version comes after 500


@pytest.fixture(scope="module")
def deployment(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("pages")
    with Deployment(broker, home, small_policy(), mode="history") as running:
        version = weighted(MODEL, SMALL.models[MODEL].inputs, SMALL.categories)
        running.feed("models", [(0, b"a version", encode_model_version(version))])
        yield running


@pytest.fixture(scope="module")
def ports(deployment: Deployment) -> dict[str, int]:
    """Return the web ports of a model, a trainer, a process of two delivery channels and the API, all of them ready."""
    ports = {process: free_port() for process in COMMANDS}
    for process, port in ports.items():
        deployment.run(*COMMANDS[process], "--web-port", str(port))
    for process, port in ports.items():
        wait_until(f"a {process} that is ready", lambda port=port: page(port, "ready"), START_S)  # type: ignore[misc]
    return ports | {"api": Api(deployment).port}


def assert_told(port: int, implied: Callable[[], dict[Series, float]]) -> None:
    """Wait until exactly what the topics imply is told; fail with the difference."""
    found: dict[Series, float] = {}
    wanted: dict[Series, float] = {}

    def is_told() -> bool:
        nonlocal found, wanted
        found, wanted = series(port), implied()
        return found == wanted

    with suppress(AssertionError):
        wait_until("what the topics imply", is_told)
    assert found == wanted


@pytest.mark.parametrize("process", OTHERS)
def test_a_process_says_that_it_lives_and_what_it_does(ports: dict[str, int], process: str) -> None:
    assert page(ports[process], "health") == "the event loop turns\n"
    assert page(ports[process], "ready") == f"has {', '.join(PARTS.get(process, (MODEL,)))}\n"


def test_a_model_tells_what_it_answered(deployment: Deployment, ports: dict[str, int]) -> None:
    asked = [
        Request("ok", "round", "v1", NOW, 0, [1, 0, 3]),
        Request("error", "round", "v1", NOW, 0, ["text", 0, 0]),
        Request("cold", "round", "v0", NOW, 0, [1, 0, 3]),
        Request("late", "round", "v1", NOW, NOW, [1, 0, 3]),
    ]
    deployment.feed("requests", [(0, None, encode_request_batch(RequestBatch(MODEL, 1, NOW, asked)))], MODEL)

    def implied() -> dict[Series, float]:
        batches = deployment.records("proposals", "proposal_batch")
        answers = Counter((one.call_id, one.status) for batch in batches for one in batch.items)
        assert all(call == status for call, status in answers)
        return {("continuo_model_answers_total", (MODEL, status)): count for (_, status), count in answers.items()} | {
            ("continuo_model_expired_total", (MODEL,)): len(asked) - 3,
            ("continuo_model_answer_seconds_count", (MODEL,)): len(batches),
            ("continuo_model_versions", (MODEL,)): 1,
        }

    assert_told(ports["model"], implied)
    assert len(implied()) == 6


def test_a_trainer_tells_what_it_learned_and_published(deployment: Deployment, ports: dict[str, int]) -> None:
    examples = [made.example(number) for number in range(LEARNED)]
    for example in examples:
        example.model, example.policy_hash = MODEL, deployment.policy.hash
        example.features = example.features[:3]
    examples[0].key, examples[1].policy_hash, examples[2].label = "no such category", "no such policy", 0.5
    values = [b"no example", *map(encode_training_example, examples)]
    deployment.feed("retraining", [(number % 2, b"p", value) for number, value in enumerate(values)], MODEL)

    def implied() -> dict[Series, float]:
        published = [one for one in deployment.records("models", "model_version", 1) if one.metrics]
        counts: dict[Series, float] = {
            ("continuo_trainer_examples_total", (MODEL,)): LEARNED - 3,
            ("continuo_trainer_skipped_total", (MODEL, "no_key")): 1,
            ("continuo_trainer_skipped_total", (MODEL, "other_inputs")): 1,
            ("continuo_trainer_skipped_total", (MODEL, "refused")): 2,
        }
        for number, one in enumerate(published, 1):
            counts["continuo_trainer_versions_total", (MODEL,)] = number
            counts["continuo_trainer_trained_until_seconds", (MODEL,)] = one.trained_until / 1000
            counts["continuo_trainer_log_loss", (MODEL,)] = one.metrics["log_loss"]
        return counts

    assert_told(ports["trainer"], implied)
    assert len(implied()) == 7


def test_a_delivery_channel_tells_what_became_of_activations(deployment: Deployment, ports: dict[str, int]) -> None:
    wanted = [activation(number) for number in range(10)]
    expired = [activation(number, NOW) for number in range(10, 13)]
    feed(deployment, [*wanted, *expired, *wanted[:2]])

    def implied() -> dict[Series, float]:
        counts: Counter[Series] = Counter({
            ("continuo_channel_activations_total", (channel, "repeated")): 1 for channel in CHANNELS
        })  # fmt: skip
        for report in deployment.records("raw-events", "raw_event"):
            channel = str(report.properties["delivery_channel"])
            outcome = report.type.removeprefix("activation_")
            counts["continuo_channel_activations_total", (channel, outcome)] += 1
            counts["continuo_channel_report_seconds_count", (channel,)] += 1
        return dict(counts)

    assert_told(ports["channel"], implied)
    assert sum(implied().values()) == 2 * (len(wanted) + len(expired)) + 2
    for sample in families(ports["channel"])["continuo_channel_report_seconds"].samples:
        assert not sample.name.endswith("_sum") or 0 < sample.value < PATIENCE_S * len(wanted)


@pytest.mark.parametrize("process", OTHERS)
def test_every_metric_is_told_as_it_is_declared(ports: dict[str, int], process: str) -> None:
    assert misdeclared(ports[process], process) == []


def test_a_process_whose_web_port_is_taken_names_it(deployment: Deployment) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        process = deployment.run("model", MODEL, "--web-port", str(port), log="taken")
        assert process.wait(PATIENCE_S) == 1
    assert f"port {port}, the web port of this model, is taken by" in deployment.log("taken").read_text()


def activation(number: int, expires_at: int = NOW + 30 * DAY_MS) -> Activation:
    return Activation(
        f"activation-{number}", f"decision-{number}", f"person-{number}", "soup_off", "soup_off.email",
        CHANNELS[number % 2], {"subject": "Soup, 10 % off"}, NOW, NOW + HOUR_MS, expires_at, "hash", None,
    )  # fmt: skip


def feed(running: Deployment, activations: list[Activation]) -> None:
    running.feed(
        "activations",
        [
            (partition_of(one.profile_id, running.partitions), one.profile_id.encode(), encode_activation(one))
            for one in activations
        ],
    )
