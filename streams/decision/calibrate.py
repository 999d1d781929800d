"""Calibration: from what models answered to the propensities that a value may be computed with."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from streams.decision.verdict import Reading
from streams.policy.board import Board
from streams.policy.quantities import PPM
from streams.records import Calibrator
from streams.rows import Answer

META_PPM_MIN: Final = 700_000
META_PPM_MAX: Final = 1_300_000
MISSING: Final = Answer("", "missing", [])


def calibrate(calibrator: Calibrator, outputs: list[int]) -> list[int]:
    """Return the value of the bin that each output (ppb) falls in."""
    edges, values = calibrator.edges_ppb, calibrator.values_ppb
    return [values[bisect_right(edges, output)] for output in outputs]


def read_answers(board: Board, answers: dict[str, Answer], calibrators: dict[str, Calibrator | None]) -> list[Reading]:
    """Return a reading for each model of the decision point; an answer of the wrong shape is an error."""
    readings: list[Reading] = []
    for seat in board.seats:
        name = seat.model.name
        answer = answers.get(name, MISSING)
        status = answer.status
        calibrator_id = ""
        propensities: list[int] = []
        if status == "ok":
            if len(answer.outputs) != seat.width:
                status = "error"
            elif seat.column >= 0:
                calibrator = calibrators.get(name)
                if calibrator is not None:
                    calibrator_id = calibrator.calibrator_id
                    propensities = calibrate(calibrator, answer.outputs)
        readings.append(
            Reading(
                name,
                answer.version,
                status,
                calibrator_id,
                answer.outputs,
                propensities,
                answer.cost_micro,
                answer.latency_ms,
            )
        )
    return readings


class Estimates:
    """What the decision computes with: answers where there are any, priors where not, and how it came to that."""

    __slots__ = ("flags", "meta_ppm", "propensities", "refused")

    def __init__(self, board: Board, readings: list[Reading]) -> None:
        self.propensities: list[int] = []  # ppb, by column
        self.meta_ppm = PPM
        self.flags: list[str] = []
        self.refused = 0  # candidates that cannot do without an answer that is not there
        for index, reading in enumerate(readings):
            seat = board.seats[index]
            if seat.column < 0:
                if seat.model.role == "send_time" and reading.status in ("ok", "cold"):
                    continue
                if reading.status == "ok":
                    meta = reading.outputs[0] * PPM // seat.model.reference_micro
                    self.meta_ppm = min(max(meta, META_PPM_MIN), META_PPM_MAX)
                    continue
            elif reading.propensities_ppb:
                self.propensities += reading.propensities_ppb
                continue
            else:
                self.propensities += [seat.model.prior_ppb] * seat.width
            if reading.status in ("ok", "cold"):
                self.flags.append(f"prior:{reading.model}")
            else:
                self.flags.append(f"degraded:{reading.model}")
                self.refused |= board.refused_without[index]
