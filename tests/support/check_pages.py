"""The pages of the checks, and the books on which their SQL is compared with the checks.

Add a fault here that the demo does not have, if a page must find it. The tests are in `tests.test_check_pages`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Numeric, text

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.demo.faults import FAULTS
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.engines import engine_of
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.invariants import INVARIANTS, Invariant
from meter_assets.rules.steps import STEPS
from tests.support import databases

CHECKS = Path(__file__).parent.parent.parent / "meter_assets" / "check_pages"
FAULTY, CLEAN = 1, 2
SCHEMA = billing_tables(money=Numeric(22, 4), steps=tuple(STEPS.values()))
"""The usual tables, but with room for amounts that no currency has."""


# Reading the pages


def page(name: str) -> str:
    """Return the page of a check."""
    return (CHECKS / f"{name}.md").read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """Return what stands under one heading of a check's page."""
    return page(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(markdown: str, language: str) -> list[str]:
    """Return the blocks of code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", markdown, flags=re.DOTALL | re.MULTILINE)


LOOK = {name: blocks(section(name, "How to look"), "sql")[0] for name in (one.name for one in INVARIANTS)}


# What the SQL of the pages finds, and what the invariants themselves find


@dataclass
class Found:
    """The rows that violate each invariant, by their ids: as its page's SQL and as the invariant's evidence show them.

    Of each row, what both show under the same name.
    """

    by_page: dict[str, dict[Any, Any]] = field(default_factory=dict)
    by_law: dict[str, dict[Any, Any]] = field(default_factory=dict)


def find(
    connection: Connection, schema: BillingSchema, tenant_id: Any, invariants: Sequence[Invariant] = INVARIANTS
) -> Found:
    """Return what the pages of these checks find of a tenant, and what the checks find."""
    relations, found = billing_relations(schema, Policy(), tenant_id), Found()
    for invariant in invariants:
        statement = engine_of(connection).sql_of_page(LOOK[invariant.name])
        listed = _by_id(invariant, connection.execute(text(statement), {"tenant": tenant_id}))
        broken = _by_id(invariant, connection.execute(invariant.violations(relations)))
        found.by_page[invariant.name] = {key: _in_common(row, broken.get(key, {})) for key, row in listed.items()}
        found.by_law[invariant.name] = {key: _in_common(row, listed.get(key, {})) for key, row in broken.items()}
    return found


def _by_id(invariant: Invariant, result: CursorResult[Any]) -> dict[Any, Mapping[str, Any]]:
    rows = [dict(row) for row in result.mappings()]
    found: dict[Any, Mapping[str, Any]] = {row[invariant.subject]: row for row in rows}
    assert len(found) == len(rows), f"{invariant.name} names a row twice"
    return found


def _in_common(row: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What a row shows that the other shows too; text in a column of money is shown as it is by the page only."""
    numbers = (int, float, Decimal)
    return {
        name: f"{value:.4f}" if isinstance(value, numbers) and name not in ("id", "is_active") else value
        for name, value in row.items()
        if name in other and isinstance(value, numbers) == isinstance(other[name], numbers)
    }


@dataclass(frozen=True)
class Books:
    """A database of two tenants, one of them with every fault of the catalogue, and what was found of them when."""

    database: BillingDatabase
    schema: BillingSchema = field(repr=False)
    found: Mapping[str, Found] = field(repr=False)


# The books


def faulty_books(url: str) -> Books:
    """Return both tenants before and after their migration, and the faulty one with what goes wrong afterwards."""
    database, found = BillingDatabase(url), {}
    with database.transaction() as connection:
        make_tables(connection, SCHEMA)
        fill(connection, SCHEMA, DemoSize(tenants=2, customers=4, months=3), seed=1)
        schema = SCHEMA.make_own_tables(connection)
    databases.migrate(database, CLEAN)
    with database.transaction() as connection:
        for fault in FAULTS.values():
            fault.inject(connection, schema, FAULTY)
        found["before"] = find(connection, schema, FAULTY)
    databases.migrate(database, FAULTY, allow_invalid=True)
    with database.snapshot() as connection:
        found["after"] = find(connection, schema, FAULTY)
        found["clean"] = find(connection, schema, CLEAN)
    with database.transaction() as connection:
        _go_wrong_since(connection)
        found["since"] = find(connection, schema, FAULTY)
        for turn in range(4):
            with connection.begin_nested() as savepoint:
                _become_odd(connection, turn)
                found[f"odd {turn}"] = find(connection, schema, FAULTY)
                savepoint.rollback()
    return Books(database, schema, found)


@dataclass(frozen=True)
class OddValues:
    """SQL of what a column of an engine can hold although it should not; None if it cannot."""

    number: str | None = None
    day: str | None = None
    not_set: str | None = None
    flag: str | None = None


ODD_VALUES = {
    "sqlite": OddValues("'12,50'", "'31/01/2024'", "''", "'t'"),
    "postgresql": OddValues("'NaN'", "'infinity'", "'-infinity'"),
    "mysql": OddValues(flag="7"),
}
"""By engine; days of zeros of MySQL are set without its strict mode, see `tests.engines.test_mysql`."""


def _go_wrong_since(connection: Connection) -> None:
    """What no fault of the catalogue makes, or what the migration has fixed."""
    odd = ODD_VALUES[connection.dialect.name]
    newest = "SELECT max(id) FROM {} WHERE tenant_id = 1 AND status = '{}'"
    oddities = (
        ("meter_assignments", "is_active", odd.flag, "1"),
        ("payments", "paid_at", odd.day, "1"),
        ("payments", "deleted_at", odd.not_set, "2"),
        ("invoices", "invoice_date", odd.day, "1"),
        ("customers", "balance", odd.number, "1"),
        ("meters", "balance", odd.number, "2"),
        ("payments", "amount", odd.number, newest.format("payments", "failed")),
        ("invoices", "total_amount", odd.number, newest.format("invoices", "draft")),
        ("invoice_bills", "amount", odd.number, "SELECT min(id) FROM invoice_bills"),
    )
    for statement in (
        *(
            f"UPDATE {table} SET {column} = {value} WHERE id = ({which})"
            for table, column, value, which in oddities
            if value
        ),
        "UPDATE payments SET amount = 39.115 WHERE id = 6",
        "UPDATE invoice_bills SET amount = 71.5649 WHERE id = 11",
        "UPDATE invoices SET amount = 40.005, total_amount = 40.005 WHERE id = 37",
        "UPDATE meters SET balance = balance + 5 WHERE id = (SELECT min(id) FROM meters WHERE tenant_id = 1)",
        "UPDATE meters SET balance = 7, overpayment = 7 WHERE id IN (SELECT max(id) FROM meters GROUP BY tenant_id)",
        "UPDATE invoices SET amount = amount + 1, total_amount = total_amount + 1 WHERE id IN"
        " (SELECT min(id) FROM invoices WHERE tenant_id = 1 GROUP BY lower(status))",
        "DELETE FROM customer_balances_backup WHERE customer_id IN (SELECT min(id) FROM customers GROUP BY tenant_id)",
    ):
        connection.exec_driver_sql(statement)


def _become_odd(connection: Connection, turn: int) -> None:
    """Rows of both tenants with a status in capitals, without status or amount, deleted, or with debt of no known type.

    In turn, of a kind each.
    """
    no_number = ODD_VALUES[connection.dialect.name].number
    every_table = ("payments", "invoices", "invoice_bills", "meters", "customers", "meter_assignments", "bills")
    changes = (
        [(table, "status = upper(status)", 1) for table in ("payments", "invoices")],
        [
            *((table, "status = NULL", 2) for table in ("payments", "invoices")),
            *((table, "amount = NULL", 3) for table in ("payments", "invoices", "invoice_bills")),
            *((table, f"amount = {no_number}", 11) for table in ("payments", "invoices") if no_number),
            *(("meters", f"{column} = NULL", 2) for column in ("balance", "overpayment")),
        ],
        [(table, "deleted_at = '2024-12-31 12:00:00'", 2) for table in every_table],
        [("bills", "bill_type = ' Misc'", 4), ("invoice_bills", "amount = 40", 92)],
    )
    for table, change, every in changes[turn]:
        connection.execute(text(f"UPDATE {table} SET {change} WHERE id % {every} = 0"))
