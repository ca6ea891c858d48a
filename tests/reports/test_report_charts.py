"""The charts of a report: exact labels, the same text for the same amounts, and no label of a float."""

import re
from decimal import Decimal

import pytest

from meter_assets.reports.report.charts import bars

LARGE = Decimal("12345678901234567.89")
"""More digits than a float has."""


def labels(chart: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", chart)


@pytest.mark.slow
@pytest.mark.parametrize("amount", [Decimal("0.10") + Decimal("0.20"), LARGE, -LARGE, Decimal("NaN"), Decimal("-0.00")])
def test_a_label_has_the_exact_amount(amount: Decimal) -> None:
    exact = "NaN" if amount.is_nan() else f"{amount + 0:,.2f}"
    assert labels(bars("Title", [("a part", amount)], "key")) == ["a part", exact, "Title"]


def test_the_same_amounts_give_the_same_chart() -> None:
    parts = [("one", Decimal("1.01")), ("other", Decimal("-2.02"))]
    first = bars("Title", parts, "key")
    assert first == bars("Title", parts, "key")
    assert first.startswith("<svg ")
    assert not re.search(r"<metadata|<!DOCTYPE|<image|(?<!xmlns)(?<!xlink)=\"https?:", first)


def test_charts_of_one_page_share_no_id() -> None:
    parts = [("one", Decimal("1.01"))]
    ids = [re.findall(r'\bid="([^"]+)"', bars("Title", parts, key)) for key in ("first", "second")]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
