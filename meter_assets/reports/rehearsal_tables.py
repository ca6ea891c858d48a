"""A rehearsal as tables and sentences: how long each part took, the forecast, and whether to go live.

Add here what a person reads of a rehearsal; its figures are in `reports.rehearsal`.
"""

from collections.abc import Iterator

from meter_assets.foreign_text import named, quoted
from meter_assets.formatting import show_duration
from meter_assets.reports.rehearsal import TRIES, Part, Rehearsal, TenantTimes, seconds_of_steps, slowest
from meter_assets.reports.tables import Grid

LISTED_TENANTS = 20
"""The most tenants of the forecast that are listed: the slowest ones."""


def parts(found: Rehearsal) -> Grid:
    """Return how long each part took."""
    rows = tuple((one.name, show_duration(one.seconds), _rows(one), _rate(one)) for one in found.parts)
    slow = slowest(found.tenants)
    note = ""
    if slow is not None:
        steps = ", ".join(f"{step} {show_duration(took)}" for step, took in seconds_of_steps(found.tenants).items())
        note = (
            f"The slowest tenant of the migration: {named(slow.tenant, slow.name)}, {show_duration(slow.migration)}. "
            f"Of the migration: {steps}; the rest are checks and records."
        )
    return Grid("Measured", ("part", "time", "rows", "rows per second"), rows, note)


def _rows(one: Part) -> str:
    return "-" if one.rows is None else f"{one.rows:,} {one.what}"


def _rate(one: Part) -> str:
    return "-" if one.rows_per_second is None else f"{one.rows_per_second:,.0f}"


def forecast(found: Rehearsal) -> Grid:
    """Return how long the real run takes: for all tenants, and for the slowest ones."""
    by_tenant = dict(zip([one.tenant for one in found.tenants], found.forecasts, strict=False))
    listed = sorted(found.tenants, key=lambda one: -by_tenant[one.tenant].expected)[:LISTED_TENANTS]
    every = [("all tenants", f"{sum(one.changed for one in found.tenants):,}", found.total, "")]
    every += [(named(one.tenant, one.name), f"{one.changed:,}", by_tenant[one.tenant], _result(one)) for one in listed]
    rows = tuple(
        (
            name,
            changed,
            f"{show_duration(one.expected)}{' (estimated)' if one.is_estimated else ''}",
            show_duration(one.at_most),
            "-" if one.in_batches is None else show_duration(one.in_batches),
            result,
        )
        for name, changed, one, result in every
    )
    headings = ("tenant", "rows changed", "expected", "at most", _other_batches(found), "result")
    more = len(found.tenants) - len(listed)
    return Grid(
        "Forecast for the real run", headings, rows, f"And {more:,} faster tenants: --json lists all." if more else ""
    )


def _other_batches(found: Rehearsal) -> str:
    size = None if found.again is None else found.again.batch_size
    return f"with --batch-size {size}" if size else "without --batch-size" if found.batch_size else "in batches"


def _result(one: TenantTimes) -> str:
    return "ok" if one.succeeded else "FAILED"


def assumptions(found: Rehearsal) -> Iterator[str]:
    """Yield what the forecast assumes, and by how much it may be wrong, each a sentence."""
    if len(found.failed) == len(found.tenants):
        yield "No tenant was migrated, so the times say little about the real run. Fix them, then rehearse again."
    yield (
        "The forecast is for a run of all these tenants on the command line, one after the other, on the same machine "
        "and server, with the same load and rows as now. On another server, rehearse there."
    )
    yield (
        f"Expected is what was measured. At most is {TRIES} times that: while others write the same rows, a step is "
        f"tried up to {TRIES} times. Nobody wrote to the copy, and it has no rows that were deleted or replaced."
    )
    if found.batch_factor is not None and found.again is not None:
        how = f"--batch-size {found.again.batch_size}" if found.again.batch_size else "one transaction per step"
        yield (
            f"With {how}, tenant {named(found.again.tenant, found.again.name)} took {found.batch_factor:.2f} times as "
            "long; the column assumes this for each tenant."
        )
    if any(one.is_estimated for one in found.forecasts):
        yield "Estimated: the tenant failed, so its time is computed from the rows per second of the others."
    if found.triggers:
        yield (
            f"Triggers fire in the billing database and not in the copy: {', '.join(map(str, found.triggers))}. What "
            "they do, and how long it takes, was not rehearsed."
        )
    if found.lacks:
        yield f"The copy lacks {'; '.join(map(str, found.lacks))}."
    yield f"Masked in the copy: {', '.join(found.masked)}. Only columns that a run reads were copied."


def verdict(found: Rehearsal) -> Iterator[str]:
    """Yield whether to go live, and each reason against it, each a sentence."""
    again = found.again
    if found.go:
        undone = f", and tenant {again.tenant} was rolled back completely" if again else ""
        number = len(found.tenants)
        tenants = f"all {number:,} tenants were" if number > 1 else "1 tenant was"
        yield f"Go: {tenants} migrated with every check passed{undone}."
        return
    yield f"No go: {len(found.failed)} of {len(found.tenants)} tenants would fail."
    for one in found.failed:
        yield f"Tenant {named(one.tenant, one.name)}: {'; '.join(one.problems)}."
    yield from found.skipped
    if again is not None and not again.succeeded:
        rest = f"{again.restored:,} of {again.changed:,} rows were restored, {again.skipped:,} skipped"
        rest += f", and {again.changed_again:,} were changed again"
        yield f"Tenant {named(again.tenant, again.name)} was not rolled back as a whole: {rest}. " + "; ".join(
            map(quoted, again.problems)
        )
