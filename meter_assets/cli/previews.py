"""Prints the dry runs of migrations: one line for each tenant, and each tenant in full."""

from collections.abc import Sequence
from dataclasses import replace

from meter_assets.cli.terminal import Terminal
from meter_assets.foreign_text import named
from meter_assets.formatting import show_money
from meter_assets.reports import tables as render
from meter_assets.reports.differences import tables as difference_tables
from meter_assets.reports.preview import Preview


class Previews(Terminal):
    """A terminal that also prints previews."""

    def preview(self, preview: Preview) -> None:
        """Print what a tenant's migration would do."""
        self.grid(render.impact(preview))
        for report in preview.steps:
            if report.unresolved or len(report.rules) > 1:
                self.grid(_retitled(render.outcomes(report), f"{report.step}: rows"))
            self.grid(_retitled(render.money(report), f"{report.step}: money"))
            if report.largest:
                self.grid(
                    render.from_records(
                        f"{report.step}: largest changes", [_shortened(row) for row in report.largest[:3]]
                    )
                )
        self.grid(render.statuses(preview))
        self.grid(render.bill_types(preview))
        self.grid(render.bases(preview))
        if preview.differences is not None:
            self.grid(difference_tables.by_cause(preview.differences))
            self.grid(difference_tables.largest(preview.differences, 3))
        if preview.policy_differences:
            self.evidence(f"The policy differs, recorded -> given: {'; '.join(preview.policy_differences)}.")
        if preview.triggers:
            self.grid(render.triggers(preview))
        for obstacle in preview.obstacles:
            self.evidence(obstacle, style="red")
        if preview.results is not None:
            violated = [one for one in preview.results if not one.passed]
            good = len(preview.results) - len(violated)
            title = f"Afterwards {good} of {len(preview.results)} invariants would pass, except:"
            self.grid(render.results(violated, title=title))
            if not violated:
                self.print(f"Afterwards all {len(preview.results)} invariants would pass.")
        if preview.would_fail:
            self.print("This tenant would fail.", style="red")

    def preview_details(self, previews: Sequence[Preview], *, in_full: bool) -> None:
        """Print several previews in full, or only why tenants would fail."""
        for one in previews:
            if in_full:
                self.heading(f"Tenant {named(one.tenant, one.name)}")
                self.preview(one)
            elif one.would_fail:
                errors = [result for result in one.results or () if result.severity == "ERROR" and not result.passed]
                reasons = [*(f"{result.name} ({result.violations:,})" for result in errors), *one.obstacles]
                self.evidence(f"Tenant {one.tenant} would fail: {'; '.join(reasons)}", style="red")

    def preview_summary(self, previews: Sequence[Preview]) -> None:
        """Print one line per tenant about what its migration would do."""
        headings = ("tenant", "rows to change", "for review", "unresolved", "meters' net would change by", "result")
        rows = tuple(
            (
                named(one.tenant, one.name),
                f"{sum(report.changed for report in one.steps):,}",
                f"{sum(report.for_review for report in one.steps):,}",
                f"{sum(report.left_unresolved for report in one.steps):,}",
                show_money(render.difference(one)),
                "would FAIL" if one.would_fail else "not evaluated" if one.results is None else "would succeed",
            )
            for one in previews
        )
        self.grid(render.Grid("Preview", headings, rows))


_ONLY_IN_THE_UI = ("rule", "total_billed", "total_paid", "last_invoice_date")


def _shortened(row: dict[str, str]) -> dict[str, str]:
    """Return a changed row without the columns that do not fit a terminal; the UI and the CSV files have them all."""
    return {name: value for name, value in row.items() if not name.startswith(_ONLY_IN_THE_UI)}


def _retitled(grid: render.Grid, title: str) -> render.Grid:
    return replace(grid, title=title)
