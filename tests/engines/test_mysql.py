"""What is special about MySQL and MariaDB: their sessions, what is refused there, and rights that are just enough."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import OperationalError

from meter_assets.billing.own_tables import OF_DECISION
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.engines import parse_url
from meter_assets.errors import (
    DatabaseUnreachable,
    InvalidSettings,
    NotWritable,
    RowsChangedSincePlan,
    UnsuitableSchema,
)
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.preview import preview
from meter_assets.rules.steps import STEPS
from tests.support.certificates import LOOPBACK, make_certificate
from tests.support.command_line import HEALTHY, CommandLine, command_line_in, on_small_tenants
from tests.support.databases import after_journaling, everything, migrate, row_of, start_over, tenant, write
from tests.support.ledger import owing_20
from tests.support.mariadb import MariaDbServer, start_mariadb
from tests.support.processes import free_port
from tests.support.rollbacks import undo
from tests.support.shapes import SHAPES

SCHEMA = billing_tables()
MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)
CLUSTER = {
    "wsrep-provider": "/usr/lib/galera/libgalera_smm.so",  # of a package that Debian's mariadb-server depends on
    "wsrep-cluster-address": "gcomm://",
    "wsrep-node-address": "127.0.0.1",
    "binlog-format": "ROW",
    "innodb-autoinc-lock-mode": "2",
}
"""The settings of the first node of a cluster."""
READ_TABLE = re.compile(
    r"(?:FROM|JOIN|,)\s+(meter_assets_\d+_\w+|meter_migration_(?:examined|plan|missed)_\w+)\b(?!\.)"
)
"""A temporary table where a statement reads it."""


# What is refused


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://user:s3cret@host", "it names no database"),
        ("mysql://user:s3cret@host/billing?nonsense=1", "it has an option that PyMySQL does not know"),
        ("mysql://user:s3@cret@host/billing", "it has more than one @"),
        (
            "mysql://user:s3cret@host/billing?autocommit=true",
            "its option autocommit would change what our statements mean",
        ),
        ("mysql://user:s3cret@host/billing?client_flag=2", "its option client_flag would change"),
        ("mysql://user:s3cret@host/billing?defer_connect=1", "its option defer_connect would change"),
        ("mysql://user:s3cret@host/billing?compress=1", "its option compress would change"),
        ("mysql://user:s3cret@host/billing?ssl=true", "its option ssl would change"),
        ("mysql://user:s3cret@host/billing?read_timeout=long", "its option read_timeout is not a number above 0"),
        ("mysql://user:s3cret@host/billing?connect_timeout=0", "its option connect_timeout is not a number above 0"),
        ("mysql://user:s3cret@host/billing?ssl_disabled=maybe", "its option ssl_disabled is neither true nor false"),
        ("mysql://user:s3cret@host/billing?ssl_ca=a&ssl_ca=b", "it has the option ssl_ca twice"),
        ("mysql://user:s3cret@host/billing?ssl_verify_identity=true", "its option ssl_verify_identity needs ssl_ca"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said) as refused:
        parse_url(url)
    assert "cret" not in str(refused.value)


def test_a_table_without_transactions_is_refused_with_the_statement(mariadb_url: str) -> None:
    database = start_over(mariadb_url, SCHEMA, owing_20())
    write(database, "ALTER TABLE payments ENGINE = MyISAM")
    with pytest.raises(UnsuitableSchema, match=r"payments has the storage engine MyISAM, .*ENGINE = InnoDB"):
        migrate(database, 1)


@pytest.mark.server
def test_a_node_of_a_cluster_is_previewed_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"base_host=127.0.0.1;base_port={free_port()};gmcast.listen_addr=tcp://127.0.0.1:{free_port()}"
    server = start_mariadb({"wsrep-on": "ON", **CLUSTER, "wsrep-provider-options": place})
    try:
        with server.database() as url:
            shell = on_small_tenants(tmp_path, url, monkeypatch)
            before = everything(shell.database)
            assert shell("migrate-meter-financials", "--dry-run").status == 0
            ended = shell(*MIGRATE)
            assert ended.status == 2, ended.printed
            assert "the server is a node of a Galera cluster" in ended.words
            assert everything(shell.database) == before
    finally:
        server.stop()


@pytest.mark.server
def test_a_server_that_logs_statements_is_refused() -> None:
    server = start_mariadb({"log-bin": "log", "binlog-format": "ROW"})
    try:
        with server.database() as url:
            database = start_over(url, SCHEMA, owing_20())
            server.administer("SET GLOBAL binlog_format = 'STATEMENT'")
            with pytest.raises(NotWritable, match="binlog_format is STATEMENT"):
                database.require_writable()
    finally:
        server.stop()


# TLS


@contextmanager
def encrypting_server(host: str) -> Iterator[tuple[MariaDbServer, Path]]:
    """Start a server that can encrypt its connections, with a certificate for this host, which its user may read."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        certificate = make_certificate(Path(folder), host)
        certificate.chmod(0o644)
        server = start_mariadb({"ssl-cert": str(certificate), "ssl-key": str(certificate)})
        try:
            yield server, certificate
        finally:
            server.stop()


