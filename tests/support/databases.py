"""Billing databases for tests: plain rows loaded into an engine, migrated there, and read back as plain rows.

Plain rows are the oracle's: dicts with Decimal money, from table name to rows.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, event, insert, inspect, select, text

from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP, CHAIN, INTERRUPTED, OUTCOMES, RECORDS, RUNS, own_table_names
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema
from meter_assets.billing.step_runs import step_runs
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.records import end
from meter_assets.migration.step_report import StepReport
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.steps import MIGRATION, STEPS
from tests.support.oracle import ChangedRow, Database, Row

OWN_TABLES = own_table_names(tuple(STEPS.values()))
_MONEY = {**MONEY_COLUMNS, BACKUP: ("balance", "overpayment")}
_NOT_THE_ORACLES = ("backed_up_at", "run_id")
STEP_RUNS = """(
    SELECT r.id, r.run_id, r.tenant_id, r.step, r.undoes, r.policy,
        COALESCE(o.outcome, r.outcome) AS outcome, COALESCE(o.message, r.message) AS message,
        (SELECT SUM(c.rows_changed) FROM meter_migration_commits c WHERE c.step_run_id = r.id) AS rows_changed
    FROM meter_migration_runs r LEFT JOIN meter_migration_outcomes o ON o.step_run_id = r.id
) AS step_runs"""
"""What is recorded of step runs, since version 1.1, for a FROM clause; of one without rows their number is null."""
EARLIER = "earlier"
"""The run that made the backup which is among a database's rows from the start."""


# Loading


def make_tables(connection: Connection, schema: BillingSchema) -> None:
    """Create the billing tables."""
    schema.table("tenants").metadata.create_all(connection)


@contextmanager
def empty_tables(url: str, schema: BillingSchema) -> Iterator[Connection]:
    """Create the billing tables and our own in an empty database, and connect to it."""
    with BillingDatabase(url).engine.connect() as connection:
        with connection.begin():
            make_tables(connection, schema)
            schema.make_own_tables(connection)
        yield connection


def load(connection: Connection, schema: BillingSchema, rows: Database) -> None:
    """Insert the rows of every billing table; a backup that is among them is left out, see `load_backup`."""
    for name, table in schema.stored.items():
        columns = [column.key for column in table.c]
        if rows.get(name):
            connection.execute(insert(table), [{key: row.get(key) for key in columns} for row in rows[name]])


def load_backup(connection: Connection, schema: BillingSchema, rows: Database) -> None:
    """Make our own tables and insert the backup that is among the rows, as a run that was interrupted made it."""
    schema.make_own_tables(connection)
    then = datetime(2024, 1, 1, tzinfo=UTC)
    made = {"backed_up_at": then, "run_id": EARLIER}
    connection.execute(insert(schema.own[BACKUP]), [{**row, **made} for row in rows[BACKUP]])
    run = {"run_id": EARLIER, "step": BACKUP, "started_at": then, "finished_at": then, "outcome": INTERRUPTED}
    run |= {"policy": "{}", "software_version": "1.0.0"}
    for tenant_id, count in sorted(Counter(row["tenant_id"] for row in rows[BACKUP]).items()):
        connection.execute(insert(schema.own[RUNS]).values(**run, tenant_id=tenant_id, rows_changed=count))


def start_over(url: str, schema: BillingSchema, rows: Database) -> BillingDatabase:
    """Return the database with these tables and rows and nothing else, whatever was in it before."""
    database = BillingDatabase(url)
    if database.file:
        database.file.touch()
    with database.engine.begin() as connection:
        _drop_everything(connection)
        make_tables(connection, schema)
        load(connection, schema, rows)
        if rows.get(BACKUP):
            load_backup(connection, schema, rows)
    return database


