"""Which customers lack a backup, case by case; the notation is that of `tests.support.cases`."""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_invariant, invariants_of

TABLES = {
    "every_customer_has_a_backup": """
without a backup, every customer lacks one
    customer   10  balance=3.50  overpayment=null  name=Ada  -> violates balance=3.50 overpayment=null name=Ada
    customer   11  deleted
    customer   13  tenant=2

customers that are missing from the backup
    customer   10
    customer   11                          -> violates
    customer   13                          -> violates
    backup     10
    backup     11  tenant=2

once the backup is complete, customers that came after it need none
    customer   10                          -> violates
    customer   11
    customer   13
    backup     11
    backup-run  1

a backup that was interrupted says nothing of who came after
    customer   10
    customer   11                          -> violates
    backup     10
    backup-run  1  outcome=interrupted

another tenant's complete backup says nothing of this one
    customer   10
    customer   11                          -> violates
    backup     10
    backup     12  tenant=2
    backup-run  2  tenant=2
""",
}
CASES = [(invariant, case) for invariant, table in TABLES.items() for case in cases(table)]


@pytest.mark.parametrize(("invariant", "case"), CASES, ids=str)
def test_backup(connection: Connection, invariant: str, case: Case) -> None:
    assert_invariant(connection, invariant, case)


def test_every_invariant_of_the_group_has_a_table() -> None:
    assert invariants_of("backup") == set(TABLES)
