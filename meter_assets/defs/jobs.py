"""The jobs of assets and checks: what a data engineer launches.

Add a job here as an entry of `asset_jobs`, so that every billing database of a code location has it.
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
            "The migration of a tenant: its four assets with their checks. A failing ERROR check of payments, "
            "invoices or the backup keeps meter_balances from being written.",
        ),
        (
            "migrate_meter_financials_without_validation",
            migrated.without_checks(),
            "The migration of a tenant without the checks. meter_balances still refuses to write on invalid data.",
        ),
        (
            "preview_meter_financials",
            dg.AssetSelection.assets(scope.key("migration_preview")),
            "The dry run of a tenant's migration. Writes nothing.",
        ),
        (
            "validate_meter_financial_data",
            dg.AssetSelection.checks_for_assets(*map(scope.key, MIGRATION)),
            "All checks of a tenant and nothing else. It is launched with the tag dagster/partition set to the "
            "tenant's id, since a job of checks has no partitions to pick from.",
        ),
        (
            "sync_customer_balances",
            dg.AssetSelection.assets(scope.key("customer_balances")),
            "After the migration, on request: customers' balances as the sums over their active meters.",
        ),
    )
    return [
        dg.define_asset_job(
            scope.named(name), selection=selection, description=description, executor_def=dg.in_process_executor
        )
        for name, selection, description in jobs
    ]


JOBS = asset_jobs(UNNAMED)
