"""Source `switches`: what operators let nothing of go out, and who ordered it when; the whole log is the audit."""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Iterable
from typing import Final

from aiokafka import ConsumerRecord

from agents.codecs.avro import decode_switch, encode_switch
from agents.codecs.errors import Undecodable
from agents.committed import read_committed, wait_partitions
from agents.errors import UserError
from agents.policy_topic import read_bundles
from agents.transport.clients import new_writer
from streams.inputs import Input, SwitchInput
from streams.policy.problems import expected_one_of
from streams.records import Switch
from streams.topology import topic_name

NOUN: Final = "switches"
REASON_MAX: Final = 500  # characters
SCOPE: Final = re.compile(r"(action|channel):[A-Za-z0-9_.:-]{1,100}")  # a shard keeps those that are off


def decode(record: ConsumerRecord[bytes, bytes]) -> list[Input]:
    """Return the record as the step's input; raises Undecodable."""
    switch = decode_switch(record.value)
    if not SCOPE.fullmatch(switch.scope):
        raise Undecodable("invalid:scope", f"expected action:<id> or channel:<id>, came {switch.scope[:100]!r}")
    return [SwitchInput(switch)]


async def turn(servers: str, namespace: str, kind: str, name: str, reason: str, *, is_off: bool) -> Switch:
    """Order that nothing of an action or a delivery channel goes out, or that it does again; return what is on record.

    Raises UserError where no policy that was ever published has it.
    """
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise UserError(f"--because: expected a reason of 1 to {REASON_MAX} characters: it is kept for good")
    section = {"action": "actions", "channel": "delivery_channels"}[kind]
    bundles, _ = await read_bundles(servers, namespace)
    known = {one["id"] if kind == "action" else one for bundle in bundles.values() for one in bundle[section]}
    if name not in known:
        raise UserError(f"no policy has the {kind} {name!r}: {expected_one_of(known, name)}")
    switch = Switch(f"{kind}:{name}", is_off, getpass.getuser(), reason.strip(), time.time_ns() // 1_000_000)
    topic = topic_name(namespace, NOUN)
    await wait_partitions(servers, topic)
    producer = new_writer(servers, enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, encode_switch(switch), switch.scope.encode(), partition=0)
    finally:
        await producer.stop()
    return switch


async def read(servers: str, namespace: str) -> list[Switch]:
    """Return every order there ever was, in order."""
    return list(_readable((await read_committed(servers, topic_name(namespace, NOUN))).records))


def told(switch: Switch) -> str:
    """Return an order as a line."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(switch.said_at / 1000))
    return f"{at}Z  {'off' if switch.is_off else 'on ':3}  {switch.scope}  by {switch.said_by}: {switch.reason}"


def _readable(records: Iterable[ConsumerRecord[bytes, bytes]]) -> Iterable[Switch]:
    for record in records:
        try:
            yield decode_switch(record.value)
        except Undecodable:
            continue  # a dead letter of every shard
