"""A worker of the toy stream for the campaign: `python -m tests.faults.transport.worker NAME SETUP`.

It may be tuned, kills itself where a trap is set, and says where it stands when it gets SIGUSR2.
"""

from __future__ import annotations

import random
import sys

import msgspec

from agents import log
from agents.errors import UserError
from agents.settings import load
from agents.transport.tuning import Tuning
from agents.transport.worker import run_worker
from tests.faults.transport.points import Traps
from tests.faults.transport.whereabouts import tell_on_signal
from tests.toy import slow_down_restores, toy_app


class Setup(msgspec.Struct, frozen=True):
    """What a fault wants otherwise than the product has it."""

    patience_ms: int = 0  # of the toy that asks and waits; 0 = the one that does not
    session_s: float = 6.0
    transaction_timeout_s: float = 30.0
    restore_s: float = 0.0  # at most so much longer takes every restore


def main(name: str, setup: Setup) -> None:
    """Run to the end."""
    settings = load()
    Traps(settings.home).lay()
    if setup.restore_s:
        slow_down_restores(lambda: random.uniform(0.0, setup.restore_s))
    tuning = Tuning(
        web_enabled=False, session_s=setup.session_s, transaction_timeout_s=setup.transaction_timeout_s
    )
    app = toy_app(settings, name, str(setup.patience_ms or ""), tuning=tuning)
    tell_on_signal(app)
    run_worker(app)


if __name__ == "__main__":
    log.configure("warning", "text")
    try:
        main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Setup))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