def _drop_everything(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        return
    for name in inspect(connection).get_table_names():
        connection.execute(text(f'DROP TABLE "{name}"'))


def reseal(database: BillingDatabase) -> None:
    """Record again how step runs ended, after a test has changed what is recorded of them."""
    with database.transaction() as connection:
        schema = database.schema(connection)
        outcomes = schema.own[OUTCOMES]
        ended = connection.execute(select(outcomes).order_by(outcomes.c.step_run_id)).all()
        connection.execute(delete(outcomes))
        connection.execute(delete(schema.own[CHAIN]))
        for one in ended:
            end(connection, schema, one.step_run_id, one.outcome, one.message)


# Migrating


def tenant(tenant_id: Any) -> Tenant:
    """Return the tenant with that id, without asking the database."""
    return Tenant(tenant_id, str(tenant_id), f"Tenant {tenant_id}")


def migrate(
    database: BillingDatabase,
    tenant_id: Any,
    policy: Policy | None = None,
    *,
    run_id: str = "first",
    steps: Sequence[str] = MIGRATION,
    allow_invalid: bool = False,
    policy_changed: bool = False,
) -> dict[str, StepReport]:
    """Make these steps of a tenant, let go of it, and return the report of each."""
    chosen = policy or Policy.from_values({})
    try:
        return {
            step: run_step(
                database,
                StepRun(step, tenant(tenant_id), run_id, chosen, allow_invalid, policy_changed=policy_changed),
            )
            for step in steps
        }
    finally:
        database.release()


def write(database: BillingDatabase, *made: str, **values: Any) -> None:
    """Change the database as others would: run these statements in one transaction."""
    with database.transaction() as connection:
        for statement in made:
            connection.execute(text(statement), values)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL statements that any engine is sent."""
    sent: list[str] = []

    def collect(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", collect)


# Reading


def read(connection: Connection, schema: BillingSchema) -> Database:
    """Return every row of the billing tables, and of the backup where it has been made, in the order of their keys."""
    tables = dict(schema.stored)
    if inspect(connection).has_table(BACKUP):
        tables[BACKUP] = schema.own[BACKUP]
    return {name: _rows(connection, table, _MONEY.get(name, ())) for name, table in tables.items()}


def _rows(connection: Connection, table: Table, money: tuple[str, ...]) -> list[dict[str, Any]]:
    columns = [exact(column).label(column.key) if column.key in money else column for column in table.c]
    found = connection.execute(select(*columns).order_by(*table.primary_key.columns))
    return [dict(row) for row in found.mappings()]


def comparable(rows: Database) -> Database:
    """Return rows as read and rows as drawn in one form: in the order of their keys, without what the oracle lacks."""
    return {
        table: [
            {key: value for key, value in row.items() if key not in _NOT_THE_ORACLES}
            for row in sorted(
                found, key=lambda row: (row["tenant_id"], row["customer_id"]) if table == BACKUP else row["id"]
            )
        ]
        for table, found in rows.items()
    }


def journal_of(connection: Connection, schema: BillingSchema, step: str, run_id: str) -> dict[Any, ChangedRow]:
    """Return what a run journaled of a step, by row, as the oracle tells it; a backup has nothing before it."""
    if step == BACKUP:
        found = _rows(connection, schema.own[BACKUP], _MONEY[BACKUP])
        kept = {
            row["customer_id"]: {name: row[name] for name in _MONEY[BACKUP]} for row in found if row["run_id"] == run_id
        }
        return {key: ChangedRow(dict.fromkeys(row), row, "first_backup") for key, row in kept.items()}
    table, row_id = STEPS[step].target, STEPS[step].key
    columns, schema = schema.written_columns(STEPS[step]), replace(schema, steps=tuple(STEPS.values()))
    money = tuple(f"{name}_{side}" for name in _MONEY[table] for side in ("before", "after"))
    return {
        row[row_id]: ChangedRow(
            before={name: _day_of(name, row[f"{name}_before"]) for name in columns},
            after={name: _day_of(name, row[f"{name}_after"]) for name in columns},
            rule=row["rule"],
        )
        for row in _rows(connection, schema.journal(step), money)
        if row["run_id"] == run_id
    }


def _day_of(column: str, value: Any) -> Any:
    """Return a day as a day: the journal of SQLite keeps it as the text that the table has."""
    return date.fromisoformat(value) if column == "last_invoice_date" and isinstance(value, str) else value


def runs_of(connection: Connection, schema: BillingSchema, run_id: str) -> dict[str, Any]:
    """Return what was recorded of a run, by step."""
    if not inspect(connection).has_table(RUNS):
        return {}
    runs = step_runs(replace(schema, own_tables_present=frozenset(OWN_TABLES), steps=tuple(STEPS.values())))
    found = connection.execute(select(runs).where(runs.c.run_id == run_id).order_by(runs.c.id))
    return {row.step: row for row in found}


def dump(connection: Connection, *, but_not_of: Any = None) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of the database, ours too, as the driver gives its rows: what 'byte-identical' compares.

    With `but_not_of`, without the rows that say they are of that tenant.
    """
    names = inspect(connection).get_table_names()
    found = {}
    for name in sorted(names):
        columns = [column["name"] for column in inspect(connection).get_columns(name)]
        quoted = ", ".join(f'"{column}"' for column in columns)
        rows = connection.exec_driver_sql(f'SELECT {quoted} FROM "{name}"').mappings()
        others = (row for row in rows if but_not_of is None or row.get("tenant_id") != but_not_of)
        found[name] = sorted(tuple(map(repr, row.values())) for row in others)
    return found


def row_of(database: BillingDatabase, table: str, row_id: Any) -> Row:
    """Return one row of a billing table."""
    with database.snapshot() as connection:
        return next(row for row in read(connection, database.schema(connection))[table] if row["id"] == row_id)


def contents(database: BillingDatabase) -> dict[str, Any]:
    """Return every row of the database as it is stored, by table, also of tables without rows."""
    with database.snapshot() as connection:
        return dump(connection)


def everything(database: BillingDatabase, *, but_not_of: Any = None, but_runs: bool = False) -> dict[str, Any]:
    """Return every row of the database as it is stored, by table; a table without rows is as one that is not there."""
    with database.snapshot() as connection:
        found = dump(connection, but_not_of=but_not_of)
    return {table: rows for table, rows in found.items() if rows and not (but_runs and table in RECORDS)}


@contextmanager
def after_journaling(database: BillingDatabase, step: str, do: Callable[[Connection], Any]) -> Iterator[None]:
    """Do something between a step's record and its update, in every attempt."""
    record = f"INSERT INTO {BACKUP if step == BACKUP else STEPS[step].journal} "

    def interfere(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(record):
            do(connection)

    event.listen(database.engine, "after_cursor_execute", interfere)
    try:
        yield
    finally:
        event.remove(database.engine, "after_cursor_execute", interfere)
