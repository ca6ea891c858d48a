"""What triggers and rules of a written table change elsewhere: compares a tenant's money before and after a write.

A journal has only what the step writes. So a step whose triggers change money in another billing table is rolled back:
no rollback would restore it. The balances of customers are the exception, because the backup has what was there before.
Without triggers and rules nothing is compared. Both comparisons must be in one transaction that reads one snapshot.
Add here a further effect that must not go unnoticed; what a write itself must contain is checked in `journal`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from meter_assets.billing.change import Change
from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.constructs import rows_digest
from meter_assets.billing.money import exact, or_zero, total
from meter_assets.billing.own_tables import BACKUP, Effect
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import TriggerChangedOthers
from meter_assets.foreign_text import quoted
from meter_assets.formatting import show_money
from meter_assets.migration.step_run import RunningStep

RESTORED_FROM_THE_BACKUP = "customers"
NAMED = 5


@dataclass(frozen=True)
class Money:
    """The sum of a column of a tenant, and the hash of its values and ids."""

    total: Decimal
    digest: str


def money_elsewhere(
    connection: Connection, schema: BillingSchema, change: Change, tenant_id: Any
) -> Mapping[str, Money]:
    """Return the money of a tenant in the columns that a change does not write, by the columns' full names.

    Empty if the written table has neither triggers nor rules.
    """
    if not schema.catalogue.triggers_of(change.target):
        return {}
    relations = billing_relations(schema, Policy(), tenant_id, deleted_too=True)
    found: dict[str, Money] = {}
    for table, every in MONEY_COLUMNS.items():
        written = change.columns if table == change.target else ()
        names = [name for name in every if schema.has(table, name) and name not in written]
        row = relations.rows[table]
        if not names:
            continue
        sums = [total(or_zero(exact(row.c[name]))) for name in names]
        digests = [rows_digest(row.c.id, row.c[name]) for name in names]
        values = connection.execute(select(*sums, *digests)).one()
        for name, money, digest in zip(names, values[: len(names)], values[len(names) :], strict=True):
            found[f"{table}.{name}"] = Money(money, str(digest))
    return found


def require_no_other_changes(
    connection: Connection, schema: BillingSchema, change: Change, entry: RunningStep, before: Mapping[str, Money]
) -> list[str]:
    """Return notes about customers' balances that the triggers of the written table changed.

    Raises TriggerChangedOthers if they changed other money, or balances of customers without a backup.
    """
    if not before:
        return []
    after = money_elsewhere(connection, schema, change, entry.tenant.id)
    changed = [name for name, money in after.items() if money != before[name]]
    customers = [name for name in changed if name.startswith(f"{RESTORED_FROM_THE_BACKUP}.")]
    others = [name for name in changed if name not in customers]
    if customers and (change.undoes is False and _without_backup(connection, schema, entry.tenant.id)):
        others = changed
    if others:
        what = [
            f"{one} (sum {show_money(before[one].total)} before, {show_money(after[one].total)} after)"
            for one in others
        ]
        triggers = schema.catalogue.triggers_of(change.target)
        raise TriggerChangedOthers(change.name, entry.tenant.key, change.target, triggers, what)
    return [
        f"The triggers of {change.target} changed {name}. The table {BACKUP} has the former values; a rollback does "
        "not write them back."
        for name in customers
    ]


def _without_backup(connection: Connection, schema: BillingSchema, tenant_id: Any) -> bool:
    relations = billing_relations(schema, Policy(), tenant_id)
    customer, kept = relations.customers, relations.backup
    same = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    missing = select(func.count()).select_from(customer.outerjoin(kept, same)).where(kept.c.customer_id.is_(None))
    return bool(connection.scalar(missing))


def unlike_the_backup(connection: Connection, change: Change, relations: BillingRelations) -> list[str]:
    """Return notes about customers whose balances are not the backed-up ones, when their backup is retired.

    The triggers of billing tables may have changed them, and a rollback does not write them back. Without triggers
    there are no notes: the billing software itself may go on to change customers' balances.
    """
    if change.effect is not Effect.REMOVE or not relations.schema.catalogue.triggers:
        return []
    rows = connection.execute(_differing(relations)).all()
    named = [
        f"customer {quoted(row.id)} (backed up {show_money(row.kept)}, now {show_money(row.now)})"
        for row in rows[:NAMED]
    ]
    return list(_sentence(len(rows), named))


def _sentence(count: int, named: list[str]) -> Iterator[str]:
    if count:
        more = f", and {count - len(named):,} more" if count > len(named) else ""
        yield (
            f"{count:,} customers have another net balance than before the migration, perhaps by triggers: "
            f"{', '.join(named)}{more}. A rollback does not write customers; correct them by hand."
        )


def _differing(relations: BillingRelations) -> Select[Any]:
    customer, kept = relations.customers, relations.backup
    now, then = (or_zero(exact(one.c.balance)) - or_zero(exact(one.c.overpayment)) for one in (customer, kept))
    same = and_(kept.c.customer_id == customer.c.id, kept.c.tenant_id == customer.c.tenant_id)
    pairs = [(exact(customer.c[name]), exact(kept.c[name])) for name in ("balance", "overpayment")]
    differs = or_(*(one.is_distinct_from(other) for one, other in pairs))
    found = select(customer.c.id, now.label("now"), then.label("kept")).select_from(customer).join(kept, same)
    return found.where(differs).order_by(customer.c.id)
