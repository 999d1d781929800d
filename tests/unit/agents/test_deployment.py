"""The plan: which processes a policy needs."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from agents.commands import run
from agents.deployment import KINDS, ApiPlan, Role, plan, told_ports
from tests.builders import compiled


def names(*kinds: str) -> list[str]:
    return [role.name for role in plan(compiled(), "shop", [6066, 6067], count(6068), kinds or KINDS)]


def test_a_policy_needs_workers_models_trainers_and_its_delivery_channels() -> None:
    assert plan(compiled(), "shop", [6066, 6067], iter([6068, 6070, 6071, 6072])) == [
        Role("worker-0", ("worker", "--name", "worker-0"), 6066, "shop"),
        Role("worker-1", ("worker", "--name", "worker-1"), 6067, "shop"),
        Role("model-next_purchase", ("model", "next_purchase"), 6068),
        Role("trainer-lapse", ("trainer", "lapse"), 6070),
        Role("trainer-next_purchase", ("trainer", "next_purchase"), 6071),
        Role("channels", ("channel", "run", "app", "email"), 6072),
    ]


def test_a_process_is_started_with_its_port_and_the_ports_are_told() -> None:
    roles = plan(compiled(), "shop", [6066], count(6070), ["worker", "channel"])
    assert [role.arguments[-2:] for role in roles] == [("--web-port", "6066"), ("--web-port", "6070")]
    assert told_ports(roles).endswith("worker-0 6066, channels 6070")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("worker", ["worker-0", "worker-1"]),
        ("model", ["model-next_purchase"]),
        ("trainer", ["trainer-lapse", "trainer-next_purchase"]),
        ("channel", ["channels"]),
    ],
)
def test_some_kinds_can_run_alone(kind: str, expected: list[str]) -> None:
    assert names(kind) == expected


def test_whoever_names_callers_gets_a_door_on_its_own_port() -> None:
    door = ApiPlan(Path("callers.toml"), 8080)
    roles = plan(compiled(), "shop", [6066], count(6070), ["worker", "api"], door)
    assert [role.arguments for role in roles] == [
        ("worker", "--name", "worker-0", "--web-port", "6066"),
        ("api", "--callers", "callers.toml", "--port", "8080"),
    ]
    assert "api" not in names("api", "worker")


def test_kinds_are_chosen_together() -> None:
    assert names("channel", "model") == ["model-next_purchase", "channels"]


def test_an_amount_has_no_trainer_though_it_has_a_label() -> None:
    basket = compiled().models["basket"]
    assert basket.label is not None
    assert not basket.has_trainer


def test_the_command_offers_every_kind() -> None:
    assert run.KINDS == KINDS
