"""PostgreSQL sessions that a role, a database or a client of a pooler has set up in its own way: ours do not care."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from typing import Any

import psycopg2
import pytest
from sqlalchemy import make_url, text

from meter_assets.billing.own_tables import BACKUP, RECORDS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.engines import parse_url, urls
from meter_assets.engines.base import LockOwner, TenantLock
from meter_assets.errors import InvalidSettings, StatementFailed
from meter_assets.migration.database import BillingDatabase
from tests.support.databases import contents, migrate, row_of, start_over, write
from tests.support.ledger import invoice, ledger, payment
from tests.support.poolers import SESSION, TRANSACTION, pooled
from tests.support.processes import free_port
from tests.support.servers import SUPERUSER

SCHEMA = billing_tables()
ROLE = "peculiar"
OWNER = LockOwner.this_process("a-run")
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "lock_timeout": "5min",
    "idle_in_transaction_session_timeout": "0",
    "row_security": "off",
    "transform_null_equals": "off",
    "client_encoding": "UTF8",
    "search_path": "public, pg_temp",
}
PECULIAR = {
    "timezone": "'America/Los_Angeles'",
    "datestyle": "'German'",
    "intervalstyle": "'sql_standard'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-5",
    "transform_null_equals": "on",
    "statement_timeout": "'500ms'",
    "lock_timeout": "'500ms'",
    "idle_in_transaction_session_timeout": "'10s'",
    "idle_session_timeout": "'3s'",
    "client_encoding": "'LATIN1'",
    "search_path": "elsewhere, public",
}


@pytest.fixture
def as_role(postgres_url: str) -> Iterator[Callable[..., BillingDatabase]]:
    """Make a role with settings of its own, and return the database as that role sees it."""
    database = BillingDatabase(postgres_url)

    def make(settings: dict[str, str], url: str = postgres_url) -> BillingDatabase:
        write(database, *(f"ALTER ROLE {ROLE} SET {name} = {value}" for name, value in settings.items()))
        return BillingDatabase(make_url(url).set(username=ROLE).render_as_string())

    write(database, f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
    yield make
    write(database, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


def settings_of(database: BillingDatabase) -> dict[str, str]:
    with database.snapshot() as connection:
        return {name: str(connection.scalar(text(f"SHOW {name}"))) for name in SETTINGS}


# Settings


@pytest.mark.slow
@pytest.mark.parametrize("name", ["search_path", "standard_conforming_strings", "all"])
def test_what_a_role_has_set_changes_nothing(
    postgres_url: str, as_role: Callable[..., BillingDatabase], name: str
) -> None:
    """Payments, balances and days are those of a role that has set nothing, and a second run changes nothing."""
    write(BillingDatabase(postgres_url), "CREATE SCHEMA elsewhere")
    rows = ledger([invoice(1, "30.00", day=date(2024, 3, 1))], [payment(1, "1.00"), payment(2, "2.00")])
    found = {}
    for who in ("usual", "peculiar"):
        database = start_over(postgres_url, SCHEMA, rows)
        write(database, "UPDATE tenants SET name = 'a back\\slash and a quote''' WHERE id = 1")
        if who == "peculiar":
            chosen = PECULIAR if name == "all" else {name: PECULIAR.get(name, "off")}
            database = as_role(chosen)
            expected = {
                **SETTINGS,
                **({"search_path": "public, elsewhere, pg_temp"} if "search_path" in chosen else {}),
            }
            if name == "standard_conforming_strings":
                expected["standard_conforming_strings"] = "off"  # the driver then quotes text for it
            assert settings_of(database) == expected
        policy = Policy.from_values({"uncounted_payment_statuses": ["a\\back", "it's"]})
        migrate(database, 1, policy)
        assert {
            step: one.changed for step, one in migrate(database, 1, policy, run_id="again").items()
        } == dict.fromkeys(("payment_meter_ids", "invoice_amounts", "customer_balances_backup", "meter_balances"), 0)
        (name_there,) = {one.name for one in database.every_tenant() if one.id == 1}
        found[who] = (name_there, comparable(contents(BillingDatabase(postgres_url))))
    assert found["usual"] == found["peculiar"]


def comparable(rows: dict[str, Any]) -> dict[str, Any]:
    """Return all rows but those with the time of a run, or with its role."""
    return {table: found for table, found in rows.items() if table not in (*RECORDS, BACKUP)}


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        ("America/Los_Angeles", "2024-03-01 00:30:00+00", date(2024, 3, 1)),
        ("Asia/Tokyo", "2024-02-29 23:30:00+00", date(2024, 2, 29)),
    ],
)
def test_the_last_invoice_date_does_not_depend_on_the_time_zone(
    postgres_url: str, as_role: Callable[..., BillingDatabase], zone: str, instant: str, day: date
) -> None:
    """It is the day in UTC: in the role's zone, it is another day."""
    database = start_over(postgres_url, SCHEMA, ledger([invoice(1, "30.00")], []))
    write(
        database,
        "ALTER TABLE invoices ALTER COLUMN invoice_date TYPE timestamptz",
        f"UPDATE invoices SET invoice_date = '{instant}'",
    )
    migrate(database, 1)
    assert row_of(database, "meters", 1)["last_invoice_date"] == day
    for run in ("second", "third"):
        other = as_role({"timezone": f"'{zone}'"})
        assert migrate(other, 1, run_id=run)["meter_balances"].changed == 0
    assert row_of(database, "meters", 1)["last_invoice_date"] == day


