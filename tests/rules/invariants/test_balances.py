"""Which meters, customers and tenants violate an invariant, one table each; the notation is that of `cases`."""

import pytest
from sqlalchemy import Connection

from meter_assets.rules.invariants.assumptions import ASSUMPTIONS
from tests.support.cases import Case, cases
from tests.support.rules import assert_invariant, invariants_of

TABLES = {
    "every_meter_balance_equals_its_transactions": """
a stored balance or overpayment that is not the recomputed one
    meter   20  balance=10  meter_number=A
    meter   21  balance=9  meter_number=B      -> violates balance=9 overpayment=0 recomputed_balance=10 meter_number=B
    meter   23  balance=0  overpayment=3
    meter   24  balance=0  overpayment=2       -> violates recomputed_overpayment=3
    meter   25  balance=null                   -> violates balance=null recomputed_balance=0
    meter   26  overpayment=null               -> violates
    meter   27  billed=9  paid=9
    meter   28  balance=9  deleted
    meter   30  balance=10.01                  -> violates
    invoice 50  amount=10
    invoice 51  amount=10  meter=21
    invoice 53  amount=10  meter=30
    payment 70  amount=3  meter=23
    payment 71  amount=3  meter=24

the balance basis is a policy [balance_basis=invoice_totals]
    meter   20  balance=12
    meter   21  balance=3                      -> violates recomputed_balance=9
    invoice 50  amount=2  brought=10
    invoice 51  amount=1  brought=2  total=9  meter=21
""",
    "every_meter_balance_is_one_sided": """
neither is negative, and not both are positive
    meter   20  balance=2  overpayment=2  meter_number=A  -> violates balance=2 overpayment=2 meter_number=A
    meter   21  balance=-2                     -> violates balance=-2
    meter   23  overpayment=-0.01              -> violates
    meter   24  balance=0.01  overpayment=0.01  -> violates
    meter   25  balance=2  overpayment=0
    meter   26  balance=0  overpayment=2
    meter   27  balance=null  overpayment=null
    meter   28  balance=null  overpayment=2
    meter   29
    meter   30  balance=2  overpayment=null
    meter   31  balance=-1  overpayment=null   -> violates
    meter   33  balance=-1  deleted
""",
    "money_is_conserved": """
charges, the opening balance and payments are on the meters
    meter   20  balance=12.50
    invoice 50  date=2024-01-31  amount=1  brought=9
    invoice 51  date=2024-02-29  amount=3  brought=10
    invoice 53  amount=70  status=draft
    payment 70  meter=20  amount=0.50
    payment 71  meter=20  amount=70  status=failed

a meter holds too much
    tenant   1           -> violates billed_less_paid=9.50 on_meters_or_without_meter=9.51 difference=-0.01
    meter   20  balance=9.51
    invoice 50  amount=1  brought=9
    payment 70  meter=20  amount=0.50

what is on no meter of the tenant is counted on both sides, its opening balance on neither
    meter   21  balance=0  overpayment=2
    invoice 50  amount=3  brought=4  meter=null
    invoice 51  amount=5  brought=6  meter=29
    invoice 53  amount=7  brought=8  meter=22
    payment 70  amount=9  meter=22
    payment 71  amount=1  meter=29
    payment 72  amount=1
    payment 73  amount=2  meter=21

nulls are 0
    invoice 50  amount=null  brought=null
    payment 70  amount=null  meter=20
    meter   20  balance=null  overpayment=null

invoice totals by policy [balance_basis=invoice_totals]
    meter   20  balance=14
    invoice 50  date=2024-01-31  amount=1  brought=9
    invoice 51  date=2024-02-29  amount=3  brought=9  total=4

charges do not do where totals are meant [balance_basis=invoice_totals]
    tenant   1           -> violates billed_less_paid=14 on_meters_or_without_meter=13 difference=1
    meter   20  balance=13
    invoice 50  date=2024-01-31  amount=1  brought=9
    invoice 51  date=2024-02-29  amount=3  brought=9  total=4
""",
    "no_opening_balance_follows_invoices_on_another_meter": """
a meter opens with debt after its customer was billed on another
    invoice 50  date=2024-01-31  amount=1  brought=5  invoice_number=A
    invoice 51  date=2024-02-29  amount=1  brought=6  meter=21
    meter   21  -> violates opening_balance=6 invoice=51 customer=10 earlier_invoice_number=A

on the same day the lower id is the earlier, and no day is the latest
    meter   23
    meter   24
    meter   21  -> violates invoice=51
    meter   25  -> violates invoice=54
    invoice 50  date=2024-01-31  brought=5
    invoice 51  date=2024-01-31  brought=6  meter=21
    invoice 53  brought=6  meter=23  customer=11
    invoice 54  brought=6  meter=25

no opening, none on another meter, another or no customer
    meter   23
    meter   24
    meter   25
    meter   26
    meter   27
    invoice 50  date=2024-01-31
    invoice 51  date=2024-02-29  meter=21
    invoice 53  date=2024-02-29  meter=23  brought=null
    invoice 54  date=2024-02-29  meter=24  brought=7  customer=11
    invoice 55  date=2024-02-29  meter=25  brought=7  customer=null
    invoice 56  date=2024-01-01  meter=26  customer=null
    invoice 57  date=2024-02-29  meter=20  brought=7
    invoice 58  date=2024-01-01  meter=27  status=draft  customer=13
    invoice 59  date=2024-02-29  meter=24  brought=7  customer=13

an opening may be a credit
    meter   21  -> violates opening_balance=-6
    invoice 50  date=2024-01-31
    invoice 51  date=2024-02-29  brought=-6  meter=21

an earlier invoice on no meter, or on another tenant's, or the meter itself another's
    meter   20
    invoice 50  date=2024-01-01  meter=null
    invoice 53  date=2024-02-29  brought=6
    invoice 54  date=2024-01-01  meter=22  tenant=2
    invoice 55  date=2024-03-31  meter=22  brought=7

the other meter was billed again later, or has been billed by a customer of another tenant
    meter   21  -> violates invoice=51 earlier_invoice_number=A
    invoice 50  date=2024-01-31  invoice_number=A
    invoice 51  date=2024-02-29  brought=6  meter=21  invoice_number=B
    invoice 53  date=2024-03-31  invoice_number=0
    invoice 54  date=2024-01-01  invoice_number=00  meter=22  tenant=2
""",
    "tenant_balance_agrees_with_its_backup": """
exactly at the tolerance
    meter   20  balance=9
    backup  10  balance=10

just above the tolerance
    tenant   1  -> violates backed_up_net=10.01 meters_net=9 difference=-1.01
    meter   20  balance=9
    backup  10  balance=10.01

just above the tolerance, the other way
    tenant   1  -> violates backed_up_net=-5 meters_net=-3.99 difference=1.01
    meter   20  overpayment=3.99
    backup  10  overpayment=5

the tolerance is a policy [tolerance=0.99]
    tenant   1  -> violates difference=-1.00
    meter   20  balance=9
    backup  10  balance=10

no tolerance at all [tolerance=0]
    meter   20  balance=10.10
    meter   21  overpayment=0.10
    backup  10  balance=9.50
    backup  11  balance=0.50  overpayment=null

differences of customers cancel each other out
    meter   20  balance=10
    meter   21  balance=null  overpayment=null
    backup  10  balance=null
    backup  11  balance=10
    backup  13  balance=70  tenant=2

a tenant without meters has nothing now
    tenant   1  -> violates backed_up_net=10 meters_net=0 difference=-10
    meter   20  balance=10  deleted
    meter   21  deleted
    backup  10  balance=10

no backup, nothing to compare
    meter   20  balance=9
    backup  12  balance=9  tenant=2
""",
    "every_customer_balance_agrees_with_its_backup": """
exactly at the tolerance, and just above it on either side
    customer   10
    customer   11  name=Bo             -> violates backed_up_net=10.01 meters_net=9 difference=-1.01 name=Bo
    customer   13                      -> violates backed_up_net=7.99 meters_net=9 difference=1.01
    customer   14
    meter      20  balance=9
    assignment 30
    assignment 31  customer=11
    assignment 32  customer=13
    assignment 33  customer=14
    backup     10  balance=10
    backup     11  balance=10.01
    backup     13  balance=8  overpayment=0.01
    backup     14  balance=8

the tolerance is a policy [tolerance=0.99]
    customer   10                      -> violates
    meter      20  balance=9
    assignment 30
    backup     10  balance=10

active meters are looked at, each once, and without one all that were ever assigned
    customer   10
    customer   11
    customer   13                      -> violates meters_net=3
    customer   14                      -> violates meters_net=0 backed_up_net=5
    customer   15                      -> violates meters_net=12
    meter      20  balance=9
    meter      21  overpayment=6
    assignment 30
    assignment 31
    assignment 32  meter=21  inactive
    assignment 33  customer=11  meter=21  active=null
    assignment 34  customer=13
    assignment 35  customer=13  meter=21
    assignment 36  customer=15  inactive
    assignment 37  customer=15  meter=23  inactive
    meter      23  balance=3
    backup     10  balance=9
    backup     11  overpayment=6
    backup     13  balance=9
    backup     14  balance=5
    backup     15  balance=9

an assignment that is active and was inactive before counts as active
    customer   10
    meter      20  balance=9
    meter      21  balance=5
    assignment 30  inactive
    assignment 31
    assignment 32  meter=21  inactive
    backup     10  balance=9

customers that are gone, or of whom there is no backup, are not compared
    customer   10  deleted
    customer   11
    meter      20  balance=90
    assignment 30
    assignment 31  customer=11
    backup     10  balance=5
    backup     19  balance=5
    backup     11  balance=5  tenant=2

nulls are 0
    customer   10
    meter      20  balance=null  overpayment=null
    assignment 30
    backup     10  balance=null  overpayment=null
""",
}
CASES = [(invariant, case) for invariant, table in TABLES.items() for case in cases(table)]


@pytest.mark.parametrize(("invariant", "case"), CASES, ids=str)
def test_balances(connection: Connection, invariant: str, case: Case) -> None:
    assert_invariant(connection, invariant, case)


def test_every_invariant_of_the_group_has_a_table() -> None:
    assert invariants_of("balances") == set(TABLES) | {one.name for one in ASSUMPTIONS if one.group == "balances"}
