"""The asset tenant_overview: the state of every tenant in one table, and the function that the command line shares.

Add here what is read from Dagster for the overview, and what the asset shows. What a state means is in
`reports.overview`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from meter_assets.defs import metadata
from meter_assets.defs.migration_preview import ASSET as PREVIEW
from meter_assets.defs.resources import BillingResource
from meter_assets.defs.scope import UNNAMED, Scope
from meter_assets.defs.step import DOMAIN, OWNERS, failures
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.snapshot import tried_again
from meter_assets.reports import overview_tables as render
from meter_assets.reports.narrow import WIDEST_WITHOUT_PARTITION
from meter_assets.reports.overview import (
    Counts,
    Evaluation,
    Observed,
    Recorded,
    State,
    TenantOverview,
    overview,
    read_recorded,
)
from meter_assets.rules.invariants import INVARIANTS, current_name
from meter_assets.rules.steps import MIGRATION, guarded_step
from meter_assets.runtime.latest_values import Materialized, latest_evaluated, latest_materialized
from meter_assets.runtime.run_origins import RunOrigin, run_origins

LISTED, LINKED = 100, 10
"""How many tenants the table of the asset has, and to how many of those that need attention it links."""


def tenant_overviews(
    instance: dg.DagsterInstance, database: BillingDatabase, scope: Scope = UNNAMED
) -> list[TenantOverview]:
    """Return the state of every tenant of a scope, in the order of their ids.

    The number of statements does not grow with the number of tenants. Raises what `BillingDatabase.every_tenant`
    raises.
    """
    tenants = [one for one in database.every_tenant() if scope.includes(one.key)]
    recorded = _recorded(database)
    return overview(tenants, recorded, _observed(instance, scope, recorded))


@tried_again
def _recorded(database: BillingDatabase) -> dict[Any, Recorded]:
    with database.snapshot() as connection:
        return read_recorded(connection, database.schema(connection))


def _observed(instance: dg.DagsterInstance, scope: Scope, recorded: Mapping[Any, Recorded]) -> Observed:
    """Return what Dagster knows of all tenants: the latest previews, steps, evaluations, and the newest runs."""
    previews: dict[str, Counts] = {}
    steps: dict[str, dict[str, Counts]] = {}
    for one in latest_materialized(instance, [scope.key(name) for name in (PREVIEW, *MIGRATION)]):
        if one.asset == PREVIEW:
            previews[one.partition] = _counts(one)
        else:
            steps.setdefault(one.partition, {})[one.asset] = _counts(one)
    checks = [
        dg.AssetCheckKey(scope.key(guarded_step(one.group)), name)
        for one in INVARIANTS
        for name in (one.name, *one.former_names)
    ]
    evaluations: dict[str, dict[str, Evaluation]] = {}
    names = {one.name: current_name(one.name) for one in checks}
    for check, partition, failed_at, violations in latest_evaluated(instance, checks):
        name = names[check]  # under a former name it is older, and is replaced
        evaluations.setdefault(partition, {})[name] = Evaluation(name, failed_at, violations)
    newest = {one.newest_run[-1].run_id for one in recorded.values() if one.newest_run}
    runs = run_origins(instance, newest | {one.run_id for one in previews.values()})
    return Observed(
        previews,
        steps,
        {key: list(by_name.values()) for key, by_name in evaluations.items()},
        {run_id: one.who for run_id, one in runs.items()},
        _ended(runs),
    )


def _ended(runs: Mapping[str, RunOrigin]) -> frozenset[str]:
    return frozenset(run_id for run_id, one in runs.items() if one.has_ended)


def _counts(one: Materialized) -> Counts:
    numbers = one.numbers
    return Counts(
        one.run_id,
        one.at,
        numbers.get("rows_that_would_change"),
        numbers.get("rows_unresolved"),
        numbers.get("rows_for_review"),
        bool(numbers.get("would_fail")),
    )


@dg.asset(group_name="monitoring", kinds={"sql"}, owners=OWNERS, tags={**DOMAIN, "writes": "nothing"})
def tenant_overview(context: dg.AssetExecutionContext, billing: BillingResource) -> dg.MaterializeResult[Any]:
    """The state of every tenant: not begun, previewed, migrated, blocked and by which check, rolled back, drifted.

    Every pass of `watch_migrated_tenants` refreshes it; materialize it by hand to see the state now. It reads the
    records of the billing database, and the latest previews and check results. Writes nothing to the billing database.
    """
    with failures():
        rows = tenant_overviews(context.instance, billing.database, billing.scope)
    return dg.MaterializeResult(
        metadata=overview_metadata(context.instance, rows, billing.scope),
        data_version=dg.DataVersion(context.run.run_id),
    )


def refreshed_overview(
    instance: dg.DagsterInstance, database: BillingDatabase, scope: Scope = UNNAMED
) -> dg.AssetMaterialization:
    """Return the materialization of the overview as of now, for a run of another job to log."""
    rows = tenant_overviews(instance, database, scope)
    return dg.AssetMaterialization(scope.key("tenant_overview"), metadata=overview_metadata(instance, rows, scope))


def _tables(rows: list[TenantOverview], note: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, grid in render.small_grids(rows, note=note).items():
        found |= metadata.table(name, grid, widest=WIDEST_WITHOUT_PARTITION)
    return found


def overview_metadata(
    instance: dg.DagsterInstance, rows: list[TenantOverview], scope: Scope = UNNAMED
) -> dict[str, Any]:
    """Return the overview as metadata: the tenants per state, which Dagster plots, the table, and links."""
    found, first = render.counts(rows), render.attention_first(rows)
    note = ""
    if len(rows) > LISTED:
        note = f"{len(rows) - LISTED:,} more tenants: 'meter-assets status' lists all."
    attention = [one for one in first if one.state.needs_attention][:LINKED]
    known = run_origins(instance, [one.last_run for one in attention if one.last_run])
    links = {
        f"last_run_of_{one.tenant}": metadata.run(one.last_run)
        for one in attention
        if one.last_run is not None and one.last_run in known
    }
    return {
        "summary": metadata.text(render.counted(rows)),
        **_tables(first[:LISTED], note),
        "tenants_in_all": len(rows),
        **{f"tenants_{state.name}": found.get(state, 0) for state in State},
        "rows_for_review": sum(one.for_review or 0 for one in rows),
        "previews": metadata.asset(scope.key(PREVIEW)),
        "checks": metadata.asset(scope.key("meter_balances")),
        **links,
    }
