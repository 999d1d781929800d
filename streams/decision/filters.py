"""Filters: each gives the candidates that it refuses, as a bitset, from one part of the snapshot."""

from __future__ import annotations

from bisect import bisect_right

from streams.policy.board import Board
from streams.rows import Offer


def refused_by_consent(board: Board, consents: list[list[int]]) -> int:
    """Refuse what needs a consent that is not granted; no word is no consent."""
    refused = 0
    for index, mask in enumerate(board.consent_masks):
        if not consents[index][0]:
            refused |= mask
    return refused


def refused_by_scopes(board: Board, scopes: list[str]) -> int:
    """Refuse what lies in one of these scopes."""
    refused = 0
    for scope in scopes:
        refused |= board.by_scope.get(scope, 0)
    return refused


def refused_by_validity(board: Board, now: int) -> int:
    """Refuse what is not valid now; valid_to is not valid any more."""
    return board.invalid[bisect_right(board.instants, now)]


def refused_by_offer(board: Board, offer: Offer) -> int:
    """Refuse what is in conflict with an offer: its group, its line at another price, intents that exclude its own.

    A shadow offer excludes only what can be held out.
    """
    line = board.by_line.get(offer.line, 0)
    refused = board.by_group.get(offer.group, 0) | board.by_rival.get(offer.intent, 0)
    refused |= line & (~board.by_price.get(offer.price, 0) | board.by_rival_on_line.get(offer.intent, 0))
    return refused & board.promotions if offer.ghost else refused


def refused_by_offers(board: Board, offers: list[Offer]) -> int:
    """Refuse what is in conflict with any of these offers."""
    refused = 0
    for offer in offers:
        refused |= refused_by_offer(board, offer)
    return refused


def refused_by_contact(board: Board, counts: list[dict[str, int]]) -> list[int]:
    """Refuse, rule by rule, what has reached its limit."""
    refused: list[int] = []
    for index, window in enumerate(board.windows):
        mask = window.always
        limit = window.limit
        for value, count in counts[index].items():
            if count >= limit:
                mask |= window.by_value[value]
        refused.append(mask)
    return refused
