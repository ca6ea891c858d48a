"""The terminal: prints results, and what to do next. It makes no decisions.

All output passes `Terminal.print`, `heading` or `grid`, as text without markup and without invisible characters: no
name can move the cursor, change a color, or start a line that looks like our own. Add a method here for further output.
Progress during a run is in `progress`, the layout of tables in `terminal_table`, their contents in `reports.tables`.
"""

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.text import Text

from meter_assets import settings
from meter_assets.billing.catalogue import Trigger
from meter_assets.cli.invocation import Invocation
from meter_assets.cli.output import escaped
from meter_assets.cli.runner import TenantRun
from meter_assets.cli.terminal_table import drawn
from meter_assets.errors.base import first_named
from meter_assets.foreign_text import named, visible, visible_lines
from meter_assets.formatting import counted, show_money
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.rollback import Rollback
from meter_assets.migration.run_history import StepRunRecord
from meter_assets.migration.step_report import StepReport
from meter_assets.migration.tenants import SkippedTenant
from meter_assets.reports import tables as render
from meter_assets.reports.preview import Preview

STEPS = {
    "customer_balances_backup": "1/6 customer balances backup",
    "payment_meter_ids": "2/6 payment meter ids",
    "invoice_amounts": "3/6 invoice amounts",
    "validation before": "4/6 validation of what is read",
    "meter_balances": "5/6 meter balances",
    "validation after": "6/6 validation of balances",
}
_SIZE_WHEN_PIPED = (160, 25)
_NAMED_TENANTS = 50


