"""What a fault is."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from meter_assets.billing.schema import BillingSchema
from meter_assets.demo.tenant_books import TenantBooks


@dataclass(frozen=True)
class Fault:
    """Something that is wrong, or only odd, in a tenant's rows.

    `breaks` names every invariant that is violated once a clean tenant with this one fault has been migrated under the
    default policy, consequences included; none where the migration mends the fault or copes with it. `needs` names
    the optional columns ("payments.status") without which the fault cannot be, or would mean something else.
    """

    name: str
    description: str
    breaks: tuple[str, ...]
    add: Callable[[TenantBooks], object]
    needs: tuple[str, ...] = ()

    def inject(self, connection: Connection, schema: BillingSchema, tenant_id: int) -> None:
        """Make the fault's rows in a tenant; what crosses tenants needs a second one. May be done repeatedly."""
        self.add(TenantBooks(connection, schema, tenant_id))

    def is_possible(self, schema: BillingSchema) -> bool:
        """Say whether the database has the optional columns that the fault needs."""
        return all(schema.has(*column.split(".")) for column in self.needs)
