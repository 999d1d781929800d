"""W5 by hand on confluent-kafka: a changelog read into a dict in batches.

Says what `restored.py` says.
"""

from __future__ import annotations

import zlib
from time import monotonic

from confluent_kafka import Consumer, KafkaError, TopicPartition

from bench.peers.job import Job, say, wait_killed


def main(job: Job) -> None:
    """Read every partition to its end."""
    say("begin")
    consumer = Consumer(
        {
            "bootstrap.servers": job.broker,
            "group.id": job.group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.message.max.bytes": 4 << 20,
        }
    )
    began = monotonic()
    consumer.assign([TopicPartition(job.changelog, partition, 0) for partition in range(job.partitions)])
    rows: dict[bytes | None, bytes | None] = {}
    ended = 0
    while ended < job.partitions:
        for message in consumer.consume(10_000, 0.1):
            error = message.error()
            if error is None:
                rows[message.key()] = message.value()
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 — the library has no other name for it
                ended += 1
            else:
                raise SystemExit(str(error))
    say(f"end {monotonic() - began}")
    checksum = sum(zlib.crc32(key + value) for key, value in rows.items() if key and value)
    say(f"sum {len(rows)} {checksum}")
    wait_killed()


if __name__ == "__main__":
    main(Job.load())
