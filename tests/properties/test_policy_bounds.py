"""What is called a contradiction is one: no values of the features fulfil it."""

from __future__ import annotations

from itertools import product
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from streams.policy.bounds import can_hold
from streams.policy.expression import Term, compile_refused

VALUES: Final = range(-1, 6)

comparison = st.builds(
    "{} {} {}".format, st.sampled_from(("v0", "v1")), st.sampled_from(("<", "<=", ">", ">=", "==", "!=")),
    st.integers(0, 4),
)  # fmt: skip
turned = st.builds(
    "{} {} {}".format, st.integers(0, 4), st.sampled_from(("<", "<=", ">", ">=", "==", "!=")),
    st.sampled_from(("v0", "v1")),
)  # fmt: skip
between = st.builds("{} < {} <= {}".format, st.integers(0, 4), st.sampled_from(("v0", "v1")), st.integers(0, 4))
member = st.builds(
    "{} {} {}".format, st.sampled_from(("v0", "v1")), st.sampled_from(("in", "not in")),
    st.lists(st.integers(0, 4), min_size=2, max_size=3).map(tuple),
)  # fmt: skip
plain = comparison | turned | between | member
either = st.builds("{} or {}".format, plain, plain)
source = plain | plain.map("not ({})".format) | plain.map("not (not ({}))".format) | either
terms = st.lists(source, min_size=1, max_size=4)


@given(terms)
def test_a_contradiction_is_one(sources: list[str]) -> None:
    made = [Term(one, (0, 1)) for one in sources]
    refused = compile_refused(dict.fromkeys(made, 1))
    if not can_hold(made):
        assert all(refused([one, other]) for one, other in product(VALUES, VALUES))


@given(st.lists(comparison | turned | member, min_size=1, max_size=6))
def test_of_comparisons_with_constants_every_contradiction_is_seen(sources: list[str]) -> None:
    made = [Term(one, (0, 1)) for one in sources]
    refused = compile_refused(dict.fromkeys(made, 1))
    if all(refused([one, other]) for one, other in product(VALUES, VALUES)):
        assert not can_hold(made)
