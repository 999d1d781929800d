"""The recording that tests of replay change."""

import copy
from functools import cache

import pytest

from tests.recording import Recording
from tests.replays import recorded

original = cache(recorded)


@pytest.fixture
def recording() -> Recording:
    """Return a recording of one's own."""
    return copy.deepcopy(original())