@pytest.fixture(scope="module")
def encrypting() -> Iterator[tuple[MariaDbServer, Path]]:
    """A server that can encrypt its connections, and its certificate."""
    with encrypting_server(LOOPBACK) as made:
        yield made


@pytest.mark.server
@pytest.mark.parametrize(
    ("options", "is_encrypted"),
    [
        ("", True),  # encrypted where the server can
        ("?connect_timeout=30&charset=latin1&collation=latin1_bin&sql_mode=ANSI", True),
        ("?ssl_ca={trusted}", True),
        ("?ssl_ca={trusted}&ssl_verify_identity=true&ssl_verify_cert=1", True),
        ("?ssl_ca={elsewhere}", None),
        ("?ssl_ca={elsewhere}&ssl_verify_identity=true", None),
        ("?ssl_ca={elsewhere}&ssl_verify_identity=false", None),
        ("?ssl_ca={elsewhere}&ssl_verify_cert=false", True),
        ("?ssl_verify_cert=true", None),  # among those that the system trusts
        ("?ssl_verify_cert=false", True),
        ("?ssl_disabled=false", True),
        ("?ssl_disabled=true", False),
    ],
)
def test_connections_are_encrypted_as_their_url_says(
    encrypting: tuple[MariaDbServer, Path], tmp_path: Path, options: str, is_encrypted: bool | None
) -> None:
    """None: it is refused. What encrypts connections without a certificate is kept, and must not be used for others."""
    server, trusted = encrypting
    elsewhere = make_certificate(tmp_path, LOOPBACK)
    with server.database() as url:
        database = BillingDatabase(url + options.format(trusted=trusted, elsewhere=elsewhere))
        if is_encrypted is None:
            with pytest.raises(DatabaseUnreachable, match="certificate verify failed"):
                is_encrypting(database)
        else:
            assert is_encrypting(database) is is_encrypted
        assert is_encrypting(BillingDatabase(url))


@pytest.mark.server
@pytest.mark.parametrize(("options", "is_reached"), [("", False), ("&ssl_check_hostname=false", True)])
def test_a_certificate_of_another_host_is_refused(options: str, is_reached: bool) -> None:
    with encrypting_server("billing.example") as (server, certificate), server.database() as url:
        database = BillingDatabase(f"{url}?ssl_ca={certificate}{options}")
        if is_reached:
            assert is_encrypting(database)
        else:
            with pytest.raises(DatabaseUnreachable, match="IP address mismatch"):
                is_encrypting(database)


