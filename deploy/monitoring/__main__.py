"""Write Prometheus' and Alertmanager's configuration for processes that run elsewhere than in docker-compose.yml.

python -m deploy.monitoring FOLDER --target worker=127.0.0.1:6066 --target model=127.0.0.1:6067
"""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.monitoring.files import write
from deploy.monitoring.scraping import KINDS, SCRAPE, Surroundings


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m deploy.monitoring", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to write prometheus/ and alertmanager/")
    kinds = f"a web port; KIND is one of {', '.join(KINDS)}"
    parser.add_argument("--target", action="append", required=True, metavar="KIND=HOST:PORT", help=kinds)
    parser.add_argument("--alertmanager", default="127.0.0.1:9093", help="HOST:PORT (%(default)s)")
    parser.add_argument("--webhook", default="", metavar="URL", help="where alerts go (nowhere: they are only shown)")
    parser.add_argument("--scrape", default=SCRAPE, help="time between two scrapes (%(default)s; $: divided by --pace)")
    parser.add_argument("--pace", type=float, default=1, help="divides every duration of the rules (%(default)s)")
    told = parser.parse_args()
    targets: dict[str, list[str]] = {}
    for target in told.target:
        kind, _, address = target.partition("=")
        if kind not in KINDS or ":" not in address:
            parser.error(f"--target: expected KIND=HOST:PORT with KIND one of {', '.join(KINDS)}; got {target!r}")
        targets.setdefault(kind, []).append(address)
    write(told.folder, Surroundings(targets, told.alertmanager, told.webhook, told.pace, told.scrape))


if __name__ == "__main__":
    main()
