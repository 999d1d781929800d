"""Who in the group gets what: a partition number with all its topics goes to one worker, and stays there if it can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

NAME: Final = "continuo-copartition-2"  # a worker that assigns otherwise must not be in the group


class Held(msgspec.Struct, array_like=True):
    """What a member says of itself when it joins."""

    generation: int
    partitions: list[int]
    writes_as: str = ""  # its transactional id


def share(members: Mapping[str, Held], partitions: int) -> dict[str, list[int]]:
    """Divide partition numbers so that counts differ by one at most and as few as possible move.

    Of two members that claim the same number the one of the later generation has it.
    """
    owner: dict[int, str] = {}
    for name, held in sorted(members.items(), key=lambda item: (item[1].generation, item[0])):
        owner.update({number: name for number in held.partitions if 0 <= number < partitions})
    kept: dict[str, list[int]] = {name: [] for name in members}
    for number, name in sorted(owner.items()):
        kept[name].append(number)
    floor, more = divmod(partitions, len(members))
    # Those who hold most may keep one more than the others.
    by_count = sorted(kept, key=lambda name: (-len(kept[name]), name))
    quota = {name: floor + (place < more) for place, name in enumerate(by_count)}
    shares = {name: numbers[: quota[name]] for name, numbers in kept.items()}
    taken = {number for numbers in shares.values() for number in numbers}
    free = [number for number in range(partitions) if number not in taken]
    for name in sorted(shares):
        while len(shares[name]) < quota[name]:
            shares[name].append(free.pop(0))
    return shares


class Copartition(AbstractPartitionAssignor):
    """The group's assignor; an instance, because it has to know what its own worker holds."""

    name = NAME

    def __init__(self, partitions: int, held: Callable[[], Held], hear: Callable[[list[str]], None]) -> None:
        """Divide `partitions` numbers; `held` tells what this worker has now, `hear` is told as what members write."""
        self._partitions = partitions
        self._held = held
        self._hear = hear

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Return what this member subscribes to and holds."""
        return ConsumerProtocolMemberMetadata(0, sorted(topics), msgspec.msgpack.encode(self._held()))

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Divide the partitions among all members; called on the group's leader only."""
        del cluster  # the number of partitions is the deployment's, whatever metadata says
        held = {name: _decode_held(member.user_data) for name, member in members.items()}
        shares = share(held, self._partitions)
        living = msgspec.msgpack.encode(sorted(one.writes_as for one in held.values()))
        return {
            name: ConsumerProtocolMemberAssignment(
                0, [(topic, sorted(shares[name])) for topic in member.subscription], living
            )
            for name, member in members.items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Tell as what the members of the new generation write."""
        self._hear(msgspec.msgpack.decode(assignment.user_data, type=list[str]))


def _decode_held(said: bytes) -> Held:
    """Return what a member says of itself; one that says nothing holds nothing, and gets its share all the same."""
    try:
        return msgspec.msgpack.decode(said, type=Held)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Held(0, [])
