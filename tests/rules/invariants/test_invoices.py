"""Which invoices and lines violate an invariant, one table per invariant; the notation is that of `cases`."""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_invariant, invariants_of

TABLES = {
    "every_counted_invoice_has_a_meter": """
counted invoices that name no meter
    invoice 50  meter=null  amount=5  invoice_number=A  -> violates total=5 customer=10 status=null invoice_number=A
    invoice 51  meter=null  status=DRAFT
    invoice 53  meter=null  status=open  -> violates status=open
    invoice 54  meter=29
    invoice 55
    invoice 56  meter=null  deleted
    invoice 57  meter=null  tenant=2

which invoices count is a policy [uncounted_invoice_statuses=open]
    invoice 50  meter=null  status=draft  -> violates
    invoice 51  meter=null  status=open
""",
    "every_invoice_meter_exists_in_its_tenant": """
a meter that does not exist, or is another tenant's
    meter   23  deleted
    invoice 50  meter=29  amount=5  -> violates meter=29 meter_tenant_id=null total=5
    invoice 51  meter=29  status=draft
    invoice 53  meter=22            -> violates meter=22 meter_tenant_id=2
    invoice 54  meter=22  status=draft  -> violates
    invoice 55  meter=23            -> violates
    invoice 56
    invoice 57  meter=null
    invoice 58  meter=29  deleted
""",
    "every_counted_invoice_adds_up": """
amount and brought forward are not the total; a null is taken as 0
    invoice 50  amount=1     brought=2     total=3
    invoice 51  amount=1     brought=2     total=3.01  -> violates total=3.01 amount=1 brought=2
    invoice 53  amount=0.10  brought=0.20  total=0.30
    invoice 54  amount=null  brought=2     total=2
    invoice 55  amount=1     brought=null  total=1
    invoice 56  amount=1     brought=2     total=null  -> violates total=null
    invoice 57  amount=null  brought=null  total=null
    invoice 58  amount=null  brought=0     total=1     -> violates amount=null
    invoice 59  amount=1     total=9  status=draft
    invoice 60  amount=1     total=9  deleted
    invoice 61  amount=5     brought=-5    total=0
""",
    "every_invoice_status_is_known": """
a status of invoices with money or with lines that is in neither list
    invoice 50  amount=5  status=Zzz     -> violates rows=2 money=5.00
    invoice 51  status="zzz "
    invoice 53  status=yyy
    invoice 54  amount=5  status=Draft
    invoice 55  amount=5
    invoice 56  brought=-5  total=0  status=xxx  -> violates
    line    60  invoice=51

an invoice is named by policy [counted_invoice_statuses=Zzz]
    invoice 50  amount=5  status=zzz
    invoice 51  amount=5  status=open    -> violates
""",
    "every_invoice_amount_fits_the_currency": """
amounts of counted invoices with more decimals than the currency, or beyond 2^63 minor units
    invoice 50  amount=6.375                -> violates amount=6.375
    invoice 51  amount=6.37
    invoice 53  amount=6.375  status=draft
    invoice 54  brought=0.001  total=0.001  -> violates
    invoice 55  amount=null  total=1.5
    invoice 56  amount=100000000000000000   -> violates

a currency with three decimals [currency_decimals=3]
    invoice 50  amount=6.375
    invoice 51  amount=6.3755               -> violates

a currency without decimals [currency_decimals=0]
    invoice 50  amount=6
    invoice 51  amount=6.1                  -> violates
""",
    "every_bill_type_has_one_meaning": """
a charge that has the name of earlier debt
    bill    43  type="BALANCE B/F"  -> violates lines=1 money=5.00
    bill    44  type=Arrears        -> violates lines=2
    bill    45  type=" Balance "
    bill    46  type=Bf             -> violates
    bill    47  type=Fee
    bill    48  type="Arriéré"      -> violates
    bill    49  type=Overdue
    invoice 50
    line    60  bill=43  amount=5
    line    61  bill=44
    line    62  bill=44
    line    63  bill=45
    line    64  bill=46
    line    65  bill=47
    line    66  bill=48
    line    67  bill=49  deleted

the policy says what such a type is [brought_forward_bill_types=BALANCE,arrears charge_bill_types="BALANCE CHARGE"]
    bill    43  type=ARREARS
    bill    44  type="Balance charge"
    bill    45  type="balance"
    invoice 50
    line    60  bill=43
    line    61  bill=44
    line    62  bill=45

a charge that equals what the meter owed before
    bill    43  type=Old       -> violates lines=2 money=250.00
    bill    44  type=Fee
    invoice 50  date=2024-01-31
    invoice 51  date=2024-02-28
    invoice 53  date=2024-03-31
    line    60  amount=100
    line    61  invoice=51  amount=50
    line    62  invoice=51  amount=100  bill=43
    line    63  invoice=53  amount=40
    line    64  invoice=53  amount=150  bill=43
    line    65  invoice=53  amount=2    bill=44

a flat charge of a customer who always pays one month late
    bill    43  type=Flat
    invoice 50  date=2024-01-31
    invoice 51  date=2024-02-28
    line    60  amount=100  bill=43
    line    61  amount=100  bill=43  invoice=51

a charge that equals the debt once in two times, and one of a meter that owes nothing
    bill    43  type=Fee
    bill    44  type=Rent
    invoice 50  date=2024-01-31
    invoice 51  date=2024-02-28
    invoice 53  date=2024-03-31
    invoice 54  date=2024-03-31  meter=21
    line    60  amount=100
    line    61  invoice=51  amount=1
    line    62  invoice=51  amount=100  bill=43
    line    63  invoice=53  amount=1
    line    64  invoice=53  amount=100  bill=43
    line    65  invoice=54  amount=1
    line    66  invoice=54  amount=9    bill=44
""",
    "every_uncounted_invoice_adds_up": """
amount and brought forward are not the total of an invoice that does not count
    invoice 50  amount=1  brought=2  total=3  status=draft
    invoice 51  amount=1  brought=2  total=4  status=Voided  -> violates total=4 amount=1 brought=2
    invoice 53  amount=1  brought=2  total=4
    invoice 54  amount=1  total=9  status=draft  deleted
""",
    "every_counted_invoice_equals_its_lines": """
stored amounts that differ from the sums of the lines
    invoice 50  amount=1  brought=2  total=3
    invoice 51  amount=2  brought=2  total=4   -> violates total=4 lines_amount=1 lines_total_amount=3
    invoice 53  amount=9  status=draft
    invoice 54  amount=9
    invoice 55  amount=9
    invoice 56  amount=9  deleted
    invoice 57  amount=null  total=0           -> violates
    line    60  amount=1
    line    61  amount=2  bill=41
    line    62  amount=1  invoice=51
    line    63  amount=2  invoice=51  bill=41
    line    64  amount=1  invoice=53
    line    65  amount=null  invoice=55
    line    66  amount=1  invoice=56
    line    67  amount=0  invoice=57

an invoice without lines is zero by policy [invoices_without_bills=zero]
    invoice 50  brought=9             -> violates lines_balance_brought_forward=0
    invoice 51
""",
    "every_uncounted_invoice_equals_its_lines": """
stored amounts of an invoice that does not count differ from the sums of the lines
    invoice 50  amount=1  status=draft
    invoice 51  amount=2  status=Cancelled     -> violates lines_amount=1 total=2
    invoice 53  amount=2
    line    60  amount=1
    line    61  amount=1  invoice=51
    line    62  amount=1  invoice=53
""",
    "every_invoice_line_is_complete": """
a counted invoice's line without a bill or an amount, and any line that crosses tenants
    bill    43  deleted
    bill    44  deleted  tenant=2
    invoice 50
    invoice 51  status=draft
    invoice 53  deleted
    line    60  bill=49  amount=1  -> violates invoice=50 bill=49 bill_tenant_id=null amount=1 problem=bill_missing
    line    61  bill=null                      -> violates problem=bill_missing
    line    62  bill=43                        -> violates problem=bill_missing
    line    63  amount=null                    -> violates amount=null problem=line_amount_null
    line    64  bill=42                        -> violates bill_tenant_id=2 problem=bill_of_other_tenant
    line    65  tenant=2                       -> violates line_tenant_id=2 problem=line_of_other_tenant
    line    66  invoice=51  bill=42            -> violates
    line    67  invoice=51  tenant=2           -> violates
    line    68  invoice=51  bill=49
    line    69  invoice=51  amount=null
    line    70  tenant=1
    line    71  bill=49  deleted
    line    72  bill=49  invoice=53
    line    73  bill=49  invoice=59
    line    74  bill=41  amount=0
    line    75  bill=44                        -> violates problem=bill_missing
    line    76  bill=40  invoice=52
""",
    "every_invoice_amount_is_a_number": """
text and NaN are no numbers, in an invoice or in a line
    invoice 50  amount=NaN  total=0            -> violates amount=NaN invoice_bill_id=null
    invoice 51  brought=NaN  total=0           -> violates brought=NaN
    invoice 53  total=NaN                      -> violates total=NaN
    invoice 54  status=draft                   -> violates invoice_bill_id=61
    invoice 55  amount=null  brought=null  total=null
    invoice 56  amount=NaN  total=0  deleted
    invoice 57
    invoice 58
    line    60  amount=1  invoice=54
    line    61  amount=NaN  invoice=54
    line    62  amount=NaN  invoice=54
    line    63  amount=NaN  invoice=57  deleted
    line    64  amount=null  invoice=58
    line    65  amount=NaN  invoice=52  bill=42
""",
    "every_uncounted_invoice_has_a_meter": """
uncounted invoices without a meter that exists
    invoice 50  meter=null  status=draft       -> violates meter=null
    invoice 51  meter=29  status=Reversed      -> violates meter=29
    invoice 53  meter=22  status=draft
    invoice 54  status=draft
    invoice 55  meter=null
    invoice 56  meter=null  status=draft  deleted
""",
    "every_uncounted_invoice_line_is_complete": """
a line without a bill or an amount, of an invoice that does not count
    invoice 50  status=draft
    invoice 51
    line    60  bill=49                        -> violates problem=bill_missing
    line    61  amount=null                    -> violates problem=line_amount_null
    line    62  bill=42  amount=null
    line    63  tenant=2  amount=null
    line    64
    line    65  bill=49  invoice=51
    line    66  amount=null  invoice=51
""",
    "every_invoice_has_lines": """
an invoice without lines that exist
    invoice 50
    invoice 51  amount=5                       -> violates total=5
    invoice 53                                 -> violates
    invoice 54  status=draft                   -> violates status=draft
    invoice 55  deleted
    line    60  bill=49  amount=null
    line    61  invoice=53  deleted
    line    62  invoice=59
""",
    "every_brought_forward_equals_what_the_meter_owed": """
an invoice brings forward what its meter owed before it, a credit as itself or as nothing
    invoice 50  date=2024-01-31  amount=100  brought=10
    invoice 51  date=2024-02-29  amount=50   brought=80
    invoice 53  date=2024-03-31  amount=20
    invoice 54  date=2024-03-31  amount=5    brought=-20
    invoice 55  amount=1  brought=-15
    invoice 56  amount=1  brought=-15          -> violates meter=20 brought=-15 meter_owed_before=-14
    payment 70  meter=20  amount=30    paid_at=2024-02-28T23:59
    payment 71  meter=20  amount=90    invoice=51
    payment 72  meter=20  amount=7     invoice=59
    payment 73  meter=20  amount=-7
    payment 74  meter=20  amount=80    paid_at=2024-03-30
    payment 75  meter=20  amount=1000  paid_at=2024-03-31  status=reversed

the first invoice may bring anything, a later one that says nothing brings nothing
    invoice 50  date=2024-01-31  amount=1    brought=null
    invoice 51  date=2024-02-29  amount=1    brought=null  -> violates brought=0 meter_owed_before=1
    invoice 53  date=2024-01-31  amount=0    brought=99  meter=21
    invoice 54  date=2024-02-29  amount=0    brought=99  meter=21
    invoice 55  date=2024-03-31  amount=0    brought=98  meter=21  -> violates

a payment of the day itself comes after the invoice
    invoice 50  date=2024-01-31  amount=10
    invoice 51  date=2024-02-29  amount=1  brought=10
    invoice 53  date=2024-03-01  amount=1  brought=1
    payment 70  meter=20  amount=10  paid_at=2024-02-29

uncounted and other tenants' rows, and rows without a meter, do not move what is owed
    invoice 50  date=2024-01-31  amount=10
    invoice 51  date=2024-02-01  amount=70  status=draft
    invoice 53  date=2024-02-02  amount=70  deleted
    invoice 54  date=2024-02-03  amount=70  meter=null
    invoice 55  date=2024-02-04  amount=70  tenant=2
    invoice 56  date=2024-02-29  amount=1  brought=10
    invoice 57  date=2024-03-31  amount=1  brought=9  status=draft
    payment 70  amount=5  paid_at=2024-02-01
    payment 71  amount=5  paid_at=2024-02-01  meter=20  tenant=2

a payment is of its invoice's day where it has none, of another tenant's invoice's not
    invoice 50  date=2024-01-31  amount=10
    invoice 51  date=2024-02-29  amount=1  brought=7
    invoice 53  date=2024-03-31  amount=1  brought=0
    invoice 54  amount=1  brought=1
    invoice 52  date=2024-12-31  tenant=2  meter=22
    payment 70  meter=20  amount=3   invoice=52
    payment 71  meter=20  amount=8   invoice=51
    payment 72  meter=20  amount=null  paid_at=2024-01-31
""",
}
CASES = [(invariant, case) for invariant, table in TABLES.items() for case in cases(table)]


@pytest.mark.parametrize(("invariant", "case"), CASES, ids=str)
def test_invoices(connection: Connection, invariant: str, case: Case) -> None:
    assert_invariant(connection, invariant, case)


def test_every_invariant_of_the_group_has_a_table() -> None:
    assert invariants_of("invoices") == set(TABLES)
