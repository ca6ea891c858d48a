"""What is found out about a database before anything is computed: its tables, columns and keys, and what is wrong."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, Numeric, create_engine
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from meter_assets.billing import engine_types
from meter_assets.billing.columns import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from meter_assets.billing.engine_types import EngineTypes, as_journaled, register_types, types_of
from meter_assets.billing.own_tables import BACKUP, RUNS, own_table_names
from meter_assets.billing.reflection import own_tables_present, read_schema
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.errors import ConstructNotImplemented
from meter_assets.rules.steps import STEPS

ALL_STEPS = tuple(STEPS.values())
JOURNAL = STEPS["payment_meter_ids"].journal
OUTDATED = (
    "{} lacks {}, since it was made by an earlier version or before the billing tables had these (add them, as they "
    "are in the billing table and nullable: ALTER TABLE ... ADD COLUMN)"
)
PROBLEMS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "none": ((), []),
    "tables of others": (("CREATE TABLE others (id INTEGER)",), []),
    "tables and a column are missing": (
        ("DROP TABLE payments", "DROP TABLE bills", "ALTER TABLE invoices DROP COLUMN balance_brought_forward"),
        ["no table bills", "no table payments", "no column invoices.balance_brought_forward"],
    ),
    "columns of two tables are missing": (
        ("ALTER TABLE customers DROP COLUMN name", "ALTER TABLE meter_assignments DROP COLUMN is_active"),
        ["no column customers.name", "no column meter_assignments.is_active"],
    ),
    "money is too exact, and a column of money before it is missing": (
        (
            "ALTER TABLE meters DROP COLUMN balance",
            "ALTER TABLE meters DROP COLUMN overpayment",
            "ALTER TABLE meters ADD overpayment NUMERIC(14, 5)",
            "ALTER TABLE payments DROP COLUMN amount",
            "ALTER TABLE payments ADD amount NUMERIC(14, 6)",
        ),
        [
            "no column meters.balance",
            "meters.overpayment is NUMERIC(14, 5), and on SQLite money is exact to 4 decimals only",
            "payments.amount is NUMERIC(14, 6), and on SQLite money is exact to 4 decimals only",
        ],
    ),
    "an optional column is missing": (("ALTER TABLE meters DROP COLUMN total_paid",), []),
    "a flag is text": (
        (
            "ALTER TABLE meter_assignments DROP COLUMN is_active",
            "ALTER TABLE meter_assignments ADD is_active VARCHAR(5)",
        ),
        ["meter_assignments.is_active is VARCHAR(5) (make it BOOLEAN, or a number)"],
    ),
    "a journal is outdated": (
        (f"CREATE TABLE {JOURNAL} (step_run_id INTEGER, run_id TEXT, tenant_id INTEGER, meter_id_after, rule TEXT)",),
        [OUTDATED.format(JOURNAL, "payment_id, meter_id_before")],
    ),
    "two of our tables are outdated": (
        (
            f"CREATE TABLE {JOURNAL} (rule TEXT)",
            f"CREATE TABLE {BACKUP} (tenant_id INTEGER, customer_id INTEGER, balance)",
        ),
        [
            OUTDATED.format(BACKUP, "overpayment, backed_up_at, run_id"),
            OUTDATED.format(JOURNAL, "step_run_id, run_id, tenant_id, payment_id, meter_id_before, meter_id_after"),
        ],
    ),
    "an outdated journal is not named beside a missing table": (
        (f"CREATE TABLE {JOURNAL} (rule TEXT)", "DROP TABLE bills"),
        ["no table bills"],
    ),
}


@pytest.fixture
def engine() -> Engine:
    """A database of SQLite in memory with the default tables."""
    made = create_engine("sqlite://")
    billing_tables().table("tenants").metadata.create_all(made)
    return made


def _read(engine: Engine, *statements: str) -> tuple[BillingSchema, list[str]]:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        return read_schema(connection, ALL_STEPS)


@pytest.mark.parametrize("case", PROBLEMS)
def test_every_problem_of_a_database_is_named(engine: Engine, case: str) -> None:
    statements, expected = PROBLEMS[case]
    schema, problems = _read(engine, *statements)
    assert problems == expected
    assert set(schema.tables) == REQUIRED_COLUMNS.keys() - {one.split()[-1] for one in expected if "no table" in one}


def test_a_schema_has_the_columns_and_keys_that_are_there(engine: Engine) -> None:
    schema, _ = _read(engine, "ALTER TABLE meters DROP COLUMN total_paid", "ALTER TABLE meters ADD of_others TEXT")
    for name, table in schema.tables.items():
        assert [column.key for column in table.primary_key] == ["id"], name
        wanted = {*REQUIRED_COLUMNS[name], *OPTIONAL_COLUMNS.get(name, ())} - {"total_paid"}
        assert wanted <= set(table.c.keys())
    assert "of_others" in schema.table("meters").c
    assert not schema.has("meters", "total_paid")
    assert schema.has("meters", "total_billed")
    assert schema.steps == ALL_STEPS
    assert schema.own_tables_present == frozenset()


def test_tables_of_ours_are_found_and_a_schema_is_read_once(engine: Engine) -> None:
    before, _ = _read(engine)
    with engine.begin() as connection:
        made = before.make_own_tables(connection, (RUNS, BACKUP))
    assert made.own_tables_present == {RUNS, BACKUP}
    again, problems = _read(engine)
    assert (again is made, problems) == (True, [])
    assert _read(engine, "CREATE TABLE others (id INTEGER)")[0] is made
    assert _read(engine, "ALTER TABLE meters DROP COLUMN total_paid")[0] is not made
    with engine.begin() as connection:
        every = made.make_own_tables(connection)
    assert every.own_tables_present == set(made.own)


def test_whatever_has_the_name_of_a_table_of_ours_is_found(engine: Engine) -> None:
    with engine.begin() as connection:
        assert own_tables_present(connection, own_table_names(ALL_STEPS)) == frozenset()
        for statement in (f"CREATE TABLE {RUNS} (id INTEGER)", f"CREATE VIEW {JOURNAL} AS SELECT 1 AS id"):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("CREATE TABLE others (id INTEGER)")
        assert own_tables_present(connection, own_table_names(ALL_STEPS)) == {RUNS, JOURNAL}
        assert own_tables_present(connection, own_table_names(())) == {RUNS}


def test_a_view_is_read_as_a_table_without_a_key(engine: Engine) -> None:
    schema, problems = _read(
        engine, "ALTER TABLE payments RENAME TO stored", "CREATE VIEW payments AS SELECT * FROM stored"
    )
    assert problems == []
    assert list(schema.table("payments").primary_key) == []


# The types of engines


class OtherDialect(SQLiteDialect):
    """A dialect that has not registered its types."""

    name = "other"


def test_an_engine_has_the_types_that_it_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    dialect: Any = OtherDialect()
    with pytest.raises(ConstructNotImplemented, match="EngineTypes is not implemented for other"):
        types_of(dialect)
    kept = Numeric(30, 3)
    of_sqlite: EngineTypes = types_of(SQLiteDialect())
    types = replace(of_sqlite, as_journaled=lambda kind: kept)
    monkeypatch.setattr(engine_types, "_TYPES", {})
    register_types("other", types)
    assert types_of(dialect) is types
    found = as_journaled(Numeric(14, 2))
    assert found.dialect_impl(dialect).precision == 30  # type: ignore[attr-defined]
    assert as_journaled(kept) is kept
