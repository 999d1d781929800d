from __future__ import annotations

from streams.decision import effects
from streams.policy import Candidate, Policy
from streams.rows import Contacts
from tests.builders import DAY_MS, HOUR_MS, NOW, compiled, make_contacts, make_offer, small_policy

POLICY = compiled()
SOUP_EMAIL, SOUP_APP, SOUP_MORE, *_, RECALL = POLICY.points["checkout"].board.candidates


def reserved(candidate: Candidate = SOUP_EMAIL, *, ghost: bool = False) -> Contacts:
    """Return the row of a person to whom one thing goes out."""
    contacts = Contacts()
    effects.reserve(contacts, POLICY, candidate, "a1", NOW, ghost)
    return contacts


def test_what_goes_out_is_a_lease_with_a_reserved_offer_and_pressure() -> None:
    contacts = reserved()
    assert (contacts.at, contacts.channel, contacts.category, contacts.intent) == (
        [NOW],
        ["email"],
        ["soup"],
        ["cross_sell"],
    )
    assert (contacts.action, contacts.klass, contacts.activation_id, contacts.ghost) == (
        ["soup_off"],
        ["promo"],
        ["a1"],
        [0],
    )
    assert contacts.lease_until == [NOW + 48 * HOUR_MS]
    assert contacts.offers == [make_offer(state="reserved", until=NOW + 14 * DAY_MS)]
    assert contacts.pressure == {"email": [500_000, NOW]}


def test_what_offers_nothing_has_no_offer() -> None:
    assert reserved(RECALL).offers == []


def test_a_ghost_leaves_shadows_as_if_delivered() -> None:
    contacts = reserved(ghost=True)
    assert (contacts.at, contacts.lease_until, contacts.ghost) == ([NOW + HOUR_MS], [0], [1])
    assert contacts.offers == [make_offer(until=NOW + HOUR_MS + 14 * DAY_MS, ghost=1)]
    assert contacts.pressure == {"ghost:email": [500_000, NOW]}


def test_delivery_makes_it_count_from_then_on_and_its_offer_live() -> None:
    contacts = reserved()
    effects.reserve(contacts, POLICY, SOUP_APP, "a2", NOW + 1, ghost=False)
    assert effects.settle(contacts, "a1", "delivered", NOW + HOUR_MS)
    assert contacts.activation_id == ["a2", "a1"]
    assert contacts.at == [NOW + 1, NOW + HOUR_MS]
    assert contacts.lease_until == [NOW + 1 + HOUR_MS, 0]
    assert contacts.offers[0] == make_offer(until=NOW + HOUR_MS + 14 * DAY_MS)


def test_a_definite_refusal_releases_the_lease_and_the_offer() -> None:
    contacts = reserved()
    assert effects.settle(contacts, "a1", "rejected", NOW + 5)
    assert not any((contacts.at, contacts.channel, contacts.ghost))
    assert contacts.offers[0].state == "retracted"


def test_what_was_settled_or_is_unknown_changes_nothing() -> None:
    contacts = reserved()
    assert effects.settle(contacts, "a1", "delivered", NOW + 5)
    assert not effects.settle(contacts, "a1", "rejected", NOW + 6)
    assert not effects.settle(contacts, "a9", "delivered", NOW + 6)
    assert contacts.at == [NOW + 5]


def test_a_delivery_heard_of_after_the_lease_still_counts() -> None:
    contacts = reserved()
    late = NOW + 5 * DAY_MS
    effects.trim(contacts, POLICY, late)
    assert effects.settle(contacts, "a1", "delivered", late)
    assert (contacts.at, contacts.lease_until) == ([late], [0])


def test_an_offer_taken_up_binds_no_more() -> None:
    contacts = reserved()
    assert effects.redeem(contacts, "a1")
    assert not effects.redeem(contacts, "a1")
    assert contacts.offers[0].state == "redeemed"


def test_pressure_decays_and_adds_up() -> None:
    contacts = reserved()
    effects.press(contacts, "email", 500_000, NOW + 72 * HOUR_MS, ghost=False)
    assert contacts.pressure["email"] == [750_000, NOW + 72 * HOUR_MS]


def _resting() -> Policy:
    outcomes = small_policy()["outcomes"]
    outcomes["purchase"]["cool_down"] = "7d"
    outcomes["retain"]["cool_down"] = "1d"
    return compiled(outcomes=outcomes)


RESTING = _resting()


def test_an_outcome_lets_its_category_rest_or_everything() -> None:
    policy, contacts = RESTING, Contacts()
    assert effects.cool_down(contacts, policy.outcomes["purchase"], "soup", NOW)
    assert effects.cool_down(contacts, policy.outcomes["purchase"], "soup", NOW - 5)
    assert effects.cool_down(contacts, policy.outcomes["retain"], "soup", NOW)
    assert contacts.cooldowns == [["category:soup", NOW + 7 * DAY_MS], ["global", NOW + DAY_MS]]
    assert not effects.cool_down(contacts, POLICY.outcomes["retain"], "soup", NOW)


def test_of_a_category_that_is_none_no_more_rests_than_a_row_has_room_for() -> None:
    contacts = Contacts()
    for last in "ab":
        effects.cool_down(contacts, RESTING.outcomes["purchase"], "x" * 100_000 + last, NOW)
    assert contacts.cooldowns == [["category:" + "x" * 100, NOW + 7 * DAY_MS]]


def test_trim_forgets_what_binds_no_more() -> None:
    contacts = make_contacts({"at": NOW - 32 * DAY_MS}, {"at": NOW - 32 * DAY_MS + 1}, {"at": NOW})
    contacts.offers = [make_offer(until=NOW - 72 * HOUR_MS), make_offer(until=NOW - 72 * HOUR_MS + 1)]
    contacts.cooldowns = [["global", NOW], ["category:soup", NOW + 1]]
    effects.trim(contacts, POLICY, NOW)
    assert contacts.at == [NOW - 32 * DAY_MS + 1, NOW]
    assert [len(column) for column in (contacts.klass, contacts.lease_until, contacts.ghost)] == [2, 2, 2]
    assert [offer.until for offer in contacts.offers] == [NOW - 72 * HOUR_MS + 1]
    assert contacts.cooldowns == [["category:soup", NOW + 1]]


def test_a_row_is_bounded() -> None:
    contacts = Contacts()
    for n in range(200):
        effects.reserve(contacts, POLICY, SOUP_EMAIL, f"a{n}", NOW + n, ghost=False)
        effects.cool_down(contacts, RESTING.outcomes["purchase"], f"c{n}", NOW + n)
    assert len(contacts.cooldowns) == effects.COOLDOWNS_MAX
    assert contacts.cooldowns[-1][0] == "category:c199"
    assert (len(contacts.at), len(contacts.offers)) == (effects.CONTACTS_MAX, effects.OFFERS_MAX)
    assert contacts.activation_id[-1] == contacts.offers[-1].activation_id == "a199"