@pytest.mark.parametrize("mode", [TRANSACTION, SESSION])
def test_settings_arrive_through_a_pooler(
    postgres_url: str, as_role: Callable[..., BillingDatabase], mode: str
) -> None:
    """Also where another client of the pooler has left its own in the session."""
    start_over(postgres_url, SCHEMA, ledger([], []))
    write(BillingDatabase(postgres_url), "CREATE SCHEMA elsewhere")
    with pooled(postgres_url, mode, 1, users=[SUPERUSER, ROLE]) as through:
        database = as_role(PECULIAR, through)
        expected = {**SETTINGS, "search_path": "public, elsewhere, pg_temp"}
        with (
            closing(psycopg2.connect(make_url(through).set(drivername="postgresql").render_as_string())) as other,
            other.cursor() as cursor,
        ):
            for name, value in {"search_path": "nowhere", "timezone": "'Asia/Tokyo'", "row_security": "on"}.items():
                cursor.execute(f"SET {name} = {value}")
            other.commit()
        assert settings_of(database) == expected


@contextmanager
def temporary_payments(database: BillingDatabase) -> Iterator[Any]:
    """A connection with a temporary table that has the name of a billing table."""
    with database.session() as connection:
        with connection.begin():
            connection.execute(text("CREATE TEMPORARY TABLE payments AS SELECT * FROM payments WHERE false"))
        yield connection


def test_a_temporary_table_hides_no_billing_table(postgres_url: str) -> None:
    database = start_over(postgres_url, SCHEMA, ledger([], [payment(1, "1.00")]))
    with temporary_payments(database) as connection, connection.begin():
        assert connection.scalar(text("SELECT count(*) FROM payments")) == 1
        assert connection.scalar(text("SELECT count(*) FROM pg_temp.payments")) == 0


def test_the_schema_of_tenants_is_searched_first(postgres_url: str, as_role: Callable[..., BillingDatabase]) -> None:
    """Our own tables are found, and created, beside the billing tables, whatever schemas come before in the path."""
    start_over(postgres_url, SCHEMA, ledger([invoice(1, "30.00")], [payment(1, "1.00")]))
    write(BillingDatabase(postgres_url), "CREATE SCHEMA elsewhere")
    write(BillingDatabase(postgres_url), f"CREATE SCHEMA {ROLE} AUTHORIZATION {ROLE}")
    migrate(as_role({"search_path": '"$user", elsewhere, nowhere, pg_catalog, public'}), 1)
    with BillingDatabase(postgres_url).snapshot() as connection:
        found = connection.execute(
            text("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'meter_migration%'")
        )
        assert found.scalars().all() == ["public"]


def test_row_security_is_never_applied_silently(postgres_url: str, as_role: Callable[..., BillingDatabase]) -> None:
    database = start_over(postgres_url, SCHEMA, ledger([], [payment(1, "1.00"), payment(2, "20.00")]))
    as_role({})
    write(
        database,
        f"ALTER ROLE {ROLE} NOSUPERUSER",
        f"GRANT USAGE ON SCHEMA public TO {ROLE}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}",
        "ALTER TABLE payments ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY small ON payments USING (amount < 15)",
    )
    with pytest.raises(StatementFailed, match="row-level security"), as_role({}).snapshot() as connection:
        connection.execute(text("SELECT * FROM payments"))


