"""What Dagster loads: the table of contents."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from meter_assets import settings
from meter_assets.defs.alerts import check_alerts
from meter_assets.defs.billing_tables import billing_tables
from meter_assets.defs.customer_balances import customer_balances
from meter_assets.defs.customer_balances_backup import (
    customer_balances_backup,
    customer_balances_backup_checks,
)
from meter_assets.defs.invoice_amounts import invoice_amounts, invoice_amounts_checks
from meter_assets.defs.jobs import JOBS
from meter_assets.defs.meter_balances import meter_balances, meter_balances_checks
from meter_assets.defs.migration_preview import migration_preview
from meter_assets.defs.payment_meter_ids import payment_meter_ids, payment_meter_ids_checks
from meter_assets.defs.resources import BillingResource, policy_resource
from meter_assets.defs.retention import delete_old_watching_runs, retention_schedule
from meter_assets.defs.rollback import rollback_meter_financials
from meter_assets.defs.tenant_partitions import tenant_partitions
from meter_assets.defs.watching import watch_migrated_tenants, watching_schedules


def _with_links_to_code(assets: Sequence[dg.AssetsDefinition]) -> Sequence[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # a link is all that is lost, should that change
        return dg.with_source_code_references(assets)


def build_definitions(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions, with these resources (billing, policy) in place of those of the environment."""
    settings.launchpad()  # a value that cannot be used is told before anything is launched
    chosen = {"billing": BillingResource(), "policy": policy_resource(settings.policy()), **(resources or {})}
    return dg.Definitions(
        assets=[
            *billing_tables,
            *_with_links_to_code(
                [
                    payment_meter_ids,
                    invoice_amounts,
                    customer_balances_backup,
                    meter_balances,
                    customer_balances,
                    migration_preview,
                ]
            ),
        ],
        asset_checks=[
            payment_meter_ids_checks,
            invoice_amounts_checks,
            customer_balances_backup_checks,
            meter_balances_checks,
        ],
        jobs=[*JOBS, rollback_meter_financials, watch_migrated_tenants, delete_old_watching_runs],
        schedules=[*watching_schedules(), retention_schedule()],
        sensors=[tenant_partitions, check_alerts],
        resources=chosen,
        # The SQL does the work: a process per step would only add its start-up.
        executor=dg.in_process_executor,
    )


defs = build_definitions()
