"""The options that select tenants, the same for every command that takes tenants.

Add a selection as an option of `tenant_options` and a condition of `Selection.includes`. What is known of each tenant
is in `reports.overview`; nothing slow is imported until a selection must be resolved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from meter_assets.migration.database import BillingDatabase, Tenant
    from meter_assets.migration.tenants import SkippedTenant
    from meter_assets.reports.overview import TenantOverview

P = ParamSpec("P")


class Asks(Enum):
    """What a command does with tenants, which decides what its --failed and --missing mean."""

    to_run = auto()
    """Run steps."""
    to_preview = auto()
    to_rehearse = auto()
    """Run all steps on a copy; the states are those of the billing database."""
    to_validate = auto()
    to_roll_back = auto()
    to_look = auto()
    """Show what is recorded."""


class NothingSelected(Exception):
    """No tenant has what the selection asks for: there is nothing to do."""


@dataclass(frozen=True)
class Selection:
    """The tenants that the user named (default: all), restricted to those that fulfil every given condition."""

    named: tuple[str, ...] = ()
    failed: bool = False
    missing: bool = False
    not_migrated: bool = False
    asks: Asks = Asks.to_look
    steps: tuple[str, ...] = ()
    """The steps of the command; none means those of the migration."""

    @property
    def restricts(self) -> bool:
        """Whether there is a condition."""
        return self.failed or self.missing or self.not_migrated

    def includes(self, one: "TenantOverview") -> bool:
        """Return whether a tenant fulfils every condition."""
        return (
            (not self.failed or self._has_failed(one))
            and (not self.missing or self._is_missing(one))
            and (not self.not_migrated or not one.migrated)
        )

    def _has_failed(self, one: "TenantOverview") -> bool:
        if self.asks is Asks.to_validate:
            return bool(one.violated)
        if self.asks is Asks.to_look:
            return one.run_failed or one.state.needs_attention
        return one.run_failed or (self.asks is Asks.to_preview and bool(one.preview_fails))

    def _is_missing(self, one: "TenantOverview") -> bool:
        from meter_assets.rules.steps import MIGRATION

        if self.asks is Asks.to_preview:
            return one.preview_fails is None
        if self.asks is Asks.to_validate:
            return not one.validated
        if self.asks is Asks.to_roll_back:
            return bool(one.done_steps)
        return not set(self.steps or MIGRATION).issubset(one.done_steps)

    def __str__(self) -> str:
        """Return the conditions as options."""
        given = {"--failed": self.failed, "--missing": self.missing, "--not-migrated": self.not_migrated}
        return " ".join(name for name, is_given in given.items() if is_given)


EVERY = Selection()


def tenant_options(asks: Asks, steps: Sequence[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options to a command, which gets them as one argument: `tenants`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_selection(
            *args: Any, tenants: tuple[str, ...], failed: bool, missing: bool, not_migrated: bool, **kwargs: Any
        ) -> None:
            asked = Asks.to_preview if asks is Asks.to_run and kwargs.get("dry_run") else asks
            selection = Selection(tenants, failed, missing, not_migrated, asked, tuple(steps))
            command(*args, tenants=selection, **kwargs)

        options = (
            click.option(
                "--tenant",
                "tenants",
                multiple=True,
                metavar="TENANT",
                help="A tenant to work on, by its id or its exact name; may be repeated. Default: all tenants.",
            ),
            click.option("--failed", is_flag=True, help=_FAILED[asks]),
            click.option("--missing", is_flag=True, help=_MISSING[asks]),
            click.option("--not-migrated", is_flag=True, help="Only tenants whose meters' balances are not migrated."),
        )
        for option in reversed(options):
            with_selection = option(with_selection)
        return with_selection

    return decorate


_RUN_FAILED = "Only tenants whose newest run failed, was blocked or was interrupted"
_FAILED = {
    Asks.to_run: f"{_RUN_FAILED}; with --dry-run also those whose last preview would fail.",
    Asks.to_rehearse: f"{_RUN_FAILED}, in the billing database.",
    Asks.to_validate: "Only tenants that violated an ERROR invariant at the last evaluation.",
    Asks.to_roll_back: f"{_RUN_FAILED}.",
    Asks.to_look: f"{_RUN_FAILED}, that have drifted, or whose last preview would fail.",
}
_MISSING = {
    Asks.to_run: "Only tenants for which a step of this command has not succeeded, or not since a rollback; with "
    "--dry-run only those without a preview.",
    Asks.to_rehearse: "Only tenants for which a step of the migration has not succeeded in the billing database, or "
    "not since a rollback.",
    Asks.to_validate: "Only tenants for which a check was never evaluated, or not since a rollback.",
    Asks.to_roll_back: "Only tenants with a step that is not rolled back.",
    Asks.to_look: "Only tenants for which a step of the migration has not succeeded, or not since a rollback.",
}


def with_plans(selection: Selection, plan: Path) -> Selection:
    """Return a selection of the tenants that have a plan in a folder, unless the user named others.

    Raises PlanUnusable if there is no plan at all, or if two folders have one of the same tenant.
    """
    from meter_assets.migration.reviewed_plans.manifest import folders_with_plans, planned_tenants

    if selection.named:
        folders_with_plans(plan)
        return selection
    return replace(selection, named=tuple(planned_tenants(plan)))


def restricted(
    tenants: "Sequence[Tenant]", database: "BillingDatabase", selection: Selection, instance: "DagsterInstance"
) -> "list[Tenant]":
    """Return those of the tenants that fulfil the conditions of a selection. Raises NothingSelected if none does."""
    from meter_assets.defs.tenant_overview import tenant_overviews

    included = {one.tenant for one in tenant_overviews(instance, database) if selection.includes(one)}
    chosen = [one for one in tenants if one.key in included]
    if not chosen:
        raise NothingSelected(
            f"No tenant is selected: of {len(tenants):,}, none matches {selection}. Nothing was done."
        )
    return chosen


def restricted_or_none(
    tenants: "Sequence[Tenant]",
    database: "BillingDatabase",
    selection: Selection,
    instance: "DagsterInstance",
    *,
    or_none: bool,
) -> "list[Tenant]":
    """Return what `restricted` returns; with `or_none`, an empty list where that raises, and say so."""
    try:
        return restricted(tenants, database, selection, instance)
    except NothingSelected as nothing:
        if not or_none:
            raise
        click.echo(str(nothing), err=True)
        return []


def chosen_of_records(database: "BillingDatabase", selection: Selection, *, or_none: bool = False) -> "list[Tenant]":
    """Return the selected tenants, for a command that opens no instance of Dagster unless a condition needs it.

    With `or_none`, no tenant is selected if none fulfils the conditions, and standard error says so. Otherwise raises
    NothingSelected; also AmbiguousTenantName, and what `BillingDatabase.tenants` raises.
    """
    tenants = database.tenants(database.tenant_keys(selection.named))
    if not selection.restricts:
        return tenants
    from meter_assets.runtime.instance import open_instance

    with open_instance() as instance:
        return restricted_or_none(tenants, database, selection, instance, or_none=or_none)


def skipped_tenants(database: "BillingDatabase", selection: Selection) -> "list[SkippedTenant]":
    """Return the skipped tenants among the selected ones; none if there is a condition, which they cannot fulfil."""
    return [] if selection.restricts else database.skipped_tenants(database.tenant_keys(selection.named))
