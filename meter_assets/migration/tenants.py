"""Reads the tenants of a billing database, and selects the ones that the user named.

Add here queries of the table of tenants. Queries of one tenant's rows start from `billing.relations`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, FromClause, and_, case, func, null, or_, select, union_all

from meter_assets.billing.columns import SOFT_DELETE_COLUMN
from meter_assets.billing.constructs import is_date
from meter_assets.billing.schema import BillingSchema, is_live
from meter_assets.errors import AmbiguousTenantName, IllegalTenantId, NoTenants, UnknownTenant
from meter_assets.foreign_text import shown

LEGAL_KEY = re.compile(r"[A-Za-z0-9_-]+")
NO_NAME = "(no name)"
_UNCLEAR = "its deleted_at is no date, so nobody knows whether it is deleted"


@dataclass(frozen=True)
class Tenant:
    """One tenant: its id in the database's type, its key (the id as text, the Dagster partition), and its name."""

    id: Any
    key: str
    name: str


@dataclass(frozen=True)
class SkippedTenant:
    """A tenant that cannot be a partition, so it is skipped, and the reason, as a clause."""

    key: str
    name: str
    reason: str

    def __str__(self) -> str:
        """Return a sentence."""
        return str(IllegalTenantId([self.key], self.reason))


def may_lack_tenant(schema: BillingSchema) -> Mapping[str, FromClause]:
    """Return the tables that may have rows of no tenant. A line without one belongs to the tenant of its invoice."""
    tables = {name: rows for name, rows in schema.tables.items() if name not in ("tenants", "invoice_bills")}
    return {name: rows for name, rows in tables.items() if schema.may_be_null(name, "tenant_id")}


def rows_without_tenant(connection: Connection, tables: Mapping[str, FromClause]) -> str | None:
    """Return a sentence about rows whose tenant_id is null, which no run reads; None if there are none."""
    found = []
    for name, table in tables.items():
        rows = connection.scalar(select(func.count()).select_from(table).where(table.c.tenant_id.is_(None)))
        found += [f"{name} ({rows:,})"] if rows else []
    if not found:
        return None
    return f"Rows without a tenant_id, which no run reads: {', '.join(found)}. Set it if they belong to a tenant."


def live_tenants(connection: Connection, schema: BillingSchema) -> tuple[list[Tenant], list[SkippedTenant]]:
    """Return all tenants that are not deleted, in the order of their ids, and those that must be skipped."""
    table = schema.tables["tenants"]
    deleted_at = table.c[SOFT_DELETE_COLUMN] if SOFT_DELETE_COLUMN in table.c else null()
    unclear = and_(deleted_at.is_not(None), ~is_date(deleted_at))
    live = select(table.c.id, table.c.name, case((unclear, 1), else_=0).label("unclear"))
    live = live.where(or_(is_live(table), unclear))
    found, skipped = [], []
    rows = connection.execute(live.order_by(table.c.id)).all()
    with_key = Counter(_key(row.id) for row in rows)
    for row in rows:
        key, name = _key(row.id), NO_NAME if row.name is None else shown(row.name)
        reason = _UNCLEAR if row.unclear else _why_skipped(row.id, with_key[key])
        if reason is None:
            found.append(Tenant(row.id, key, name))
        else:
            skipped.append(SkippedTenant(key, name, reason))
    return found, skipped


def rows_of_each(connection: Connection, schema: BillingSchema) -> dict[Any, int]:
    """Return the number of invoices and payments of each tenant id: how long a tenant takes grows with it."""
    counts = [
        select(table.c.tenant_id, func.count().label("rows")).group_by(table.c.tenant_id)
        for table in (schema.tables["invoices"], schema.tables["payments"])
    ]
    rows: dict[Any, int] = {}
    for tenant_id, count in connection.execute(union_all(*counts)):
        rows[tenant_id] = rows.get(tenant_id, 0) + count
    return rows


def _key(tenant_id: Any) -> str:
    return "" if tenant_id is None else str(tenant_id)


def _why_skipped(tenant_id: Any, tenants: int) -> str | None:
    """Return why a tenant cannot be a partition, as a clause; `tenants` is the number of tenants with its key."""
    if tenant_id is None:
        return "its id is null"
    if tenants > 1:
        return f"{tenants} rows of the table tenants have this id (as text)"
    if not LEGAL_KEY.fullmatch(str(tenant_id)):
        return "the id may have only letters, digits, '_' and '-'"
    return None


def keys_of(every: Sequence[Tenant], skipped: Sequence[SkippedTenant], wanted: Sequence[str]) -> list[str]:
    """Return the keys of the tenants that a user named by id or by exact name; an id wins over a name.

    Raises AmbiguousTenantName, and UnknownTenant for what is neither an id nor a name. An unknown id is returned.
    """
    with_name: dict[str, list[str]] = {}
    everyone: list[Tenant | SkippedTenant] = [*every, *skipped]
    for one in everyone:
        if one.name != NO_NAME:
            with_name.setdefault(one.name, []).append(one.key)
    ids, keys = {one.key for one in everyone}, []
    for word in wanted:
        found = [word] if word in ids else with_name.get(shown(word), [])
        if len(found) > 1:
            raise AmbiguousTenantName(word, found)
        if not found and not LEGAL_KEY.fullmatch(word):
            raise UnknownTenant([word], [one.key for one in every])
        keys.append(found[0] if found else word)
    return keys


def named_tenants(
    url: str, every: Sequence[Tenant], skipped: Sequence[SkippedTenant], wanted: Sequence[str]
) -> list[Tenant]:
    """Return the tenants with the wanted keys, in this order, without the skipped ones; all tenants if none is wanted.

    Raises NoTenants (which shows the masked URL), UnknownTenant, and IllegalTenantId if only skipped tenants are left.
    """
    if not every and not skipped:
        raise NoTenants(url)
    by_key, reasons = {tenant.key: tenant for tenant in every}, {one.key: one.reason for one in skipped}
    unknown = [key for key in wanted if key not in by_key and key not in reasons]
    illegal = [key for key in unknown if not LEGAL_KEY.fullmatch(key)]
    if illegal:
        raise IllegalTenantId(illegal)
    if unknown:
        raise UnknownTenant(unknown, list(by_key))
    found = [by_key[key] for key in dict.fromkeys(wanted or by_key) if key in by_key]
    if not found:
        named = [key for key in dict.fromkeys(wanted or reasons) if key in reasons]
        raise IllegalTenantId(named, "; ".join(dict.fromkeys(reasons[key] for key in named)))
    return found
