"""What the embedded Kafka is told: one node that is broker and controller, for one machine, seen by nobody else."""

CLUSTER_ID = "Y29udGludW8tZW1iZWRkZQ"  # any 16 bytes in base64; fixed, so that a data folder always fits its broker
RECORD_BYTES_MAX = 4 * 1024 * 1024  # a dead letter carries its original: 2 MiB, and its framing

_TEMPLATE = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
# Relative to the working folder: no character of a user's path can break this file.
log.dirs={log_dir}
# Topics are made from the one table, never by a typing error.
auto.create.topics.enable=false
num.partitions=8
message.max.bytes={record_bytes_max}
replica.fetch.max.bytes={record_bytes_max}
# One node has no second copy to wait for.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
auto.leader.rebalance.enable=false
# Kafka's 50 of each are for a cluster; here they would be 100 folders to open at every start.
offsets.topic.num.partitions=8
transaction.state.log.num.partitions=8
# Workers join at once, and a dead one is noticed within the second that a test can wait.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# 128 MiB of the heap by default.
log.cleaner.dedupe.buffer.size=33554432
num.network.threads=2
num.io.threads=4
"""


def to_text(port: int, controller_port: int, log_dir: str) -> str:
    """Return server.properties for a broker at 127.0.0.1:`port` that keeps its logs in `log_dir`."""
    return _TEMPLATE.format(
        port=port, controller_port=controller_port, log_dir=log_dir, record_bytes_max=RECORD_BYTES_MAX
    )
