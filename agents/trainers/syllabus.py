"""What the policy says of a model: its inputs, its keys, its prior, and which examples were made for these."""

from __future__ import annotations

from typing import Final

import structlog

from agents.errors import UserError
from agents.policy_topic import read_bundles, read_current
from agents.trainers.calibrating import CalibrationLearner
from agents.trainers.contract import Learner
from agents.trainers.course import Pace
from agents.workers.layout import Layout, lay_out
from streams.policy import Model, Policy, compile_policy

# A graph is published again whole with each calibrator, and answers of one graph drift slowly.
CALIBRATION_PACE: Final = Pace(first=500, every=20_000, days=7)

_log = structlog.get_logger(__name__)


class Syllabus:
    """One model as the current policy declares it."""

    def __init__(self, servers: str, namespace: str, policy: Policy, model: Model) -> None:
        self._servers = servers
        self._namespace = namespace
        self._model = model
        self._layout = layout_of(policy, model)
        self._ours = {policy.hash: True}  # policy hash -> its examples have our layout

    @classmethod
    async def of(cls, servers: str, namespace: str, name: str) -> Syllabus:
        """Return what the current policy says of the model; raise UserError if it has none of that name."""
        policy = compile_policy(await read_current(servers, namespace))
        model = policy.models.get(name)
        if model is None:
            raise UserError(f"the policy has no model {name!r}; it has {', '.join(sorted(policy.models))}")
        if not model.has_trainer:
            raise UserError(
                f"model {name} has no trainer: trainers learn and calibrate propensities that have a label; "
                f"it gives {model.gives}, {'with a' if model.label else 'without'} label"
            )
        return cls(servers, namespace, policy, model)

    def learner(self) -> tuple[Learner, Pace]:
        """Return a fresh learner of the model's kind, and the pace of its versions."""
        if self._model.kind == "online":
            from agents.trainers.online import OnlineLearner  # noqa: PLC0415 — river brings scipy: seconds and 150 MB

            return OnlineLearner(self._model.name, self._layout, self._model.prior_ppb), Pace()
        return CalibrationLearner(self._model.name, self._model.prior_ppb), CALIBRATION_PACE

    async def is_of_ours(self, policy_hash: str) -> bool:
        """Tell whether examples made under that policy have the inputs, in the order, that this learner knows."""
        if policy_hash not in self._ours:
            bundles, _ = await read_bundles(self._servers, self._namespace)
            bundle = bundles.get(policy_hash)
            policy = compile_policy(bundle) if bundle is not None else None
            model = policy.models.get(self._model.name) if policy else None
            ours = bool(policy and model and layout_of(policy, model) == self._layout)
            self._ours[policy_hash] = ours
            if not ours:
                _log.warning(
                    "examples of another layout are not learned from", model=self._model.name, policy=policy_hash
                )
        return self._ours[policy_hash]


def layout_of(policy: Policy, model: Model) -> Layout:
    """Return the layout of a model's inputs."""
    return lay_out(model.inputs, policy.categories if model.by_category else ())
