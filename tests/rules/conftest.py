"""What the tests of rules share: one empty database for all cases of a module."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from tests.support.databases import empty_tables
from tests.support.rules import SCHEMA


@pytest.fixture(scope="module")
def connection(empty_billing_url: str) -> Iterator[Connection]:
    """A connection to a database without rows; each case or example loads its rows and rolls them back."""
    with empty_tables(empty_billing_url, SCHEMA) as made:
        yield made