# Times that Python cannot hold


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("date '2024-02-29'", date(2024, 2, 29)),
        ("timestamp '2024-02-29 12:00'", datetime(2024, 2, 29, 12)),
        ("date '20240-01-01'", "20240-01-01"),
        ("date '0044-03-15 BC'", "0044-03-15 BC"),
        ("date 'infinity'", "infinity"),
        ("date '-infinity'", "-infinity"),
        ("timestamp '20240-01-01 00:00'", "20240-01-01 00:00:00"),
        ("timestamp 'infinity'", "infinity"),
        ("timestamptz '20240-01-01 00:00+00'", "20240-01-01 00:00:00+00"),
        ("timestamptz '-infinity'", "-infinity"),
        ("timestamptz '0044-03-15 00:00+00 BC'", "0044-03-15 00:00:00+00 BC"),
        ("CAST(NULL AS date)", None),
    ],
)
def test_a_time_that_python_cannot_hold_is_read_as_text(postgres_url: str, value: str, read: Any) -> None:
    with BillingDatabase(postgres_url).snapshot() as connection:
        assert connection.scalar(text(f"SELECT {value}")) == read


# Locks


@contextmanager
def locked(database: BillingDatabase, tenant: str = "1") -> Iterator[TenantLock]:
    lock = database.backend.lock_tenant(parse_url(str(database.engine.url))[1], tenant, OWNER)
    assert lock is not None
    yield lock
    lock.release()


def test_a_lock_is_of_a_transaction_that_keeps_no_snapshot(
    postgres_url: str, as_role: Callable[..., BillingDatabase]
) -> None:
    """Also for a role whose transactions the server ends when they are idle."""
    short = {"idle_in_transaction_session_timeout": "'100ms'", "idle_session_timeout": "'100ms'"}
    database = as_role({**short, "statement_timeout": "'60ms'"})
    with locked(database) as lock, BillingDatabase(postgres_url).snapshot() as other:
        held = text(
            "SELECT a.application_name, a.state, a.backend_xmin, a.backend_xid FROM pg_locks l JOIN pg_stat_activity a "
            "ON a.pid = l.pid WHERE l.locktype = 'advisory'"
        )
        [row] = other.execute(held).all()
        assert row[0].startswith("meter-assets run a-run ")
        assert tuple(row[1:]) == ("idle in transaction", None, None)
        other.execute(text("SELECT pg_sleep(0.5)"))
        assert lock.is_held()
        assert len(other.execute(held).all()) == 1
    with BillingDatabase(postgres_url).snapshot() as other:
        assert other.execute(held).all() == []


# Hosts


def test_the_first_host_that_answers_is_used(postgres_url: str) -> None:
    behind = make_url(postgres_url)
    dead = f"127.0.0.1:{free_port()}"
    live = f"127.0.0.1:{behind.port}"
    for hosts in (f"{dead},{live}", f"{live},{dead}"):
        url = f"postgresql://{SUPERUSER}@{hosts}/{behind.database}?target_session_attrs=read-write"
        database = BillingDatabase(url)
        with database.snapshot() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        assert "host=127.0.0.1,127.0.0.1" in database.url


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("postgresql://u:p@a:1,b:2/db", {"host": "a,b", "port": "1,2"}),
        ("postgresql://a:1,b:2/db", {"host": "a,b", "port": "1,2"}),
        ("postgresql://u:p@a,b:2/db?sslmode=require", {"host": "a,b", "port": ",2", "sslmode": "require"}),
        ("postgresql://u@[::1]:1,b/db", {"host": "::1,b", "port": "1,"}),
        ("postgresql://u@a,b/db", {"host": "a,b"}),
    ],
)
def test_several_hosts_become_options(url: str, options: dict[str, str]) -> None:
    engine, parsed = parse_url(url)
    assert dict(parsed.query) == options
    assert engine.NAME == "postgresql"
    assert "p@" not in urls.shown(parsed)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:1,s3cret",
        "postgresql://u:1,s3cret/db",
        "postgresql://u:1,2s3cret@x@a:1,b:2/db",
        "postgresql://u:12,34/s3cret@a:1,b:2/db",
        "postgresql://u:s3,cret/a@a:1,b:2/db",
        "postgresql://u:1,2?s3cret@a:1,b:2/db",
        "postgresql://u:1,2#s3cret@a:1,b:2/db",
        "postgresql://u:s3cret@a:1,b:2/db?host=c",
        "postgresql://u:s3cret@a:1,b:port/db",
    ],
)
def test_a_url_with_several_hosts_reveals_no_password(url: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        parse_url(url)
    assert "s3" not in str(refused.value)
    assert "cret" not in str(refused.value)
