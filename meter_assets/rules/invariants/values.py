"""Invariants about stored values: each has one meaning, in every billing table.

A value that can be read in two ways is never guessed. Every step checks these invariants before it computes anything.
They read the tables as they are stored, with soft-deleted rows where these matter. Add an invariant here if a value of
any table could be misread; what rows mean together is in the modules of the other groups.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    Text,
    and_,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from meter_assets.billing.columns import MONEY_COLUMNS, SOFT_DELETE_COLUMN
from meter_assets.billing.conditions import is_set
from meter_assets.billing.constructs import is_date, is_flag
from meter_assets.billing.money import LARGE, fits_currency, fits_sums, is_exact, is_number
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import IdScope
from meter_assets.billing.tenant_rows import TENANT_TABLES
from meter_assets.rules.invariants.invariant import Group, Invariant, Severity
from meter_assets.rules.invariants.screens import INVOICES, PAYMENTS, Context, Screen, stored

_TABLES = (*TENANT_TABLES, "invoice_bills")
_DATES = (("invoices", "invoice_date"), ("payments", "paid_at"))
"""The dates that rules read. What `meters.last_invoice_date` was before the migration does not matter."""


def _place(table: str, column: str, rows: FromClause) -> ColumnElement[str]:
    """Return where a value is: "payments.amount of 70"."""
    row_id = func.coalesce(cast(rows.c.id, String(255)), literal("null"))
    return (literal(f"{table}.{column} of ") + row_id).label("place")


def _found(table: str, column: str, rows: FromClause, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the values of a column in the rows that fulfill these conditions."""
    value = func.coalesce(cast(rows.c[column], Text), literal("null")).label("found")
    return select(rows.c.tenant_id, _place(table, column, rows), value).where(*conditions)


def _all_of(relations: BillingRelations, parts: Iterable[Select[Any]]) -> Select[Any]:
    """Return the rows of all these SELECTs; no rows if there is none."""
    customer = relations.customers
    none = _found("customers", "id", customer, false())
    return select(union_all(none, *parts).subquery("values_found"))


def _ambiguous_ids(relations: BillingRelations) -> Select[Any]:
    return _all_of(relations, _ids_found_twice(relations))


def _ids_found_twice(relations: BillingRelations) -> Iterator[Select[Any]]:
    for table in filter(relations.checks_values_of, _TABLES):
        row = relations.stored(table)
        is_told = table in relations.schema.numbered_by_tenant  # which nothing in the database guarantees
        if relations.schema.id_scope(table) is not IdScope.nowhere and not is_told:
            if not isinstance(row.c.id.type, Integer):  # SQLite accepts nulls in a key of text
                yield _found(table, "id", row, row.c.id.is_(None))
            continue
        grouped = select(row.c.tenant_id, row.c.id, func.count().label("times")).group_by(row.c.tenant_id, row.c.id)
        one = grouped.subquery(f"ids_of_{table}")
        times = (cast(one.c.times, String(20)) + literal(" rows")).label("found")
        yield select(one.c.tenant_id, _place(table, "id", one), times).where((one.c.times > 1) | one.c.id.is_(None))
    if relations.checks_values_of("invoices") and relations.schema.id_scope("invoices") is not IdScope.everywhere:
        yield _lines_of_two_invoices(relations)


def _lines_of_two_invoices(relations: BillingRelations) -> Select[Any]:
    """Return what makes it unknown to which tenant's invoice a line belongs, if tenants may use the same ids."""
    schema, invoice = relations.schema, relations.stored("invoices")
    line, other = schema.tables["invoice_bills"], schema.tables["invoices"].alias("of_other_tenant")
    if schema.id_scope("invoices") is IdScope.tenant and schema.has("invoice_bills", "tenant_id"):
        found = literal("null").label("found")
        of_line = select(invoice.c.tenant_id, _place("invoice_bills", "tenant_id", line), found).distinct()
        return of_line.join(line, line.c.invoice_id == invoice.c.id).where(line.c.tenant_id.is_(None))
    same_id = and_(other.c.id == invoice.c.id, other.c.tenant_id != invoice.c.tenant_id)
    found = literal("also of another tenant, and lines name the id alone").label("found")
    return select(invoice.c.tenant_id, _place("invoices", "id", invoice), found).join(other, same_id).distinct()


