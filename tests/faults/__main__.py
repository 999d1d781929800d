"""`python -m tests.faults`: the faults of the transport and of the whole stream on a real Kafka, judged and recorded.

Every fault of the table (or those that are named) in turn, as many runs as are asked for. A run is told in one line;
those that count are added to tests/faults/RUNS.tsv, of which `make docs` makes the table of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.faults.campaign import Campaign, play
from tests.faults.stream.fault import StreamFault
from tests.faults.table import BY_NAME, FAULTS


def main(arguments: list[str]) -> int:
    """Run; the exit code tells whether anything was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=len(FAULTS), help="how many runs (default: one of each fault)")
    parser.add_argument("--first", type=int, help="the first seed (default: one more than there are runs on record)")
    parser.add_argument("--fault", nargs="+", choices=sorted(BY_NAME), default=[], help="only these")
    parser.add_argument("--people", type=int, help="how many a run of the whole stream has (default: 1800)")
    parser.add_argument("--list", action="store_true", help="say which faults there are, and end")
    parser.add_argument("--keep", type=Path, default=Path(".continuo/faults"), help="where logs of flawed runs go")
    parser.add_argument("--keep-all", action="store_true", help="keep the logs of all runs")
    parser.add_argument("--no-record", action="store_true", help="leave RUNS.tsv as it is")
    told = parser.parse_args(arguments)
    if told.list:
        for fault in FAULTS:
            print(f"{fault.step:<5} {fault.name:<22} {fault.does}")  # noqa: T201 — that is what was asked for
        return 0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that is down is a fault on purpose
    faults = [BY_NAME[name] for name in told.fault] or list(FAULTS)
    if told.people:
        faults = [replace(one, people=told.people) if isinstance(one, StreamFault) else one for one in faults]
    asked = Campaign(faults, told.seeds, told.first, told.keep, told.keep_all, not told.no_record)
    with tempfile.TemporaryDirectory(prefix="faults-") as home:
        return min(1, asyncio.run(play(asked, Path(home))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
