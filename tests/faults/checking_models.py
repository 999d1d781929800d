"""The part of the judge that follows what models are asked, what they answer, and what a decision reads of it."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, Final

from tests.faults.case import READINGS, Case, Flaws, evidence_of
from tests.faults.log import Log
from tests.faults.reckoning import Opened, Reckoning
from tests.oracle.words import derived

PATIENCE_MS: Final = 30_000  # after which a round of a history asks again what a living process may have lost
SCALES: Final = {"propensity": 10**9, "money": 10**6}
Told = dict[str, Any]


def check_models(log: Log, case: Case, reckonings: list[Reckoning]) -> Flaws:
    """Every question is one that its round asks, and every reading is what was answered to it, in integers."""
    opened = {name: one for each in reckonings for life in each.lives.values() for name, one in life.opened.items()}
    bundle = reckonings[0].bundle
    asked: dict[tuple[str, str], Told] = {}
    asked_at: dict[tuple[str, str], int] = {}  # by the wall clock
    for batch in log.told("requests"):
        for item in batch["items"]:
            question = item["round_id"], batch["model"]
            if item != asked.setdefault(question, item):
                yield f"asked twice, and something else: {question}"
            if batch["requested_at"] - asked_at.get(question, -PATIENCE_MS) < PATIENCE_MS:
                yield f"asked twice: {question}"
            asked_at[question] = batch["requested_at"]
            yield from _check_request(item, batch["model"], opened.get(item["round_id"]), bundle.inputs(batch["model"]))
    answers: dict[str, list[Told]] = defaultdict(list)
    for batch in log.told("proposals"):
        for item in batch["items"]:
            answers[item["call_id"]].append(item)
    published = {(one["model"], one["version"]): one for one in log.told("models")}
    for decision in log.told("decisions"):
        point = decision["decision_point"]
        readings, models = evidence_of(decision)[READINGS], case.bundle["decision_points"][point]["models"]
        if [one[0] for one in readings] != models:
            yield f"{decision['decision_id']} reads {[one[0] for one in readings]}, not {models}"
            continue
        for reading in readings:
            model = case.bundle["models"][reading[0]]
            width = len(bundle.categories) if model.get("by") else 1
            yield from (
                f"{decision['decision_id']}, {reading[0]}: {flaw}"
                for flaw in [
                    *_check_reading(reading, model, width, published),
                    *_check_answer(reading, model, width, asked.get((decision["decision_id"], reading[0])), answers),
                ]
            )
    yield from _check_progress(log, opened, published)


def _check_request(item: Told, model: str, opened: Opened | None, inputs: list[int]) -> Flaws:
    if opened is None:
        yield f"{model} is asked for {item['round_id']}, which nothing opened"
        return
    trigger, features, *_ = opened
    wanted = [features[place] for place in inputs]
    if item["features"] != wanted:
        yield f"{model} is shown {item['features']} for {item['round_id']}, not {wanted}"
    if item["call_id"] != derived("call", item["round_id"], model, item["version"], repr(wanted)):
        yield f"{model}, {item['round_id']}: its call_id does not follow from round, version and features"
    if (item["asked_at"], item["deadline_at"]) != (trigger["accepted_at"], 0):
        yield f"{model}, {item['round_id']}: asked at {item['asked_at']} until {item['deadline_at']}"


def _check_reading(reading: list[Any], model: Told, width: int, published: dict[tuple[str, str], Told]) -> Flaws:
    """Check that a reading fits its model and the calibrator of its version."""
    name, version, status, calibrator_id, outputs, propensities, *_ = reading
    told = published.get((name, version))
    if status not in ("ok", "cold", "error", "missing"):
        yield f"its status is {status}"
    if status != "ok":
        if outputs or propensities:
            yield f"{status}, with outputs"
        return
    if told is None:
        yield f"read from version {version}, which was never published"
        return
    if len(outputs) != width:
        yield f"{len(outputs)} outputs, not {width}"
    if model["gives"] == "propensity" and not all(0 <= one <= SCALES["propensity"] for one in outputs):
        yield f"no propensities: {outputs}"
    calibrator = told["calibrator"] if model.get("role") != "meta" else None
    wanted: tuple[str, list[int]] = ("", [])
    if calibrator:
        values, edges = calibrator["values_ppb"], calibrator["edges_ppb"]
        wanted = (calibrator["calibrator_id"], [values[sum(out >= edge for edge in edges)] for out in outputs])
    if (calibrator_id, propensities) != wanted:
        yield f"calibrated by {calibrator_id!r} to {propensities}, not by {wanted[0]!r} to {wanted[1]}"


def _check_answer(
    reading: list[Any], model: Told, width: int, asked: Told | None, answers: dict[str, list[Told]]
) -> Flaws:
    """Check that a reading is one of the answers that came to its question."""
    _, version, status, _, outputs, _, *costs = reading
    if model.get("serves") == "inline":
        if asked or status == "missing":
            yield "it answers at once, and was waited for"
        return
    if asked is None:
        if status in ("ok", "error") or version:
            yield f"{status} {version}, and was not asked"
        return
    if status == "missing" or (status == "cold" and not version):
        return  # given up on; that takes a clock of the wall
    came = [_quantised(one, model, width, asked["version"]) for one in answers[asked["call_id"]]]
    if (version, status, outputs, *costs) not in came:
        yield f"read {(version, status, outputs, *costs)}, came {came[:3]}"


def _quantised(item: Told, model: Told, width: int, version: str) -> tuple[Any, ...]:
    """Return an answer as it has to be read: in integers, or as an error."""
    costs, outputs, scale = (item["cost_micro"], item["latency_ms"]), item["outputs"], SCALES[model["gives"]]
    status = item["status"] if item["status"] in ("ok", "cold") else "error"
    low, high = (0.0, 1.0) if model["gives"] == "propensity" else (-1e12, 1e12)
    is_fit = len(outputs) == width and all(low <= one <= high for one in outputs)
    if item["version"] != version or (status == "ok" and not is_fit):
        status = "error"
    quantised = [math.floor(one * scale + 0.5) for one in outputs] if status == "ok" else []
    return item["version"], status, quantised, *costs


def _check_progress(log: Log, opened: dict[str, Opened], published: dict[tuple[str, str], Told]) -> Flaws:
    """Check that a shard goes from version to version as they learn, and never back."""
    used: dict[tuple[int, str], int] = {}
    known = [said for said in log.said["decisions"] if said.told["decision_id"] in opened]
    made = [(said.shard, opened[said.told["decision_id"]], said.told) for said in known]
    for shard, (trigger, *__), decision in sorted(made, key=lambda one: (one[0], one[1].step)):
        for model, version, status, *_ in evidence_of(decision)[READINGS]:
            latest = used.get((shard, model), -1)
            if not version:
                if status == "cold" and latest >= 0:
                    yield f"{decision['decision_id']}: {model} is cold, and had a version before"
                continue
            if (model, version) not in published:
                continue  # an answer of none that was asked; it can only be an error
            until = published[model, version]["trained_until"]
            if until < latest:
                yield f"{decision['decision_id']}: {model} went back to {version}"
            if until > trigger["accepted_at"]:
                yield f"{decision['decision_id']}: {model} {version} learned from later than its round"
            used[shard, model] = max(latest, until)
