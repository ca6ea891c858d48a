"""How the policy treats what a database has: statuses, bill types, and columns that may mark deleted rows.

The preview shows it of one tenant, the check of a database of all. Add here a further kind of value that the policy
gives a meaning.
"""

from collections.abc import Iterator

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from meter_assets.billing.columns import SOFT_DELETE_COLUMN
from meter_assets.billing.conditions import as_text, has_status, is_one_of, is_set
from meter_assets.billing.constructs import as_written
from meter_assets.billing.invoice_lines import its_bill
from meter_assets.billing.money import exact, total
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import Shown
from meter_assets.migration.step_report import Money


class StatusSummary(BaseModel):
    """One status of payments or invoices, with its rows and money, and whether it counts.

    An unknown status counts, but the policy does not name it.
    """

    table: str
    status: Shown | None
    counted: bool
    known: bool = True
    rows: int
    money: Money


class BillTypeSummary(BaseModel):
    """One bill type of invoice lines, with its lines and their money, and how its lines are treated."""

    bill_type: Shown | None
    treatment: str
    lines: int
    money: Money


class FlagSummary(BaseModel):
    """One flag, what it means where it is set, and in how many rows it is."""

    table: str
    column: Shown
    meaning: str
    rows_set: int
    rows_in_all: int


_DELETED, _UNKNOWN = "deleted", "not in the policy"


def statuses_found(connection: Connection, relations: BillingRelations) -> list[StatusSummary]:
    """Return every status of payments and invoices, with its rows and whether they count."""
    found = []
    for table, money in (("payments", "amount"), ("invoices", "total_amount")):
        row = relations.rows[table]
        is_known = or_(row.c.status.is_(None), has_status(row, sum(relations.statuses(table), ())))
        labelled = select(
            as_written(as_text(row.c.status)).label("status"),
            _as_number(relations.is_counted(table, row)).label("counted"),
            _as_number(is_known).label("known"),
            exact(row.c[money]).label("money"),
        )
        one = labelled.subquery("labelled")
        by = (one.c.status, one.c.counted, one.c.known)
        grouped = select(*by, func.count().label("rows"), total(one.c.money).label("money")).group_by(*by)
        for tally in connection.execute(grouped.order_by(one.c.status)):
            found.append(
                StatusSummary(
                    table=table,
                    status=tally.status,
                    counted=bool(tally.counted),
                    known=bool(tally.known),
                    rows=tally.rows,
                    money=tally.money,
                )
            )
    return found


def _as_number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def bill_types_found(connection: Connection, relations: BillingRelations) -> list[BillTypeSummary]:
    """Return every bill type of invoice lines, with its lines and how they are treated."""
    line, bill, policy = relations.lines, relations.rows["bills"], relations.policy
    treatment = case(
        (is_one_of(bill.c.bill_type, policy.brought_forward_bill_types), "brought forward"), else_="charge"
    )
    labelled = (
        select(
            as_written(as_text(bill.c.bill_type)).label("bill_type"),
            treatment.label("treatment"),
            exact(line.c.amount).label("money"),
        )
        .join(bill, its_bill(line, bill))
        .subquery("labelled")
    )
    by = (labelled.c.bill_type, labelled.c.treatment)
    grouped = select(*by, func.count().label("lines"), total(labelled.c.money).label("money")).group_by(*by)
    rows = connection.execute(grouped.order_by(labelled.c.bill_type)).mappings()
    return [BillTypeSummary.model_validate(dict(row)) for row in rows]


def flags_found(connection: Connection, relations: BillingRelations) -> list[FlagSummary]:
    """Return every flag: which assignments are active, and the columns that mark, or may mark, rows as deleted."""
    schema, policy = relations.schema, relations.policy
    meanings = {("meter_assignments", "is_active"): "active"}
    for table in schema.tables:
        if schema.has(table, SOFT_DELETE_COLUMN):
            meanings[table, SOFT_DELETE_COLUMN] = _DELETED
        for column in schema.columns_that_may_delete(table):
            meanings[table, column] = _UNKNOWN
    for names, meaning in ((policy.deletion_columns, _DELETED), (policy.ignored_columns, "no meaning")):
        meanings |= {(table, column): meaning for table, _, column in (name.partition(".") for name in names)}
    found = []
    for (table, column), meaning in meanings.items():
        row = schema.tables[table]
        counted = select(func.count(), func.sum(_as_number(is_set(row.c[column])))).select_from(row)
        rows, are_set = connection.execute(counted).one()
        found.append(
            FlagSummary(table=table, column=column, meaning=meaning, rows_set=int(are_set or 0), rows_in_all=rows)
        )
    return found


def unread_columns(schema: BillingSchema, policy: Policy) -> Iterator[str]:
    """Yield the columns that may mark rows as deleted, and that the policy does not name."""
    for table in schema.tables:
        names = (f"{table}.{column}" for column in schema.columns_that_may_delete(table))
        yield from (one for one in names if one not in (*policy.deletion_columns, *policy.ignored_columns))
