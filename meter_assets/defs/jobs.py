"""The jobs: what a data engineer launches."""

import dagster as dg

from meter_assets.defs.customer_balances import customer_balances
from meter_assets.defs.customer_balances_backup import customer_balances_backup
from meter_assets.defs.invoice_amounts import invoice_amounts
from meter_assets.defs.meter_balances import meter_balances
from meter_assets.defs.migration_preview import migration_preview
from meter_assets.defs.payment_meter_ids import payment_meter_ids

_MIGRATED = dg.AssetSelection.assets(payment_meter_ids, invoice_amounts, customer_balances_backup, meter_balances)

migrate_meter_financials = dg.define_asset_job(
    "migrate_meter_financials",
    selection=_MIGRATED,
    description="The migration of a tenant: its four assets with their checks. A failing ERROR check of payments, "
    "invoices or the backup keeps meter_balances from being written.",
)
migrate_meter_financials_without_validation = dg.define_asset_job(
    "migrate_meter_financials_without_validation",
    selection=_MIGRATED.without_checks(),
    description="The migration of a tenant without the checks. meter_balances still refuses to write on invalid data.",
)
preview_meter_financials = dg.define_asset_job(
    "preview_meter_financials",
    selection=dg.AssetSelection.assets(migration_preview),
    description="The dry run of a tenant's migration. Writes nothing.",
)
validate_meter_financial_data = dg.define_asset_job(
    "validate_meter_financial_data",
    selection=dg.AssetSelection.checks_for_assets(
        payment_meter_ids, invoice_amounts, customer_balances_backup, meter_balances
    ),
    description="All checks of a tenant and nothing else. It is launched with the tag dagster/partition set to the "
    "tenant's id, since a job of checks has no partitions to pick from.",
)
sync_customer_balances = dg.define_asset_job(
    "sync_customer_balances",
    selection=dg.AssetSelection.assets(customer_balances),
    description="After the migration, on request: customers' balances as the sums over their active meters.",
)

JOBS = [
    migrate_meter_financials,
    migrate_meter_financials_without_validation,
    preview_meter_financials,
    validate_meter_financial_data,
    sync_customer_balances,
]
