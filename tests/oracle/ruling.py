"""A decision, candidate by candidate: who is refused by what, what each is worth, what is drawn, what is masked."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple

from tests.oracle.bundle import CLASSES, STAGES, Bundle, Candidate, Told
from tests.oracle.conditions import holds
from tests.oracle.people import TRAVEL_MS, Offer, Person
from tests.oracle.words import after_quiet, bucket, duration_ms, local_start, micro

WHOLE: Final = 2**32
BEFORE: Final = ("consent", "suppression", *STAGES, "validity", "conflict")
AFTER: Final = ("cooldown", "release", "model_missing")
DEFERRALS_MAX: Final = 3


class Answer(NamedTuple):
    """What a model said, in integers, and how its version is calibrated, if it is."""

    status: str
    outputs: list[int]
    edges: list[int] | None = None
    values: list[int] | None = None


class Window(NamedTuple):
    """A contact rule, for the class of candidates that it binds; it is a filter of its own."""

    rule: Told
    klass: str


@dataclass
class Case:
    """One decision to be made."""

    decision_id: str
    profile_id: str
    now: int
    person: Person
    features: list[Any]
    answers: dict[str, Answer]
    deferrals: int = 0


class Terms(NamedTuple):
    """What a score is made of."""

    ev: int
    cost: int
    fatigue: int
    context: int
    score: int


@dataclass
class Ruling:
    """What has to be found."""

    bucket: int
    failed: list[set[int]]  # by filter: the candidates it refuses
    counts: list[dict[str, int]]  # by window: contacts in it, by id of the scope
    pressures: list[int]  # by load
    fatigues: list[int]  # by load
    contexts: list[int]  # by category
    meta: int
    terms: dict[int, Terms]  # of the candidates that no filter refuses
    feasible: list[int]
    chances: dict[int, int]  # of what could be drawn
    u: int
    source: str
    chosen: int
    ghost: int
    deferred: int
    released: list[int]  # by timing: when its candidates may go out
    shown: dict[str, int]
    flags: list[str]
    reason: str | None


class Oracle:
    """One decision point of a bundle, asked case by case."""

    def __init__(self, bundle: Bundle, point: str) -> None:
        self.bundle: Final = bundle
        self.candidates: Final = bundle.candidates(point)
        self.models: Final = bundle.models(point)
        self.windows: Final = [
            Window(rule, klass)
            for rule in bundle.rules
            for klass in CLASSES
            if klass not in rule["exempt"] and any(self._binds(rule, klass, one) for one in self.candidates)
        ]
        self._bound: Final = [{one.place for one in self.candidates if self._binds(*window, one)}
                              for window in self.windows]  # fmt: skip
        self._counted: Final = [
            {self.candidates[place].scopes[window.rule["scope"]] for place in bound}
            for window, bound in zip(self.windows, self._bound, strict=True)
        ]
        timed = {self._timing(one) for one in self.candidates} - {None}
        self.timings: Final = sorted(one for one in timed if one)
        self._known: Final = frozenset(bundle.feature_names)
        self.filters: Final = [*BEFORE, *(f"contact:{one.rule['id']}" for one in self.windows), *AFTER]
        self.loads: Final = sorted({(one.channel, one.is_promo) for one in self.candidates})
        self.consents: Final = list(
            dict.fromkeys(scope for one in self.candidates if (scope := bundle.channels[one.channel]["consent"]))
        )
        self._mine: Final = [
            {"global", *(f"{scope}:{value}" for scope, value in one.scopes.items())} for one in self.candidates
        ]
        self._place: Final = {name: place for place, name in enumerate(bundle.categories)}

    def rule(self, case: Case) -> Ruling:
        """Decide a case."""
        bundle, person, now = self.bundle, case.person, case.now
        seed, share = bundle.holdout
        drawn_from = bucket(seed, case.profile_id)
        held = drawn_from < share
        values = dict(zip(bundle.feature_names, case.features, strict=True))
        propensities, meta, flags, missing = self._estimate(case)
        counts = [self._count(place, person, now, held=held) for place in range(len(self.windows))]
        released = [self._released(case, timing) for timing in self.timings]
        failed = self._failed(case, values, counts, missing, released, held=held)
        pressures = [person.pressed(channel, now, with_shadows=held and promo) for channel, promo in self.loads]
        fatigues = [self._fatigue(self.loads[n][0], pressures[n], propensities) for n in range(len(self.loads))]
        contexts = [self._context(category, values) for category in bundle.categories]
        left = [one for one in self.candidates if not any(one.place in refused for refused in failed)]
        terms = {one.place: self._terms(one, propensities, fatigues, contexts, meta) for one in left}
        feasible = [one.place for one in left if terms[one.place].score > self._threshold(one)]
        salt = bundle.exploration["salt"]
        u = int(hashlib.sha256(f"{salt}|{case.decision_id}".encode()).hexdigest()[:8], 16)
        ruling = Ruling(
            drawn_from, failed, counts, pressures, fatigues, contexts, meta, terms, feasible, {}, u, "none", -1, -1,
            -1, released, {}, flags, None,
        )  # fmt: skip
        if feasible:
            self._draw(ruling, case, held=held)
        else:
            ruling.reason = self._reason(ruling)
        return ruling

    def _estimate(self, case: Case) -> tuple[dict[tuple[str, str], int], int, list[str], list[str]]:
        """Return propensities by (outcome, category), M, flags and the required models that did not answer."""
        propensities: dict[tuple[str, str], int] = {}
        meta, flags, missing = 10**6, [], []
        categories = self.bundle.categories
        for name, model in self.models.items():
            answer = case.answers.get(name, Answer("missing", []))
            is_ok = answer.status == "ok" and len(answer.outputs) == (len(categories) if model.get("by") else 1)
            is_meta = model.get("role") == "meta"
            is_moment = model.get("role") == "send_time"
            is_calibrated = is_ok and answer.edges is not None
            for place, category in enumerate(categories):
                p = micro(model.get("prior", 0), 10**9)
                if is_ok and answer.edges is not None and answer.values is not None:
                    output = answer.outputs[place if model.get("by") else 0]
                    p = answer.values[sum(output >= edge for edge in answer.edges)]
                propensities[model.get("outcome", ""), category] = p
            if is_meta and is_ok:
                m = math.floor(Fraction(answer.outputs[0], micro(model["reference"])) * 10**6)
                meta = min(max(m, 700_000), 1_300_000)
            elif (is_calibrated and not is_meta) or (is_moment and (is_ok or answer.status == "cold")):
                pass
            elif is_ok or answer.status == "cold":
                flags.append(f"prior:{name}")
            else:
                flags.append(f"degraded:{name}")
                missing += [name] if model.get("required") else []
        own = [model["outcome"] for model in self.models.values() if "outcome" in model]
        assumed = [f"assumed_increment:{one}" for one in own if "beta" not in self.bundle.outcomes[one]]
        return propensities, meta, flags + assumed, missing

    def _failed(
        self, case: Case, values: Told, counts: list[dict[str, int]], missing: list[str], released: list[int], *,
        held: bool,
    ) -> list[set[int]]:
        """Return what each filter refuses."""
        bundle, person, now = self.bundle, case.person, case.now
        failed: dict[str, set[int]] = {name: set() for name in (*BEFORE, *AFTER)}
        by_window: list[set[int]] = [set() for _ in self.windows]
        for one in self.candidates:
            action, mine = one.action, self._mine[one.place]
            scope = bundle.channels[one.channel]["consent"]
            begins, ends = bundle.valid(action)
            refusals = {
                "consent": bool(scope) and not person.consents.get(scope, (False, 0))[0],
                "suppression": bool(mine & set(person.suppressed)),
                **{stage: not holds(action[stage], values, action["category"], self._known) for stage in STAGES},
                "validity": not begins <= now < ends,
                "conflict": any(self._is_conflict(one, offer, now, held=held) for offer in person.offers),
                "cooldown": one.is_promo and any(until > now and at in mine for at, until in person.cooldowns.items()),
                "release": self._is_late(one, case, released, begins, ends),
                "model_missing": any(self._needs(one, name) for name in missing),
            }
            for name, refused in refusals.items():
                failed[name] |= {one.place} if refused else set()
            for place, window in enumerate(self.windows):
                observed = counts[place].get(one.scopes[window.rule["scope"]], 0)
                if observed >= window.rule["limit"] and one.place in self._bound[place]:
                    by_window[place].add(one.place)
        return [*(failed[name] for name in BEFORE), *by_window, *(failed[name] for name in AFTER)]

    @staticmethod
    def _binds(rule: Told, klass: str, candidate: Candidate) -> bool:
        return candidate.action["class"] == klass and rule["value"] in ("*", candidate.scopes[rule["scope"]])

    def _timing(self, one: Candidate) -> tuple[str, str, bool] | None:
        """Return what moves a candidate: its delivery channel, its class, and whether quiet hours do."""
        channel = self.bundle.channels[one.channel]
        quiet = channel.get("quiet_hours")
        is_quiet = quiet is not None and not (one.action["tier"] == 0 and quiet.get("bypassable"))
        is_moved = one.is_promo and channel.get("send_time") in self.models
        return (one.channel, one.action["class"], is_quiet) if is_quiet or is_moved else None

    def _released(self, case: Case, timing: tuple[str, str, bool]) -> int:
        """Return when the candidates of a timing may go out."""
        name, klass, is_quiet = timing
        channel, at = self.bundle.channels[name], case.now
        answer = case.answers.get(channel.get("send_time", ""), Answer("missing", []))
        if klass == "promo" and not case.deferrals and answer.status == "ok" and len(answer.outputs) == 1:
            at += math.floor(Fraction(answer.outputs[0] * 3_600_000, 10**6))
        if is_quiet:
            zone = case.person.zone or self.bundle.zone
            return after_quiet(channel["quiet_hours"], zone, at, f"{case.decision_id}|{name}")
        return at

    def release_of(self, ruling: Ruling, place: int) -> int:
        """Return when a candidate that something may move can go out."""
        timing = self._timing(self.candidates[place])
        assert timing is not None
        return ruling.released[self.timings.index(timing)]

    def _is_late(self, one: Candidate, case: Case, released: list[int], begins: int, ends: int) -> bool:
        """Tell whether a candidate could go out only when it is over, or was put off too often."""
        timing = self._timing(one)
        if timing is None or (at := released[self.timings.index(timing)]) <= case.now:
            return False
        return not begins <= at < ends or (one.is_promo and case.deferrals >= DEFERRALS_MAX)

    def _needs(self, one: Candidate, model: str) -> bool:
        told, action = self.models[model], one.action
        if told.get("role") == "send_time":
            return one.is_promo and self.bundle.channels[one.channel].get("send_time") == model
        return told.get("role") == "meta" or told["outcome"] in action["value"]

    def binding(self, person: Person, now: int, *, held: bool) -> list[Offer]:
        """Return the offers that exclude others now."""
        cool_off_ms = self.bundle.conflicts["cool_off_ms"]
        return [
            one for one in person.offers
            if one.state in ("reserved", "live") and one.until + cool_off_ms > now and (held or not one.ghost)
        ]  # fmt: skip

    def _is_conflict(self, candidate: Candidate, offer: Offer, now: int, *, held: bool) -> bool:
        """Tell whether an offer that is on, or has just ended, excludes a candidate."""
        conflicts, action = self.bundle.conflicts, candidate.action
        if offer.state not in ("reserved", "live") or (offer.ghost and not (held and candidate.is_promo)):
            return False
        if offer.until + conflicts["cool_off_ms"] <= now:
            return False
        pair = {action["intent"], offer.intent}
        same_line = action["line"] != "" and action["line"] == offer.line
        return bool(
            action["group"] == offer.group
            or (same_line and action["price"] != offer.price)
            or pair in conflicts["intents"]
            or (same_line and pair in conflicts["intents_on_one_line"])
        )

    def _count(self, place: int, person: Person, now: int, *, held: bool) -> dict[str, int]:
        """Count the contacts of a rule's window, by id of its scope, of the ids that bind a candidate."""
        window = self.windows[place]
        rule = window.rule
        scope, told = rule["scope"], rule["window"]
        if told.startswith("rolling:"):
            after = now - duration_ms(told.removeprefix("rolling:"))
        else:
            zones = [person.zone or self.bundle.zone, *(zone for zone, at in person.left if at > now - TRAVEL_MS)]
            after = min(local_start(zone, now // 900_000, told) for zone in zones) - 1
        shadows = held and window.klass == "promo"
        found = Counter(
            one.scopes[scope]
            for at, one in person.counted(now, with_shadows=shadows)
            if (at is None or at > after) and rule["class"] in ("*", one.klass)
        )
        return {value: count for value, count in found.items() if value in self._counted[place]}

    def _fatigue(self, channel: str, pressure: int, propensities: dict[tuple[str, str], int]) -> int:
        told = self.bundle.channels[channel]
        lost = 0
        for outcome, kind in self.bundle.outcomes.items():
            if kind.get("loses_contact") and (outcome, self.bundle.categories[0]) in propensities:
                lost += self._gain(outcome, told["contact_value"], propensities[outcome, self.bundle.categories[0]])
        return math.floor(Fraction(lost + pressure * micro(told["kappa"]) * 1000, 10**9))

    def _gain(self, outcome: str, value: float, propensity: int) -> int:
        return propensity * math.floor(Fraction(self.bundle.beta_ppm(outcome) * micro(value), 10**6))

    def _context(self, category: str, values: Told) -> int:
        told = [one for one in self.bundle.told.get("contexts", []) if one["category"] == category]
        percent: int = sum(one["percent"] for one in told if holds(one["when"], values, category, self._known))
        return min(max(10**6 + percent * 10**4, 500_000), 2_000_000)

    def _terms(
        self, one: Candidate, propensities: dict[tuple[str, str], int], fatigues: list[int], contexts: list[int],
        meta: int,
    ) -> Terms:  # fmt: skip
        """Return EV, COST, FAT, C and the score."""
        action, category = one.action, one.action["category"]
        channel = self.bundle.channels[one.channel]
        gains = [self._gain(name, value, propensities[name, category]) for name, value in action["value"].items()]
        ev = math.floor(Fraction(sum(gains), 10**9))
        cost = micro(channel["cost"]) + micro(one.treatment["content_cost"])
        if action["offer_cost"]:
            taken_up = propensities[self.bundle.redeemed_by(action), category]
            cost += math.floor(Fraction(taken_up * micro(action["offer_cost"]), 10**9))
        fatigue = fatigues[self.loads.index((one.channel, one.is_promo))]
        context = contexts[self._place[category]]
        net = ev - cost - fatigue
        m = math.floor(Fraction(context * math.floor(Fraction(micro(action["lever"]) * meta, 10**6)), 10**6))
        score = math.floor(Fraction(net * m, 10**6)) if net >= 0 else math.floor(Fraction(net * 10**6, m))
        return Terms(ev, cost, fatigue, context, score)

    def _threshold(self, one: Candidate) -> int:
        return micro(self.bundle.channels[one.channel]["threshold"])

    def _draw(self, ruling: Ruling, case: Case, *, held: bool) -> None:
        """Draw one of the feasible candidates, and mask it where its person is held out."""
        counted = case.person.counted(case.now, with_shadows=held)
        latest = max([case.now, *(at for at, _ in counted if at is not None)])
        shown = {one.scopes["action"]: latest if at is None else at for at, one in counted}
        order = {place: self._order(place, ruling, case, shown) for place in ruling.feasible}
        ranked = sorted(ruling.feasible, key=order.__getitem__)
        best = ranked[0]
        tied = [place for place in ranked if order[place][:2] == order[best][:2]]
        compared = tied if len(tied) > 1 else []
        if self.candidates[best].action["tier"] == 0:
            ruling.chances = {best: WHOLE}
        else:
            delta, epsilon = micro(self.bundle.exploration["delta"]), self.bundle.exploration["epsilon"]
            near = [place for place in ranked if order[place][1] <= order[best][1] + delta]
            arms_max = max(1, math.floor(Fraction(str(epsilon)) * 1000))
            compared = near if len(near) > arms_max else compared
            ruling.chances = _chances(sorted(near[:arms_max]), best, Fraction(str(epsilon)))
        actions = {self.candidates[place].action["id"] for place in compared}
        ruling.shown = {action: at for action, at in shown.items() if action in actions}
        passed, drawn = 0, -1
        for place, q in ruling.chances.items():
            drawn = place if passed <= ruling.u < passed + q else drawn
            passed += q
        one = self.candidates[drawn]
        timing = self._timing(one)
        if one.is_promo and timing and ruling.released[self.timings.index(timing)] > case.now:
            ruling.source, ruling.deferred, ruling.reason = "deferred", drawn, "deferred"
        elif held and one.is_promo:
            ruling.source, ruling.ghost, ruling.reason = "holdout", drawn, "holdout"
        else:
            ruling.source, ruling.chosen = "best" if drawn == best else "explore", drawn

    def _order(self, place: int, ruling: Ruling, case: Case, shown: dict[str, int]) -> tuple[Any, ...]:
        action = self.candidates[place].action
        tie = hashlib.sha256(f"{case.decision_id}|{action['id']}".encode()).digest()
        priority = self.bundle.told["categories"][action["category"]].get("priority", 0)
        return action["tier"], -ruling.terms[place].score, -priority, shown.get(action["id"], -1), tie, place

    def _reason(self, ruling: Ruling) -> str:
        """Return the first filter after which nothing was left."""
        if ruling.terms:
            return "threshold"
        gone: set[int] = set()
        for name, refused in zip(self.filters, ruling.failed, strict=True):
            gone |= refused
            if len(gone) == len(self.candidates):
                return name
        raise AssertionError("something was left")


def _chances(arms: list[int], best: int, epsilon: Fraction) -> dict[int, int]:
    """Return the selection probabilities in 2⁻³²: what rounding down leaves goes to the largest remainders."""
    exact = {arm: WHOLE * (epsilon / len(arms) + (1 - epsilon if arm == best else 0)) for arm in arms}
    chances = {arm: math.floor(chance) for arm, chance in exact.items()}
    for arm in sorted(arms, key=lambda arm: (chances[arm] - exact[arm], arm))[: WHOLE - sum(chances.values())]:
        chances[arm] += 1
    return chances
