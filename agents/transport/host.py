"""What the consumer may expect of the app that it belongs to."""

from __future__ import annotations

import gc
from typing import Final

import faust

from agents.settings import Settings
from agents.transport.shards import Shards
from agents.transport.tuning import Tuning

GC_THRESHOLDS: Final = (50_000, 20, 50)  # records die young, without cycles: looking for some cost a quarter of a step


class ShardHost(faust.App):
    """An app that holds shards."""

    settings: Settings
    tuning: Tuning
    shards: Shards
    _is_frozen = False

    def freeze(self) -> None:
        """Take what was made until now out of the garbage collector's sight, once."""
        if not self._is_frozen:
            self._is_frozen = True
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GC_THRESHOLDS)
