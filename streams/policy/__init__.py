"""Policy: a bundle of plain values, checked and compiled to what the stages read."""

from streams.policy.candidates import Candidate
from streams.policy.catalogue import Action, Treatment
from streams.policy.channels import DeliveryChannel
from streams.policy.compile import Policy, bundle_hash, compile_policy
from streams.policy.events import EventType
from streams.policy.features import Features
from streams.policy.models import Label, Model
from streams.policy.outcomes import OutcomeType
from streams.policy.points import Point
from streams.policy.problems import PolicyRefused, Problem

__all__ = [
    "Action",
    "Candidate",
    "DeliveryChannel",
    "EventType",
    "Features",
    "Label",
    "Model",
    "OutcomeType",
    "Point",
    "Policy",
    "PolicyRefused",
    "Problem",
    "Treatment",
    "bundle_hash",
    "compile_policy",
]
