"""What the consumer may expect of the app that it belongs to."""

from __future__ import annotations

import faust

from agents.settings import Settings
from agents.transport.shards import Shards
from agents.transport.tuning import Tuning


class ShardHost(faust.App):
    """An app that holds shards."""

    settings: Settings
    tuning: Tuning
    shards: Shards

    def freeze(self) -> None:
        """Take what was made until now out of the garbage collector's sight, once."""
        raise NotImplementedError