@dataclass(frozen=True)
class _Value:
    """A column of a table in which some values have no meaning: a screen, and a part of the SELECT of violations."""

    table: str
    column: str
    has_no_meaning: Callable[[FromClause], ColumnElement[bool]]


_Values = Callable[[BillingRelations], Iterable[_Value]]


def _violations(values: _Values, relations: BillingRelations) -> Select[Any]:
    rows: dict[str, FromClause] = {}
    parts = []
    for one in _of_these_tables(values, relations):
        row = rows.setdefault(one.table, relations.stored(one.table))
        parts.append(_found(one.table, one.column, row, one.has_no_meaning(row)))
    return _all_of(relations, parts)


def _screens(values: _Values, relations: BillingRelations) -> tuple[Screen, ...]:
    return tuple(Screen(stored(one.table), partial(_is_suspect, one)) for one in _of_these_tables(values, relations))


def _of_these_tables(values: _Values, relations: BillingRelations) -> Iterator[_Value]:
    return (one for one in values(relations) if relations.checks_values_of(one.table))


def _is_suspect(value: _Value, at: Context) -> ColumnElement[bool]:
    return value.has_no_meaning(at.row)


def _dates(relations: BillingRelations) -> Iterator[_Value]:
    schema = relations.schema
    for table, column in (*_DATES, *((table, SOFT_DELETE_COLUMN) for table in _TABLES)):
        if schema.has(table, column):
            yield _Value(table, column, partial(_is_no_date, column))


def _is_no_date(column: str, row: FromClause) -> ColumnElement[bool]:
    return ~is_date(row.c[column])


def _flags(relations: BillingRelations) -> Iterator[_Value]:
    schema, policy = relations.schema, relations.policy
    marks = {(table, column): None for table in _TABLES for column in schema.columns_that_may_delete(table)}
    named = dict.fromkeys(_named_columns(policy.deletion_columns))
    ignored = _named_columns(policy.ignored_columns)
    for table, column in [
        ("meter_assignments", "is_active"),
        *(one for one in {**marks, **named} if one not in ignored),
    ]:
        if not isinstance(schema.tables[table].c[column].type, String):
            yield _Value(table, column, partial(_is_no_flag, column))


def _is_no_flag(column: str, row: FromClause) -> ColumnElement[bool]:
    return ~is_flag(row.c[column])


