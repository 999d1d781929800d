"""A model worker of ours that is slow at times: one batch in a hundred is answered fifty times later.

Arguments: the model, and how many batches there are to a slow one; 0 = none is slow.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from agents import log, service
from agents.settings import load
from agents.workers import kinds, serving
from agents.workers.online import OnlineModel

TIMES: Final = 50
BATCH_S_MIN: Final = 0.001  # what a batch takes at least, of whatever size, in a process of its own


class TiredModel(OnlineModel):
    """Answers as an online model does, now and then much later."""

    every = 0  # batches to a slow one
    _batches = 0

    def answer(self, rows: list[list[float]]) -> list[list[float]]:
        """Answer, and sleep where it is time to."""
        began = time.perf_counter()
        answers = super().answer(rows)
        TiredModel._batches += 1
        if self.every and TiredModel._batches % self.every == 0:
            time.sleep(TIMES * max(BATCH_S_MIN, time.perf_counter() - began))
        return answers


def main(model: str, every: int) -> None:
    """Serve the model until SIGTERM."""
    TiredModel.every = every
    kinds.KINDS["online"] = (__name__, TiredModel.__name__)
    settings = load()
    log.configure("warning", "text")
    service.run(f"model {model}", lambda stop: serving.serve(settings, model, stop))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main(sys.argv[1], int(sys.argv[2]))
