"""Attribution: what a plain reading of all facts says, in whatever order they came."""

from __future__ import annotations

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.records import RawEvent
from tests.builders import DAY_MS, HOUR_MS, NOW
from tests.shard import Shard, plain_policy, raw

WINDOW_MS: Final = 14 * DAY_MS
END: Final = NOW + 40 * DAY_MS

hours = st.integers(0, 6 * 24)  # within a week, so that no order of arrival is a jump


def basket(at: int) -> RawEvent:
    return raw(at=at, event_id=f"basket-{at}")


def told(baskets: list[int], facts: list[RawEvent], *, restarts: bool = False) -> tuple[Shard, dict[str, int]]:
    """Tell of baskets, then of what followed; return the shard, and what each decision was credited with in the end."""
    policy = plain_policy()
    policy["actions"][0]["offer_days"] = 0
    shard = Shard(policy)
    shard.tell(*(basket(at) for at in baskets))
    for fact in facts:
        shard.tell(fact)
        if restarts:
            shard.restart()
    shard.tick(END)
    rewards = [one for one in shard.said["rewards"] if (one.status, one.outcome) == ("final", "purchase")]
    assert len({one.decision_id for one in rewards}) == len(rewards) == len(baskets)
    return shard, {one.decision_id: one.outcomes for one in rewards}


def by_the_book(shard: Shard, delivered: dict[str, int], bought: list[int]) -> dict[str, int]:
    """Return the earned that the last-touch rule gives, read off all facts at once."""
    earned = dict.fromkeys((one.decision_id for one in shard.said["decisions"]), 0)
    for at in bought:
        touches = [
            (delivered[one.decision_id], one.decision_id)
            for one in shard.said["decisions"]
            if 0 < at - one.decided_at <= WINDOW_MS and delivered.get(one.decision_id, END) <= at
        ]
        if touches:
            earned[max(touches)[1]] += 1
    return earned


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]], list[int], list[int]]:
    """Draw baskets, (which basket's activation, when delivered), purchases, and an order in which all that is told."""
    baskets = sorted(NOW + hour * HOUR_MS for hour in draw(st.sets(st.integers(0, 48), min_size=1, max_size=4)))
    reported = draw(st.sets(st.integers(0, len(baskets) - 1)))
    reports = [(place, baskets[place] + draw(hours) * HOUR_MS + 1) for place in sorted(reported)]
    bought = sorted(NOW + hour * HOUR_MS + draw(st.integers(0, 2)) for hour in draw(st.sets(hours, max_size=8)))
    order = draw(st.permutations(range(len(reports) + len(bought))))
    return baskets, reports, bought, list(order)


@given(lives(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_credit_is_that_of_the_last_touch_whatever_came_first(
    life: tuple[list[int], list[tuple[int, int]], list[int], list[int]], restarts: bool
) -> None:
    baskets, reports, bought, order = life
    plain, _ = told(baskets, [])
    decisions = {one.decided_at: one for one in plain.said["decisions"]}
    delivered: dict[str, int] = {}
    facts: list[RawEvent] = []
    for place, at in reports:
        decision = decisions[baskets[place]]
        assert decision.activation_id is not None
        delivered[decision.decision_id] = at
        said = {"activation_id": decision.activation_id, "decision_id": decision.decision_id, "delivery_channel": "app"}
        facts.append(raw("activation_delivered", at, event_id=f"report-{place}", properties=said))
    facts += [raw("product_purchased", at, event_id=f"bought-{at}") for at in bought]
    shard, credited = told(baskets, [facts[place] for place in order], restarts=restarts)
    assert credited == by_the_book(shard, delivered, bought)
    assert sum(credited.values()) <= len(bought)
    ids = [one.reward_id for one in shard.said["rewards"]]
    assert len(set(ids)) == len(ids)
    assert {one.event_id for one in shard.said["outcomes"] if one.type == "purchase"} <= {
        fact.event_id for fact in facts
    }
