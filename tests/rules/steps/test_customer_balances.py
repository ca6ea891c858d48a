"""The balances that customers are given from their meters, case by case; the notation is that of `cases`."""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_step

CASES = """
a customer has the sums of its active meters, each counted once and not netted
    customer   10                  -> sum_of_active_meters balance=5 overpayment=2
    meter      20  balance=5.00
    meter      21  balance=null  overpayment=2.00
    meter      23  balance=90
    meter      24  balance=80  deleted
    assignment 30
    assignment 31
    assignment 32  meter=21
    assignment 33  meter=23  inactive
    assignment 34  meter=23  active=null
    assignment 35  meter=24
    assignment 36  meter=23  deleted
    assignment 37  meter=22

one amount that differs is enough, and null differs from 0
    customer   10  balance=5                   -> correct
    customer   11  balance=5  overpayment=1    -> sum_of_active_meters balance=5 overpayment=0
    customer   13  balance=5.01                -> sum_of_active_meters balance=5 overpayment=0
    customer   14  balance=5  overpayment=null -> sum_of_active_meters balance=5 overpayment=0
    customer   15  balance=null                -> sum_of_active_meters balance=5 overpayment=0
    meter      20  balance=5.00
    assignment 30
    assignment 31  customer=11
    assignment 32  customer=13
    assignment 33  customer=14
    assignment 34  customer=15

a customer without an active meter keeps what it owes
    customer   10  balance=7                   -> unresolved customer_without_active_meter
    customer   11  balance=7                   -> unresolved customer_without_active_meter
    customer   13                              -> unresolved customer_without_active_meter
    customer   14  balance=null  overpayment=null  -> unresolved customer_without_active_meter
    assignment 30  inactive
    assignment 31  meter=22  customer=11

the policy about payments without an active meter is not for this [customers_without_active_meter=first_assigned_meter]
    customer   10  balance=7                   -> unresolved customer_without_active_meter
    meter      20  balance=5
    assignment 30  inactive

rows that are not the tenant's, or deleted, are not looked at
    customer   10  deleted                     -> ignored
    customer   11  tenant=2                    -> ignored
    meter      20  balance=5
    assignment 30
    assignment 31  customer=11
"""


@pytest.mark.parametrize("case", cases(CASES), ids=str)
def test_customer_balances(connection: Connection, case: Case) -> None:
    assert_step(connection, "customer_balances", case)
