"""`python -m bench W`: measure a workload beside its peers on the embedded broker and write bench/RESULTS.md."""

from __future__ import annotations

import sys

USAGE = """usage: python -m bench WORKLOAD [--rounds N]

  2      profile update, compacted changelog and one output an event, exactly once: ours beside a transactional loop
         written by hand on aiokafka, and beside stock Faust; every output is compared with a sequential run
  idle   what a worker with 8 partitions and no events costs
  people bytes of rows a person, and CPU of the step an event, on a part of the grocery year
"""


def main(arguments: list[str]) -> int:
    """Run the workload named first."""
    workload, *options = arguments or ["help"]
    if workload not in ("2", "idle", "people"):
        print(USAGE)
        return 0 if workload in ("help", "-h", "--help") else 2
    rounds = int(options[options.index("--rounds") + 1]) if "--rounds" in options else 3
    from bench import idle, people, w2

    if workload == "people":
        return people.run()
    return w2.run(rounds) if workload == "2" else idle.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
