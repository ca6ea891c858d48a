"""Small pictures for metadata: what a table would make one count. SVG, as an image inside markdown. No Dagster."""

import base64
from collections.abc import Sequence
from html import escape

from meter_assets.report import StepReport

WIDTH, BAR, GAP, LABELS = 640, 22, 12, 190
_PARTS = {"changed": "#2f6fde", "for review": "#e0a100", "already correct": "#b8c4d6", "unresolved": "#d64545"}


def rows_by_outcome(reports: Sequence[StepReport]) -> str:
    """Return one bar per step, divided by what becomes of its rows, as a markdown image."""
    height = (BAR + GAP) * (len(reports) + 1)
    bars = "".join(_bar(report, GAP + at * (BAR + GAP)) for at, report in enumerate(reports))
    legend = "".join(
        f'<rect x="{LABELS + at * 110}" y="{height - BAR}" width="12" height="12" fill="{color}"/>'
        f'<text x="{LABELS + at * 110 + 18}" y="{height - BAR + 11}">{name}</text>'
        for at, (name, color) in enumerate(_PARTS.items())
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12" fill="#333">{bars}{legend}</svg>'
    )
    encoded = base64.b64encode(svg.encode()).decode()
    return f"![Rows by outcome](data:image/svg+xml;base64,{encoded})"


def _bar(report: StepReport, top: int) -> str:
    counts = {
        "changed": report.changed - report.for_review,
        "for review": report.for_review,
        "already correct": report.already_correct.rows,
        "unresolved": report.left_unresolved,
    }
    whole = sum(counts.values()) or 1
    drawn = f'<text x="0" y="{top + 15}">{escape(report.step)}</text>'
    left = float(LABELS)
    for name, count in counts.items():
        width = (WIDTH - LABELS) * count / whole
        drawn += (
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{_PARTS[name]}">'
            f"<title>{name}: {count:,}</title></rect>"
        )
        left += width
    return drawn
