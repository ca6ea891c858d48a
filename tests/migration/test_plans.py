"""The plans of PostgreSQL: no statement compares each row of a tenant with each other row, whatever the server knows.

The server's settings are what they are in production; only what it knows about the tables differs.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from bench.speed.data import Size, fill
from meter_assets.billing.policy import Policy
from meter_assets.engines.postgresql import sessions, temporary_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.preview import preview
from meter_assets.rules.steps import MIGRATION
from tests.support.databases import migrate, start_over, tenant, write
from tests.support.ledger import invoice, ledger, payment
from tests.support.rules import SCHEMA

DEFAULT = Policy.from_values({})
SIZE = Size(payments=20_000, tenants=4)
FEW = 50
"""A nested loop over so few rows is the best plan."""
SECONDS_FOR_A_STATEMENT = 20
INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix_%'"
READ = ("customers", "meters", "meter_assignments", "invoices", "invoice_bills", "payments")
KNOWLEDGE = {
    "analyzed": [],
    "never analyzed": [
        "DELETE FROM pg_statistic WHERE starelid::regclass::text ~ '^(payments|invoices|invoice_bills)'"
    ],
    "without indexes": [],
    "of another time": [
        statement.format(table=table)
        for table in READ
        for statement in (
            "CREATE TABLE {table}_now AS SELECT * FROM {table} WHERE tenant_id = 1",
            "DELETE FROM {table} WHERE tenant_id = 1",
            "ANALYZE {table}",
            "INSERT INTO {table} SELECT * FROM {table}_now",
        )
    ],
}


@pytest.fixture(params=KNOWLEDGE)
def database(request: pytest.FixtureRequest, postgres_url: str) -> BillingDatabase:
    """A database with four tenants, of which the server knows much or little."""
    made = BillingDatabase(postgres_url)
    with made.transaction() as connection:
        fill(connection, SIZE)
        if request.param == "without indexes":
            for name in connection.scalars(text(INDEXES)).all():
                connection.execute(text(f"DROP INDEX {name}"))
    write(made, *KNOWLEDGE[request.param])
    return made


@contextmanager
def plans() -> Iterator[list[dict[str, Any]]]:
    """Collect the plan of every SELECT, and of what is computed into temporary tables."""
    found: list[dict[str, Any]] = []

    def explain(connection: Any, statement: str, values: Any = None) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", values)
        plan = cursor.fetchone()[0]
        found.append((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"] | {"of": statement})

    def before(connection: Any, cursor: Any, statement: str, values: Any, *rest: Any) -> None:
        if statement.lstrip().startswith("SELECT") and "pg_catalog" not in statement:
            explain(connection, statement, values)

    original = temporary_tables.materialize

    def materialize(connection: Connection, name: str, rows: Any, *, reads_only: bool, by_index: bool) -> None:
        computed = str(rows.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        connection.exec_driver_sql(f"SET LOCAL enable_nestloop = {'on' if by_index else 'off'}")
        explain(connection, computed.replace("%%", "%"))
        original(connection, name, rows, reads_only=reads_only, by_index=by_index)

    event.listen(Engine, "before_cursor_execute", before)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(temporary_tables, "materialize", materialize)
        yield found
    event.remove(Engine, "before_cursor_execute", before)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def quadratic(plan: dict[str, Any]) -> list[str]:
    """Return the nested loops that read the inner side again for each row of the outer one, without an index."""
    found = []
    for node in nodes(plan):
        if node["Node Type"] != "Nested Loop":
            continue
        outer, inner = node["Plans"][:2]
        by_index = any("Index" in one["Node Type"] for one in nodes(inner))
        if outer["Plan Rows"] > 1 and not by_index and inner["Plan Rows"] * outer["Plan Rows"] > FEW:
            found.append(f"{outer['Node Type']} of {outer['Plan Rows']} rows, each with {inner['Node Type']}")
    return found


@pytest.mark.slow
def test_no_statement_compares_all_rows_with_all_rows(database: BillingDatabase) -> None:
    write(
        database, f"ALTER DATABASE {database.engine.url.database} SET statement_timeout = '{SECONDS_FOR_A_STATEMENT}s'"
    )
    with plans() as found:
        foreseen = preview(database, tenant(1), DEFAULT)
        made = migrate(database, 1)
    assert [step.changed for step in foreseen.steps] == [made[step].changed for step in MIGRATION]
    assert len(found) > len(MIGRATION)
    assert {one["of"][:200]: loops for one in found if (loops := quadratic(one))} == {}


@pytest.mark.slow
def test_without_the_setting_the_server_would(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server knows of another time makes it take a tenant for one row. So nested loops stay off."""
    monkeypatch.setitem(sessions._SETTINGS, "enable_nestloop", "on")
    monkeypatch.setattr(temporary_tables, "may_materialize", lambda connection: False)
    database = BillingDatabase(postgres_url)
    with database.transaction() as connection:
        fill(connection, Size(payments=40, tenants=2))  # with 2,000, one preview takes more than ten minutes
    write(database, *KNOWLEDGE["of another time"])
    with plans() as found:
        preview(database, tenant(1), DEFAULT)
    estimated = [node["Plan Rows"] for one in found for node in nodes(one) if node["Node Type"] == "Nested Loop"]
    assert 1 in estimated


def test_a_large_table_without_its_index_is_named_with_the_statement(
    billing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The packages have functions of that name too.
    monkeypatch.setattr(sys.modules["meter_assets.engines.postgresql.catalogue"], "_BYTES_OF_A_LARGE_TABLE", 1)
    monkeypatch.setattr(sys.modules["meter_assets.engines.sqlite.catalogue"], "_ROWS_OF_A_LARGE_TABLE", 1)
    monkeypatch.setattr(sys.modules["meter_assets.engines.mysql.catalogue"], "_BYTES_OF_A_LARGE_TABLE", 1)
    database = start_over(billing_url, SCHEMA, ledger([invoice(1, "30.00")], [payment(1, "10.00")]))
    slow = "Read whole for each tenant, because they have no index: "
    assert [line for line in database.header() if line.startswith(slow)] == []
    of_table = database.engine.dialect.name == "mysql"  # where the names of indexes are those of one table
    for table, index in (("payments", "ix_payments_tenant_id"), ("invoice_bills", "ix_invoice_bills_invoice_id")):
        write(database, f"DROP INDEX {index} ON {table}" if of_table else f"DROP INDEX {index}")
    (line,) = (line for line in database.header() if line.startswith(slow))
    assert sorted(line.removeprefix(slow).split("; ")) == [
        "invoice_bills (invoice_id): CREATE INDEX ix_invoice_bills_invoice_id ON invoice_bills (invoice_id)",
        "payments (tenant_id): CREATE INDEX ix_payments_tenant_id ON payments (tenant_id)",
    ]
    write(database, "CREATE INDEX another ON payments (tenant_id, id)")
    assert "payments" not in str([line for line in database.header() if line.startswith(slow)])
