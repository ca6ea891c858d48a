"""Tables that fit Dagster's pages: the same contents in fewer columns."""

import pytest

from meter_assets.reports.narrow import WIDEST, narrow, width
from meter_assets.reports.tables import Grid

LONG = tuple(f"a_long_heading_{at}" for at in range(9))
CASES: dict[str, tuple[Grid, tuple[str, ...], tuple[str, ...]]] = {
    "values before and after are one column": (
        Grid("", ("id", "paid_before", "paid_after", "rule"), (("7", "0.00", "5.00", "sum_of_lines"),)),
        ("id", "paid", "rule"),
        ("7", "0.00 → 5.00", "sum of lines"),
    ),
    "the same value is shown once, and a missing one is named": (
        Grid("", ("id", "a_before", "a_after", "b_before", "b_after"), (("7", "1", "1", "", "2"),)),
        ("id", "a", "b"),
        ("7", "1", "none → 2"),
    ),
    "expected and found": (
        Grid("", ("id", "expected_meter_id", "found_meter_id"), (("7", "1", "2"),)),
        ("id", "meter id"),
        ("7", "1 → 2"),
    ),
    "sums before and after": (
        Grid("", ("sum of", "before", "after", "difference"), (("total_paid", "1.00", "3.00", "2.00"),)),
        ("sum of", "before → after", "difference"),
        ("total paid", "1.00 → 3.00", "2.00"),
    ),
    "one side alone stays": (Grid("", ("id", "meter_id_after"), (("7", "1"),)), ("id", "meter id after"), ("7", "1")),
    "rows of one tenant do not repeat its id": (
        Grid("", ("tenant_id", "meter_id", "balance"), (("3", "7", "1.00"),), of_records=True),
        ("meter id", "balance"),
        ("7", "1.00"),
    ),
    "text of the database keeps its underscores": (
        Grid("", ("invoice_number", "status"), (("INV_1", "not_paid"),)),
        ("invoice number", "status"),
        ("INV_1", "not_paid"),
    ),
    "columns that do not fit are in the last one": (
        Grid("", ("id", *LONG), (("7", *("123,456.00",) * 8, ""),)),
        ("id", "a long heading 0", "a long heading 1", "more"),
        ("7", "123,456.00", "123,456.00", ", ".join(f"a long heading {at}: 123,456.00" for at in range(2, 8))),
    ),
    "old and new figures are one column": (
        Grid(
            "",
            ("of", "owed before", "meters owe", "difference", "name", "causes"),
            (("customer 7", "1,234.56", "987.60", "-246.96", "Willowmere", "unexplained -246.96 (payment 12)"),),
        ),
        ("of", "before → now", "difference", "more"),
        ("customer 7", "1,234.56 → 987.60", "-246.96", "name: Willowmere, causes: unexplained -246.96 (payment 12)"),
    ),
    "long headings have a short form": (
        Grid("", ("step", "examined", "already correct"), (("meter_balances", "7", "0"),)),
        ("step", "rows", "correct"),
        ("meter balances", "7", "0"),
    ),
}


@pytest.mark.parametrize(("grid", "headings", "row"), CASES.values(), ids=CASES.keys())
def test_a_table_is_made_narrow(grid: Grid, headings: tuple[str, ...], row: tuple[str, ...]) -> None:
    found = narrow(grid)
    assert found.headings == headings
    assert found.rows == (row,)
    assert width(found) <= WIDEST
    assert narrow(found) == found
