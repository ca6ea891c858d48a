"""Which payments violate an invariant, one table per invariant; the notation is that of `tests.support.cases`."""

import pytest
from sqlalchemy import Connection

from meter_assets.rules.invariants.assumptions import ASSUMPTIONS
from tests.support.cases import Case, cases
from tests.support.rules import assert_invariant, invariants_of

TABLES = {
    "every_counted_payment_has_a_meter": """
counted payments that name no meter
    payment 70  amount=5  customer=10  -> violates amount=5 customer=10 invoice=null status=null
    payment 71  status=paid  -> violates status=paid
    payment 72  status=Failed
    payment 73  meter=20
    payment 74  meter=29
    payment 75  deleted
    payment 76  tenant=2

which payments count is a policy [uncounted_payment_statuses=lost]
    payment 70  status=LOST
    payment 71  status=failed  -> violates
""",
    "every_payment_meter_exists_in_its_tenant": """
a meter that does not exist, or is another tenant's
    meter   23  deleted
    meter   24  deleted  tenant=2
    payment 70  meter=29  amount=5   -> violates meter=29 meter_tenant_id=null amount=5
    payment 71  meter=29  status=failed
    payment 72  meter=22             -> violates meter=22 meter_tenant_id=2
    payment 73  meter=22  status=failed  -> violates
    payment 74  meter=23             -> violates meter_tenant_id=null
    payment 75  meter=23  status=failed
    payment 76  meter=20
    payment 77
    payment 78  meter=29  deleted
    payment 79  meter=24  status=failed
    payment 80  meter=24             -> violates
    payment 81  meter=20  tenant=2
""",
    "every_payment_amount_is_a_number": """
text and NaN are no numbers, null is
    payment 70  amount=NaN           -> violates found=NaN
    payment 71  amount=NaN  status=failed  -> violates
    payment 72  amount=null
    payment 73  amount=-1.5
    payment 74  amount=NaN  deleted
    payment 75  amount=NaN  tenant=2
    payment 76  amount=2
""",
    "every_payment_status_is_known": """
a status of payments with money that is in neither list
    payment 70  amount=5   status=2       -> violates rows=2 money=4.00
    payment 71  amount=-1  status=" 2 "
    payment 72  amount=0   status=3
    payment 73  amount=null  status=4
    payment 74  amount=5   status=Paid
    payment 75  amount=5   status=" REVERSED"
    payment 76  amount=5
    payment 77  amount=5   status=5  deleted
    payment 78  amount=5   status=6  tenant=2
    payment 79  amount=5   status=""      -> violates rows=1

the policy names the numbers [counted_payment_statuses=1,2 uncounted_payment_statuses=3]
    payment 70  amount=5  status=2
    payment 71  amount=5  status=3
    payment 72  amount=5  status=paid     -> violates

what one list names is no longer in the default of the other [counted_payment_statuses=pending]
    payment 70  amount=5  status=pending
    payment 71  amount=5  status=failed

letters beyond ASCII have a case too [uncounted_payment_statuses=annulé,ОТМЕНЁН]
    payment 70  amount=5  status=ANNULÉ
    payment 71  amount=5  status=отменён
    payment 72  amount=5  status=annule   -> violates rows=1
""",
    "every_uncounted_payment_has_a_meter": """
uncounted payments without a meter that exists
    meter   23  deleted
    payment 70  status=failed  amount=5  -> violates amount=5 meter=null
    payment 71  status=PENDING  meter=29  -> violates meter=29
    payment 72  status=failed  meter=23  -> violates
    payment 73  status=failed  meter=22
    payment 74  status=failed  meter=20
    payment 75
    payment 76  meter=29
    payment 77  status=failed  deleted
""",
    "every_payment_meter_is_its_invoice_meter": """
a payment on another meter than its invoice
    invoice 50  meter=21
    invoice 51  meter=null
    invoice 53  meter=21  deleted
    payment 70  invoice=50  meter=20  amount=5  -> violates meter=20 invoice_meter_id=21 invoice=50 amount=5
    payment 71  invoice=50  meter=21
    payment 72  invoice=50
    payment 73  invoice=51  meter=20
    payment 74  invoice=52  meter=20
    payment 75  invoice=53  meter=20
    payment 76  invoice=59  meter=20
    payment 77  invoice=50  meter=29  status=failed  -> violates
    payment 78  invoice=50  meter=20  deleted
    payment 79  meter=20
""",
    "no_payment_meter_needs_review": """
payments that still have the meter of a rule for review
    payment  70  meter=20  amount=5       -> violates meter=20 rule=first_active_meter amount=5
    payment  71  meter=20                 -> violates rule=first_assigned_meter
    payment  72  meter=20
    payment  73  meter=20
    payment  74  meter=21
    payment  75  status=failed
    payment  76  meter=20  deleted
    payment  77  meter=20
    decision 70
    decision 71  rule=first_assigned_meter
    decision 72  rule=sole_active_meter
    decision 73  rule=invoice
    decision 74
    decision 75
    decision 76
    decision 77  tenant=2
    decision 78

a payment that was decided twice is one to look at
    payment  70  meter=20                 -> violates
    payment  71  meter=21                 -> violates
    decision 70
    decision 70
    decision 71  meter=20
    decision 71  meter=21

nothing is for review before a rule has decided
    payment 70  meter=20

a counted payment without a meter waits for a person
    payment 70  amount=5                  -> violates meter=null rule=null amount=5
    payment 71  status=failed
    payment 72  deleted
    payment 73  tenant=2

what was decided does not wait, unless its meter is gone
    meter    23  deleted
    payment  70  meter=20
    payment  71  meter=20
    payment  72  meter=20                 -> violates rule=first_active_meter
    payment  73
    payment  74                           -> violates
    payment  75                           -> violates
    payment  76
    payment  77  meter=20                 -> violates
    decision 70
    decision 71
    decision 72
    decision 77
    decided  70  meter=21
    decided  71  meter=null
    decided  72  meter=22
    decided  73  meter=20
    decided  74  meter=20
    decided  74  meter=23
    decided  75  meter=20  tenant=2
    decided  76  meter=29
    decided  76  meter=null
    decided  77  meter=29
""",
    "every_counted_payment_has_an_amount": """
counted payments without an amount
    payment 70  amount=null  meter=20     -> violates meter=20 amount=null
    payment 71  amount=null  status=voided
    payment 72  amount=null  status=paid  -> violates
    payment 73  amount=0
    payment 74  amount=null  deleted
""",
}
CASES = [(invariant, case) for invariant, table in TABLES.items() for case in cases(table)]


@pytest.mark.parametrize(("invariant", "case"), CASES, ids=str)
def test_payments(connection: Connection, invariant: str, case: Case) -> None:
    assert_invariant(connection, invariant, case)


def test_every_invariant_of_the_group_has_a_table() -> None:
    assert invariants_of("payments") == set(TABLES) | {one.name for one in ASSUMPTIONS if one.group == "payments"}
