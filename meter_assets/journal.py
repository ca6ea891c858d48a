"""Recording a change before it is made, and making it from the record.

The journal is written first, in the same transaction: the update then reads its values from the journal, and only
touches rows that still hold what the journal says was there before. So what is journaled is what was written. When
to do this, and what must hold before and after, is in `apply`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    FromClause,
    Numeric,
    Select,
    Table,
    and_,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)

from meter_assets.changes import Change
from meter_assets.errors import ColumnTooSmall, RowsChangedMeanwhile
from meter_assets.money import exact
from meter_assets.portable import nothing
from meter_assets.schema import BACKUP, JOURNALED, BillingSchema

ROWS_WORTH_STATISTICS = 1_000
SHOWN_ROWS = 3


def record(connection: Connection, change: Change, schema: BillingSchema, run_id: str) -> int:
    """Write a change's rows into its journal (the backup is its own journal). Returns how many there are."""
    rows = change.rows.subquery(change.name)
    if change.target == BACKUP:
        backup = schema.own[BACKUP]
        values = [rows.c.tenant_id, rows.c.id, rows.c.balance_after, rows.c.overpayment_after]
        now = literal(datetime.now(UTC), backup.c.backed_up_at.type)
        statement = insert(backup).from_select(
            ["tenant_id", "customer_id", "balance", "overpayment", "backed_up_at", "run_id"],
            select(*values, now, literal(run_id)),
        )
        return connection.execute(statement).rowcount
    journal = schema.journal(change.name)
    names = [column.key for column in rows.c]
    targets = [JOURNALED[change.name][1] if name == "id" else name for name in names]
    statement = insert(journal).from_select(
        ["run_id", *targets], select(literal(run_id), *(rows.c[name] for name in names))
    )
    count = connection.execute(statement).rowcount
    if connection.dialect.name == "postgresql" and count >= ROWS_WORTH_STATISTICS:
        # Without statistics on the new rows, the update may be planned as nested loops: more than 11 times slower.
        quoted = connection.dialect.identifier_preparer.format_table(journal)
        connection.execute(text(f"ANALYZE {quoted}"))
    return count


def recorded(change: Change, schema: BillingSchema, run_id: str, tenant_id: Any) -> FromClause:
    """Return what a run recorded of a change, with the columns of the change's own rows."""
    if change.target == BACKUP:
        backup = schema.own[BACKUP]
        values: list[Any] = []
        for name in change.columns:
            values += [nothing(backup.c[name].type).label(f"{name}_before"), backup.c[name].label(f"{name}_after")]
        row_id, rule = backup.c.customer_id, literal("first_backup").label("rule")
        found = select(backup.c.tenant_id, row_id.label("id"), *values, rule)
        return found.where(backup.c.run_id == run_id, backup.c.tenant_id == tenant_id).subquery("recorded")
    journal = schema.journal(change.name)
    values = [journal.c[f"{name}_{side}"] for name in change.columns for side in ("before", "after")]
    row_id = journal.c[JOURNALED[change.name][1]]
    found = select(journal.c.tenant_id, row_id.label("id"), *values, journal.c.rule)
    return found.where(journal.c.run_id == run_id, journal.c.tenant_id == tenant_id).subquery("recorded")


def write(
    connection: Connection, change: Change, schema: BillingSchema, run_id: str, tenant: tuple[Any, str], journaled: int
) -> None:
    """Update the change's table from the journal: rows that still hold their *before*, and no others.

    `tenant` is its id and its key. Raises RowsChangedMeanwhile unless exactly the journaled rows were updated.
    """
    table, journal = schema.tables[change.target], schema.journal(change.name)
    mine = _same_row(change, table, journal, run_id, tenant[0])
    unchanged = _holds(table, journal, change.columns, "before")
    values = {name: journal.c[f"{name}_after"] for name in change.columns}
    updated = connection.execute(update(table).values(values).where(mine, unchanged)).rowcount
    if updated != journaled:
        others = select(*_expected_and_found(change, table, journal)).join(table, mine).where(not_(unchanged))
        no_longer_so = or_(*(table.c[name].is_distinct_from(journal.c[f"{name}_after"]) for name in change.columns))
        rows = connection.execute(others.where(no_longer_so).limit(SHOWN_ROWS)).mappings().all()
        raise RowsChangedMeanwhile(change.name, tenant[1], journaled, updated, [dict(row) for row in rows])


def _same_row(change: Change, table: Table, journal: Table, run_id: str, tenant_id: Any) -> Any:
    return and_(
        table.c.id == journal.c[JOURNALED[change.name][1]],
        table.c.tenant_id == journal.c.tenant_id,
        journal.c.run_id == run_id,
        journal.c.tenant_id == tenant_id,
    )


def _holds(table: Table, journal: Table, columns: Sequence[str], side: str) -> Any:
    """Say whether a row holds the journal's before, or after, compared as they are stored."""
    return and_(*(table.c[name].is_not_distinct_from(journal.c[f"{name}_{side}"]) for name in columns))


def _expected_and_found(change: Change, table: Table, journal: Table) -> list[Any]:
    shown: list[Any] = [journal.c[JOURNALED[change.name][1]]]
    for name in change.columns:
        shown += [journal.c[f"{name}_before"].label(f"expected_{name}"), table.c[name].label(f"found_{name}")]
    return shown


def require_room(connection: Connection, change: Change, schema: BillingSchema, changed: FromClause) -> None:
    """Raise ColumnTooSmall where a column cannot hold, digit for digit, what would be written to it.

    SQLite keeps any number whatever its column was declared as, so that there is nothing to ask there.
    """
    if connection.dialect.name == "sqlite" or change.target == BACKUP:
        return
    for name in change.money_columns:
        kind = schema.tables[change.target].c[name].type
        if not isinstance(kind, Numeric) or kind.precision is None:
            continue
        found = _first_without_room(connection, changed, name, kind)
        if found is not None:
            raise ColumnTooSmall(change.target, name, str(kind), found.id, found.value, found.count)


def _first_without_room(connection: Connection, changed: FromClause, name: str, kind: Numeric[Any]) -> Any:
    value, scale = exact(changed.c[f"{name}_after"]), kind.scale or 0
    limit = literal(10 ** ((kind.precision or 0) - scale), kind)
    without_room: Select[Any] = select(changed.c.id, value.label("value"), func.count().over().label("count")).where(
        or_(func.abs(value) >= limit, func.round(value, scale) != value)
    )
    return connection.execute(without_room.order_by(changed.c.id).limit(1)).first()
