"""Our own tables are used only if they are ours: what somebody else made or added is found before anything is run."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg2.errors import LockNotAvailable
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import OperationalError

from meter_assets.billing.own_tables import BACKUP, COMMITS, OUTCOMES, RUNS
from meter_assets.billing.schema import billing_tables
from meter_assets.errors import OwnTablesNotTrusted
from meter_assets.migration import apply
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.recording import retry_on_conflict
from meter_assets.rules.steps import STEPS
from tests.support.command_line import HEALTHY, on_small_tenants
from tests.support.databases import after_journaling, everything, migrate, start_over
from tests.support.ledger import owing_20
from tests.support.mariadb import MariaDbServer

SCHEMA = billing_tables()

PAYMENTS = STEPS["payment_meter_ids"].journal
MALLORY = "mallory"
EVIL = (
    "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN CREATE TABLE stolen AS SELECT current_user AS by; RETURN NEW; END $$",
    "CREATE FUNCTION evil_value() RETURNS integer LANGUAGE plpgsql AS "
    "$$ BEGIN CREATE TABLE stolen AS SELECT current_user AS by; RETURN 1; END $$",
)
JOURNAL = (
    f"CREATE TABLE {PAYMENTS} (step_run_id integer NOT NULL, run_id varchar(64) NOT NULL, tenant_id integer NOT NULL, "
    "payment_id integer NOT NULL, meter_id_before integer, meter_id_after integer, rule varchar(64) NOT NULL, "
    "PRIMARY KEY (step_run_id, payment_id))"
)
TRIGGER = f"CREATE TRIGGER evil BEFORE INSERT ON {PAYMENTS} FOR EACH ROW EXECUTE FUNCTION evil()"

ON_POSTGRESQL = {
    "belongs to another role mallory": (JOURNAL,),
    "has the trigger evil": (JOURNAL, TRIGGER),
    "has the rule evil": (JOURNAL, f"CREATE RULE evil AS ON INSERT TO {PAYMENTS} DO ALSO SELECT evil_value()"),
    "has a default for the column rule": (JOURNAL, f"ALTER TABLE {PAYMENTS} ALTER rule SET DEFAULT evil_value()::text"),
    "has the constraint evil": (JOURNAL, f"ALTER TABLE {PAYMENTS} ADD CONSTRAINT evil CHECK (evil_value() = 1)"),
    "has an index with an expression or condition, evil": (
        JOURNAL,
        "CREATE FUNCTION seems_pure(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
        f"CREATE INDEX evil ON {PAYMENTS} (seems_pure(payment_id))",
    ),
    "has row security": (JOURNAL, f"ALTER TABLE {PAYMENTS} ENABLE ROW LEVEL SECURITY"),
    "inherits from, or is inherited by": (JOURNAL, f"CREATE TABLE child () INHERITS ({PAYMENTS})"),
    "has a column that meter-assets did not create, evil": (
        JOURNAL,
        f"ALTER TABLE {PAYMENTS} ADD evil integer DEFAULT evil_value()",
    ),
    "has a user-defined type in the column rule": (
        "CREATE DOMAIN evil AS varchar(64) CHECK (evil_value() = 1)",
        JOURNAL.replace("rule varchar(64)", "rule evil"),
    ),
    "does not survive a crash": (JOURNAL.replace("CREATE", "CREATE UNLOGGED"),),
    "is not an ordinary table": (
        JOURNAL.replace(PAYMENTS, "behind"),
        f"CREATE VIEW {PAYMENTS} AS SELECT * FROM behind",
        f"CREATE TRIGGER evil INSTEAD OF INSERT ON {PAYMENTS} FOR EACH ROW EXECUTE FUNCTION evil()",
    ),
    '"lower(character varying)" is a function of another role': (
        "CREATE FUNCTION lower(character varying) RETURNS text LANGUAGE sql AS 'SELECT evil_value()::text'",
    ),
    "is an operator of another role": (
        "CREATE FUNCTION same(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT evil_value() = 1'",
        "CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same)",
    ),
}
ON_SQLITE = {
    "has the trigger evil": (
        JOURNAL,
        f"CREATE TRIGGER evil AFTER INSERT ON {PAYMENTS} FOR EACH ROW BEGIN INSERT INTO stolen VALUES (1); END",
    ),
    "is not an ordinary table": (
        JOURNAL.replace(PAYMENTS, "behind"),
        f"CREATE VIEW {PAYMENTS} AS SELECT * FROM behind",
    ),
    "has more than columns and a key": (JOURNAL.replace("NOT NULL, PRIMARY", "NOT NULL CHECK (rule <> ''), PRIMARY"),),
    "has an index with an expression or condition, evil": (
        JOURNAL,
        f"CREATE INDEX evil ON {PAYMENTS} (abs(payment_id))",
    ),
}
ON_MYSQL = {
    "has the trigger evil": (
        JOURNAL,
        f"CREATE TRIGGER evil AFTER INSERT ON {PAYMENTS} FOR EACH ROW INSERT INTO stolen VALUES (1)",
    ),
    "is not an ordinary table": ON_SQLITE["is not an ordinary table"],
    "has no transactions: its storage engine is": (f"{JOURNAL} ENGINE = MyISAM",),
    "has the constraint": (JOURNAL.replace("NOT NULL, PRIMARY", "NOT NULL, CHECK (rule <> ''), PRIMARY"),),
    "has a column that meter-assets did not create, evil": (JOURNAL, f"ALTER TABLE {PAYMENTS} ADD evil integer"),
    "has a default for the column rule": (JOURNAL, f"ALTER TABLE {PAYMENTS} ALTER rule SET DEFAULT 'evil'"),
}
COMMANDS = (
    ("migrate-meter-financials", "--yes"),
    ("migrate-meter-financials", "--dry-run"),
    ("validate-meter-financial-data",),
    ("rollback", "--yes"),
    ("rollback", "--dry-run"),
    ("history",),
)


@pytest.fixture
def mallory(postgres_url: str) -> Iterator[BillingDatabase]:
    """A role that may create tables and functions, and nothing else."""
    database = start_over(postgres_url, SCHEMA, owing_20())
    role = f"{MALLORY}_{postgres_url.rsplit('/', 1)[1]}"
    as_owner(database, f"CREATE ROLE {role} LOGIN", f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    yield BillingDatabase(make_url(postgres_url).set(username=role).render_as_string(hide_password=False))
    as_owner(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def as_owner(database: BillingDatabase, *statements: str) -> None:
    """Run these statements in one transaction as the role of this database."""
    with database.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_what_a_role_made_first_is_not_taken_for_ours(
    postgres_url: str, mallory: BillingDatabase, subtests: pytest.Subtests
) -> None:
    """Whatever it is, its statements are not run with the rights of whoever migrates."""
    database = BillingDatabase(postgres_url)
    for problem, statements in ON_POSTGRESQL.items():
        as_owner(mallory, *EVIL, *statements)
        with subtests.test(problem):
            expected = problem.replace(MALLORY, mallory.engine.url.username or "")
            before = everything(database)
            with pytest.raises(OwnTablesNotTrusted) as refused:
                migrate(database, 1)
            assert expected in str(refused.value)
            assert everything(database) == before
        as_owner(database, f"DROP OWNED BY {mallory.engine.url.username} CASCADE")
        as_owner(database, f"GRANT CREATE, USAGE ON SCHEMA public TO {mallory.engine.url.username}")
    assert migrate(database, 1)["payment_meter_ids"].changed == 1


def test_what_is_added_to_a_table_of_ours_is_found(postgres_url: str, subtests: pytest.Subtests) -> None:
    """By its owner, or with the right to make triggers: the owner of all is not suspected, the trigger is."""
    database = start_over(postgres_url, SCHEMA, owing_20())
    migrate(database, 1, steps=["invoice_amounts"])
    as_owner(database, *EVIL)
    for problem, (made, *statements) in ON_POSTGRESQL.items():
        if made != JOURNAL or not statements:
            continue
        with subtests.test(problem), database.engine.connect() as connection, connection.begin() as transaction:
            for statement in statements:
                connection.execute(text(statement))
            with pytest.raises(OwnTablesNotTrusted, match=problem.partition(" evil")[0]):
                database.schema(connection)
            transaction.rollback()
    assert migrate(database, 1, run_id="second")["payment_meter_ids"].changed == 1


def test_a_trigger_that_comes_between_the_look_and_the_step_is_found(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = start_over(postgres_url, SCHEMA, owing_20())
    as_owner(database, *EVIL)

    def add_a_trigger_first(make: Callable[[], Any]) -> Any:
        as_owner(BillingDatabase(postgres_url), TRIGGER)
        return retry_on_conflict(make)

    monkeypatch.setattr(apply, "retry_on_conflict", add_a_trigger_first)
    with pytest.raises(OwnTablesNotTrusted, match="has the trigger evil"):
        migrate(database, 1, steps=["payment_meter_ids"])
    assert "stolen" not in everything(database)


def test_while_a_step_writes_nobody_adds_a_trigger(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, owing_20())
    as_owner(database, *EVIL)
    waited: list[BaseException] = []

    def add_a_trigger(_: Connection) -> None:
        with pytest.raises(OperationalError) as refused:
            as_owner(BillingDatabase(postgres_url), "SET LOCAL lock_timeout = 100", TRIGGER)
        assert isinstance(refused.value.orig, LockNotAvailable)
        waited.append(refused.value)

    with after_journaling(database, "payment_meter_ids", add_a_trigger):
        assert migrate(database, 1, steps=["payment_meter_ids"])["payment_meter_ids"].changed == 1
    assert len(waited) == 1


def test_on_sqlite_what_is_not_ours_is_found(tmp_path: Path, subtests: pytest.Subtests) -> None:
    for number, (problem, statements) in enumerate(ON_SQLITE.items()):
        with subtests.test(problem):
            assert_found(f"sqlite:///{tmp_path}/{number}.db", problem, statements)


def test_on_mysql_what_is_not_ours_is_found(mariadb_server: MariaDbServer, subtests: pytest.Subtests) -> None:
    for problem, statements in ON_MYSQL.items():
        with subtests.test(problem), mariadb_server.database() as url:
            assert_found(url, problem, statements)


def assert_found(url: str, problem: str, statements: Iterable[str]) -> None:
    """Fail unless what others made keeps a migration from writing anything, and is named."""
    database = start_over(url, SCHEMA, owing_20())
    as_owner(database, "CREATE TABLE stolen (id INTEGER)", *statements)
    before = everything(database)
    with pytest.raises(OwnTablesNotTrusted, match=problem):
        migrate(database, 1)
    assert everything(database) == before


@pytest.mark.slow
def test_every_command_says_what_is_not_ours_and_changes_nothing(
    billing_url: str, engine_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = on_small_tenants(tmp_path, billing_url, monkeypatch)
    if engine_name == "postgresql":
        shell.change(*EVIL)
    else:
        shell.change("CREATE TABLE stolen (id INTEGER)")
    on_engine = {"postgresql": ON_POSTGRESQL, "sqlite": ON_SQLITE, "mysql": ON_MYSQL}[engine_name]
    shell.change(*on_engine["has the trigger evil"])
    before = everything(shell.database)
    for command in COMMANDS:
        ended = shell(*command, "--tenant", HEALTHY)
        assert ended.status == 2, ended.printed
        assert f"not as meter-assets created them: {PAYMENTS} has the trigger evil" in ended.words
        assert "Traceback" not in ended.printed
    assert everything(shell.database) == before


def test_the_owner_of_the_billing_tables_may_have_made_ours(postgres_url: str, mallory: BillingDatabase) -> None:
    """And so may whoever may write what a migration writes: a role that only looks trusts both."""
    database, role = BillingDatabase(postgres_url), mallory.engine.url.username
    migrate(database, 1)
    as_owner(database, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    assert migrated_for(mallory)
    written = "GRANT UPDATE (meter_id) ON payments TO {0}; GRANT UPDATE ON invoices, meters, customers TO {0}"
    as_owner(database, "CREATE ROLE deputy", written.format("deputy"), "GRANT CREATE ON SCHEMA public TO deputy")
    try:
        for table in (RUNS, OUTCOMES, COMMITS, BACKUP, PAYMENTS):
            as_owner(database, f"ALTER TABLE {table} OWNER TO deputy")
        assert migrated_for(mallory)
        as_owner(database, "REVOKE UPDATE ON meters FROM deputy")
        with pytest.raises(OwnTablesNotTrusted, match="belongs to another role deputy"):
            migrated_for(mallory)
    finally:
        as_owner(database, "DROP OWNED BY deputy CASCADE", "DROP ROLE deputy")


def migrated_for(reader: BillingDatabase) -> bool:
    with reader.snapshot() as connection:
        return RUNS in reader.schema(connection).own_tables_present
