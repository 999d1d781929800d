"""Log lines: structlog for ours and for the libraries', JSON for machines or text for a terminal, noise limited."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Final, Literal

import orjson
import structlog

NOISY: Final = ("aiokafka", "faust", "mode", "kafka")
# While a broker is down aiokafka says so about ten times a second; the first lines and a count are enough.
BURST_MAX: Final = 5
PERIOD_S: Final = 10.0


class RateLimit(logging.Filter):
    """Let through BURST_MAX lines a period from one place in the code, and say in the next how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._places: dict[tuple[str, int], tuple[float, int]] = {}  # one per logging statement of the libraries

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether this line is written; changes the message of the first line after a silence."""
        place = (record.pathname, record.lineno)
        now = self._clock()
        began, count = self._places.get(place, (now, 0))
        if now - began >= PERIOD_S:
            if count > BURST_MAX:
                record.msg = f"{record.msg} ({count - BURST_MAX} like it left out)"
            began, count = now, 0
        self._places[place] = (began, count + 1)
        return count < BURST_MAX


def configure(level: str = "info", form: Literal["auto", "json", "text"] = "auto") -> None:
    """Send every log line of this process to stderr, from `level` on; calling it again replaces the former choice."""
    as_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json) if as_json else structlog.dev.ConsoleRenderer()
    )
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    limit = RateLimit()
    output.addFilter(lambda record: not record.name.startswith(NOISY) or limit.filter(record))
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


def _json(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
