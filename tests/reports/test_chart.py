"""The picture of a preview: every row of every step is in its bars, and Dagster's pages show it without a click."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from meter_assets.migration.step_report import StepReport, Tally
from meter_assets.reports.chart import BARS, LABELS, WIDTH, rows_by_outcome
from meter_assets.rules.steps import STEPS

SHOWN_AT_ONCE = 1_000
COLORS = {"changed": "royalblue", "for review": "gold", "already correct": "silver", "unresolved": "crimson"}
SVG = "{http://www.w3.org/2000/svg}"


def report(step: str, changed: int, for_review: int, already_correct: int, unresolved: int) -> StepReport:
    rules = {"invoice": Tally(rows=changed), "first_active_meter": Tally(rows=for_review)}
    return StepReport(
        step=step,
        looked_at=changed + for_review + already_correct + unresolved,
        rules=rules,
        already_correct=Tally(rows=already_correct),
        unresolved={"customer_missing": Tally(rows=unresolved)},
        for_review=for_review,
        sums={},
        largest=[],
        review=[],
    )


def drawn(markdown: str) -> tuple[list[str], dict[str, list[tuple[int, int, int]]]]:
    """Return the labels, and per color its rectangles as (left, top, width)."""
    found = re.fullmatch(r"!\[Rows by outcome\]\(data:image/svg\+xml,(\S+)\)\n\n.+", markdown)
    assert found
    picture = ElementTree.fromstring(unquote(found[1]))
    assert picture.get("width") == str(WIDTH)
    rectangles = {
        str(path.get("fill")): [
            (int(left), int(top), int(width))
            for left, top, width in re.findall(r"M(\d+),(\d+)h(\d+)v", str(path.get("d")))
        ]
        for path in picture.iter(f"{SVG}path")
    }
    return [str(text.text) for text in picture.iter(f"{SVG}text")], rectangles


@given(counts=st.lists(st.tuples(*[st.integers(0, 10**9)] * 4), min_size=1, max_size=len(STEPS)))
def test_each_bar_is_divided_as_the_rows_are(counts: list[tuple[int, int, int, int]]) -> None:
    reports = [report(step, *of_step) for step, of_step in zip(STEPS, counts, strict=False)]
    markdown = rows_by_outcome(reports)
    labels, rectangles = drawn(markdown)
    assert labels == [one.step for one in reports]
    assert len(markdown) < SHOWN_AT_ONCE
    lines = sorted({top for found in rectangles.values() for _, top, _ in found})
    assert len(lines) == sum(any(of_step) for of_step in counts)
    for top, of_step in zip(lines, filter(any, counts), strict=True):
        right = LABELS
        for color, rows in zip(COLORS.values(), of_step, strict=True):
            widths = [(left, width) for left, at, width in rectangles.get(color, ()) if at == top]
            assert bool(widths) == bool(rows)
            for left, width in widths:
                assert left == right, "each part begins where the one before ends"
                assert abs(width - BARS * rows / sum(of_step)) <= 1
                right += width
        assert right <= WIDTH
