"""Which rows contradict what a balance assumes, one table per invariant, in the notation of `tests.support.cases`."""

import pytest
from sqlalchemy import Connection

from meter_assets.rules.invariants.assumptions import ASSUMPTIONS
from tests.support.cases import Case, cases
from tests.support.rules import assert_invariant

TABLES = {
    "no_payment_is_older_than_the_opening_balance": """
payments before the invoice that brings something forward
    invoice 50  date=2024-02-01  amount=50  brought=300
    payment 70  meter=20  amount=200  paid_at=2024-01-31  -> violates amount=200 opening_balance=300
    payment 71  meter=20  amount=200  paid_at=2024-02-01
    payment 72  meter=20  amount=200
    payment 73  meter=20  amount=200  paid_at=2024-01-31  status=failed
    payment 74  meter=20  amount=200  paid_at=2024-01-31  deleted
    payment 75  meter=21  amount=200  paid_at=2024-01-31
    payment 76  amount=200  paid_at=2024-01-31

a first invoice that brings nothing forward
    invoice 50  date=2024-02-01  amount=50
    invoice 51  date=2024-03-01  amount=50  brought=50
    payment 70  meter=20  amount=20  paid_at=2024-01-31

a payment without a date has that of its invoice
    invoice 50  date=2024-02-01  brought=300
    invoice 51  date=2024-01-01  amount=9  status=draft
    payment 70  meter=20  amount=9  invoice=51  -> violates
    payment 71  meter=20  amount=9  invoice=50

a first invoice without a date
    invoice 50  date=null  brought=300
    payment 70  meter=20  amount=200  paid_at=2024-01-31
""",
    "no_opening_balance_follows_an_uncounted_invoice": """
an invoice without effect before the opening balance
    meter    20  -> violates opening_balance=500 invoice=52 earlier_invoices=2 their_total=501
    meter    21
    meter    23
    meter    24
    meter    25
    invoice 50  date=2024-01-31  amount=500  status=cancelled
    invoice 51  date=2024-02-29  amount=1  deleted
    invoice 52  date=2024-02-29  amount=120  brought=500
    invoice 53  date=2024-03-31  amount=1  status=draft
    invoice 54  date=2024-01-31  meter=21  amount=500  status=cancelled
    invoice 55  date=2024-02-29  meter=21  amount=120
    invoice 56  date=2024-01-31  meter=23  amount=500
    invoice 57  date=2024-02-29  meter=23  amount=120  brought=500
    invoice 58  date=null  meter=24  amount=500  status=cancelled
    invoice 59  date=2024-02-29  meter=24  brought=500
    invoice 60  date=2024-01-31  meter=25  amount=9  brought=500  status=voided
    invoice 61  date=2024-01-31  meter=25  amount=8  brought=500
""",
    "no_refund_mirrors_an_uncounted_payment": """
a counted negative payment beside the payment that it reverses
    payment 70  amount=60   status=reversed
    payment 71  amount=-60  -> violates amount=-60
    payment 72  amount=-59
    payment 73  amount=-60  status=reversed
    payment 74  amount=-60  customer=11
    payment 75  amount=5    deleted
    payment 76  amount=-5   -> violates
    payment 77  amount=7    customer=11  invoice=50  status=failed
    payment 78  amount=-7   customer=null  invoice=50  -> violates
    payment 79  amount=60
    payment 80  amount=60   status=reversed  tenant=2  customer=12
    payment 81  amount=-60  customer=12

a null amount mirrors nothing
    payment 70  amount=null  status=reversed
    payment 71  amount=null
    payment 72  amount=0
""",
    "every_payment_customer_is_its_invoice_customer": """
a payment of another customer's invoice
    customer 11
    invoice 50
    invoice 51  customer=null
    payment 70  invoice=50
    payment 71  invoice=50  customer=11    -> violates customer=11 invoice_customer_id=10
    payment 72  invoice=50  customer=null
    payment 73  invoice=51  customer=11
    payment 74  invoice=50  customer=11  status=failed
    payment 75  invoice=59  customer=11
    payment 76  customer=11
    payment 77  invoice=52  customer=11
""",
    "no_counted_payment_pays_an_uncounted_invoice": """
a payment of an invoice that does not count
    invoice 50  status=cancelled
    invoice 51
    payment 70  invoice=50  amount=5  -> violates amount=5 invoice_status=cancelled
    payment 71  invoice=51  amount=5
    payment 72  invoice=50  amount=5  status=failed
    payment 73  invoice=50  amount=0
    payment 74  invoice=50  amount=null
    payment 75  amount=5
""",
    "every_opening_balance_has_one_first_invoice": """
two first invoices of one day
    meter    20  -> violates invoice=50 opening_balance=0 other_invoice_id=51 brought_forward_there=300
    meter    21
    meter    23
    meter    24  -> violates
    invoice 50  date=2024-01-31  amount=5
    invoice 51  date=2024-01-31  brought=300
    invoice 53  date=2024-01-31  meter=21
    invoice 54  date=2024-01-31  meter=21
    invoice 55  date=2024-01-31  meter=23  brought=300
    invoice 56  date=2024-02-29  meter=23
    invoice 57  date=2024-02-29  meter=23  brought=9
    invoice 58  date=null  meter=24  brought=300
    invoice 59  date=null  meter=24
""",
}
CASES = [(invariant, case) for invariant, table in TABLES.items() for case in cases(table)]


@pytest.mark.parametrize(("invariant", "case"), CASES, ids=str)
def test_a_contradicted_assumption_is_found(connection: Connection, invariant: str, case: Case) -> None:
    assert_invariant(connection, invariant, case)


def test_every_assumption_has_a_table() -> None:
    assert set(TABLES) == {one.name for one in ASSUMPTIONS}
