"""Reads the tenants of a billing database, and selects the ones that the user named.

Add here queries of the table of tenants. Queries of one tenant's rows start from `billing.relations`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from meter_assets.billing.schema import BillingSchema, is_live
from meter_assets.errors import IllegalTenantId, NoTenants, UnknownTenant
from meter_assets.foreign_text import shown

LEGAL_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Tenant:
    """One tenant: its id in the database's type, its key (the id as text, the Dagster partition), and its name."""

    id: Any
    key: str
    name: str


def live_tenants(connection: Connection, schema: BillingSchema) -> list[Tenant]:
    """Return all tenants that are not deleted, in the order of their ids."""
    table = schema.tables["tenants"]
    live = select(table.c.id, table.c.name).where(is_live(table))
    rows = connection.execute(live.order_by(table.c.id)).all()
    return [Tenant(row.id, str(row.id), shown(row.name)) for row in rows]


def named_tenants(url: str, every: Sequence[Tenant], wanted: Sequence[str]) -> list[Tenant]:
    """Return the tenants with the wanted keys, in this order; all tenants if no key is given.

    Raises NoTenants (which shows the masked URL), IllegalTenantId and UnknownTenant.
    """
    if not every:
        raise NoTenants(url)
    by_key = {tenant.key: tenant for tenant in every}
    illegal = [key for key in (wanted or by_key) if not LEGAL_KEY.fullmatch(key)]
    if illegal:
        raise IllegalTenantId(illegal)
    unknown = [key for key in wanted if key not in by_key]
    if unknown:
        raise UnknownTenant(unknown, list(by_key))
    return [by_key[key] for key in dict.fromkeys(wanted)] if wanted else list(by_key.values())
