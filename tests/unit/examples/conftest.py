import pytest

from examples.grocery import tables


@pytest.fixture(scope="session")
def grocery_tables() -> tables.Tables:
    """Return the tables of the data set, read once."""
    return tables.read()
