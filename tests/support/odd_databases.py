"""Drawn billing databases of every form that the software must cope with: keys, ids, types, decimals and policies.

An `OddDatabase` is a drawn database (see `strategies`) in other tables: what is in the rows is the oracle's, so that it
can say what a migration should make of it. Add a new form of tables as a field of `Form`.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Numeric, String, Table, Uuid
from sqlalchemy.dialects import mysql

from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.policy import Policy, RoundingOfSums
from meter_assets.billing.schema import BillingSchema, billing_tables
from tests.support.oracle import Database, Row
from tests.support.strategies import FIRST_IDS, REFERENCES, billing_databases, policies

NOWHERE = 90_000
"""Added to the id of a row of another tenant, where tenants have the same ids: no row has it."""
_NAMES = UUID("5a9f5f0e-6a53-4b0e-9f0e-0d7f8f6f3a11")
_FIRST_BIG = 2**62
_FIRST_DECIMAL = 10**14
_IDS: Mapping[str, tuple[Callable[[], Any], Callable[[int], Any]]] = {
    "integer": (Integer, int),
    "big": (
        lambda: BigInteger().with_variant(mysql.BIGINT(unsigned=True), "mysql"),
        lambda number: _FIRST_BIG + number,
    ),
    "decimal": (lambda: Numeric(20, 0), lambda number: Decimal(_FIRST_DECIMAL + number)),
    "text": (lambda: String(20), lambda number: f"id-{number:06}"),
    # In its own type, MariaDB has them in another order than others.
    "uuid": (lambda: Uuid().with_variant(Uuid(native_uuid=False), "mysql"), lambda number: uuid5(_NAMES, str(number))),
}


@dataclass(frozen=True)
class Form:
    """How the tables of a database are made."""

    ids: str = "integer"
    """integer, big, decimal, text or uuid."""
    composite: bool = False
    """Whether keys are (tenant_id, id), and tenants have the same ids."""
    decimals: int = 2
    """How many decimals amounts have: 2 or 3."""
    points_in_time: bool = False
    """Whether the dates of invoices have a time of day."""
    deletion_column: bool = False
    """Whether payments have a column is_deleted."""


@dataclass(frozen=True)
class OddDatabase:
    """A drawn database: its form, its tables, its rows as they are loaded, and the policy of its migration."""

    form: Form
    schema: BillingSchema
    rows: Database
    policy: Policy
    batch_size: int | None

    @property
    def tenants(self) -> list[Any]:
        """The ids of its tenants."""
        return [row["id"] for row in self.rows["tenants"]]

    def of_tenant(self, tenant_id: Any) -> Database:
        """Return the rows that the oracle may look at: all, or of the tenant alone where others have the same ids."""
        if not self.form.composite:
            return self.rows
        return {
            table: [row for row in rows if row.get("tenant_id", tenant_id) == tenant_id]
            for table, rows in self.rows.items()
        }


def forms() -> st.SearchStrategy[Form]:
    """Draw a form of any kind."""
    return st.builds(
        Form,
        ids=st.sampled_from(list(_IDS)),
        composite=st.booleans(),
        decimals=st.sampled_from([2, 2, 3]),
        points_in_time=st.booleans(),
        deletion_column=st.booleans(),
    )


@st.composite
def odd_databases(draw: st.DrawFn) -> OddDatabase:
    """Draw a database of any form, with any policy, to be migrated whole or in batches of any size."""
    form, rows, policy = draw(forms()), draw(billing_databases()), draw(policies())
    policy = policy.model_copy(update=draw(_further_policies(form)))
    if form.deletion_column:
        marks = draw(st.lists(st.sampled_from([False, False, None, True]), min_size=len(rows["payments"]), max_size=40))
        for payment, is_deleted in zip(rows["payments"], marks, strict=False):
            payment["is_deleted"] = is_deleted
    batch_size = draw(st.sampled_from([None, None, 1, 2, 5, 1000]))
    return OddDatabase(form, schema_of(form), in_form(rows, form), policy, batch_size)


def _further_policies(form: Form) -> st.SearchStrategy[dict[str, Any]]:
    marked = ("payments.is_deleted",) if form.deletion_column else ()
    columns = st.sampled_from([{"deletion_columns": marked}, {"ignored_columns": marked}, {}])
    # Three decimals in a currency of two are an ERROR wherever they are, so they are drawn less often than they fit.
    currencies = st.sampled_from([form.decimals, form.decimals, 2, 4]).map(lambda digits: {"currency_decimals": digits})
    sums = st.sampled_from(RoundingOfSums).map(lambda mode: {"rounding_of_sums": mode})
    types = st.sampled_from([("BALANCE",), (" balance", "BALANCES"), ("Balance", "due")]).map(
        lambda names: {"brought_forward_bill_types": names, "charge_bill_types": ("WATER", "Fee")}
    )
    return st.tuples(columns, currencies, sums, types).map(
        lambda parts: {k: v for part in parts for k, v in part.items()}
    )


def schema_of(form: Form) -> BillingSchema:
    """Return the tables of a form."""
    made = billing_tables(money=Numeric(14, form.decimals), ids=_IDS[form.ids][0]())
    metadata = MetaData()
    tables: dict[str, Table] = {}
    for name, table in made.stored.items():
        key = {"tenant_id", "id"} if form.composite and name not in ("tenants", "invoice_bills") else {"id"}
        columns = [
            Column(one.key, _type_of(form, name, one), primary_key=one.key in key, nullable=one.key not in key)
            for one in table.c
        ]
        if form.deletion_column and name == "payments":
            columns.append(Column("is_deleted", Boolean()))
        tables[name] = Table(name, metadata, *columns)
    return replace(made, tables=tables)


def _type_of(form: Form, table: str, column: Column[Any]) -> Any:
    if column.key == "invoice_date" and form.points_in_time:
        return DateTime()
    return column.type


def in_form(rows: Database, form: Form) -> Database:
    """Return drawn rows as the tables of a form hold them."""
    changed = deepcopy(rows)
    if form.composite:
        changed = _with_the_same_ids(changed)
    for table, found in changed.items():
        for row in found:
            for column in MONEY_COLUMNS.get(table, ()):
                if row.get(column) is not None:
                    row[column] = row[column].scaleb(2 - form.decimals)
            if form.points_in_time and isinstance(row.get("invoice_date"), date):
                row["invoice_date"] = datetime.combine(
                    row["invoice_date"], time(hour=int(row["total_amount"] or 0) % 24)
                )
    as_id = _IDS[form.ids][1]
    return {table: [_with_ids(row, as_id) for row in found] for table, found in changed.items()}


def _with_ids(row: Row, as_id: Callable[[int], Any]) -> Row:
    ids = {key: as_id(value) for key, value in row.items() if key.split("_")[-1] == "id" and value is not None}
    return {**row, **ids}


def _with_the_same_ids(rows: Database) -> Database:
    """Number each tenant's rows from the first id on; what named another tenant's row now names none."""
    tenant_of_invoice = {row["id"]: row["tenant_id"] for row in rows["invoices"]}
    for line in rows["invoice_bills"]:
        line["tenant_id"] = tenant_of_invoice.get(line["invoice_id"], 1)
    numbers = {table: _numbered(rows[table], first) for table, first in FIRST_IDS.items() if table != "invoice_bills"}
    for table, found in rows.items():
        for row in found:
            for column in REFERENCES.keys() & row.keys():
                if row[column] is not None:
                    known = numbers[REFERENCES[column]]
                    row[column] = known.get((row["tenant_id"], row[column]), row[column] + NOWHERE)
            if table in numbers:
                row["id"] = numbers[table][row["tenant_id"], row["id"]]
    return rows


def _numbered(rows: list[Row], first: int) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    count: dict[int, int] = {}
    for row in rows:
        at = count[row["tenant_id"]] = count.get(row["tenant_id"], -1) + 1
        found[row["tenant_id"], row["id"]] = first + at
    return found
