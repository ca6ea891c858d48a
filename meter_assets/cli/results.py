"""Prints the results of live runs, rollbacks and validations, and what to do next.

Add here what a command prints about runs that have ended. Dry runs of the migration are in `previews`.
"""

from collections.abc import Mapping, Sequence

from meter_assets import settings
from meter_assets.billing.catalogue import Trigger
from meter_assets.cli.invocation import Invocation
from meter_assets.cli.previews import Previews
from meter_assets.cli.runner import TenantRun
from meter_assets.cli.sums import Sums
from meter_assets.errors.base import first_named
from meter_assets.foreign_text import named
from meter_assets.formatting import counted
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.rollback import Rollback
from meter_assets.migration.run_history import StepRunRecord
from meter_assets.migration.step_report import StepReport
from meter_assets.reports import tables as render

STEPS = {
    "customer_balances_backup": "1/6 customer balances backup",
    "payment_meter_ids": "2/6 payment meter ids",
    "invoice_amounts": "3/6 invoice amounts",
    "validation before": "4/6 validation of what is read",
    "meter_balances": "5/6 meter balances",
    "validation after": "6/6 validation of balances",
}
_NAMED_TENANTS = 50


class Results(Previews):
    """A terminal that also prints the results of runs."""

    def triggers(self, triggers: Sequence[Trigger]) -> None:
        """Print which triggers will fire, before a live run."""
        for trigger in triggers:
            self.print("Trigger that will fire:")
            self.evidence(str(trigger))
        if triggers:
            self.print(render.TRIGGERS_NOTE)

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
                self.grid(render.from_records(f"Discrepancies: {name}", rows, note))

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

    def summary_of_many(self, sums: Sums, failed: Sequence[Tenant]) -> None:
        """Print the sums over many tenants, and which invariants of severity WARN they violate."""
        self.grid(sums.grid(failed))
        warnings = sums.warnings()
        if warnings.rows:
            self.grid(warnings)

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
        good: Sequence[Tenant],
        bad: Sequence[Tenant],
        *,
        changed: int,
        seconds: float,
        without_backup: Sequence[Tenant] | None,
        given: Invocation,
    ) -> None:
        """Print how long the command took, how to run failed tenants again, what to verify, and where the backup is.

        `good` are the tenants that succeeded, `bad` those that failed. `without_backup` are the tenants that have no
        backup, if that is known.
        """
        tenants, ours = len(good) + len(bad), settings.command("meter-assets")
        self.print(f"\n{len(good):,} of {tenants:,} tenants done in {seconds:.1f} s; {changed:,} rows changed.")
        if not changed and not bad:
            self.print("Nothing had to be changed: 0 rows were changed, 0 rows were journaled.")
        if bad:
            keys = [one.key for one in bad]
            self.print(f"Failed: {', '.join(keys)}. Fix the errors above, then run these tenants again:", style="red")
            self.command(f"  {given.again(keys)}")
        self.command(f"Verify:  {ours} validate-meter-financial-data")
        self.command(f"Read:    {ours} history")
        self.command(f"         {ours} ui   # every run, check and changed row")
        if without_backup is not None:
            self._backup(database, tenants, without_backup)

    def _backup(self, database: BillingDatabase, tenants: int, without_backup: Sequence[Tenant]) -> None:
        if len(without_backup) == tenants:
            self.print("Backup:  none yet: no run of these tenants has completed one. It is the first step of a run.")
            return
        missing = f" (none yet of tenant {_keys(without_backup)})" if without_backup else ""
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
        self,
        done: Sequence[Tenant],
        failed: Sequence[Tenant],
        under_way: Sequence[Tenant],
        left: Sequence[Tenant],
        again: str,
    ) -> None:
        """Print which tenants are done, under way and not begun, and how to continue."""
        self.print("")
        self.print(f"Done:       {_keys(done)}")
        if failed:
            self.print(f"Failed:     {_keys(failed)}", style="red")
        self.print(f"Under way:  {_keys(under_way)}")
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


def _keys(tenants: Sequence[Tenant]) -> str:
    """Return the keys of the first of these tenants, and the number of the others."""
    more = f" and {len(tenants) - _NAMED_TENANTS} more" if len(tenants) > _NAMED_TENANTS else ""
    return ", ".join(one.key for one in tenants[:_NAMED_TENANTS]) + more or "none"
