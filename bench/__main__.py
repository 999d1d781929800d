"""`python -m bench [WORKLOAD …]`: measure, beside the peers, on the embedded broker, and write bench/RESULTS.md."""

from __future__ import annotations

import argparse
import logging
import sys
from time import monotonic

from bench.rounds import Plan
from bench.suite import WORKLOADS, Workload

ABOUT = """Measures us beside our peers on an embedded Kafka of its own, verifies what everybody wrote, and writes
bench/RESULTS.md. A run beside which other processes used more than 5 % of the machine is void: close what you can."""


def main(arguments: list[str]) -> int:
    """Run the workloads that are named, or all."""
    parser = argparse.ArgumentParser(
        "make bench", usage="make bench [W=2] [ARGS=--quick]", description=ABOUT, epilog=_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("workload", nargs="*", help="which to run; all by default")
    parser.add_argument("--rounds", type=int, default=0, help="interleaved rounds (3; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="few events, to see that all works; writes no results")
    parser.add_argument("--rows", default="", help="these rows only, named as a run prints them; writes no results")
    parser.add_argument("--soak", type=int, default=60, metavar="S", help="seconds that W9 lasts (60)")
    told = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tries again by itself, and what fails is raised
    named = {one.name: one for one in WORKLOADS}
    if "help" in told.workload:
        parser.print_help()
        return 0
    strange = [name for name in told.workload if name.upper().removeprefix("W") not in map(str.upper, named)]
    if strange:
        print(f"there is no workload {', '.join(strange)}; `make bench W=help` lists them", file=sys.stderr)
        return 2
    wanted = {name.lower().removeprefix("w") for name in told.workload}
    chosen = [one for one in WORKLOADS if not wanted or one.name in wanted]
    rounds = told.rounds or (1 if told.quick else 3)
    return measure(chosen, Plan(rounds, told.quick, tuple(filter(None, told.rows.split(","))), told.soak))


def measure(chosen: list[Workload], plan: Plan) -> int:
    """Run workloads one after the other."""
    if not plan.quick:
        print(f"about {sum(one.minutes for one in chosen) * plan.rounds / 3:.0f} min", flush=True)
    for one in chosen:
        began = monotonic()
        print(f"\n{_label(one)}: {one.what}", flush=True)
        one.run(plan)
        print(f"\n{_label(one)} took {(monotonic() - began) / 60:.1f} min", flush=True)
    return 0


def _label(one: Workload) -> str:
    return f"W{one.name}" if one.name.isdigit() else one.name


def _table() -> str:
    return "\n".join(
        ["workloads:", *(f"  {one.name:8}{one.minutes:4g} min  {one.what}; checked: {one.check}" for one in WORKLOADS)]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
