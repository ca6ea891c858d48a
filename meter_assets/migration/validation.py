"""Evaluates invariants of one tenant as it is in the database, by the policy that it was migrated with.

Add here what every validation of a tenant does. Passes over all migrated tenants are in `monitoring.watch`.
"""

from collections.abc import Sequence

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import InvariantResult, advise, evaluate
from meter_assets.migration.recorded_policy import policy_for_evaluation
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.temporary_tables import has_few_rows, materialized
from meter_assets.rules.invariants import Invariant


@tried_again
def validate(
    database: BillingDatabase, tenant: Tenant, run_id: str, given: Policy, invariants: Sequence[Invariant]
) -> tuple[list[InvariantResult], list[str]]:
    """Evaluate invariants in a snapshot, by the policy that the tenant was migrated with; `given` if it never was.

    Returns the results, and in which values that policy differs from the given one. Raises what
    `BillingDatabase.read` raises.
    """
    with database.read(given) as snapshot:
        connection, schema = snapshot.connection, snapshot.schema
        chosen, differences = policy_for_evaluation(database, connection, tenant, run_id, given)
        tables = None if has_few_rows(connection, schema, tenant.id) else snapshot.tables
        relations = materialized(billing_relations(schema, chosen, tenant.id), tables)
        results = evaluate(connection, invariants, relations)
        return advise(connection, schema, tenant, results), differences
