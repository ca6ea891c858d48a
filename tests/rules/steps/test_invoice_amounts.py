"""The amounts that invoices are given, case by case; the notation is that of `tests.support.cases`."""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_step

CASES = """
an invoice has the sums of its lines, brought forward apart from the charges
    bill    43  type=null
    bill    44  type=balances
    invoice 50  amount=7  brought=null  total=7   -> sum_of_lines amount=499.99 brought=1000 total=1499.99
    line    60  amount=500.00
    line    61  amount=1000.00  bill=41
    line    62  amount=-0.02    bill=43
    line    63  amount=0.01     bill=44
    line    64  amount=900      deleted

a bill type is compared without case
    bill    43  type=balance
    bill    44  type=Balance
    invoice 50                                    -> sum_of_lines amount=0 brought=3 total=3
    line    60  amount=1  bill=43
    line    61  amount=2  bill=44

each invoice has its own lines
    invoice 50                                    -> sum_of_lines amount=1 brought=0 total=1
    invoice 51                                    -> sum_of_lines amount=2 brought=0 total=2
    invoice 53  amount=4                          -> correct
    line    60  amount=1
    line    61  amount=2  invoice=51
    line    62  amount=4  invoice=53
    line    63  amount=8  invoice=59
    line    64  amount=8  invoice=52  bill=42

sums are exact to the cent, where floats are not
    invoice 50                                    -> sum_of_lines amount=0.30 brought=0.29 total=0.59
    invoice 51  amount=0.30  brought=0.29         -> correct
    line    60  amount=0.10
    line    61  amount=0.20
    line    62  amount=0.29  bill=41
    line    63  amount=0.10  invoice=51
    line    64  amount=0.20  invoice=51
    line    65  amount=0.29  invoice=51  bill=41

lines may be negative, and add up to nothing
    invoice 50  amount=5                          -> sum_of_lines amount=0 brought=-2 total=-2
    line    60  amount=5.00
    line    61  amount=-5.00
    line    62  amount=-2  bill=41

one stored amount that differs is enough, and null differs from 0
    invoice 50  amount=1  brought=2  total=4      -> sum_of_lines amount=1 brought=2 total=3
    invoice 51  amount=1  brought=3  total=3      -> sum_of_lines amount=1 brought=2 total=3
    invoice 53  amount=2  brought=2  total=3      -> sum_of_lines amount=1 brought=2 total=3
    invoice 54  amount=null                       -> sum_of_lines amount=0 brought=0 total=0
    invoice 55  total=null                        -> sum_of_lines amount=0 brought=0 total=0
    invoice 56  brought=null                      -> sum_of_lines amount=0 brought=0 total=0
    invoice 57                                    -> correct
    invoice 58  status=draft                      -> correct
    line    60  amount=1
    line    61  amount=2  bill=41
    line    62  amount=1  invoice=51
    line    63  amount=2  invoice=51  bill=41
    line    64  amount=1  invoice=53
    line    65  amount=2  invoice=53  bill=41
    line    66  invoice=54
    line    67  invoice=55
    line    68  invoice=56
    line    69  invoice=57
    line    70  invoice=58

an invoice without lines keeps its amounts
    invoice 50  amount=7                          -> unresolved no_lines
    invoice 51                                    -> unresolved no_lines
    line    60  deleted
    line    61  invoice=59
    line    62  invoice=null

an invoice without lines becomes zero by policy [invoices_without_bills=zero]
    invoice 50  amount=7                          -> zero_without_lines amount=0 brought=0 total=0
    invoice 51                                    -> correct
    invoice 53  total=null                        -> zero_without_lines amount=0 brought=0 total=0
    invoice 54                                    -> sum_of_lines amount=1 brought=0 total=1
    invoice 55  amount=7                          -> unresolved line_amount_null
    line    60  amount=1     invoice=54
    line    61  amount=null  invoice=55

a line that cannot be summed leaves its invoice, the gravest reason first
    bill    43  deleted
    bill    44  deleted  tenant=2
    invoice 50  amount=7                          -> unresolved line_of_other_tenant
    invoice 51  amount=7                          -> unresolved bill_missing
    invoice 53  amount=7                          -> unresolved bill_missing
    invoice 54  amount=7                          -> unresolved bill_missing
    invoice 55  amount=7                          -> unresolved bill_of_other_tenant
    invoice 56  amount=7                          -> unresolved line_amount_null
    invoice 57  amount=7                          -> unresolved bill_missing
    line    60  tenant=2  bill=null  amount=null
    line    61  invoice=51  bill=49
    line    62  invoice=51  bill=42  amount=null
    line    63  invoice=53  bill=null  amount=null
    line    64  invoice=54  bill=43
    line    65  invoice=55  bill=42  amount=null
    line    66  invoice=55  amount=1
    line    67  invoice=56  amount=null
    line    68  invoice=56  amount=1
    line    69  invoice=57  bill=44

a line need not say its tenant
    invoice 50                                    -> sum_of_lines amount=3 brought=0 total=3
    line    60  amount=1  tenant=null
    line    61  amount=2  tenant=1

rows that are not the tenant's, or deleted, are not looked at
    invoice 50  deleted                           -> ignored
    invoice 51  tenant=2                          -> ignored
    line    60  amount=1
    line    61  amount=1  invoice=51
"""


@pytest.mark.parametrize("case", cases(CASES), ids=str)
def test_invoice_amounts(connection: Connection, case: Case) -> None:
    assert_step(connection, "invoice_amounts", case)
