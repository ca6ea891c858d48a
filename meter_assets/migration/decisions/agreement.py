"""Compares the decisions that the journal has carried out with the table of decisions, which nothing seals.

The journal keeps who decided, when, and the note, and is digested. A row of the table that no longer says the same was
changed or deleted since. Add here what else the two must agree in.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, String, and_, cast, func, or_, select

from meter_assets.billing.constructs import row_values
from meter_assets.billing.own_tables import DECISIONS, OF_DECISION
from meter_assets.billing.payment_rules import PAYMENT_METER_IDS
from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import quoted
from meter_assets.migration.database import Tenant
from meter_assets.rules.undo import same_when_stored

SHOWN = 20
"""How many decisions are named."""
_SAID = {"meter_id": "meter_id_after", **{of: name for name, of in OF_DECISION.items() if of != "number"}}
"""What a decision says: columns of the table, each with its column of the journal."""


def problems_of_decisions(connection: Connection, schema: BillingSchema, tenant: Tenant) -> Iterator[str]:
    """Yield a sentence for each decision of a tenant that a run has carried out, and that the table has otherwise."""
    if not schema.has_journal(PAYMENT_METER_IDS):
        return
    journal, table = schema.journal(PAYMENT_METER_IDS), schema.own[DECISIONS]
    if schema.lacks(journal.c.decision_seen):
        return
    carried_out = and_(journal.c.tenant_id == tenant.id, journal.c.decision_seen.is_not(None))
    if DECISIONS not in schema.own_tables_present:
        if count := connection.scalar(select(func.count()).select_from(journal).where(carried_out)):
            yield f"The table {DECISIONS} is missing, and the journal of tenant {tenant.key} has {count:,} rows of it."
        return
    same = and_(
        table.c.tenant_id == journal.c.tenant_id,
        table.c.payment_id == journal.c.payment_id,
        table.c.number == journal.c.decision_seen,
    )
    pairs = {of: (table.c[of], journal.c[name]) for of, name in _SAID.items()}
    differs = [_differs(*pair) for pair in pairs.values()]
    said = [cast(one, String).label(f"{of}_{at}") for of, pair in pairs.items() for at, one in enumerate(pair)]
    found = (
        select(journal.c.payment_id, journal.c.decision_seen, table.c.number, *said)
        .select_from(journal.outerjoin(table, same))
        .where(carried_out, or_(table.c.number.is_(None), table.c.withdrawn.is_not(None), *differs))
        .order_by(journal.c.payment_id, journal.c.decision_seen, journal.c.step_run_id)
    )
    rows = {(one["payment_id"], one["decision_seen"]): one for one in connection.execute(found).mappings()}
    for one in list(rows.values())[:SHOWN]:
        yield _problem(tenant, one)
    if len(rows) > SHOWN:
        yield f"{len(rows) - SHOWN:,} more decisions of tenant {tenant.key} are not as the journal has them."
    if rows:
        yield f"Reports show what the journal has. Restore the rows of {DECISIONS} from the database's backup."


def _differs(there: ColumnElement[Any], journaled: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether two values differ; texts in any byte, whatever the collation of their columns is."""
    if there.key == "meter_id":  # whose type may be another one than that of the payment's meter
        return ~same_when_stored(there, journaled)
    return row_values(there) != row_values(journaled)


def _problem(tenant: Tenant, row: RowMapping) -> str:
    which = f"Decision {row['decision_seen']} about payment {quoted(row['payment_id'])} of tenant {tenant.key}"
    pairs = {of: (row[f"{of}_0"], row[f"{of}_1"]) for of in _SAID}
    if row["number"] is None:
        said = ", ".join(f"{of} {_value(pairs[of][1])}" for of in ("decided_by", "meter_id", "note"))
        return f"{which}, carried out by a run, is missing in {DECISIONS}; the journal has {said}."
    differing = {of: pair for of, pair in pairs.items() if pair[0] != pair[1]}
    changed = "; ".join(
        f"{of} is {_value(there)}, in the journal {_value(kept)}" for of, (there, kept) in differing.items()
    )
    changed = changed or "it withdraws other decisions"
    return f"{which}, carried out by a run, was changed in {DECISIONS}: {changed}."


def _value(value: Any) -> str:
    return "empty" if value is None else quoted(value)
