"""What is computed once into temporary tables: the same results as without them, and nothing else written or left."""

from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import Connection, FromClause, func, inspect, literal, select, text
from sqlalchemy.sql import visitors

from meter_assets.billing.policy import Policy
from meter_assets.engines import ENGINES
from meter_assets.errors import StatementFailed
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import InvariantResult, evaluate
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.temporary_tables import materialized
from meter_assets.reports.preview import Preview, preview
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import MIGRATION, STEPS
from tests.support.databases import migrate, start_over, tenant, write
from tests.support.engines import without_temporary_tables
from tests.support.ledger import invoice, ledger, payment
from tests.support.oracle import Database
from tests.support.rules import SCHEMA
from tests.support.strategies import billing_databases, policies

DEFAULT = Policy.from_values({})
BOOKS = ledger([invoice(1, "30.00")], [payment(1, "10.00")])
READS_EVERYWHERE = ("meter_balances",)
"""The steps that are guarded by the invariants of all tables."""
ON_A_FIFTH = settings(max_examples=settings().max_examples // 5)


def comparable(found: Preview) -> dict[str, Any]:
    return found.model_dump(exclude={"header"})


def results_of(snapshot: Snapshot, policy: Policy) -> list[InvariantResult]:
    """Return the results of all invariants for the first tenant."""
    relations = materialized(snapshot.relations(1), snapshot.tables)
    return evaluate(snapshot.connection, INVARIANTS, relations)


@pytest.mark.slow
@ON_A_FIFTH
@given(rows=billing_databases(), policy=policies())
def test_everything_is_the_same_without_temporary_tables(billing_url: str, rows: Database, policy: Policy) -> None:
    database = start_over(billing_url, SCHEMA, rows)
    foretold = comparable(preview(database, tenant(1), policy))
    with database.read(policy) as snapshot:
        assert snapshot.tables is not None
        results = results_of(snapshot, policy)
    with without_temporary_tables():
        assert comparable(preview(database, tenant(1), policy)) == foretold
        with database.read(policy) as snapshot:
            assert snapshot.tables is None
            assert results_of(snapshot, policy) == results
    made = migrate(database, 1, policy, allow_invalid=True)
    with without_temporary_tables():
        database = start_over(billing_url, SCHEMA, rows)
        assert migrate(database, 1, policy, allow_invalid=True) == made


@pytest.mark.slow
@ON_A_FIFTH
@given(rows=billing_databases(), policy=policies())
def test_a_screen_never_finds_too_little(billing_url: str, rows: Database, policy: Policy) -> None:
    """All invariants together, most of them screened, find what the SELECT of each finds."""
    database = start_over(billing_url, SCHEMA, rows)
    with database.read(policy) as snapshot:
        relations = snapshot.relations(1)
        alone = {
            one.name: snapshot.connection.scalar(select(func.count()).select_from(one.violations(relations).subquery()))
            for one in INVARIANTS
        }
        found = {one.name: one.violations for one in results_of(snapshot, policy)}
    assert found == alone


# Nothing else is written


@pytest.fixture
def database(billing_url: str) -> BillingDatabase:
    return start_over(billing_url, SCHEMA, BOOKS)


def insert_a_tenant(connection: Connection) -> None:
    connection.execute(text("INSERT INTO tenants (id, name) VALUES (99, 'Written')"))


@pytest.mark.parametrize("after", [False, True], ids=["before a table", "after a table"])
def test_a_transaction_that_reads_can_write_nothing_else(database: BillingDatabase, after: bool) -> None:

    def write_in_a_snapshot() -> None:
        with database.read(DEFAULT) as snapshot:
            if after and snapshot.tables is not None:
                snapshot.tables("some", select(literal(1).label("one")))
            insert_a_tenant(snapshot.connection)

    # MySQL has no transaction that can write temporary tables only: there, all that was written is rolled back.
    refused = pytest.raises(StatementFailed, match=r"read-?only")
    with nullcontext() if database.engine.dialect.name == "mysql" else refused:
        write_in_a_snapshot()
    assert 99 not in {one.id for one in database.every_tenant()}


def test_what_is_computed_can_write_nothing(postgres_url: str) -> None:
    """A view of others may call a function that writes: while its rows are computed, it cannot."""
    database = start_over(postgres_url, SCHEMA, BOOKS)
    write(
        database,
        "CREATE FUNCTION writes() RETURNS integer LANGUAGE sql VOLATILE AS "
        "$$ INSERT INTO tenants (id, name) VALUES (99, 'Written') RETURNING id $$",
    )

    def compute() -> None:
        with database.read(DEFAULT) as snapshot:
            assert snapshot.tables is not None
            snapshot.tables("some", select(func.writes().label("id")))

    with pytest.raises(StatementFailed, match="read-only"):
        compute()
    assert 99 not in {one.id for one in database.every_tenant()}


def test_nothing_is_left_in_a_session(postgres_url: str) -> None:
    """A pooler gives the session to others."""
    database = start_over(postgres_url, SCHEMA, BOOKS)
    with database.engine.connect() as connection:
        for tables_for in ("begin_reading", "may_materialize"):
            with connection.begin():
                engine = ENGINES["postgresql"]
                assert getattr(engine, tables_for)(connection)
                reads_only = tables_for == "begin_reading"
                engine.materialize(
                    connection, "some", select(literal(1).label("one")), reads_only=reads_only, by_index=True
                )
                assert connection.scalar(text("SELECT one FROM pg_temp.some")) == 1
            with connection.begin():
                assert connection.scalar(text("SELECT to_regclass('pg_temp.some')")) is None
                assert connection.scalar(text("SHOW enable_nestloop")) == "off"


def test_a_role_without_the_right_reads_without_them(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, BOOKS)
    name = database.engine.url.database
    role = "reads_without_temporary"
    with database.engine.connect() as connection, connection.begin():
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    try:
        reader = BillingDatabase(database.engine.url.set(username=role).render_as_string(hide_password=False))
        with reader.read(DEFAULT) as snapshot:
            assert snapshot.tables is None
        assert comparable(preview(reader, tenant(1), DEFAULT)) == comparable(preview(database, tenant(1), DEFAULT))
    finally:
        write(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_session_that_is_to_read_only_is_left_so(postgres_url: str) -> None:
    start_over(postgres_url, SCHEMA, BOOKS)
    guarded = BillingDatabase(f"{postgres_url}?options=-c%20default_transaction_read_only%3Don")
    with guarded.read(DEFAULT) as snapshot:
        assert snapshot.tables is None
    assert preview(guarded, tenant(1), DEFAULT).step("payment_meter_ids").changed == 1


# What a step reads


@pytest.mark.parametrize("step", MIGRATION)
def test_a_step_names_the_tables_that_it_reads(database: BillingDatabase, step: str) -> None:
    """The invariants of values guard a step for these tables only."""
    with database.read(DEFAULT) as snapshot:
        change = STEPS[step].compute(snapshot.relations(1))
        read: set[str] = set()
        _collect(change.examined, read)
    own = set(snapshot.schema.tables)
    named = STEPS[step].reads
    assert (step in READS_EVERYWHERE) == (named is None)
    assert named is None or read & own <= set(named)


def _collect(statement: Any, found: set[str]) -> None:
    for element in visitors.iterate(statement):
        if isinstance(element, FromClause) and element.__visit_name__ == "table":
            found.add(str(element.name))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_tables_are_in_no_catalogue_afterwards(database: BillingDatabase) -> None:
    preview(database, tenant(1), DEFAULT)
    migrate(database, 1)
    with database.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        if connection.dialect.name != "mysql":  # which has no catalogue of temporary tables
            names += inspect(connection).get_temp_table_names()
    assert [one for one in names if one.startswith("meter_assets_")] == []