def _named_columns(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the tables and columns of names such as payments.is_deleted."""
    return [(table, column) for table, _, column in (name.partition(".") for name in names) if table in _TABLES]


def _balances(relations: BillingRelations) -> Iterator[_Value]:
    for table in ("customers", "meters"):
        for name in MONEY_COLUMNS[table]:
            if relations.schema.has(table, name):
                yield _Value(table, name, partial(_is_no_number if table == "meters" else _is_not_comparable, name))


def _is_no_number(column: str, row: FromClause) -> ColumnElement[bool]:
    return ~is_number(row.c[column])


def _is_not_comparable(column: str, row: FromClause) -> ColumnElement[bool]:
    """Return whether a balance is no number, or too large for the exact form in which it is compared."""
    is_large = func.abs(row.c[column]) >= literal_column(str(LARGE))
    return or_(_is_no_number(column, row), and_(is_large, ~is_exact(row.c[column])))


def _deletions(relations: BillingRelations) -> Iterator[_Value]:
    policy = relations.policy
    for table in _TABLES:
        for column in relations.schema.columns_that_may_delete(table):
            if f"{table}.{column}" not in (*policy.deletion_columns, *policy.ignored_columns):
                yield _Value(table, column, partial(_is_deleted_elsewhere, relations, table, column))


def _is_deleted_elsewhere(relations: BillingRelations, table: str, column: str, row: FromClause) -> ColumnElement[bool]:
    return and_(is_set(row.c[column]), relations.is_live(table, row))


def _amounts_of_no_currency(relations: BillingRelations) -> Select[Any]:
    payment, line, policy = relations.counted_payments(), relations.lines, relations.policy
    bad_payment = and_(is_number(payment.c.amount), ~fits_currency(payment.c.amount, policy))
    bad_line = and_(is_number(line.c.amount), ~fits_sums(line.c.amount, policy))
    parts = {
        "payments": _found("payments", "amount", payment, bad_payment),
        "invoice_bills": _found("invoice_bills", "amount", line, bad_line),
    }
    return _all_of(relations, (part for table, part in parts.items() if relations.checks_values_of(table)))


def _screens_of_amounts(relations: BillingRelations) -> tuple[Screen, ...]:
    screens = {
        "payments": Screen(PAYMENTS, lambda at: ~fits_currency(at.row.c.amount, at.relations.policy)),
        "invoice_bills": Screen(INVOICES, lambda at: at.row.c.not_exact > 0),
    }
    return tuple(one for table, one in screens.items() if relations.checks_values_of(table))


VALUES = (
    Invariant(
        "every_row_has_its_own_id",
        Group.values,
        Severity.ERROR,
        "place",
        "No row of a tenant is there twice, or without an id. It is checked where no primary key or unique constraint "
        "prevents that.",
        "Delete the duplicate rows, or give them ids of their own; then add a primary key: ALTER TABLE ... ADD PRIMARY "
        "KEY (id).",
        _ambiguous_ids,
    ),
    Invariant(
        "every_date_is_valid",
        Group.values,
        Severity.ERROR,
        "place",
        "Every date is null or an ISO date (2024-01-31, with or without a time) of the years 1 to 9999. Text in "
        "another form would be sorted wrongly, and an empty deleted_at could mean either.",
        "Write the date in ISO form, or null where there is none; then run the tenant again.",
        partial(_violations, _dates),
        screens=partial(_screens, _dates),
    ),
    Invariant(
        "every_flag_is_true_or_false",
        Group.values,
        Severity.ERROR,
        "place",
        "Every flag is true, false or null as its engine has them in a column of its type.",
        "Set the flag to true or false (on SQLite to 1 or 0); then run the tenant again.",
        partial(_violations, _flags),
        screens=partial(_screens, _flags),
    ),
    Invariant(
        "every_balance_is_a_number",
        Group.values,
        Severity.ERROR,
        "place",
        "The balances of customers and meters are numbers or null: no text, which SQLite allows in any column, and no "
        "NaN. Those of customers are also not too large to be exact: less than 225 billion on SQLite.",
        "Enter the balance, or null where it is not known; then run the tenant again.",
        partial(_violations, _balances),
        screens=partial(_screens, _balances),
    ),
    Invariant(
        "every_amount_fits_the_currency",
        Group.values,
        Severity.ERROR,
        "place",
        "Every counted payment and every invoice line is a whole number of minor units (policy currency_decimals), and "
        "fewer than 2^63 of them. On SQLite, amounts of 225 billion and more are not exact.",
        "Correct the amount. If the currency has more decimals, set the policy currency_decimals; if the sums of lines "
        "are to be rounded, set the policy rounding_of_sums.",
        _amounts_of_no_currency,
        screens=_screens_of_amounts,
    ),
    Invariant(
        "no_row_is_deleted_by_an_unknown_column",
        Group.values,
        Severity.ERROR,
        "place",
        "No row is marked as deleted, void or archived by a column whose meaning the policy does not name.",
        "Name the column in the policy deletion_columns if such rows have no financial effect, or in ignored_columns "
        "if the column does not matter.",
        partial(_violations, _deletions),
        screens=partial(_screens, _deletions),
    ),
)
