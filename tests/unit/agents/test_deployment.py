"""The plan: which processes a policy needs."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.__main__ import cli
from agents.commands import run
from agents.deployment import KINDS, ApiPlan, Deployment, Role, plan, told_ports
from agents.settings import load
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


async def test_it_is_over_when_no_worker_goes_on_whatever_the_api_does(bare_environment: Path) -> None:
    roles = plan(compiled(), "shop", [6066], count(6070), ["worker", "api"], ApiPlan(Path("callers.toml"), 8080))
    deployment = Deployment(load(), roles)

    async def refuse() -> int:
        return 78

    async def serve() -> int:
        await asyncio.Event().wait()
        return 0

    endless = asyncio.create_task(serve())
    deployment._tasks.update({"worker-0": asyncio.create_task(refuse()), "api": endless})
    async with asyncio.timeout(5):
        assert await deployment.wait_no_worker() == 78
    endless.cancel()


def test_the_api_alone_wants_to_know_who_may_call_it(tmp_path: Path) -> None:
    told = CliRunner().invoke(cli, ["run", "--policy", str(tmp_path), "--only", "api"])
    assert told.exit_code == 2
    assert "--only api: expected --callers FILE" in told.output


def test_kinds_are_chosen_together() -> None:
    assert names("channel", "model") == ["model-next_purchase", "channels"]


def test_an_amount_has_no_trainer_though_it_has_a_label() -> None:
    basket = compiled().models["basket"]
    assert basket.label is not None
    assert not basket.has_trainer


def test_the_command_offers_every_kind() -> None:
    assert run.KINDS == KINDS
