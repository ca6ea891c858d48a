"""Charts of a report, as SVG that is part of a page: horizontal bars, each with its exact amount as text.

Add a chart here. The length of a bar is a float, because the plotting library draws with floats; a printed amount never
is. The same amounts give the same text. Labels are our own words: no text of the database is in a chart.
"""

import io
import logging
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from meter_assets.formatting import show_money
from meter_assets.reports.report.contents import TenantReport

Bar = tuple[str, Decimal]
"""A label in our own words, and an amount in currency units."""
_MORE, _LESS = "#2f6f9f", "#b5523b"
_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text, which is searched and copied
    "svg.hashsalt": "meter-assets",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.bottom": False,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_IDS = re.compile(r'(\bid="|href="#|url\(#)')


def balances(tenants: Sequence[TenantReport], key: str) -> Markup:
    """Return the chart of the balances of tenants together before and after; `key` tells it from others of the page."""
    zero = Decimal("0.00")
    parts = [
        ("customers, before", sum((one.differences.backed_up_net for one in tenants), zero)),
        ("meters, before", sum((one.meters.before for one in tenants), zero)),
        ("meters, after", sum((one.meters.after for one in tenants), zero)),
        ("meters, now", sum((one.meters.now for one in tenants), zero)),
    ]
    return bars("Net balances before and after", parts, f"{key}-balances")


def causes(tenants: Sequence[TenantReport], key: str) -> Markup:
    """Return the chart of the differences of tenants together by cause; nothing if there is none."""
    found: dict[str, Decimal] = {}
    for one in tenants:
        for part in one.differences.by_cause:
            found[part.cause.value] = found.get(part.cause.value, Decimal("0.00")) + part.amount
    parts = sorted(found.items(), key=lambda bar: (-abs(_length(bar[1])), bar[0]))
    parts = [(cause.replace("_", " "), amount) for cause, amount in parts]
    return bars("Differences by cause", parts, f"{key}-causes") if parts else Markup("")


def _length(amount: Decimal) -> float:
    """Return the length of a bar; nothing for an amount that is no number, or that no float holds."""
    length = float(amount)
    return length if math.isfinite(length) else 0.0


def bars(title: str, parts: Sequence[Bar], key: str) -> Markup:
    """Return horizontal bars, the first one on top; `key` is what the ids of this chart start with."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of a home that it cannot write
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    lengths = [_length(amount) for _, amount in parts]
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 0.6 + 0.32 * len(parts)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        drawn = axes.barh(
            range(len(parts)), lengths, color=[_MORE if one >= 0 else _LESS for one in lengths], height=0.6
        )
        axes.bar_label(drawn, [show_money(amount) for _, amount in parts], padding=4)
        axes.set_yticks(range(len(parts)), [label for label, _ in parts])
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.axvline(0, color="#57606a", linewidth=0.8)
        axes.margins(x=0.25)
        axes.tick_params(axis="y", length=0)
        axes.set_title(title, loc="left", fontsize=10)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=_NO_METADATA, transparent=True)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    # The charts are parts of one page, in which each id may be there once.
    unique = _IDS.sub(rf"\1{key}-", text)
    return Markup(unique.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1))
