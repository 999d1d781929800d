"""The oracle: the rules of a decision, candidate by candidate, in the plainest words, from the bundle itself.

It shares no code with the board: no bitsets, no columns, no compiled conditions, fractions where the product has
integers that round.  What it says of a case must be what `decide` says, to the digit.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.decision.holdout import bucket
from streams.policy import Policy
from streams.rows import Offer
from tests.crowd import Case

WORDS: Final = re.compile(r"'[^']*'|[A-Za-z_][\w.]*")
DAY_MS: Final = 86_400_000
UNITS_MS: Final = {"d": DAY_MS, "h": 3_600_000, "m": 60_000, "s": 1_000}


@dataclass(frozen=True)
class Row:
    """What the oracle says of one candidate."""

    treatment: str
    failures: tuple[tuple[str, int, int], ...]
    terms: tuple[int, ...] | None  # ev, cost, fatigue, context, score
    q: int


@dataclass(frozen=True)
class Ruling:
    """What the oracle says of one case."""

    rows: list[Row]
    u: int
    source: str
    chosen: str
    ghost: str
    flags: list[str]
    reason: str | None


@lru_cache
def micro(amount: float, scale: int = 10**6) -> int:
    return math.floor(Fraction(str(amount)) * scale + Fraction(1, 2))


def duration(text: str) -> int:
    return int(text[:-1]) * UNITS_MS[text[-1]]


class Oracle:
    """One policy's bundle, asked case by case."""

    def __init__(self, bundle: dict[str, Any], policy: Policy, point: str) -> None:
        self.bundle = bundle
        self.names = policy.features.names
        self.categories = sorted(bundle["categories"])
        self.point = point
        self.models: dict[str, dict[str, Any]] = {
            name: bundle["models"][name] for name in bundle["decision_points"][point]["models"]
        }

    def rule(self, case: Case) -> Ruling:
        """Decide a case."""
        bundle = self.bundle
        held = bucket(bundle["holdout"]["seed"], case.profile_id) < micro(bundle["holdout"]["share"], 10_000)
        values = dict(zip(self.names, case.features, strict=True))
        propensities, meta, flags, missing = self.estimate(case)
        rows: list[Row] = []
        tried: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for action in bundle["actions"]:
            for treatment in action["treatments"]:
                shadows = held and action["class"] == "promo"
                failures = list(self.failures(action, treatment["channel"], values, case, missing, shadows=shadows))
                terms = None
                if not failures:
                    terms = self.terms(action, treatment, values, case, propensities, meta, shadows=shadows)
                    threshold = micro(bundle["delivery_channels"][treatment["channel"]]["threshold"])
                    if terms[-1] <= threshold:
                        failures.append(("threshold", terms[-1], threshold))
                rows.append(Row(treatment["id"], tuple(failures), terms, 0))
                tried.append((action, treatment))
        u = int(hashlib.sha256(f"explore:v1|{case.decision_id}".encode()).hexdigest()[:8], 16)
        feasible = [index for index, row in enumerate(rows) if not row.failures]
        if not feasible:
            return Ruling(rows, u, "none", "", "", flags, self.reason(rows))
        best, chances = self.chances(feasible, rows, tried, case, held=held)
        passed, drawn = 0, -1
        for index, q in chances.items():
            rows[index] = Row(rows[index].treatment, (), rows[index].terms, q)
            if passed <= u < passed + q:
                drawn = index
            passed += q
        assert passed == 2**32
        name = rows[drawn].treatment
        if held and tried[drawn][0]["class"] == "promo":
            return Ruling(rows, u, "holdout", "", name, flags, "holdout")
        return Ruling(rows, u, "best" if drawn == best else "explore", name, "", flags, None)

    def estimate(self, case: Case) -> tuple[dict[tuple[str, str], int], int, list[str], list[str]]:
        """Return propensities by (outcome, category), M, flags and the required models that did not answer."""
        propensities: dict[tuple[str, str], int] = {}
        meta, flags, missing = 10**6, [], []
        for name, model in self.models.items():
            answer = case.answers.get(name)
            width = len(self.categories) if model.get("by") else 1
            is_ok = answer is not None and answer.status == "ok" and len(answer.outputs) == width
            is_meta = model.get("role") == "meta"
            calibrator = case.calibrators.get(name)
            for place, category in enumerate(self.categories):
                p = micro(model.get("prior", 0), 10**9)
                if is_ok and answer is not None and calibrator is not None:
                    output = answer.outputs[place if model.get("by") else 0]
                    p = calibrator.values_ppb[sum(output >= edge for edge in calibrator.edges_ppb)]
                propensities[model.get("outcome", ""), category] = p
            if is_meta and is_ok and answer is not None:
                meta = min(
                    max(math.floor(Fraction(answer.outputs[0], micro(model["reference"])) * 10**6), 700_000), 1_300_000
                )
            elif is_ok and calibrator is not None:
                pass
            elif is_ok or (answer is not None and answer.status == "cold"):
                flags.append(f"prior:{name}")
            else:
                flags.append(f"degraded:{name}")
                if model.get("required"):
                    missing.append(name)
        assumed = [
            m["outcome"]
            for m in self.models.values()
            if "outcome" in m and "beta" not in self.bundle["outcomes"][m["outcome"]]
        ]
        return propensities, meta, flags + [f"assumed_increment:{outcome}" for outcome in assumed], missing

    def failures(
        self,
        action: dict[str, Any],
        channel: str,
        values: dict[str, Any],
        case: Case,
        missing: list[str],
        *,
        shadows: bool,
    ) -> Iterator[tuple[str, int, int]]:
        """Yield what refuses a candidate, in order, with what was observed and the limit."""
        scope = self.bundle["delivery_channels"][channel].get("consent")
        if scope and not case.profile.consents.get(scope, [0])[0]:
            yield "consent", 0, 0
        scopes = {"global", f"channel:{channel}", f"category:{action['category']}"}
        if scopes & set(case.profile.suppressed):
            yield "suppression", 0, 0
        for stage in ("eligibility", "applicability", "suitability"):
            if not self.holds(action[stage], values, action["category"]):
                yield stage, 0, 0
        if not instant(action["valid_from"]) <= case.now < instant(action["valid_to"]):
            yield "validity", 0, 0
        if any(self.is_conflict(action, offer, case.now, shadows=shadows) for offer in case.contacts.offers):
            yield "conflict", 0, 0
        for rule in self.bundle["contact"]:
            ids = {
                "global": "*",
                "channel": channel,
                "category": action["category"],
                "intent": action["intent"],
                "action": action["id"],
            }
            own = ids[rule["scope"]]
            if action["class"] in rule.get("exempt", ["transactional"]) or rule.get("value", "*") not in ("*", own):
                continue
            observed = self.count(rule, own, case, shadows=shadows)
            if observed >= rule["limit"]:
                yield f"contact:{rule['id']}", observed, rule["limit"]
        if action["class"] == "promo" and any(
            scope in scopes and until > case.now for scope, until in case.contacts.cooldowns
        ):
            yield "cooldown", 0, 0
        for name in missing:
            if self.models[name].get("role") == "meta" or self.models[name]["outcome"] in action["value"]:
                yield "model_missing", 0, 0
                break

    def holds(self, text: str, values: dict[str, Any], category: str) -> bool:
        """Evaluate a condition; a missing feature fails the term it stands in."""
        if not text:
            return True
        tree = ast.parse(text, mode="eval").body
        terms = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
        for term in terms:
            used: list[Any] = []

            def put(word: re.Match[str], used: list[Any] = used) -> str:
                name = word[0] if word[0] in values else f"{word[0]}.{category}"
                if name not in values:
                    return word[0]  # a word of the language, or text in quotes
                used.append(values[name])
                return repr(values[name])

            source = WORDS.sub(put, ast.unparse(term))
            if None in used or not eval(source):
                return False
        return True

    def is_conflict(self, action: dict[str, Any], offer: Offer, now: int, *, shadows: bool) -> bool:
        """Tell whether an offer that is on, or has just ended, excludes an action."""
        conflicts = self.bundle["conflicts"]
        if offer.state not in ("reserved", "live") or (offer.ghost and not shadows):
            return False
        if offer.until + duration(conflicts["cool_off"]) <= now:
            return False
        pair = {action["intent"], offer.intent}
        same_line = action["line"] != "" and action["line"] == offer.line
        return (
            action["group"] == offer.group
            or (same_line and action["price"] != offer.price)
            or pair in [set(intents) for intents in conflicts["intents"]]
            or (same_line and pair in [set(intents) for intents in conflicts["intents_on_one_line"]])
        )

    def count(self, rule: dict[str, Any], own: str, case: Case, *, shadows: bool) -> int:
        """Count the contacts of a rule's window, one after the other."""
        if rule["window"].startswith("rolling:"):
            after = case.now - duration(rule["window"][8:])
        else:
            after = local_start(case.profile.zone or self.bundle["zone"], case.now, rule["window"]) - 1
        contacts, total = case.contacts, 0
        for index, at in enumerate(contacts.at):
            ids = {
                "global": "*",
                "channel": contacts.channel[index],
                "category": contacts.category[index],
                "intent": contacts.intent[index],
                "action": contacts.action[index],
            }
            lease = contacts.lease_until[index]
            is_counted = lease > case.now if lease else at > after
            if contacts.ghost[index] and not shadows:
                continue
            if is_counted and ids[rule["scope"]] == own and rule.get("class", "*") in ("*", contacts.klass[index]):
                total += 1
        return total

    def terms(
        self,
        action: dict[str, Any],
        treatment: dict[str, Any],
        values: dict[str, Any],
        case: Case,
        propensities: dict[tuple[str, str], int],
        meta: int,
        *,
        shadows: bool,
    ) -> tuple[int, ...]:
        """Return EV, COST, FAT, C and the score."""
        channel = self.bundle["delivery_channels"][treatment["channel"]]
        category = action["category"]

        def gain(outcome: str, value: float) -> int:
            beta = micro(self.bundle["outcomes"][outcome].get("beta", 0.5))
            return propensities[outcome, category] * math.floor(Fraction(beta * micro(value), 10**6))

        ev = math.floor(Fraction(sum(gain(outcome, value) for outcome, value in action["value"].items()), 10**9))
        redeemed = math.floor(Fraction(propensities["purchase", category] * micro(action["offer_cost"]), 10**9))
        cost = micro(channel["cost"]) + micro(treatment["content_cost"]) + redeemed
        pressure = sum(
            decayed(case.contacts.pressure.get(f"{ghost}{treatment['channel']}", [0, 0]), case.now)
            for ghost in ("", "ghost:")[: 1 + shadows]
        )
        lost = gain("leave", channel["contact_value"])
        fatigue = math.floor(Fraction(lost + pressure * micro(channel["kappa"]) * 1000, 10**9))
        percent = sum(
            context["percent"]
            for context in self.bundle["contexts"]
            if context["category"] == category and self.holds(context["when"], values, category)
        )
        context = min(max(10**6 + percent * 10**4, 500_000), 2_000_000)
        net = ev - cost - fatigue
        m = math.floor(Fraction(context * math.floor(Fraction(micro(action["lever"]) * meta, 10**6)), 10**6))
        score = math.floor(Fraction(net * m, 10**6)) if net >= 0 else math.floor(Fraction(net * 10**6, m))
        return ev, cost, fatigue, context, score

    def chances(
        self,
        feasible: list[int],
        rows: list[Row],
        tried: list[tuple[dict[str, Any], dict[str, Any]]],
        case: Case,
        *,
        held: bool,
    ) -> tuple[int, dict[int, int]]:
        """Return the best candidate, and the selection probability of each that can be drawn."""
        shown = {action: at for at, action in in_order(case, held=held)}

        def order(index: int) -> tuple[Any, ...]:
            action = tried[index][0]
            terms = rows[index].terms
            assert terms is not None
            tie = hashlib.sha256(f"{case.decision_id}|{action['id']}".encode()).digest()
            priority = self.bundle["categories"][action["category"]]["priority"]
            return action["tier"], -terms[-1], -priority, shown.get(action["id"], -1), tie, index

        ranked = sorted(feasible, key=order)
        best = ranked[0]
        if tried[best][0]["tier"] == 0:
            return best, {best: 2**32}
        exploration = self.bundle["exploration"]
        top = order(best)[1]
        near = [index for index in ranked if order(index)[1] <= top + micro(exploration["delta"])]
        epsilon = Fraction(str(exploration["epsilon"]))
        arms = sorted(near[: max(1, math.floor(epsilon * 1000))])
        exact = {index: 2**32 * (epsilon / len(arms) + (1 - epsilon if index == best else 0)) for index in arms}
        chances = {index: math.floor(chance) for index, chance in exact.items()}
        for index in sorted(arms, key=lambda index: (chances[index] - exact[index], index))[
            : 2**32 - sum(chances.values())
        ]:
            chances[index] += 1
        return best, chances

    def reason(self, rows: list[Row]) -> str:
        """Return the first filter after which nothing was left."""
        if any(row.terms for row in rows):
            return "threshold"
        rules = [f"contact:{rule['id']}" for rule in self.bundle["contact"]]
        stages = ["consent", "suppression", "eligibility", "applicability", "suitability", "validity", "conflict"]
        failed: set[int] = set()
        for name in [*stages, *rules, "cooldown", "model_missing"]:
            failed |= {index for index, row in enumerate(rows) if any(failure[0] == name for failure in row.failures)}
            if len(failed) == len(rows):
                return name
        raise AssertionError("something was left")


