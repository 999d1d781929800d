"""Source `policies`: bundles by hash, and which of them is current."""

from __future__ import annotations

from typing import Final

import orjson
from aiokafka import ConsumerRecord

from agents.policy_topic import BUNDLE, CURRENT
from streams.inputs import Input, PolicyInput
from streams.policy import Policy, compile_policy


class PolicyBook:
    """The policies this worker knows, compiled once for all its shards."""

    def __init__(self) -> None:
        self.by_hash: Final[dict[str, Policy]] = {}

    def learn(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Compile the bundle that a record of the policy topic holds, if it holds one that is not known.

        Raises PolicyRefused, which publishing would have raised before.
        """
        key, value = record.key or b"", record.value
        if key.startswith(BUNDLE) and value is not None:
            name = key.removeprefix(BUNDLE).decode()
            if name not in self.by_hash:
                policy = compile_policy(orjson.loads(value))
                if policy.hash != name:
                    raise ValueError(f"bundle {name} hashes to {policy.hash}: it was not published by continuo")
                self.by_hash[name] = policy

    def decode(self, record: ConsumerRecord[bytes, bytes]) -> list[Input]:
        """Return the switch that a record asks of a shard; a bundle alone asks none."""
        self.learn(record)
        if record.key == CURRENT and record.value is not None:
            return [PolicyInput(self.by_hash[record.value.decode()])]
        return []
