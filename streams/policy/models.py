"""Models: who is asked what, how long we wait, and what stands in when no answer comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from streams.ids import derive
from streams.policy.events import EventType
from streams.policy.features import Features
from streams.policy.outcomes import OutcomeType
from streams.policy.problems import expected_one_of
from streams.policy.quantities import MICRO, PPB, UNITS_MS
from streams.policy.reading import Node, Record
from streams.policy.series import KEY
from streams.records import Value

DEADLINE_MS: Final = 200
DEADLINE_MS_MAX: Final = 60_000
LABELS: Final = ("outcome", "absent", "next")


@dataclass(frozen=True, slots=True)
class Label:
    """What a training example of a model is told about what followed."""

    kind: str  # outcome: 1 if it happened · absent: 1 if it did not · next: the amount of the first one
    event: str
    property: str  # of a `next`
    match_category: bool
    window_ms: int
    is_money: bool

    def value_of(self, properties: Mapping[str, Value]) -> int:
        """Return what to note of an event that this label is about."""
        if self.kind != "next":
            return 1
        value = properties.get(self.property)
        return value if isinstance(value, int) else 0

    def final(self, noted: int | None) -> float | None:
        """Return the label when the window has closed; None if there is nothing to learn from."""
        if self.kind == "outcome":
            return 0.0 if noted is None else 1.0
        if self.kind == "absent":
            return 1.0 if noted is None else 0.0
        if noted is None:
            return None
        return noted / MICRO if self.is_money else float(noted)


@dataclass(frozen=True, slots=True)
class Model:
    """One model, as the policy knows it."""

    name: str
    kind: str  # onnx | online
    inputs: tuple[str, ...]  # names of features, keyed ones expanded
    input_at: tuple[int, ...]  # their columns
    by_category: bool  # one output per category of the catalogue, in its order
    gives: str  # propensity | money | hours
    role: str  # outcome: its propensity is part of the value · meta: it scales the score · send_time: it moves releases
    outcome: str  # "" = none
    inline: bool
    deadline_ms: int
    prior_ppb: int
    required: bool  # without its answer there is no candidate that needs it
    reference_micro: int  # of a meta-model: the answer that changes nothing
    label: Label | None  # None = nothing is learned for it
    layout: str  # of its inputs: a version made for another one would read them wrongly
    owner: str = ""  # who answers for it

    @property
    def has_trainer(self) -> bool:
        """Tell whether a trainer learns or calibrates it: that takes a propensity, and a label to hold it against."""
        return self.gives == "propensity" and self.label is not None


def layout_of(inputs: Iterable[str]) -> str:
    """Return the id of a list of inputs, names and order."""
    return derive("layout", *inputs)


def read_models(
    node: Node, events: dict[str, EventType], features: Features, outcomes: dict[str, OutcomeType]
) -> dict[str, Model]:
    """Read the `models` section."""
    models: dict[str, Model] = {}
    optional = (
        "by", "role", "outcome", "serves", "kind", "deadline_ms", "prior", "required", "reference", "label", "owner",
    )  # fmt: skip
    for name, entry in node.entries("models", is_word=True):
        record = entry.record("model", ("inputs", "gives"), optional)
        by_category = bool(record.one_of("by", "key", (KEY,)))
        gives = record.one_of("gives", "answer", ("propensity", "money", "hours"), "propensity")
        role = record.one_of("role", "role", ("outcome", "meta", "send_time"), "outcome")
        outcome = record.one_of("outcome", "outcome", outcomes)
        inline = record.one_of("serves", "way to serve", ("inline", "topic"), "topic") == "inline"
        _check_role(record, gives, role)
        if outcome and by_category and not outcomes[outcome].match_category:
            record.wrong("by", f"the outcome {outcome} matches no category")
        inputs = _inputs(record, features)
        label = _label(record, events, outcomes, outcome, by_category=by_category)
        models[name] = Model(
            name,
            record.one_of("kind", "kind", ("onnx", "online"), "onnx" if inline else "online"),
            tuple(features.names[column] for column in inputs),
            inputs,
            by_category,
            gives,
            role,
            outcome,
            inline,
            record.whole("deadline_ms", DEADLINE_MS, 1, DEADLINE_MS_MAX),
            record.ppb("prior", 0, 0, PPB),
            record.flag("required"),
            record.money("reference", low=1),
            label,
            layout_of(features.names[column] for column in inputs),
            record.text("owner"),
        )
    return models


def _check_role(record: Record, gives: str, role: str) -> None:
    """Check that the expected value reads propensities only: what is none may only scale the score."""
    if role == "outcome":
        for field in ("outcome", "prior"):
            if not record.has(field):
                record.node.wrong(f"a model whose propensity is part of the value needs {field!r}")
        if gives != "propensity":
            record.wrong("gives", "that is no propensity: expected role: meta with a reference, or role: send_time")
        if record.has("reference"):
            record.wrong("reference", "only a meta-model (role: meta) has one")
        return
    for field in ("outcome", "prior", "by"):
        if record.has(field):
            record.wrong(field, "only a model whose propensity is part of the value has one")
    if role == "send_time":
        if gives != "hours":
            record.wrong("gives", "expected hours from now on, by which it would have a promotion wait")
        for field in ("reference", "label"):
            if record.has(field):
                record.wrong(field, "a model that proposes a moment has none")
        return
    if gives != "money":
        record.wrong("gives", "a meta-model gives money, which is compared with its reference")
    if not record.has("reference"):
        record.node.wrong("a meta-model needs 'reference': the answer that changes nothing")


def _inputs(record: Record, features: Features) -> tuple[int, ...]:
    """Read the inputs as columns; a keyed feature stands for its value of every category."""
    if not record.has("inputs"):
        return ()
    at = {name: column for column, name in enumerate(features.names)}
    columns: list[int] = []
    nodes = record.fields["inputs"].items("features")
    if not nodes:
        record.wrong("inputs", "a model needs at least one input")
    for node in nodes:
        told = node.value if isinstance(node.value, str) else ""
        named = [f"{told}.{category}" for category in features.categories] if told in features.keyed else [told]
        for name in named:
            if name not in at:
                node.wrong(f"unknown feature {node.value!r}: {expected_one_of([*features.keyed, *at], node.value)}")
            elif features.types[name] == "str":
                node.wrong(f"{name} is text: a model sees numbers only")
            elif at[name] in columns:
                node.wrong(f"{name} stands here twice")
            else:
                columns.append(at[name])
    return tuple(columns)


def _label(
    record: Record, events: dict[str, EventType], outcomes: dict[str, OutcomeType], own: str, *, by_category: bool
) -> Label | None:
    """Read the label; by default whether the model's own outcome happened."""
    if not record.has("label"):
        return _of_outcome("outcome", outcomes[own], match_category=by_category) if own else None
    label = record.fields["label"].record("label", (), (*LABELS, "match", "window"))
    kinds = [kind for kind in LABELS if label.has(kind)]
    if len(kinds) != 1:
        label.node.wrong(f"expected exactly one of {', '.join(LABELS)}, got {', '.join(kinds) or 'none'}")
        return None
    kind = kinds[0]
    match_category = bool(label.one_of("match", "property to match", (KEY,)))
    window_ms = label.duration_ms("window")
    if kind != "next":
        name = label.one_of(kind, "outcome", outcomes)
        if not name:
            return None
        if match_category and not outcomes[name].match_category:
            label.wrong("match", f"the outcome {name} matches no category")
        return _of_outcome(kind, outcomes[name], match_category=match_category, window_ms=window_ms)
    event, _, told = label.text("next").rpartition(".")
    types = events[event].properties if event in events else {}
    if types.get(told) not in ("money", "int"):
        label.wrong("next", f"expected event.property of type money or int, got {label.fields['next'].value!r}")
        return None
    if match_category and types.get(KEY) != "string":
        label.wrong("match", f"{event} has no property {KEY} of type string")
    longest = max((outcome.window_ms for outcome in outcomes.values()), default=14 * UNITS_MS["d"])
    return Label(kind, event, told, match_category, window_ms or longest, types[told] == "money")


def _of_outcome(kind: str, outcome: OutcomeType, *, match_category: bool, window_ms: int = 0) -> Label:
    return Label(kind, outcome.event, "", match_category, window_ms or outcome.window_ms, is_money=False)