def is_encrypting(database: BillingDatabase) -> bool:
    """Return whether a connection to a database is encrypted, as the server says."""
    with database.snapshot() as connection:
        return bool(connection.execute(text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()[1])


# Text


@pytest.mark.parametrize("collation", ["latin1_swedish_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb3_general_ci"])
def test_text_ids_are_compared_as_their_table_does(mariadb_url: str, collation: str) -> None:
    """Whatever the collation of the tables, and another one of the database, in which our own tables are made."""
    schema, reshaped, tenant_id = SHAPES["text ids"]
    database = start_over(mariadb_url, schema, reshaped(owing_20()))
    for name in schema.tables:
        write(database, f"ALTER TABLE {name} CONVERT TO CHARACTER SET {collation.split('_')[0]} COLLATE {collation}")
    before = [everything(database)[name] for name in schema.tables]
    assert any(report.changed for report in migrate(database, tenant_id).values())
    assert row_of(database, "meters", "id-1")["balance"] == Decimal("20.00")
    undo(database)
    assert [everything(database)[name] for name in schema.tables] == before


# What the database changes by itself


def test_the_time_of_the_last_update_stays(mariadb_url: str) -> None:
    """The server sets such a column whenever a row is updated, and no journal has it."""
    database = start_over(mariadb_url, SCHEMA, owing_20())
    column = "updated_at TIMESTAMP NOT NULL DEFAULT '2024-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP"
    write(database, *(f"ALTER TABLE {name} ADD {column}" for name in ("meters", "payments", "invoices")))
    migrate(database, 1)
    assert row_of(database, "meters", 1)["balance"] == Decimal("20.00")
    with database.snapshot() as connection:
        for name in ("meters", "payments", "invoices"):
            found = connection.execute(text(f"SELECT DISTINCT CAST(updated_at AS CHAR) FROM {name}")).scalars().all()
            assert found == ["2024-01-01 00:00:00"]
    undo(database)


# Others who write the same rows


def test_a_step_whose_rows_others_change_after_its_plan_is_planned_again(mariadb_url: str) -> None:
    database = start_over(mariadb_url, SCHEMA, owing_20())
    migrate(database, 1, steps=["customer_balances_backup", "payment_meter_ids", "invoice_amounts"])
    with changed_after_the_plan(database, "UPDATE meters SET balance = 5 WHERE id = 1", times=1):
        report = migrate(database, 1, steps=["meter_balances"])["meter_balances"]
    assert (report.changed, report.sums["balance"].before) == (1, Decimal("5.00"))
    assert row_of(database, "meters", 1)["balance"] == Decimal("20.00")


def test_a_step_whose_rows_others_change_each_time_gives_up_and_leaves_nothing(mariadb_url: str) -> None:
    database = start_over(mariadb_url, SCHEMA, owing_20())
    migrate(database, 1, steps=["customer_balances_backup", "payment_meter_ids", "invoice_amounts"])
    with (
        changed_after_the_plan(database, "UPDATE meters SET balance = balance + 1 WHERE id = 1", times=9),
        pytest.raises(RowsChangedSincePlan, match=r"changed 1 of its rows .* with --batch-size"),
    ):
        migrate(database, 1, steps=["meter_balances"])
    assert row_of(database, "meters", 1)["balance"] == Decimal("3.00"), "as the others left it"


def test_a_row_that_is_being_written_cannot_be_changed_by_others(mariadb_url: str) -> None:
    database = start_over(mariadb_url, SCHEMA, owing_20())
    refused: list[BaseException] = []

    def change(_: Connection) -> None:
        with BillingDatabase(mariadb_url).engine.connect() as other:
            other.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
            with pytest.raises(OperationalError, match="Lock wait timeout") as error:
                other.exec_driver_sql("UPDATE meters SET balance = 5 WHERE id = 1")
        refused.append(error.value)

    with after_journaling(database, "meter_balances", change):
        migrate(database, 1)
    assert len(refused) == 1
    assert row_of(database, "meters", 1)["balance"] == Decimal("20.00")


@contextmanager
def changed_after_the_plan(database: BillingDatabase, statement: str, *, times: int) -> Iterator[None]:
    """Let others change a row, a number of times, between the plan of a step and what is written."""
    left = times

    def change(connection: Connection, cursor: Any, sent: str, *rest: Any) -> None:
        nonlocal left
        if left and "CREATE TEMPORARY TABLE meter_migration_plan" in sent:
            left -= 1
            thread = threading.Thread(target=write, args=(BillingDatabase(str(rendered)), statement))
            pending.append(thread)
        elif pending and sent.startswith("SET SESSION innodb_lock_wait_timeout"):
            thread = pending.pop()
            thread.start()
            thread.join()

    pending: list[threading.Thread] = []
    rendered = database.engine.url.render_as_string(hide_password=False)
    event.listen(database.engine, "before_cursor_execute", change)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", change)


# A server of MySQL, as far as MariaDB can stand for it


@contextmanager
def as_mysql() -> Iterator[list[str]]:
    """Let the product take the server for MySQL; yield the statements that it is sent."""
    sent: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for module in ("temporary_tables", "connections", "locks"):
            patch.setattr(f"meter_assets.engines.mysql.{module}.is_mariadb", lambda connection: False)
        patch.setattr("meter_assets.engines.mysql.locks._WAITING_ON_MYSQL", text("SELECT 0"))
        yield sent


def test_no_statement_reads_a_temporary_table_twice(mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MySQL refuses such a statement. Without it, and with copies in its place, the results are the same."""
    monkeypatch.setattr("meter_assets.migration.temporary_tables.FEW_ROWS", 0)
    on_mariadb = _migrated(mariadb_url)
    with as_mysql():
        seen = _statements_to_the_server(monkeypatch)
        assert _migrated(mariadb_url) == on_mariadb
    read = {one: READ_TABLE.findall(one) for one in seen}
    assert any(read.values())
    assert [one for one, names in read.items() if len(set(names)) < len(names)] == []


def _migrated(url: str) -> tuple[Any, Any]:
    database = start_over(url, SCHEMA, owing_20())
    foretold = preview(database, tenant(1), Policy())
    made = migrate(database, 1)
    assert made == {one.step: one for one in foretold.steps}
    return made, row_of(database, "meters", 1)


def _statements_to_the_server(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from meter_assets.engines.mysql.waiting import WatchedConnection

    seen: list[str] = []
    query = WatchedConnection.query

    def noted(self: Any, sql: Any, unbuffered: bool = False) -> Any:
        seen.append(sql if isinstance(sql, str) else sql.decode())
        return query(self, sql, unbuffered)

    monkeypatch.setattr(WatchedConnection, "query", noted)
    return seen


# Rights


@pytest.fixture
def owner(mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return on_small_tenants(tmp_path, mariadb_url, monkeypatch)


def test_a_user_with_just_the_printed_rights_does_its_work_and_no_more(
    owner: CommandLine, mariadb_server: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_url(owner.url).database
    for purpose, command in (
        ("preview", ("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY)),
        ("migrate", MIGRATE),
        ("monitor", ("validate-meter-financial-data", "--tenant", HEALTHY)),
        ("rollback", ("rollback", "--yes", "--tenant", HEALTHY)),
    ):
        mariadb_server.administer(f"CREATE OR REPLACE USER {purpose}_user@'%'")
        printed = owner("grants", purpose, f"{purpose}_user@%")
        assert printed.status == 0, printed.printed
        statements = [
            one for one in printed.printed.split(";\n") if one.strip() and not one.strip().startswith("Tables")
        ]
        mariadb_server.administer(f"USE {database}", *statements)
        url = make_url(owner.url).set(username=f"{purpose}_user").render_as_string(hide_password=False)
        user = command_line_in(owner.folder, url, monkeypatch)
        ended = user(*command)
        assert ended.status == 0, ended.printed
        with pytest.raises(NotWritable, match="denied"):
            write(BillingDatabase(url), "UPDATE payments SET amount = 0")


def test_the_printed_sql_adds_the_columns_that_an_earlier_version_did_not_have(
    owner: CommandLine, mariadb_server: MariaDbServer
) -> None:
    database, journal = make_url(owner.url).database, STEPS["payment_meter_ids"].journal
    with owner.database.transaction() as connection:
        owner.database.make_own_tables(connection)
    mariadb_server.administer("CREATE OR REPLACE USER adds@'%'")
    printed = owner("grants", "migrate", "adds@%").printed
    mariadb_server.administer(f"USE {database}", *printed.rstrip().split(";\n"))
    user = BillingDatabase(make_url(owner.url).set(username="adds").render_as_string(hide_password=False))
    user.require_writable()
    owner.change(*(f"ALTER TABLE {journal} DROP COLUMN {name}" for name in OF_DECISION))
    with pytest.raises(NotWritable, match=f"may not add columns to {journal}"):
        user.require_writable()
    added = [one for one in owner("grants", "migrate", "adds@%").printed.split(";\n") if one.startswith("ALTER TABLE")]
    assert len(added) == len(OF_DECISION)
    mariadb_server.administer(f"USE {database}", *added)
    user.require_writable()


def test_a_user_that_may_only_read_is_told_before_anything_is_written(
    owner: CommandLine, mariadb_server: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_url(owner.url).database
    mariadb_server.administer("CREATE OR REPLACE USER looks@'%'", f"GRANT SELECT ON {database}.* TO looks@'%'")
    url = make_url(owner.url).set(username="looks").render_as_string(hide_password=False)
    before = everything(owner.database)
    dry = command_line_in(owner.folder, url, monkeypatch)("migrate-meter-financials", "--dry-run", "--tenant", HEALTHY)
    assert dry.status == 0, "without temporary tables, each statement computes what it reads"
    ended = command_line_in(owner.folder, url, monkeypatch)(*MIGRATE)
    assert ended.status == 2, ended.printed
    assert "user looks@% may not update payments.meter_id" in ended.words
    assert "'meter-assets grants migrate ROLE' prints the SQL" in ended.words
    assert everything(owner.database) == before
