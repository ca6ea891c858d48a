"""`Fault`: a named fault that can be added to a tenant's rows.

Add here what every fault has. The faults themselves are in `invoice_faults` and `payment_faults`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from meter_assets.billing.schema import BillingSchema
from meter_assets.demo.tenant_books import TenantBooks


@dataclass(frozen=True)
class Fault:
    """Wrong or unusual rows of a tenant.

    `violates` names every invariant that is violated after a clean tenant with only this fault was migrated under the
    default policy, including consequences; it is empty if the migration fixes or accepts the fault. `needs` names the
    optional columns ("payments.status") without which the fault is impossible or has another meaning.
    """

    name: str
    description: str
    violates: tuple[str, ...]
    add: Callable[[TenantBooks], object]
    needs: tuple[str, ...] = ()

    def inject(self, connection: Connection, schema: BillingSchema, tenant_id: int) -> None:
        """Add the fault's rows to a tenant; some faults need a second tenant. It can be called repeatedly."""
        self.add(TenantBooks(connection, schema, tenant_id))

    def is_possible(self, schema: BillingSchema) -> bool:
        """Return whether the database has the optional columns that the fault needs."""
        return all(schema.has(*column.split(".")) for column in self.needs)
