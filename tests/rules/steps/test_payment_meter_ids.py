"""The meters that payments are given, case by case; the notation is that of `tests.support.cases`."""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_step

CASES = """
a meter that is there stays, whatever it is
    payment    70  meter=20                 -> correct
    payment    71  meter=22                 -> correct
    payment    72  meter=29  invoice=59     -> correct

a meter that is there stays, though a rule would take another
    assignment 30  meter=20
    invoice    50  meter=21
    payment    70  meter=20  invoice=50     -> correct
    payment    71  meter=21                 -> correct
    payment    72  meter=22  invoice=50     -> correct

a payment takes its invoice's meter, assigned or not
    assignment 30  meter=20
    invoice    50  meter=21
    payment    70  invoice=50               -> invoice meter=21
    payment    71  invoice=50  customer=null  -> invoice meter=21
    payment    72  invoice=50  status=failed  -> invoice meter=21
    payment    73  invoice=50  amount=null  -> invoice meter=21

an invoice that leads to no meter says why, and the customer's meter does not stand in
    assignment 30  meter=20
    meter      23  deleted
    invoice    50  deleted
    invoice    51  meter=null
    invoice    53  meter=29
    invoice    54  meter=22
    invoice    55  meter=23
    payment    70  invoice=59               -> unresolved invoice_missing
    payment    71  invoice=50               -> unresolved invoice_missing
    payment    72  invoice=52               -> unresolved invoice_of_other_tenant
    payment    73  invoice=51               -> unresolved invoice_without_meter
    payment    74  invoice=53               -> unresolved invoice_without_meter
    payment    75  invoice=54               -> unresolved meter_of_other_tenant
    payment    76  invoice=55               -> unresolved invoice_without_meter
    payment    77  invoice=51  meter=20     -> correct

a deleted invoice of another tenant is missing, and so is another tenant's deleted meter
    invoice    53  deleted  tenant=2
    meter      23  deleted  tenant=2
    invoice    54  meter=23
    payment    70  invoice=53               -> unresolved invoice_missing
    payment    71  invoice=54               -> unresolved invoice_without_meter

a customer that is not there
    assignment 30  meter=20
    assignment 31  customer=12
    assignment 32  customer=11
    customer   11  deleted
    payment    70  customer=null            -> unresolved customer_missing
    payment    71  customer=19              -> unresolved customer_missing
    payment    72  customer=12              -> unresolved customer_missing
    payment    73  customer=11              -> unresolved customer_missing

one active meter, however often it is assigned
    assignment 30  meter=20
    assignment 31  meter=20
    assignment 32  meter=21  inactive
    assignment 33  meter=21  active=null
    assignment 34  meter=22
    assignment 35  meter=29
    assignment 36  meter=21  deleted
    payment    70                           -> sole_active_meter meter=20

the only active meter is not the first that was assigned
    assignment 30  meter=20  inactive
    assignment 31  meter=21
    payment    70                           -> sole_active_meter meter=21

several active meters: that of the lowest active assignment, not the lowest meter
    assignment 33  meter=20
    assignment 31  meter=21
    assignment 32  meter=20
    assignment 30  meter=20  inactive
    assignment 29  meter=22
    payment    70                           -> first_active_meter meter=21
    payment    71  customer=19              -> unresolved customer_missing

each customer has meters of its own
    customer   11
    customer   13
    assignment 30  meter=20
    assignment 31  meter=21  customer=11
    assignment 32  meter=20  customer=13
    assignment 33  meter=21  customer=13
    payment    70                           -> sole_active_meter meter=20
    payment    71  customer=11              -> sole_active_meter meter=21
    payment    72  customer=13              -> first_active_meter meter=20

no active meter leaves the payment
    assignment 30  meter=20  inactive
    assignment 31  meter=21  active=null
    payment    70                           -> unresolved customer_without_active_meter

no active meter, by policy the first that was assigned [customers_without_active_meter=first_assigned_meter]
    customer   11
    customer   13
    assignment 31  meter=20  inactive
    assignment 30  meter=21  active=null
    assignment 32  meter=20  customer=11
    assignment 29  meter=21  customer=11  inactive
    payment    70                           -> first_assigned_meter meter=21
    payment    71  customer=11              -> sole_active_meter meter=20
    payment    72  customer=13              -> unresolved customer_without_meter

no meter at all
    customer   11
    meter      23  deleted
    assignment 30  meter=23
    assignment 31  meter=29
    assignment 32  meter=20  deleted
    assignment 33  meter=20  customer=11  tenant=2
    payment    70                           -> unresolved customer_without_meter
    payment    71  customer=11              -> unresolved customer_without_meter

only meters of another tenant
    customer   11
    assignment 30  meter=22
    assignment 31  meter=22
    assignment 32  meter=22  customer=11  inactive
    assignment 33  meter=20  customer=11  inactive
    payment    70                           -> unresolved meter_of_other_tenant
    payment    71  customer=11              -> unresolved customer_without_active_meter

a decision is taken before every rule, and the newest counts
    customer   11
    assignment 30  meter=20
    invoice    50  meter=20
    payment    70                           -> decision meter=21
    payment    71  invoice=50               -> decision meter=21
    payment    72  invoice=59               -> decision meter=21
    payment    73  customer=11              -> decision meter=20
    payment    74  customer=null            -> decision meter=21
    payment    75  status=failed            -> decision meter=20
    payment    76                           -> sole_active_meter meter=20
    payment    77  deleted                  -> ignored
    decided    70  meter=21
    decided    71  meter=21
    decided    72  meter=20
    decided    72  meter=21
    decided    73  meter=20
    decided    74  meter=21
    decided    75  meter=20
    decided    76  meter=21  tenant=2
    decided    77  meter=21

a decision for a meter that is not the tenant's, or for none, leaves the payment to the rules
    assignment 30  meter=20
    meter      23  deleted
    payment    70                           -> sole_active_meter meter=20
    payment    71                           -> sole_active_meter meter=20
    payment    72                           -> sole_active_meter meter=20
    payment    73                           -> sole_active_meter meter=20
    payment    74  customer=null            -> unresolved customer_missing
    decided    70  meter=22
    decided    71  meter=23
    decided    72  meter=29
    decided    73  meter=21
    decided    73  meter=null
    decided    74  meter=null

a meter that was there before the migration stays, whatever is decided
    payment    70  meter=20                 -> correct
    payment    71  meter=22                 -> correct
    decided    70  meter=21
    decided    71  meter=21

rows that are not the tenant's, or deleted, are not looked at
    assignment 30  meter=20
    payment    70  deleted                  -> ignored
    payment    71  tenant=2                 -> ignored
    payment    72  tenant=2  customer=12    -> ignored
"""


@pytest.mark.parametrize("case", cases(CASES), ids=str)
def test_payment_meter_ids(connection: Connection, case: Case) -> None:
    assert_step(connection, "payment_meter_ids", case)
