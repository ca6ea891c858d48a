"""The jobs of assets and checks that a data engineer launches.

Add a job as an entry of `asset_jobs`, so that every billing database of a code location has it. The jobs of ops are in
`rollback`, `watching` and `retention`.
"""

from typing import Any

import dagster as dg

from meter_assets.defs.scope import UNNAMED, Scope
from meter_assets.rules.steps import MIGRATION


def asset_jobs(scope: Scope) -> list[Any]:
    """Return the jobs of one billing database."""
    migrated = dg.AssetSelection.assets(*map(scope.key, MIGRATION))
    jobs = (
        (
            "migrate_meter_financials",
            migrated,
            "Migrates a tenant: its four assets with their checks, the backup first. A failing ERROR check of "
            "payments, invoices or the backup blocks meter_balances.",
        ),
        (
            "migrate_meter_financials_without_validation",
            migrated.without_checks(),
            "Migrates a tenant without the checks. meter_balances still refuses to write on invalid data.",
        ),
        (
            "preview_meter_financials",
            dg.AssetSelection.assets(scope.key("migration_preview")),
            "Previews a tenant's migration (dry run). Writes nothing.",
        ),
        (
            "validate_meter_financial_data",
            dg.AssetSelection.checks_for_assets(*map(scope.key, MIGRATION)),
            "Runs all checks and nothing else: of one tenant, if it is launched with the tag dagster/partition set to "
            "the tenant's id (a job of checks has no partitions to select), otherwise of all migrated tenants.",
        ),
        (
            "sync_customer_balances",
            dg.AssetSelection.assets(scope.key("customer_balances")),
            "Optional, after the migration: writes customers' balances as the sums over their active meters.",
        ),
    )
    return [
        dg.define_asset_job(
            scope.named(name), selection=selection, description=description, executor_def=dg.in_process_executor
        )
        for name, selection, description in jobs
    ]


JOBS = asset_jobs(UNNAMED)
