"""Ids: the vectors that every other implementation must meet, and what makes two ids differ."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from streams.ids import chained, derive, fingerprint


def test_a_part_goes_in_as_its_length_and_its_bytes() -> None:
    message = b"\0\0\0\x08decision" + b"\0\0\0\x08checkout" + b"\0\0\0\x03e-1"
    assert derive("decision", "checkout", "e-1") == hashlib.sha256(message).hexdigest()[:32]


def test_vectors() -> None:
    assert derive("decision", "checkout", "e-1") == "58b9772791718b3f8dbabbd84a2fc467"
    decision_id = "58b9772791718b3f8dbabbd84a2fc467"
    assert derive("activation", decision_id, "checkout", "0") == "aed9fa4d8dd750920dc2654e363e1423"
    assert derive("event") == "a63a16f810c056c56c07c958a1c033d3"


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_two_lists_of_parts_never_read_alike(one: list[str], other: list[str]) -> None:
    assert (derive("kind", *one) == derive("kind", *other)) == (one == other)


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_a_source_cannot_lend_its_letters_to_an_event_id(a: str, b: str, c: str, d: str) -> None:
    assert (fingerprint(a, b) == fingerprint(c, d)) == ((a, b) == (c, d))


def test_a_fingerprint_fits_a_signed_long() -> None:
    assert all(0 <= fingerprint("s", str(i)) < 1 << 63 for i in range(1000))


def test_the_chain_covers_the_previous_hash() -> None:
    assert chained(b"\0" * 32, b"e") != chained(b"\1" * 32, b"e")
