"""What the demo clears away on a real Kafka, and what it leaves alone."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import NewTopic

from agents.demo.estate import Estate
from agents.errors import UserError
from agents.settings import Settings
from agents.transport.clients import admin

pytestmark = pytest.mark.kafka


async def read_something(broker: str, group: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, group_id=group, enable_auto_commit=False)
    await consumer.start()
    await consumer.seek_to_beginning()
    await consumer.commit()
    await consumer.stop()


async def groups_and_topics(broker: str) -> tuple[set[str], set[str]]:
    async with admin(broker) as client:
        groups = {group for group, *_ in await client.list_consumer_groups()}
        return groups, set(await client.list_topics())


async def test_a_demo_deletes_its_own_and_nothing_else(broker: str, tmp_path: Path) -> None:
    own = {"plot.events.v1", "plot.requests.lapse.v1"}
    others = {"plots.events.v1", "other.plot.v1"}
    async with admin(broker) as client:
        await client.create_topics([NewTopic(name, 1, 1) for name in sorted(own | others)])
    for group in ("plot", "plot.model.lapse"):
        await read_something(broker, group, "plot.events.v1")
    await read_something(broker, "plots", "plots.events.v1")
    estate = Estate.of(Settings(home=tmp_path), broker, "plot")
    with estate.held():
        (tmp_path / "demo" / "summary.json").write_text("{}")
        (tmp_path / "demo" / "channels").mkdir()
        (tmp_path / "kept.txt").write_text("not the demo's")
        assert await estate.clear() == len(own)
    groups, topics = await groups_and_topics(broker)
    assert not topics & own
    assert topics >= others
    assert not groups & {"plot", "plot.model.lapse"}
    assert "plots" in groups
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == ["lock", "logs"]
    assert (tmp_path / "kept.txt").exists()


async def test_a_second_demo_is_kept_away(broker: str, tmp_path: Path) -> None:
    estate = Estate.of(Settings(home=tmp_path), broker, "plot2")
    with estate.held(), pytest.raises(UserError, match="another demo is running"), estate.held():
        pass
    with estate.held():
        pass


async def test_a_group_that_is_in_use_is_told(broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.demo.estate.CLEAR_S", 1.0)
    async with admin(broker) as client:
        await client.create_topics([NewTopic("plot3.events.v1", 1, 1)])
    consumer = AIOKafkaConsumer("plot3.events.v1", bootstrap_servers=broker, group_id="plot3")
    await consumer.start()
    estate = Estate.of(Settings(home=tmp_path), broker, "plot3")
    try:
        with estate.held(), pytest.raises(UserError, match="does a process use them"):
            await estate.clear()
    finally:
        await consumer.stop()
    with estate.held():
        assert await asyncio.wait_for(estate.clear(), 30) == 1