def in_order(case: Case, *, held: bool) -> list[tuple[int, str]]:
    """Return when which action was shown, what is in flight last."""
    contacts = case.contacts
    delivered, leased = [], []
    for index, at in enumerate(contacts.at):
        if contacts.ghost[index] and not held:
            continue
        if not contacts.lease_until[index]:
            delivered.append((at, contacts.action[index]))
        elif contacts.lease_until[index] > case.now:
            leased.append((max([case.now, *[at for at, _ in delivered]]), contacts.action[index]))
    return delivered + leased


@lru_cache
def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


@lru_cache
def local_start(zone: str, now: int, window: str) -> int:
    """Return when the local day, week or month began, by walking back a quarter of an hour at a time."""

    def label(at: int) -> tuple[int, ...]:
        day = datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date()
        if window == "week":
            day -= timedelta(days=day.weekday())
        return (day.year, day.month, day.day if window != "month" else 0)

    at = now - now % 900_000
    while label(at - 900_000) == label(now):
        at -= 900_000
    return at


def decayed(pressure: list[int], now: int) -> int:
    """Return what is left of a pressure after whole hours, with a half-life of 72."""
    amount, since = pressure
    halvings, hours = divmod((now - since) // 3_600_000, 72)
    with localcontext() as context:
        context.prec = 60
        factor = math.floor(Decimal(2) ** (Decimal(-hours) / 72) * 10**9)
    return math.floor(Fraction(amount // 2**halvings * factor, 10**9))
