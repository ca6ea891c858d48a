"""Which tables and columns of a database may be ours, by their names, keys and types: a draft for each of our tables.

Add here a further shape of database that can be recognized. The words are in `vocabulary`; the file that a person reads
is written in `suggested_mapping`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Float, Integer, LargeBinary, Numeric, String, inspect
from sqlalchemy.types import Date, DateTime, TypeEngine

from meter_assets.billing.columns import (
    CREATED_AT_COLUMN,
    MONEY_COLUMNS,
    OPTIONAL_COLUMNS,
    REFERENCES,
    REQUIRED_COLUMNS,
    SOFT_DELETE_COLUMN,
    UPDATED_AT_COLUMN,
)
from meter_assets.billing.engine_types import types_of
from meter_assets.billing.mapping import OWN_PREFIX, RESULTS
from meter_assets.billing.own_tables import BACKUP
from meter_assets.engines import engine_of
from meter_assets.reports.database.vocabulary import COLUMNS, ENDS, NOT_CHARGES, TABLES, singular, words_of

MARKS = (SOFT_DELETE_COLUMN, UPDATED_AT_COLUMN, CREATED_AT_COLUMN)
"""Columns that any table may have."""
_LEAST = 4.0
"""The least score of a table that is taken for one of ours."""
_CENTS = "_cents"


@dataclass(frozen=True)
class FoundTable:
    """A table of the database."""

    name: str
    schema: str | None
    columns: dict[str, TypeEngine[Any]]
    key: tuple[str, ...]
    references: Mapping[str, str]
    """The columns of its foreign keys, each with the table that it refers to."""

    def named(self, words: Sequence[str]) -> str | None:
        """Return the column with the likeliest of these names."""
        by_words = {words_of(column): column for column in reversed(self.columns)}
        found = (by_words.get(one + end) for one in words for end in ("", _CENTS))
        return next((one for one in found if one is not None), None)


@dataclass
class Draft:
    """What is suggested for one of our tables."""

    name: str
    table: FoundTable | None = None
    select: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    """The columns with another name, or that SQL computes, as they are written in the file."""
    results: list[str] = field(default_factory=list)
    where: str = ""
    absent: bool = False
    each: list[str] = field(default_factory=list)
    """The schemas that have such a table each, if the tenants have schemas of their own."""


def found_tables(connection: Connection) -> Iterator[FoundTable]:
    """Yield the tables of a database that are not ours, those of other schemas too."""
    inspector = inspect(connection)
    ours = (OWN_PREFIX, BACKUP)
    for schema in (None, *engine_of(connection).other_schemas(connection)):
        for name in inspector.get_table_names(schema):
            if not name.startswith(ours):
                columns = {one["name"]: one["type"] for one in inspector.get_columns(name, schema)}
                key = tuple(inspector.get_pk_constraint(name, schema)["constrained_columns"])
                keys = inspector.get_foreign_keys(name, schema)
                references = {column: one["referred_table"] for one in keys for column in one["constrained_columns"]}
                yield FoundTable(name, schema, columns, key, references)


class Suggestion:
    """The tables of a database, and which of them are taken for ours."""

    def __init__(self, connection: Connection, tables: list[FoundTable]) -> None:
        """Take the tables of the database. `chosen` are those that are taken for ours, `drafts` what is suggested."""
        self._types = types_of(connection.dialect)
        self._quote = connection.dialect.identifier_preparer.quote
        self._all = tables
        self.chosen: dict[str, FoundTable] = {}
        scores = [(_score(name, table), name, table) for name in TABLES for table in tables]
        for score, name, table in sorted(scores, key=lambda one: -one[0]):
            if score >= _LEAST and name not in self.chosen and table not in self.chosen.values():
                self.chosen[name] = table
        self.drafts = [self._draft(name) for name in TABLES]

    def _place(self, table: FoundTable) -> str:
        """Return the name of a table in SQL."""
        name = self._quote(table.name)
        return name if table.schema is None else f"{self._quote(table.schema)}.{name}"

    # One table

    def _draft(self, name: str) -> Draft:
        found = Draft(name, self.chosen.get(name))
        if found.table is None:
            self._without_table(found)
            return found
        for column in (*REQUIRED_COLUMNS[name], *OPTIONAL_COLUMNS.get(name, ()), *MARKS):
            self._column(found, found.table, column)
        if found.columns.get("id", "").startswith("{") or found.results:  # a step cannot write a part of a row
            found.results = _results_of(name)
        if name == "customers" and "role" in found.table.columns:
            found.where = "role = 'customer'"
        if name == "meter_assignments" and self.column_of(name, found.table, "id") is None:
            self._assignments(found, found.table)
        if name == "payments" and self.column_of(name, found.table, "invoice_id") is None:
            self._allocated(found, found.table)
        if found.table is not None and len(self._schemas_of(found.table)) > 1:
            self._for_each_schema(found, found.table)
        return found

    def _schemas_of(self, table: FoundTable) -> list[str]:
        """Return the schemas that have this table, with the same columns."""
        same = (one for one in self._all if one.name == table.name and one.columns.keys() == table.columns.keys())
        return [one.schema for one in same if one.schema is not None]

    def _for_each_schema(self, draft: Draft, table: FoundTable) -> None:
        """Read a table from each of the schemas that have it: the tenants have schemas of their own."""
        parts = []
        for column in (*REQUIRED_COLUMNS[draft.name], *OPTIONAL_COLUMNS.get(draft.name, ())):
            given = draft.columns.get(column, "")
            if column == "tenant_id":
                parts.append("'{each}' AS tenant_id")
            elif given.startswith("{"):
                parts.append(f"{_sql_of(given)} AS {column}")
            elif given or column in table.columns:
                parts.append(_as(self._quote(given.strip('"') or column), column))
        draft.select = f"SELECT {', '.join(parts)} FROM {{each}}.{self._quote(table.name)}"
        draft.each, draft.table, draft.columns = self._schemas_of(table), None, {}
        draft.results = _results_of(draft.name)

    def _column(self, draft: Draft, table: FoundTable, column: str) -> None:
        there = self.column_of(draft.name, table, column)
        is_money = column in MONEY_COLUMNS.get(draft.name, ())
        is_written = column in RESULTS.get(draft.name, ()) and draft.name != "customers"
        if there is not None:
            value = self._converted(table, there, is_money=is_money, is_date=column in ("invoice_date", "paid_at"))
            if value != f'"{column}"':
                draft.columns[column] = value
            if is_written and value.startswith("{"):
                draft.results.append(column)
            return
        if column not in REQUIRED_COLUMNS[draft.name]:
            return
        computed = self._computed(draft, table, column)
        if computed:
            draft.columns[column] = f'{{ sql = "{computed}" }}'
        if is_written and (column == "amount" or not computed):
            draft.results.append(column)

    def column_of(self, name: str, table: FoundTable, column: str) -> str | None:
        """Return the column of a table that one of ours may be."""
        if column == "id":
            of_tenant = self._reference_of(table, "tenants", "tenant_id")
            own = [one for one in table.key if one != of_tenant or len(table.key) == 1]
            return own[0] if len(own) == 1 else table.named(("id", f"{singular(table.name)}_id"))
        if column in REFERENCES:
            return self._reference_of(table, REFERENCES[column], column)
        if column in table.columns:
            return column
        return table.named(COLUMNS.get((name, column), (column,) if column in MARKS else ()))

    def _reference_of(self, table: FoundTable, referred: str, column: str) -> str | None:
        """Return the column of a table that refers to one of ours."""
        if column in table.columns:
            return column
        target = self.chosen.get(referred)
        if target is None or target is table:
            return None
        by_key = [one for one, of in table.references.items() if of == target.name]
        if by_key:
            return by_key[0]
        word = singular(target.name)
        own = [one for one in target.key if one in table.columns and words_of(one) != "id"]
        if own and table is not target:
            return own[-1]
        last = word.split("_")[-1]
        return table.named((f"{word}_id", f"{word}_no", f"{word}_code", word, f"{last}_id", f"{last}_no", last))

    def _converted(self, table: FoundTable, column: str, *, is_money: bool, is_date: bool) -> str:
        kind = table.columns[column]
        if is_money and isinstance(kind, Float):
            return f'{{ sql = "{self._types.of_fraction(self._quote(column), kind)}" }}'
        if is_money and isinstance(kind, Integer):
            return f'{{ sql = "{self._quote(column)} / 100.0" }}'
        if is_date and isinstance(kind, String):
            return f'{{ sql = "{self._types.of_text_day(self._quote(column))}" }}'
        if isinstance(kind, LargeBinary) or str(kind).upper().startswith("BINARY"):
            return f'{{ sql = "HEX({self._quote(table.name)}.{self._quote(column)})" }}'
        return '"{}"'.format(column.replace("\\", "\\\\").replace('"', '\\"'))

    def _computed(self, draft: Draft, table: FoundTable, column: str) -> str:
        """Return SQL for a required column that the table lacks."""
        name = draft.name
        if column == "id":
            return f"concat_ws(' ', {', '.join(map(self._quote, table.key))})" if table.key else ""
        if column == "tenant_id":
            return self._tenant(table)
        if column == "invoice_id":
            return "NULL"
        if column == "customer_id" and "invoices" in self.chosen and "invoice_id" not in draft.columns:
            return self._through(table, "invoices", "customer_id")
        if (name, column) == ("customers", "overpayment") and (
            "balance" in draft.columns or "balance" in table.columns
        ):
            return self._signed(draft, table)
        if (name, column) in {("customers", "balance"), ("customers", "overpayment")}:
            return "0.00"
        if (name, column) == ("invoices", "amount"):
            total, carried = (self.column_of(name, table, one) for one in ("total_amount", "balance_brought_forward"))
            return f"{self._quote(total)} - {self._quote(carried)}" if total and carried else ""
        if column == "balance_brought_forward":
            return "0.00"
        if column == "is_active":
            end = table.named(ENDS)
            return "1" if end is None else f"CASE WHEN {self._quote(end)} IS NULL THEN 1 ELSE 0 END"
        if column == "bill_type":
            return self._type_of(table)
        if column in ("meter_number", "invoice_number", "name"):
            key = self.column_of(name, table, "id")
            return "" if key is None else self._quote(key)
        return "'active'" if column == "status" else ""

    def _type_of(self, table: FoundTable) -> str:
        """Return the name of a bill's type from the table that the bill refers to, or the bill's own key."""
        for other in self._all:
            label = other.named(("name", "title", "code", "label"))
            column = table.named((f"{singular(other.name)}_id",))
            if other is not table and "type" in singular(other.name) and label and column and len(other.key) == 1:
                return self._lookup(table, column, other, label)
        return self._quote(table.key[0]) if len(table.key) == 1 else ""

    def _signed(self, draft: Draft, table: FoundTable) -> str:
        """Let one signed balance be both the balance and the overpayment."""
        column = self.column_of("customers", table, "balance")
        owed = self._quote(column or "balance")
        if column is not None and isinstance(table.columns[column], Integer):
            owed = f"({owed} / 100.0)"
        draft.columns["balance"] = f'{{ sql = "CASE WHEN {owed} > 0 THEN {owed} ELSE 0.00 END" }}'
        return f"CASE WHEN {owed} < 0 THEN -{owed} ELSE 0.00 END"

    def _tenant(self, table: FoundTable) -> str:
        if "tenants" not in self.chosen:
            return "1"
        referred = dict.fromkeys([*table.references.values(), *(one.name for one in self.chosen.values())])
        for name in referred:
            other = next((one for one in self._all if one.name == name), None)
            if other is None or other is table:
                continue
            tenant = self._reference_of(other, "tenants", "tenant_id")
            column = next((one for one, of in table.references.items() if of == name), None)
            column = column or table.named((f"{singular(name)}_id", f"{singular(name)}_no"))
            if tenant is not None and column is not None and len(other.key) == 1:
                return self._lookup(table, column, other, tenant)
        return ""

    def _through(self, table: FoundTable, referred: str, column: str) -> str:
        other = self.chosen[referred]
        wanted = self._reference_of(other, REFERENCES[column], column)
        own = self._reference_of(table, referred, "invoice_id")
        return "" if wanted is None or own is None else self._lookup(table, own, other, wanted)

    def _lookup(self, table: FoundTable, column: str, other: FoundTable, wanted: str) -> str:
        quote = self._quote
        return (
            f"(SELECT o.{quote(wanted)} FROM {quote(other.name)} o WHERE o.{quote(other.key[0])} = "
            f"{quote(table.name)}.{quote(column)})"
        )

    # What has no table

    def _without_table(self, draft: Draft) -> None:
        if draft.name == "tenants":
            draft.select = "SELECT 1 AS id, 'The utility' AS name"
        elif draft.name == "meter_assignments":
            self._assignments(draft, None)
        elif draft.name in ("bills", "invoice_bills") and "invoices" in self.chosen:
            draft.select = self._unfolded(draft.name)
            draft.absent = not draft.select

    def _assignments(self, draft: Draft, table: FoundTable | None) -> None:
        """Suggest which meter is whose: by a column of the meters or of the customers, or by a table without an id."""
        holders = [self.chosen.get("meters"), self.chosen.get("customers")] if table is None else [table]
        for holder in holders:
            if holder is None:
                continue
            ids = {
                "customer_id": self._key_or_reference(holder, "customers", "customer_id"),
                "meter_id": self._key_or_reference(holder, "meters", "meter_id"),
            }
            if None in ids.values():
                continue
            customer, meter = (self._read(holder, str(one)) for one in ids.values())
            tenant = self._reference_of(holder, "tenants", "tenant_id")
            own = self._quote(tenant) if tenant else (self._tenant(holder) or "1")
            are_numbers = all(isinstance(holder.columns[str(one)], Integer) for one in ids.values())
            pair = f"{customer} * 1000000 + {meter}" if are_numbers else f"concat_ws(' ', {customer}, {meter})"
            row_id = pair if table is not None else self._read(holder, holder.key[0])
            active = self._computed(Draft("meter_assignments"), holder, "is_active") if table is not None else "1"
            draft.table, draft.columns = None, {}
            draft.select = (
                f"SELECT {_as(row_id, 'id')}, {_as(own, 'tenant_id')}, {_as(customer, 'customer_id')}, "
                f"{_as(meter, 'meter_id')}, {active} AS is_active FROM {self._place(holder)}"
            )
            if table is None:
                missing = ids["customer_id" if holder is self.chosen.get("meters") else "meter_id"]
                draft.select += f" WHERE {self._quote(str(missing))} IS NOT NULL"
            draft.each = self._schemas_of(holder) if len(self._schemas_of(holder)) > 1 else []
            if draft.each:
                own_place = f"{{each}}.{self._quote(holder.name)}"
                draft.select = draft.select.replace(_as(own, "tenant_id"), "'{each}' AS tenant_id")
                draft.select = draft.select.replace(self._place(holder), own_place)
            return

    def _read(self, table: FoundTable, column: str) -> str:
        """Return the SQL of a key, as the rules can compare it."""
        value = self._converted(table, column, is_money=False, is_date=False)
        return _sql_of(value) if value.startswith("{") else self._quote(column)

    def _allocated(self, draft: Draft, table: FoundTable) -> None:
        """Read payments from the table that says which part of a payment pays which invoice, and what is left."""
        word = singular(table.name)
        for other in self._all:
            payment = other.named((f"{word}_id", f"{word}_no"))
            invoice = other.named(("invoice_id", "payable_id", "allocatable_id"))
            amount = other.named(COLUMNS["payments", "amount"])
            if other is table or None in (payment, invoice, amount) or not (other.key and table.key):
                continue
            mine = {
                "tenant_id": self._reference_of(table, "tenants", "tenant_id"),
                "customer_id": self._reference_of(table, "customers", "customer_id"),
                "paid_at": self.column_of("payments", table, "paid_at"),
                "amount": self.column_of("payments", table, "amount"),
            }
            if None in mine.values():
                continue
            quote, kind = self._quote, other.named(("payable_type", "allocatable_type"))
            tenant, customer, paid_at, whole = (f"p.{quote(str(column))}" for column in mine.values())
            key, part, of = (f"{a}.{quote(str(b))}" for a, b in (("p", table.key[0]), ("a", amount), ("a", invoice)))
            only = f" AND a.{quote(kind)} = 'invoice'" if kind else ""
            joined = f"a.{quote(str(payment))} = {key}{only}"
            left = f"{whole} - COALESCE(SUM({part}), 0)"
            owner = f"{_as(tenant, 'tenant_id')}, {_as(customer, 'customer_id')}"
            draft.table, draft.columns, draft.results = None, {}, ["meter_id"]
            draft.select = (
                f"SELECT a.{quote(other.key[0])} * 2 AS id, {owner}, {_as(of, 'invoice_id')}, {_as(part, 'amount')}, "
                f"{_as(paid_at, 'paid_at')} FROM {self._place(other)} a JOIN {self._place(table)} p ON {joined} "
                f"UNION ALL SELECT {key} * 2 + 1, {tenant}, {customer}, NULL, {left}, {paid_at} "
                f"FROM {self._place(table)} p LEFT JOIN {self._place(other)} a ON {joined} "
                f"GROUP BY {key}, {tenant}, {customer}, {paid_at}, {whole} HAVING {left} <> 0"
            )
            return

    def _key_or_reference(self, table: FoundTable, referred: str, column: str) -> str | None:
        if table is self.chosen.get(referred):
            return table.key[0] if len(table.key) == 1 else None
        return self._reference_of(table, referred, column)

    def _unfolded(self, name: str) -> str:
        """Return a SELECT that makes lines, or their bills, of columns of charges; empty if there are none."""
        invoices = self.chosen["invoices"]
        taken = {self.column_of("invoices", invoices, one) for one in MONEY_COLUMNS["invoices"]}
        charges = [
            column
            for column, kind in invoices.columns.items()
            if isinstance(kind, Numeric) and column not in taken and words_of(column) not in NOT_CHARGES
        ]
        arrears = [one for one in charges if words_of(one) in COLUMNS["invoices", "balance_brought_forward"]]
        if len(charges) < 2 or not invoices.key:
            return ""
        key, quote = self._quote(invoices.key[0]), self._quote
        parts = []
        for place, column in enumerate(charges, 1):
            label = "BALANCE" if column in arrears else words_of(column).upper()
            if name == "bills":
                tenants = self.chosen.get("tenants")
                rows = "" if tenants is None else f" FROM {self._place(tenants)}"
                tenant = "1" if tenants is None else quote(tenants.key[0])
                parts.append(f"SELECT {place} AS id, {tenant} AS tenant_id, '{label}' AS bill_type{rows}")
            else:
                parts.append(
                    f"SELECT {key} * 10 + {place} AS id, {key} AS invoice_id, {place} AS bill_id, {quote(column)} AS "
                    f"amount FROM {self._place(invoices)}"
                )
        return " UNION ALL ".join(parts)


def _score(name: str, table: FoundTable) -> float:
    """Return how likely a table of the database is one of ours."""
    words, called = TABLES[name], singular(table.name)
    if table.name == name:
        score = 10.0
    elif called in words:
        score = 8 - words.index(called) / 10
    elif any(called.endswith(f"_{one}") for one in words):
        score = 4.0
    else:
        return 0.0
    needed = [one for one in REQUIRED_COLUMNS[name] if (name, one) in COLUMNS]
    there = [one for one in needed if table.named((one, *COLUMNS[name, one]))]
    has_dates = any(isinstance(kind, (Date, DateTime)) for kind in table.columns.values())
    if name in ("bills",) and has_dates and len(table.columns) > 6:
        score -= 3
    return score + 2 * len(there) / max(1, len(needed))


def _results_of(name: str) -> list[str]:
    """Return the columns of one of our tables that a migration writes."""
    return [one for one in REQUIRED_COLUMNS[name] if one in RESULTS.get(name, ()) and name != "customers"]


def _sql_of(value: str) -> str:
    """Return the SQL of a column that the file computes."""
    return value.removeprefix('{ sql = "').removesuffix('" }')


def _as(sql: str, name: str) -> str:
    """Return SQL with a name for its value, if it has another one."""
    return sql if sql.rpartition(".")[2] == name else f"{sql} AS {name}"