class Terminal:
    """The console, with a method for each kind of output."""

    def __init__(self) -> None:
        """Write to standard output, in plain lines if it is not a terminal."""
        # Not rich's own answer: it takes a pipe for a terminal if FORCE_COLOR is set, and a dumb one to be 80 wide.
        self.is_terminal = sys.stdout.isatty()
        self.console = Console(highlight=False, soft_wrap=True)
        if not self.is_terminal:
            self.console.size = _SIZE_WHEN_PIPED
        elif self.console.is_dumb_terminal:
            self.console.size = shutil.get_terminal_size()

    @property
    def can_redraw(self) -> bool:
        """Whether the terminal can redraw a line."""
        return self.is_terminal and self.console.is_interactive

    def spinner(self, text: str) -> AbstractContextManager[Status | None]:
        """Show a line that is redrawn, until the context ends; nothing if the terminal cannot redraw one."""
        if not self.can_redraw:
            return nullcontext()
        dots = "dots" if self.console.encoding.startswith("utf") else "line"
        return self.console.status(self._text(text), spinner=dots)

    def print(self, text: str, style: str = "") -> None:
        """Print one or several lines, which must contain only our own text; a terminal gets them wrapped at words."""
        lines = self._text(visible_lines(text))
        self.console.print(self._wrapped(lines) if self.is_terminal else lines, style=style or None)

    def command(self, line: str) -> None:
        """Print a line that people copy, on one line: only the terminal itself folds it."""
        self.console.print(self._text(visible(line)))

    def evidence(self, text: str, style: str = "") -> None:
        """Print a line with foreign text, indented and folded, so that no part of it starts at the edge."""
        if self.is_terminal:
            folded = Padding(self._text(visible(text)), (0, 0, 0, 4))
            self.console.print(folded, style=style or None, soft_wrap=False)
        else:
            self.print(f"    {text}", style)

    def _text(self, text: str) -> Text:
        return Text(escaped(text, self.console.encoding))

    def _wrapped(self, lines: Text) -> Text:
        """Return the lines without one that is too long; what continues an indented line is indented by 2 more."""
        wrapper = textwrap.TextWrapper(self.console.width, break_on_hyphens=False, break_long_words=False)
        wrapped = []
        for line in lines.plain.splitlines():
            indented = len(line) - len(line.lstrip())
            wrapper.subsequent_indent = " " * (indented + 2) if indented else ""
            wrapped.append(wrapper.fill(line))
        return Text("\n".join(wrapped))

    def header(self, lines: Sequence[str]) -> None:
        """Print what a command should say of the database before it starts."""
        for line in lines:
            self.print(visible(line))

    def triggers(self, triggers: Sequence[Trigger]) -> None:
        """Print which triggers will fire, before a live run."""
        for trigger in triggers:
            self.print("Trigger that will fire:")
            self.evidence(str(trigger))
        if triggers:
            self.print(render.TRIGGERS_NOTE)

    def heading(self, text: str) -> None:
        """Print a heading."""
        self.print(f"\n{text}", style="bold")

    def grid(self, grid: render.Grid) -> None:
        """Print a small table."""
        if grid.rows:
            self.console.print(drawn(self.console, grid), soft_wrap=False)
        if grid.note:
            self.print(grid.note)

    def step(self, report: StepReport) -> None:
        """Print the line of a finished step."""
        parts = [
            f"{report.changed:,} of {report.examined:,} updated",
            f"{report.already_correct.rows:,} already correct",
        ]
        if report.for_review:
            parts.append(f"{report.for_review:,} for review")
        parts += [f"{tally.rows:,} {why.replace('_', ' ')}" for why, tally in report.unresolved.items()]
        self.print(f"  {STEPS.get(report.step, report.step.replace('_', ' ')):<32} {', '.join(parts)}")
        for note in report.notes:
            self.evidence(note)

    def validation(self, label: str, results: Sequence[InvariantResult]) -> None:
        """Print the line of a finished validation."""
        violated = [one for one in results if not one.passed]
        errors = [one for one in violated if one.severity == "ERROR"]
        text = f"{len(results) - len(violated)} of {len(results)} invariants passed"
        if errors:
            text += f", {len(errors)} ERROR: {', '.join(one.name for one in errors)}"
        if len(violated) > len(errors):
            warnings = (f"{one.name} ({one.violations:,})" for one in violated if one not in errors)
            text += f", {len(violated) - len(errors)} WARN: {', '.join(warnings)}"
        self.print(f"  {STEPS[label]:<32} {text}", style="red" if errors else "")

    def skipped_tenants(self, skipped: Sequence[SkippedTenant]) -> None:
        """Print the tenants that no command can run, because of their ids."""
        for one in skipped:
            self.evidence(f"Skipped: tenant {named(one.key, one.name)}. {one}", style="red")

    def failed(self, run: TenantRun) -> None:
        """Print why a tenant failed: its errors, and the violated invariants with evidence and remedy.

        Also with which policy it was evaluated, if that is not the configured one.
        """
        if run.evaluated_with:
            self.evidence(f"Evaluated with {run.evaluated_with}.")
        for error in run.errors:
            self.evidence(error, style="red")
        self._not_migrated(run)
        for result in (one for one in run.violated if not one.awaits):
            self.print(f"  ERROR {result.name}: {counted(result.violations, 'violation')}.", style="red")
            self.evidence(f"{result.description} For example {result.example}.")
            self.evidence(result.remedy)
        if run.not_shown is not None:
            self.evidence(
                f"A part of the output of this tenant was not shown: {run.not_shown!r}. Its run is not affected. Its "
                f"page in the UI shows all of it: run {run.run_id}.",
                style="red",
            )

    def _not_migrated(self, run: TenantRun) -> None:
        """Print which violations are expected, because a step that corrects them has not run for the tenant."""
        expected = [one for one in run.violated if one.awaits]
        if not expected:
            return
        self.print("  Not migrated yet. These ERRORs are expected before the migration:", style="red")
        for one in expected:
            self.evidence(f"{one.name}: {counted(one.violations, 'violation')}; {one.awaits} corrects such rows")
        command = f"{settings.command('meter-assets')} migrate-meter-financials --dry-run --tenant {run.tenant.key}"
        self.evidence("To see what would remain after it:")
        self.command(f"    {command}")

    def discrepancies(self, runs: Sequence[TenantRun]) -> None:
        """Print the customers and tenants whose meter balances differ from the backup."""
        for name in ("tenant_balance_agrees_with_its_backup", "every_customer_balance_agrees_with_its_backup"):
            rows = [row for run in runs for one in run.results if one.name == name for row in one.samples]
            if rows:
                note = "Only the first of each tenant; the checks count all." if name.startswith("every") else ""
                self.grid(render.from_records(f"Discrepancies: not {name.replace('_', ' ')}", rows, note))

    def summary(self, runs: Sequence[TenantRun]) -> None:
        """Print one line per tenant, with the counts over its steps."""
        headings = ("tenant", "result", "total", "updated", "already correct", "for review", "unresolved")
        rows = []
        for run in runs:
            reports = run.reports.values()
            counts = (
                sum(report.examined for report in reports),
                sum(report.changed for report in reports),
                sum(report.already_correct.rows for report in reports),
                sum(report.for_review for report in reports),
                sum(report.left_unresolved for report in reports),
            )
            result = "ok" if run.succeeded else "FAILED"
            rows.append((named(run.tenant.key, run.tenant.name), result, *(f"{count:,}" for count in counts)))
        self.grid(render.Grid("Summary", headings, tuple(rows)))

    def validation_summary(self, runs: Sequence[TenantRun]) -> None:
        """Print one line per tenant and violated invariant."""
        rows = []
        for run in runs:
            for one in (*run.violated, *run.warnings):
                name = named(run.tenant.key, run.tenant.name)
                severity = f"{one.severity}, expected" if one.awaits else one.severity.value
                rows.append((name, severity, one.name, f"{one.violations:,}"))
        self.grid(render.Grid("Violated invariants", ("tenant", "severity", "invariant", "violations"), tuple(rows)))
        early = [run.tenant.key for run in runs if any(one.awaits for one in run.violated)]
        if early:
            self.print(f"Not migrated yet: {first_named(early)}. Expected violations end with the migration.")
        good = sum(run.succeeded for run in runs)
        self.print(f"{good} of {len(runs)} tenants without an ERROR.", style="" if good == len(runs) else "red")

    def what_next(
        self,
        database: BillingDatabase,
        runs: Sequence[TenantRun],
        seconds: float,
        without_backup: Sequence[Tenant] | None,
        given: Invocation,
    ) -> None:
        """Print how long the command took, how to run failed tenants again, what to verify, and where the backup is.

        `without_backup` are the tenants that have no backup, if that is known.
        """
        good = [run.tenant.key for run in runs if run.succeeded]
        bad = [run.tenant.key for run in runs if not run.succeeded]
        changed = sum(report.changed for run in runs for report in run.reports.values())
        ours = settings.command("meter-assets")
        self.print(f"\n{len(good)} of {len(runs)} tenants done in {seconds:.1f} s; {changed:,} rows changed.")
        if not changed and not bad:
            self.print("Nothing had to be changed: 0 rows were changed, 0 rows were journaled.")
        if bad:
            self.print(f"Failed: {', '.join(bad)}. Fix the errors above, then run these tenants again:", style="red")
            self.command(f"  {given.again(bad)}")
        self.command(f"Verify:  {ours} validate-meter-financial-data")
        self.command(f"Read:    {ours} history")
        self.command(f"         {ours} ui   # every run, check and changed row")
        if without_backup is not None:
            self._backup(database, runs, without_backup)

    def _backup(self, database: BillingDatabase, runs: Sequence[TenantRun], without_backup: Sequence[Tenant]) -> None:
        if len(without_backup) == len(runs):
            self.print("Backup:  none yet: no run of these tenants has completed one. It is the first step of a run.")
            return
        missing = f" (none yet of tenant {', '.join(one.key for one in without_backup)})" if without_backup else ""
        table = f"table customer_balances_backup{missing}"
        self.print(f"Backup:  {table}; journal: tables meter_migration_*; both in {database.url}")

    def resumed(self, done: Sequence[Tenant]) -> None:
        """Print which tenants are skipped, because the same command has finished them before it ended early."""
        if done:
            self.print(
                "Continues the same command, which ended early. Skipped, because it has finished them: tenants "
                f"{_keys(done)}. Add --no-skip to run all."
            )

    def interrupted(
        self, runs: Sequence[TenantRun], under_way: Tenant | None, left: Sequence[Tenant], again: str
    ) -> None:
        """Print which tenants are done, under way and not begun, and how to continue."""
        failed = [run.tenant for run in runs if not run.succeeded]
        self.print("")
        self.print(f"Done:       {_keys([run.tenant for run in runs if run.succeeded])}")
        if failed:
            self.print(f"Failed:     {_keys(failed)}", style="red")
        self.print(f"Under way:  {_keys([under_way] if under_way else [])}")
        self.print(f"Not begun:  {_keys(left)}")
        self.command(f"Continue:   {again}")

    def to_undo(self, tenants: Sequence[Tenant], steps: Mapping[str, Sequence[StepRunRecord]]) -> None:
        """Print what a rollback is about to undo."""
        rows = tuple(
            (
                named(tenant.key, tenant.name),
                str(len(dict.fromkeys(one.run_id for one in steps[tenant.key]))),
                str(len(steps[tenant.key])),
                f"{sum(one.rows_changed or 0 for one in steps[tenant.key]):,}",
            )
            for tenant in tenants
        )
        self.grid(render.Grid("To be undone", ("tenant", "runs", "steps", "journaled rows"), rows))

    def rollback(self, found: Rollback) -> None:
        """Print what the rollback of a tenant did, or would do, and every skipped row."""
        self.grid(render.undone(found))
        for one in found.steps:
            if one.skipped:
                self.grid(render.skipped(one))
            for note in one.report.notes:
                self.evidence(note)

    def rollback_summary(self, runs: Sequence[TenantRun], *, dry_run: bool) -> None:
        """Print the results of all tenants' rollbacks, and what to do next."""
        found = [run.rollback for run in runs if run.rollback is not None]
        restored, skipped = sum(one.restored for one in found), sum(one.skipped for one in found)
        if dry_run:
            self.print(f"\n{restored:,} rows would be restored, {skipped:,} skipped. Nothing was written.")
            return
        self.print(f"\n{restored:,} rows restored, {skipped:,} skipped.")
        if restored:
            self.print(
                "In the Dagster UI the tenants' partitions are no longer materialized; their earlier events stay "
                "listed."
            )
        bad = [run.tenant.key for run in runs if not run.succeeded]
        if bad:
            self.print(f"Examine these tenants: {', '.join(bad)}.", style="red")

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


def _keys(tenants: Sequence[Tenant]) -> str:
    """Return the keys of the first of these tenants, and the number of the others."""
    more = f" and {len(tenants) - _NAMED_TENANTS} more" if len(tenants) > _NAMED_TENANTS else ""
    return ", ".join(one.key for one in tenants[:_NAMED_TENANTS]) + more or "none"


_ONLY_IN_THE_UI = ("rule", "total_billed", "total_paid", "last_invoice_date")


def _shortened(row: dict[str, str]) -> dict[str, str]:
    """Return a changed row without the columns that do not fit a terminal; the UI and the CSV files have them all."""
    return {name: value for name, value in row.items() if not name.startswith(_ONLY_IN_THE_UI)}


def _retitled(grid: render.Grid, title: str) -> render.Grid:
    return replace(grid, title=title)
