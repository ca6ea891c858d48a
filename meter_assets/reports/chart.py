"""Small pictures for metadata: what a table would make one count. SVG, as an image inside markdown. No Dagster.

Dagster's pages show markdown at once only while it is short (below 1,000 characters in 1.13); a longer one is behind a
click. So the picture is written in few words: one path for all bars of a color, and its legend is text beside it.
"""

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from meter_assets.migration.step_report import StepReport

WIDTH, LABELS, BARS, BAR, LINE = 640, 190, 440, 20, 30
_COLORS = {"changed": "royalblue", "for review": "gold", "already correct": "silver", "unresolved": "crimson"}
_LEGEND = "Blue: changed. Gold: for review. Silver: already correct. Red: unresolved."
_LEFT_AS_IT_IS = "<>='/:,"
"""What may stand in the address of a markdown image, and so need not be written in three characters."""


def rows_by_outcome(reports: Sequence[StepReport]) -> str:
    """Return one bar per step, divided by what becomes of its rows, as a markdown image with its legend."""
    bars: dict[str, str] = dict.fromkeys(_COLORS, "")
    labels = ""
    for at, report in enumerate(reports):
        labels += f"<text y='{at * LINE + 15}'>{escape(report.step)}</text>"
        for name, drawn in _bar(_counts(report), at * LINE).items():
            bars[name] += drawn
    paths = "".join(f"<path fill='{_COLORS[name]}' d='{drawn}'/>" for name, drawn in bars.items() if drawn)
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{LINE * len(reports)}' "
        f"font-family='sans-serif' font-size='12'>{labels}{paths}</svg>"
    )
    return f"![Rows by outcome](data:image/svg+xml,{quote(svg, safe=_LEFT_AS_IT_IS)})\n\n{_LEGEND}"


def _counts(report: StepReport) -> Mapping[str, int]:
    return {
        "changed": report.changed - report.for_review,
        "for review": report.for_review,
        "already correct": report.already_correct.rows,
        "unresolved": report.left_unresolved,
    }


def _bar(counts: Mapping[str, int], top: int) -> dict[str, str]:
    """Return the parts of a bar that have rows, each as a rectangle: one pixel wide at least, so that it is seen."""
    whole, left, drawn = sum(counts.values()), LABELS, {}
    for name, count in counts.items():
        if count:
            width = max(1, round(BARS * count / whole))
            drawn[name] = f"M{left},{top}h{width}v{BAR}h-{width}z"
            left += width
    return drawn
