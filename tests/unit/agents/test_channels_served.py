"""What a process of delivery channels needs before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from agents.channels.serving import read_secrets
from agents.errors import UserError
from streams.policy.channels import DeliveryChannel
from tests.builders import compiled, small_policy


def channels(**told: Any) -> list[DeliveryChannel]:
    declared = small_policy()["delivery_channels"]
    declared["app"]["deliver"] = {"kind": "webhook", "url": "http://localhost/send", **told}
    return list(compiled(delivery_channels=declared).channels.values())


def test_a_secret_that_is_not_set_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_TOKEN", raising=False)
    with pytest.raises(UserError, match=r"not set: APP_TOKEN \(of app\)"):
        read_secrets(channels(auth={"secret": "APP_TOKEN"}))


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", "s3cret")
    assert read_secrets(channels(auth={"secret": "APP_TOKEN"})) == {"APP_TOKEN": "s3cret"}


def test_a_channel_without_a_provider_is_a_file() -> None:
    assert {channel.id: channel.provider.kind for channel in channels()} == {"app": "webhook", "email": "file"}
