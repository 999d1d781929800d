from __future__ import annotations

from streams.policy import Label, Model
from tests.builders import DAY_MS, compiled, small_policy


def model(name: str, **fields: object) -> Model:
    """Return one model of the small policy, with these fields changed."""
    models = small_policy()["models"]
    models[name] |= fields
    return compiled(models=models).models[name]


def label(name: str, **fields: object) -> Label:
    """Return its label."""
    found = model(name, **fields).label
    assert found is not None
    return found


def test_a_keyed_input_is_expanded_to_every_category_in_order() -> None:
    found = model("next_purchase")
    assert found.inputs == ("bought_28d.bread", "bought_28d.soup", "baskets_28d")
    assert found.input_at == (1, 2, 0)
    assert model("lapse", inputs=["bought_28d.soup"]).inputs == ("bought_28d.soup",)


def test_the_kind_follows_from_where_a_model_is_served() -> None:
    assert model("lapse").kind == "onnx"
    assert model("next_purchase").kind == "online"
    assert model("lapse", kind="online").kind == "online"


def test_an_outcome_label_is_one_if_it_happened() -> None:
    found = label("next_purchase")
    assert (found.event, found.match_category, found.window_ms) == ("product_purchased", True, 14 * DAY_MS)
    assert found.value_of({"amount": 5}) == 1
    assert (found.final(1), found.final(None)) == (1.0, 0.0)


def test_an_absent_label_is_one_if_it_did_not() -> None:
    found = label("lapse")
    assert (found.final(1), found.final(None)) == (0.0, 1.0)


def test_a_next_label_is_the_amount_in_units_of_money() -> None:
    found = label("basket")
    assert found.value_of({"amount": 12_500_000}) == 12_500_000
    assert found.value_of({}) == 0
    assert (found.final(12_500_000), found.final(None)) == (12.5, None)
    assert label("basket", label={"next": "basket_completed.lines", "window": "7d"}).final(3) == 3.0


def test_a_label_may_match_the_category_and_have_its_own_window() -> None:
    found = label("basket", label={"next": "product_purchased.amount", "match": "category", "window": "7d"})
    assert (found.match_category, found.window_ms) == (True, 7 * DAY_MS)
    found = label("lapse", label={"outcome": "purchase", "match": "category", "window": "1d"})
    assert (found.kind, found.match_category, found.window_ms) == ("outcome", True, DAY_MS)


def test_by_default_a_model_learns_its_outcome_and_a_meta_model_nothing() -> None:
    models = small_policy()["models"]
    del models["lapse"]["label"], models["basket"]["label"]
    policy = compiled(models=models)
    lapse = policy.models["lapse"].label
    assert lapse is not None
    assert (lapse.kind, lapse.match_category) == ("outcome", False)
    assert policy.models["basket"].label is None
