"""A snapshot: one read-only view of a billing database, with its schema and the policy that it is read under.

What only reads takes a `Snapshot` instead of a connection, a schema and a policy. `BillingDatabase.read` opens one.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema


@dataclass(frozen=True)
class Snapshot:
    """A read-only transaction that sees one state of the database, the tables it has, and the policy of the reader."""

    connection: Connection
    schema: BillingSchema
    policy: Policy

    def relations(self, tenant_id: Any = None, *, deleted_too: bool = False) -> BillingRelations:
        """Return the rows of one tenant, of a list of tenants, or of all; see `billing_relations`."""
        return billing_relations(self.schema, self.policy, tenant_id, deleted_too=deleted_too)
