"""Log lines: one form for ours and the libraries', and their noise has a bound."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import orjson
import pytest
import structlog

from agents.log import BURST_MAX, PERIOD_S, RateLimit, configure


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Yield a function that returns what was written to stderr; the logging of the test run is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(written: Callable[[], str]) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in written().splitlines()]


def test_ours_and_a_librarys_line_have_the_same_form(written: Callable[[], str]) -> None:
    configure("info", "json")
    structlog.get_logger("agents.raw_events").warning("dead letter", cause="undecodable", partition=3)
    logging.getLogger("aiokafka.cluster").error("no broker at %s", "127.0.0.1:1")
    ours, theirs = lines(written)
    assert (ours["event"], ours["cause"], ours["partition"]) == ("dead letter", "undecodable", 3)
    assert theirs["event"] == "no broker at 127.0.0.1:1"
    assert ours.keys() - {"cause", "partition"} == theirs.keys() == {"event", "logger", "level", "timestamp"}


def test_a_line_below_the_level_is_not_written(written: Callable[[], str]) -> None:
    configure("warning", "json")
    structlog.get_logger("agents").info("quiet")
    logging.getLogger("mode").info("quiet")
    assert written() == ""


def test_away_from_a_terminal_lines_are_json_with_the_traceback_inside(written: Callable[[], str]) -> None:
    configure()
    try:
        1 / 0  # noqa: B018 — to have a traceback
    except ZeroDivisionError:
        structlog.get_logger("agents").exception("failed")
    (line,) = lines(written)
    assert "ZeroDivisionError" in str(line["exception"])


def test_text_is_for_people(written: Callable[[], str]) -> None:
    configure("info", "text")
    structlog.get_logger("agents").info("ready", port=6066)
    text = written()
    assert "ready" in text
    assert not text.startswith("{")


def test_a_library_that_repeats_itself_is_cut_short_and_ours_is_not(written: Callable[[], str]) -> None:
    configure("info", "json")
    for _ in range(3 * BURST_MAX):
        logging.getLogger("aiokafka.conn").error("connection refused")
        structlog.get_logger("agents").info("step")
    told = [line["event"] for line in lines(written)]
    assert (told.count("connection refused"), told.count("step")) == (BURST_MAX, 3 * BURST_MAX)


def test_what_was_left_out_is_counted_in_the_next_period() -> None:
    now = 0.0
    limit = RateLimit(clock=lambda: now)
    record = logging.LogRecord("aiokafka", logging.ERROR, "conn.py", 7, "connection refused", None, None)
    assert [limit.filter(record) for _ in range(BURST_MAX + 2)] == [True] * BURST_MAX + [False] * 2
    now = PERIOD_S
    assert limit.filter(record)
    assert record.getMessage() == "connection refused (2 like it left out)"
