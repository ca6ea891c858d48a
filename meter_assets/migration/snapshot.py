"""A snapshot: one read-only view of a billing database, with its schema and the policy that it is read under.

What only reads takes a `Snapshot` instead of a connection, a schema and a policy. `BillingDatabase.read` opens one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import SnapshotCancelled
from meter_assets.migration.temporary_tables import TemporaryTables

P = ParamSpec("P")
T = TypeVar("T")
ATTEMPTS, SECONDS_BETWEEN = 5, 1.0


def tried_again(read: Callable[P, T]) -> Callable[P, T]:
    """Let a function that only reads, in a snapshot of its own, start again if the server cancelled its query.

    A standby does so when the changes that it replays conflict with the query.
    """

    @wraps(read)
    def read_again(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return read(*args, **kwargs)
            except SnapshotCancelled:
                time.sleep(attempt * SECONDS_BETWEEN)
        return read(*args, **kwargs)

    return read_again


@dataclass(frozen=True)
class Snapshot:
    """A read-only transaction that sees one state of the database, the tables it has, and the policy of the reader."""

    connection: Connection
    schema: BillingSchema
    policy: Policy
    tables: TemporaryTables | None = None
    """Its temporary tables, if it was asked for them and may have them."""

    def relations(self, tenant_id: Any = None, *, deleted_too: bool = False) -> BillingRelations:
        """Return the rows of one tenant, of a list of tenants, or of all; see `billing_relations`."""
        return billing_relations(self.schema, self.policy, tenant_id, deleted_too=deleted_too)
