"""The rows that are added to the backup, case by case; the notation is that of `tests.support.cases`."""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_step

CASES = """
every customer is backed up where there is no backup, as it is, null too
    customer 10  balance=3.00  overpayment=null   -> first_backup balance=3.00 overpayment=null
    customer 11  balance=null  overpayment=0.29   -> first_backup balance=null overpayment=0.29
    customer 13                                   -> first_backup balance=0 overpayment=0
    customer 14  deleted                          -> ignored
    customer 15  tenant=2                         -> ignored

a backup that is there is never overwritten, though the customer has changed
    customer 10  balance=3.00                     -> correct
    customer 11  balance=4.00                     -> first_backup balance=4.00 overpayment=0
    customer 13                                   -> correct
    backup   10  balance=9.00  overpayment=null
    backup   13  balance=null  overpayment=null

another tenant's backup of that id is none
    customer 10  balance=3.00                     -> first_backup balance=3.00 overpayment=0
    backup   10  balance=3.00  tenant=2

customers that came after a complete backup are backed up too
    customer   10                                 -> correct
    customer   11  balance=2                      -> first_backup balance=2
    backup     10
    backup-run  1  outcome=succeeded
"""


@pytest.mark.parametrize("case", cases(CASES), ids=str)
def test_customer_balances_backup(connection: Connection, case: Case) -> None:
    assert_step(connection, "customer_balances_backup", case)
