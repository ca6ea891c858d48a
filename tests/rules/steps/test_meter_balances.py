"""The balances that meters are given, case by case; the notation is that of `tests.support.cases`."""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_step

CASES = """
debt that is carried forward is owed once
    meter   20    -> charges_and_opening_balance balance=1500 overpayment=0 billed=1500 paid=0 latest=2024-02-29
    invoice 50  date=2024-01-31  amount=1000
    invoice 51  date=2024-02-29  amount=500  brought=1000

invoice totals count it twice [balance_basis=invoice_totals]
    meter   20    -> invoice_totals balance=2500 overpayment=0 billed=2500 paid=0 latest=2024-02-29
    meter   21    -> invoice_totals balance=9 billed=9 latest=null
    invoice 50  date=2024-01-31  amount=1000
    invoice 51  date=2024-02-29  amount=500  brought=1000
    invoice 53  amount=1  brought=2  total=9  meter=21

the first invoice opens: the earliest by date, then by id; one without a date comes last
    meter   20    -> charges_and_opening_balance balance=140 billed=140 latest=2024-02-29
    meter   21    -> charges_and_opening_balance balance=30 billed=30 latest=null
    meter   23    -> charges_and_opening_balance balance=8 billed=8 latest=2024-03-31
    invoice 50  amount=1  brought=70
    invoice 54  amount=2  brought=50   date=2024-02-29
    invoice 53  amount=97  brought=40  date=2024-02-29
    invoice 55  amount=10  brought=10  meter=21
    invoice 56  amount=10  brought=20  meter=21
    invoice 57  amount=1   brought=5   meter=23  date=2024-03-31
    invoice 58  amount=2   brought=9   meter=23  date=2024-03-31

the opening balance is that of the first invoice that counts
    meter   20    -> charges_and_opening_balance balance=11 billed=11 latest=2024-03-31
    invoice 50  amount=100  brought=5  date=2024-01-31  status=Draft
    invoice 51  amount=100  brought=6  date=2024-01-31  deleted
    invoice 53  amount=100  brought=7  date=2024-01-31  tenant=2
    invoice 54  amount=1    brought=8  date=2024-02-29
    invoice 55  amount=2    brought=9  date=2024-03-31
    invoice 56  amount=100  brought=1  date=2024-04-30  status=VOIDED

an opening balance may be null or a credit
    meter   20    -> charges_and_opening_balance balance=1 billed=1
    meter   21    -> charges_and_opening_balance balance=0 overpayment=4 billed=-4
    invoice 50  amount=1  brought=null  date=2024-01-31
    invoice 51  amount=null  brought=9  date=2024-02-29
    invoice 53  amount=1  brought=-5  meter=21

paid more than billed is an overpayment, paid just that is nothing
    meter   20    -> charges_and_opening_balance balance=0 overpayment=0.50 billed=61 paid=61.50
    meter   21  billed=5  paid=5  -> correct
    meter   23    -> charges_and_opening_balance balance=0.01 overpayment=0 billed=5 paid=4.99
    invoice 50  amount=21  brought=40
    invoice 51  amount=5  meter=21
    invoice 53  amount=5  meter=23
    payment 70  amount=61.50  meter=20
    payment 71  amount=5  meter=21
    payment 72  amount=4.99  meter=23

every status counts but those of the policy, compared without case; null and unknown count
    meter   20    -> charges_and_opening_balance balance=0 overpayment=11 paid=11
    payment 70  meter=20  amount=1
    payment 71  meter=20  amount=2  status=paid
    payment 72  meter=20  amount=8  status=draft
    payment 73  meter=20  amount=16  status=FAILED
    payment 74  meter=20  amount=32  status=reversed
    payment 75  meter=20  amount=64  status=Cancelled
    payment 76  meter=20  amount=128  status=voided
    payment 77  meter=20  amount=256  status=pending
    payment 78  meter=20  amount=null
    payment 79  meter=20  amount=512  deleted
    payment 80  meter=20  amount=1024  tenant=2
    payment 81  amount=2048

invoices have statuses of their own
    meter   20    -> charges_and_opening_balance balance=7 overpayment=0 billed=7
    invoice 50  amount=1
    invoice 51  amount=2  status=pending
    invoice 53  amount=4  status=failed
    invoice 54  amount=8  status=Reversed
    invoice 55  amount=16  status=cancelled
    invoice 56  amount=32  status=voided
    invoice 57  amount=64  status=draft

other statuses by policy [uncounted_payment_statuses=Lost uncounted_invoice_statuses=open,VOID]
    meter   20    -> charges_and_opening_balance balance=8 overpayment=0 billed=9 paid=1
    invoice 50  amount=1  status=draft
    invoice 51  amount=2  status=Open
    invoice 53  amount=4  status=void
    invoice 54  amount=8
    payment 70  meter=20  amount=1  status=reversed
    payment 71  meter=20  amount=2  status=LOST

a meter without transactions is zero, and null is not
    meter   20    -> correct
    meter   21  balance=null          -> charges_and_opening_balance balance=0
    meter   23  overpayment=null      -> charges_and_opening_balance overpayment=0
    meter   24  billed=null           -> charges_and_opening_balance billed=0
    meter   25  paid=null             -> charges_and_opening_balance paid=0
    meter   26  latest=2024-01-31     -> charges_and_opening_balance latest=null
    meter   27  balance=5             -> charges_and_opening_balance balance=0

one column that differs is enough
    meter   20  balance=3  billed=4 paid=1 latest=2024-01-31 -> correct
    meter   21  balance=3  billed=4 paid=2 latest=2024-01-31 -> charges_and_opening_balance paid=1
    meter   23  balance=3  billed=5 paid=1 latest=2024-01-31 -> charges_and_opening_balance billed=4
    meter   24  balance=2  billed=4 paid=1 latest=2024-01-31 -> charges_and_opening_balance balance=3
    meter   25  balance=3  billed=4 paid=1 latest=2024-01-30 -> charges_and_opening_balance latest=2024-01-31
    meter   26  balance=3  billed=4 paid=1 latest=2024-01-31  overpayment=1 -> charges_and_opening_balance overpayment=0
    invoice 50  amount=4  date=2024-01-31
    invoice 51  amount=4  date=2024-01-31  meter=21
    invoice 53  amount=4  date=2024-01-31  meter=23
    invoice 54  amount=4  date=2024-01-31  meter=24
    invoice 55  amount=4  date=2024-01-31  meter=25
    invoice 56  amount=4  date=2024-01-31  meter=26
    payment 70  amount=1  meter=20
    payment 71  amount=1  meter=21
    payment 72  amount=1  meter=23
    payment 73  amount=1  meter=24
    payment 74  amount=1  meter=25
    payment 75  amount=1  meter=26

cents add up exactly, where floats do not
    meter   20  balance=0.29  billed=0.59  paid=0.30                           -> correct
    meter   21    -> charges_and_opening_balance balance=0.01 billed=0.30 paid=0.29
    invoice 50  amount=0.10  brought=0.29
    invoice 51  amount=0.20
    invoice 53  amount=0.10  meter=21
    invoice 54  amount=0.20  meter=21
    payment 70  amount=0.10  meter=20
    payment 71  amount=0.20  meter=20
    payment 72  amount=0.29  meter=21

rows that are not the tenant's, or deleted, are not looked at
    meter   20  deleted  balance=5    -> ignored
    meter   23  tenant=2              -> ignored
    invoice 50  amount=1  meter=23
    payment 70  amount=1  meter=23
"""


@pytest.mark.parametrize("case", cases(CASES), ids=str)
def test_meter_balances(connection: Connection, case: Case) -> None:
    assert_step(connection, "meter_balances", case)
