"""A tenant's rows as new figures see them: as they are once it is migrated, or as they would be after a migration.

Add here what explanations of differences need to know of a tenant. The rows of some customers are read in
`reading`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, func, select

from meter_assets.billing.constructs import day
from meter_assets.billing.own_tables import BACKUP, RUNS
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.step_runs import in_force
from meter_assets.migration.backup import with_backup_first
from meter_assets.migration.database import Tenant
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.temporary_tables import READ_OFTEN, materialized
from meter_assets.rules.steps import MIGRATION, STEPS

INVOICE_AMOUNTS = "invoice_amounts"
"""The step that may change what the old figure was computed from."""


@dataclass(frozen=True)
class View:
    """A tenant's rows as the new figures see them: as they are, or as they would be after the migration."""

    connection: Connection
    relations: BillingRelations
    stored: BillingRelations
    """The rows as they are, with deleted ones."""
    changes: Sequence[Select[Any]]
    """What step 2 has changed or would change, oldest first: id, and each amount before and after."""
    planned: bool
    backed_up_on: date | None = None
    read_often: bool = False
    """Whether many statements read its transactions: then they are computed once, into temporary tables."""


def view_as_it_is(snapshot: Snapshot, tenant: Tenant) -> View | None:
    """Return a migrated tenant's rows as they are; None if its meters' balances are not migrated."""
    schema, connection = snapshot.schema, snapshot.connection
    if not schema.own_tables_present.issuperset((RUNS, BACKUP)):
        return None
    done = in_force(schema)
    steps = set(connection.scalars(select(done.c.step).where(done.c.tenant_id == tenant.id)))
    if not steps.issuperset((BACKUP, MIGRATION[-1])):
        return None
    relations = materialized(snapshot.relations(tenant.id), snapshot.tables)
    stored = snapshot.relations(tenant.id, deleted_too=True)
    on = backed_up_on(snapshot, tenant)
    return View(connection, relations, stored, journaled_amounts(snapshot, tenant), planned=False, backed_up_on=on)


def backed_up_on(snapshot: Snapshot, tenant: Tenant) -> date | None:
    """Return the day of a tenant's backup; None without one."""
    if BACKUP not in snapshot.schema.own_tables_present:
        return None
    kept = snapshot.schema.own[BACKUP]
    newest = select(func.max(day(kept.c.backed_up_at))).where(kept.c.tenant_id == tenant.id)
    found: date | None = snapshot.connection.scalar(newest)
    return found


def view_after_migration(snapshot: Snapshot, tenant: Tenant) -> View:
    """Return a tenant's rows as they would be after a migration.

    The backup of an earlier run stays: then rows that were made since are known.
    """
    before = relations = materialized(snapshot.relations(tenant.id), snapshot.tables, *READ_OFTEN)
    changes = list(journaled_amounts(snapshot, tenant))
    for name in with_backup_first(snapshot.connection, before, MIGRATION):
        change = STEPS[name].compute(relations)
        if snapshot.tables is not None:
            change = snapshot.tables.change(change)
        if name == INVOICE_AMOUNTS:
            changes.append(change.rows)
        relations = relations.after(change)
    stored = snapshot.relations(tenant.id, deleted_too=True)
    on = backed_up_on(snapshot, tenant)
    return View(snapshot.connection, relations, stored, changes, planned=True, backed_up_on=on)


def journaled_amounts(snapshot: Snapshot, tenant: Tenant) -> Sequence[Select[Any]]:
    """Return what step runs in force have changed in invoices, oldest first."""
    schema = snapshot.schema
    if RUNS not in schema.own_tables_present or not schema.has_journal(INVOICE_AMOUNTS):
        return []
    journal, done = schema.journal(INVOICE_AMOUNTS), in_force(schema)
    ids = select(done.c.id).where(done.c.tenant_id == tenant.id, done.c.step == INVOICE_AMOUNTS).order_by(done.c.id)
    key = STEPS[INVOICE_AMOUNTS].key
    columns = [journal.c[one.key].label("id" if one.key == key else one.key) for one in journal.c]
    return [
        select(*columns).where(journal.c.step_run_id == one, journal.c.tenant_id == tenant.id)
        for one in snapshot.connection.scalars(ids)
    ]
