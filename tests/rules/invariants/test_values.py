"""Which stored values have two meanings, one table per invariant; the notation is that of `tests.support.cases`.

Behind the arrow stands the column whose value violates the invariant. What no table of a typed engine holds (text in
a column of numbers, rows twice) is in `tests.billing.test_odd_values`.
"""

import pytest
from sqlalchemy import Connection

from tests.support.cases import Case, cases
from tests.support.rules import assert_invariant, invariants_of

TABLES = {
    "every_row_has_its_own_id": """
a primary key prevents duplicates
    payment 70
    invoice 50
""",
    "every_date_is_valid": """
dates and nulls are valid, deleted rows too
    payment 70  paid_at=2024-01-31
    payment 71  paid_at=null  deleted
    invoice 50  date=2024-02-29
    invoice 51  date=null
""",
    "every_flag_is_true_or_false": """
true, false and null
    assignment 30  active=true
    assignment 31  active=false
    assignment 32  active=null
""",
    "every_balance_is_a_number": """
text and NaN are no numbers, null is
    customer 11  balance=NaN      -> violates balance
    customer 13  overpayment=NaN  -> violates overpayment
    customer 14  balance=null
    customer 15  balance=-1
    meter    23  billed=NaN       -> violates billed
    meter    24  paid=NaN         -> violates paid
    meter    25  balance=NaN  deleted  -> violates balance
    meter    26  balance=NaN  tenant=2
""",
    "every_amount_fits_the_currency": """
more decimals than the currency has
    payment 70  amount=0.004  -> violates amount found=0.004
    payment 71  amount=0.01
    payment 72  amount=0.004  status=failed
    payment 73  amount=0.004  deleted
    payment 74  amount=0.004  tenant=2
    payment 75  amount=null
    payment 76  amount=NaN
    payment 77  amount=92233720368547758.08  -> violates amount
    payment 78  amount=224999999999.99
    payment 79  amount=1234567890.12
    invoice 50
    line    60  amount=6.375   -> violates amount
    line    61  amount=6.37
    line    62  amount=-0.001  -> violates amount
    line    63  amount=6.375  deleted

a currency with three decimals [currency_decimals=3]
    payment 70  amount=0.004
    invoice 50
    line    60  amount=6.375
    line    61  amount=6.3751  -> violates amount

a currency with four decimals [currency_decimals=4]
    payment 70  amount=0.0004
    invoice 50
    line    60  amount=6.3751

a currency without decimals [currency_decimals=0]
    payment 70  amount=4
    payment 71  amount=4.5     -> violates amount
    payment 72  amount=-3
    payment 73  amount=1000000

lines may have more decimals if their sums are rounded [rounding_of_sums=half_up]
    payment 70  amount=0.004   -> violates amount
    invoice 50
    line    60  amount=6.3751
""",
    "no_row_is_deleted_by_an_unknown_column": """
a database without such a column
    payment 70
""",
}
CASES = [(invariant, case) for invariant, table in TABLES.items() for case in cases(table)]


@pytest.mark.parametrize(("invariant", "case"), CASES, ids=str)
def test_an_invariant_finds_what_the_table_says(connection: Connection, invariant: str, case: Case) -> None:
    assert_invariant(connection, invariant, case)


def test_every_invariant_of_the_group_has_a_table() -> None:
    assert set(TABLES) == invariants_of("values")
