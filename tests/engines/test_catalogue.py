"""What the catalogue of a database tells: hidden rows and columns, views, schemas, own tables in another schema.

Each case is a small database in which the right answer is known: the meter owes 70. What hides rows is refused before
anything is begun; what hides none works.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterEventType
from sqlalchemy import make_url

from meter_assets.cli.runner import Launch, run_tenant
from meter_assets.definitions import build_definitions
from meter_assets.defs.resources import BillingResource
from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import CommandLine, Ended, command_line_in
from tests.support.small_billing import SmallBilling

ROLE = "reader_of_bills"
BILLING = ("tenants", "customers", "meters", "meter_assignments", "bills", "invoices", "invoice_bills", "payments")
COMMANDS = {
    "preview": ("migrate-meter-financials", "--dry-run"),
    "migrate": ("migrate-meter-financials", "--yes"),
    "validate": ("validate-meter-financial-data",),
    "rollback": ("rollback", "--yes"),
    "history": ("history",),
}
SECURE = "ALTER TABLE {} ENABLE ROW LEVEL SECURITY"
FORCE = "ALTER TABLE {} FORCE ROW LEVEL SECURITY"
SOME_ROWS = "CREATE POLICY some_rows ON {} USING (id < 72)"
EVERY_ROW = "CREATE POLICY every_row ON {} USING (true)"


@pytest.fixture
def owner(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line as the owner of a small billing database."""
    shell = command_line_in(tmp_path, postgres_url, monkeypatch)
    shell.change(*SmallBilling().statements())
    return shell


@pytest.fixture
def reader(owner: CommandLine) -> Iterator[CommandLine]:
    """The command line as a role that may read and write all tables, but owns none."""
    owner.change(
        f"CREATE ROLE {ROLE} LOGIN",
        f"GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO {ROLE}",
        f"GRANT CREATE ON SCHEMA public TO {ROLE}",
    )
    yield as_role(owner, ROLE)
    owner.change(f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


def as_role(shell: CommandLine, role: str, path: str | None = None) -> CommandLine:
    """Return the command line as another role, perhaps with another search_path."""
    url = make_url(shell.url).set(username=role)
    if path is not None:
        url = url.update_query_dict({"options": f"-csearch_path={path}"})
    return CommandLine(shell.folder, url.render_as_string(hide_password=False))


def refused(said: Ended, *expected: str) -> None:
    """The command must have ended before anything was begun, with these words."""
    assert said.status == 2, said.printed
    for words in expected:
        assert words in said.words
    assert "Traceback" not in said.printed


# Row security


@dataclass(frozen=True)
class Secured:
    """Statements of the owner, and the tables whose rows they may hide from a role that is not the owner."""

    made: tuple[str, ...]
    hides: tuple[str, ...]
    from_the_owner_too: bool = False


ROW_SECURITY = {
    "a policy on one table": Secured((SECURE.format("payments"), SOME_ROWS.format("payments")), ("payments",)),
    "no policy at all": Secured((SECURE.format("payments"),), ("payments",)),
    "a policy that shows every row": Secured((SECURE.format("payments"), EVERY_ROW.format("payments")), ("payments",)),
    "a table that is only read": Secured((SECURE.format("bills"), EVERY_ROW.format("bills")), ("bills",)),
    "forced on all tables": Secured(
        tuple(one.format(table) for table in BILLING for one in (SECURE, FORCE)), BILLING, from_the_owner_too=True
    ),
    "a table below a view": Secured(
        (
            "ALTER TABLE payments RENAME TO stored",
            "CREATE VIEW payments AS SELECT * FROM stored",
            "ALTER VIEW payments OWNER TO {role}",
            SECURE.format("stored"),
            "GRANT SELECT ON stored TO {role}",
        ),
        ("payments (from stored)",),
    ),
    "a partitioned table": Secured(
        (
            "ALTER TABLE payments RENAME TO old",
            "CREATE TABLE payments (LIKE old) PARTITION BY HASH (id)",
            "CREATE TABLE part PARTITION OF payments FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            "INSERT INTO payments SELECT * FROM old",
            "GRANT SELECT, UPDATE ON payments TO {role}",
            SECURE.format("payments"),
        ),
        ("payments",),
    ),
}


@pytest.mark.parametrize("case", ROW_SECURITY.values(), ids=ROW_SECURITY)
@pytest.mark.parametrize("command", ["preview", "migrate", "validate"])
def test_tables_whose_rows_are_hidden_are_named(
    owner: CommandLine, reader: CommandLine, case: Secured, command: str
) -> None:
    superuser_sees_all = owner(*COMMANDS["preview"])
    assert superuser_sees_all.status == 0, superuser_sees_all.printed
    owner.change(*(one.format(role=ROLE) for one in case.made))
    said = reader(*COMMANDS[command])
    refused(said, f"row security may hide rows of {', '.join(case.hides)} from role {ROLE}", "BYPASSRLS")
    assert not reader.rows("SELECT 1 FROM pg_class WHERE relname = 'meter_migration_runs'"), "nothing is begun"


def test_row_security_ends_rollback_history_and_watching_too(owner: CommandLine, reader: CommandLine) -> None:
    owner.change(SECURE.format("payments"), SOME_ROWS.format("payments"))
    for command in ("rollback", "history"):
        refused(reader(*COMMANDS[command]), "row security may hide rows of payments")
    definitions = build_definitions({"billing": BillingResource(url=reader.url)})
    with reader.instance() as instance:
        watching = definitions.resolve_job_def("watch_migrated_tenants")
        ended = watching.execute_in_process(instance=instance, raise_on_error=False)
    assert not ended.success
    (failure,) = [one.step_failure_data for one in ended.all_events if one.is_step_failure]
    assert failure.user_failure_data is not None
    assert "row security may hide rows of payments" in str(failure.user_failure_data.description)


def test_a_forced_policy_hides_rows_from_the_owner_too(owner: CommandLine, reader: CommandLine) -> None:
    owner.change(f"ALTER TABLE payments OWNER TO {ROLE}", SECURE.format("payments"), SOME_ROWS.format("payments"))
    assert reader(*COMMANDS["preview"]).status == 0, "the owner sees all rows"
    owner.change(FORCE.format("payments"))
    refused(reader(*COMMANDS["preview"]), "row security may hide rows of payments")


@pytest.mark.parametrize(
    "made",
    [
        (f"ALTER ROLE {ROLE} BYPASSRLS",),
        ("ALTER TABLE payments DISABLE ROW LEVEL SECURITY",),
        (f"GRANT owner_of_bills TO {ROLE}",),
    ],
)
def test_a_fix_that_the_message_names_lets_the_role_see_all_rows(
    owner: CommandLine, reader: CommandLine, made: tuple[str, ...]
) -> None:
    owner.change("CREATE ROLE owner_of_bills", "GRANT USAGE, CREATE ON SCHEMA public TO owner_of_bills")
    owner.change("ALTER TABLE payments OWNER TO owner_of_bills")
    owner.change(SECURE.format("payments"), SOME_ROWS.format("payments"))
    try:
        refused(reader(*COMMANDS["preview"]), "row security may hide rows of payments")
        owner.change(*made)
        assert reader(*COMMANDS["preview"]).status == 0
    finally:
        owner.change("DROP OWNED BY owner_of_bills CASCADE", "DROP ROLE owner_of_bills")


def test_row_security_of_a_partition_hides_nothing_from_its_table(owner: CommandLine, reader: CommandLine) -> None:
    owner.change(
        "ALTER TABLE payments RENAME TO old",
        "CREATE TABLE payments (LIKE old) PARTITION BY HASH (id)",
        "CREATE TABLE part PARTITION OF payments FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "INSERT INTO payments SELECT * FROM old",
        f"GRANT SELECT, UPDATE ON payments TO {ROLE}",
        "ALTER TABLE part ENABLE ROW LEVEL SECURITY",
    )
    assert reader.rows("SELECT count(*) FROM payments") == [(2,)]
    said = reader(*COMMANDS["migrate"])
    assert said.status == 0, said.printed
    assert owner.rows("SELECT balance FROM meters") == [(70,)]


def test_grants_refuses_a_role_from_which_rows_are_hidden(owner: CommandLine, reader: CommandLine) -> None:
    assert owner("grants", "preview", ROLE).status == 0
    owner.change(SECURE.format("payments"), EVERY_ROW.format("payments"), SECURE.format("bills"))
    said = owner("grants", "migrate", ROLE)
    refused(said, f"row security may hide rows of bills, payments from role {ROLE}")
    assert "GRANT SELECT" not in said.printed
    assert owner("grants", "migrate", "a_role_that_is_not_there").status == 0, "it may be created later"


# Rights on some columns


def test_columns_that_a_role_may_not_read_are_named_with_their_grant(owner: CommandLine, reader: CommandLine) -> None:
    owner.change(
        "ALTER TABLE customers ADD deleted_at TIMESTAMP",
        "ALTER TABLE customers ADD password TEXT",
        f"REVOKE SELECT ON payments, customers FROM {ROLE}",
        f"GRANT SELECT (id, tenant_id, customer_id, invoice_id, meter_id, paid_at) ON payments TO {ROLE}",
        f"GRANT SELECT (id, tenant_id, name, balance, overpayment) ON customers TO {ROLE}",
    )
    said = reader(*COMMANDS["preview"])
    grants = (
        f"GRANT SELECT (deleted_at) ON public.customers TO {ROLE}",
        f"GRANT SELECT (amount, status) ON public.payments TO {ROLE}",
    )
    refused(said, f"role {ROLE} may not read customers.deleted_at", "payments.amount, payments.status", *grants)
    assert "password" not in said.printed, "which is not read"
    owner.change(*grants)
    assert reader(*COMMANDS["preview"]).status == 0


# Views and other tables that are none

PLAIN_VIEWS = {
    "all columns": "SELECT * FROM stored",
    "renamed columns": (
        "SELECT id, tenant_id, customer_id, invoice_id, meter_id, amount, status, paid_at AS paid_at FROM stored"
    ),
}
FILTERING_VIEWS = {
    "a condition": "SELECT * FROM stored WHERE amount < 15",
    "a join": "SELECT s.* FROM stored s JOIN customers c ON c.id = s.customer_id",
    "a limit": "SELECT * FROM stored LIMIT 1",
    "distinct rows": "SELECT DISTINCT * FROM stored",
    "a union": "SELECT * FROM stored UNION SELECT * FROM stored",
    "an intersection": "SELECT * FROM stored INTERSECT SELECT * FROM stored",
    "an exception": "SELECT * FROM stored EXCEPT SELECT * FROM stored WHERE amount < 15",
    "a filtering view below": "SELECT * FROM few",
    "a common table expression": "WITH kept AS (SELECT * FROM stored) SELECT * FROM kept",
}
OLD = "ALTER TABLE payments RENAME TO stored"


@pytest.mark.parametrize("query", PLAIN_VIEWS.values(), ids=PLAIN_VIEWS)
@pytest.mark.parametrize("batches", [(), ("--batch-size", "1")], ids=["whole", "batches"])
def test_a_view_that_only_selects_columns_is_migrated(owner: CommandLine, query: str, batches: tuple[str, ...]) -> None:
    owner.change(OLD, f"CREATE VIEW payments AS {query}")
    said = owner(*COMMANDS["migrate"], *batches)
    assert said.status == 0, said.printed
    assert owner.rows("SELECT balance FROM meters") == [(70,)]
    assert owner.rows("SELECT id, meter_id FROM stored ORDER BY id") == [(71, 21), (72, 21)]
    assert owner(*COMMANDS["rollback"], *batches).status == 0
    assert owner.rows("SELECT count(meter_id) FROM stored") == [(0,)]


@pytest.mark.parametrize("query", FILTERING_VIEWS.values(), ids=FILTERING_VIEWS)
def test_a_view_that_may_hide_rows_is_refused(owner: CommandLine, query: str) -> None:
    owner.change(OLD, "CREATE VIEW few AS SELECT * FROM stored WHERE amount < 15", f"CREATE VIEW payments AS {query}")
    for command in ("preview", "migrate"):
        refused(owner(*COMMANDS[command]), "is a view that may hide rows or that cannot be updated")


OTHER_TABLES = {
    "a materialized view": (
        ("ALTER TABLE bills RENAME TO stored", "CREATE MATERIALIZED VIEW bills AS SELECT * FROM stored"),
        "bills is a materialized view, whose rows may be out of date",
    ),
    "a view of a materialized view": (
        (
            "CREATE MATERIALIZED VIEW stored AS SELECT * FROM bills",
            "ALTER TABLE bills RENAME TO others",
            "CREATE VIEW bills AS SELECT * FROM stored",
        ),
        "bills reads stored, which is a materialized view",
    ),
    "a foreign table": (
        (
            "CREATE EXTENSION file_fdw",
            "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
            "DROP TABLE bills",
            "CREATE FOREIGN TABLE bills (id INTEGER, tenant_id INTEGER, bill_type TEXT) SERVER files "
            "OPTIONS (filename '/nowhere')",
        ),
        "bills is a foreign table, which another server reads and writes",
    ),
    "a computed column of a view": (
        (
            OLD,
            "CREATE VIEW payments AS SELECT id, tenant_id, customer_id, invoice_id, meter_id + 0 AS meter_id, amount "
            "FROM stored",
        ),
        "payments.meter_id is computed by a view",
    ),
    "a rule that replaces updates": (
        (
            OLD,
            "CREATE VIEW payments AS SELECT * FROM stored",
            "CREATE RULE no_updates AS ON UPDATE TO payments DO INSTEAD NOTHING",
        ),
        "payments is a view that may hide rows or that cannot be updated",
    ),
    "upper case": (
        ('ALTER TABLE bills RENAME TO "Bills"',),
        'public."Bills" is not read, since its name has upper-case letters (ALTER TABLE public."Bills" '
        "RENAME TO bills)",
    ),
    "upper case of an optional column": (
        ('ALTER TABLE payments ADD "Deleted_At" TIMESTAMP',),
        "no column payments.deleted_at, but Deleted_At: names in upper case are not read (ALTER TABLE payments RENAME "
        'COLUMN "Deleted_At" TO deleted_at)',
    ),
}


@pytest.mark.parametrize(("made", "expected"), OTHER_TABLES.values(), ids=OTHER_TABLES)
def test_a_table_that_is_none_is_refused(owner: CommandLine, made: tuple[str, ...], expected: str) -> None:
    owner.change(*made)
    for command in ("preview", "migrate"):
        refused(owner(*COMMANDS[command]), expected)


def test_several_problems_are_listed_at_once(owner: CommandLine, reader: CommandLine) -> None:
    owner.change(
        SECURE.format("invoices"),
        f"REVOKE SELECT ON bills FROM {ROLE}",
        f"GRANT SELECT (id, tenant_id) ON bills TO {ROLE}",
        "ALTER TABLE meters ALTER balance TYPE MONEY USING balance::money",
        OLD,
        "CREATE VIEW payments AS SELECT * FROM stored WHERE amount < 15",
        f"GRANT SELECT ON payments TO {ROLE}",
    )
    said = reader(*COMMANDS["preview"])
    refused(said, "row security may hide rows of invoices", "may not read bills.bill_type")
    refused(said, "meters.balance is MONEY, whose decimals", "payments is a view that may hide rows")


# SQLite


SQLITE_VIEWS = {
    "a written table": ("payments", "SELECT * FROM stored", "payments is a view, which SQLite cannot update"),
    "a condition": ("bills", "SELECT * FROM stored WHERE bill_type <> 'BALANCE'", "bills is a view that may hide rows"),
    "a join": ("bills", "SELECT s.* FROM stored s, tenants t WHERE t.id = s.tenant_id", "may hide rows"),
    "an aggregate": ("bills", "SELECT max(id) AS id, tenant_id, bill_type FROM stored", "may hide rows"),
    "a filtering view below": ("bills", "SELECT * FROM few", "bills is a view that may hide rows"),
    "all rows": ("bills", "SELECT id, tenant_id, bill_type FROM stored", ""),
    "a plain view below": ("bills", "SELECT * FROM every", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize(("table", "query", "expected"), SQLITE_VIEWS.values(), ids=SQLITE_VIEWS)
def test_views_of_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, query: str, expected: str
) -> None:
    (tmp_path / "billing.db").touch()
    shell = command_line_in(tmp_path, f"sqlite:///{tmp_path}/billing.db", monkeypatch)
    shell.change(*SmallBilling().statements())
    shell.change(
        f"ALTER TABLE {table} RENAME TO stored",
        "CREATE VIEW few AS SELECT * FROM stored WHERE id < 42",
        "CREATE VIEW every AS SELECT * FROM stored",
        f"CREATE VIEW {table} AS {query}",
    )
    said = shell(*COMMANDS["migrate"])
    if expected:
        refused(said, expected)
    else:
        assert said.status == 0, said.printed
        assert shell.rows("SELECT balance FROM meters") == [(70,)]


# Schemas


def test_every_header_says_in_which_schema_the_tables_are(owner: CommandLine) -> None:
    for command in ("preview", "migrate", "validate", "rollback"):
        assert owner(*COMMANDS[command]).printed.startswith("Tables: schema public\n"), command


@pytest.mark.parametrize("command", ["preview", "validate"])
def test_a_mixed_search_path_is_said_with_each_table(owner: CommandLine, command: str) -> None:
    owner.change("CREATE SCHEMA archive", "CREATE TABLE archive.payments (LIKE payments)")
    owner.change("CREATE TABLE archive.bills (LIKE bills)", "DROP TABLE bills")
    printed = as_role(owner, "meter_assets", "public,archive")(*COMMANDS[command]).words
    assert "tenants in public, customers in public" in printed
    assert "bills in archive" in printed
    assert "payments in public (not the one in archive)" in printed
    assert as_role(owner, "meter_assets", "public,archive").database.header() == [
        printed[: printed.index("(not the one in archive)") + len("(not the one in archive)")]
    ]


def test_a_preview_and_a_pass_report_the_schema(owner: CommandLine) -> None:
    definitions = build_definitions({"billing": BillingResource(url=owner.url)})
    (tenant,) = BillingDatabase(owner.url).tenants(["1"])
    assert owner(*COMMANDS["validate"]).status == 1, "and the tenant has its partition"
    with owner.instance() as instance:
        ended = run_tenant(instance, definitions, Launch("preview_meter_financials"), tenant)
        assert ended.preview is not None
        assert ended.preview.header == ["Tables: schema public"]
        passed = definitions.resolve_job_def("watch_migrated_tenants").execute_in_process(instance=instance)
    outputs = [one.step_output_data for one in passed.all_events if one.event_type is DagsterEventType.STEP_OUTPUT]
    assert outputs[0].metadata["database"].value == "Tables: schema public"


# Our own tables


@pytest.fixture
def two_roles(owner: CommandLine) -> Iterator[tuple[CommandLine, CommandLine]]:
    """Two roles that each have a schema of their own name, first in their search_path, as PostgreSQL has it."""
    names = ("role_of_day", "role_of_night")
    for name in names:
        owner.change(
            f"CREATE ROLE {name} LOGIN",
            f"CREATE SCHEMA {name} AUTHORIZATION {name}",
            f"GRANT CREATE ON SCHEMA public TO {name}",
            f"GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO {name}",
        )
    first, second = (as_role(owner, name) for name in names)
    yield first, second
    for name in names:
        owner.change(f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


def test_one_roles_migration_is_known_to_another(
    owner: CommandLine, two_roles: tuple[CommandLine, CommandLine]
) -> None:
    day, night = (as_role(shell, str(make_url(shell.url).username), "public") for shell in two_roles)
    made = day(*COMMANDS["migrate"])
    assert made.status == 0, made.printed
    own = owner.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND pg_get_userbyid(relowner) = 'role_of_day'")
    owner.change(*(f"GRANT SELECT, INSERT ON {name} TO role_of_night" for (name,) in own))
    assert night("history", "--steps").words.count("meter_balances") == 1
    assert night(*COMMANDS["preview"]).status == 0


def test_own_tables_in_a_roles_schema_are_moved_by_the_statements_that_are_named(
    owner: CommandLine, two_roles: tuple[CommandLine, CommandLine]
) -> None:
    """An earlier version created them in the first schema of the search_path."""
    day, night = two_roles
    assert as_role(day, "role_of_day", "public")(*COMMANDS["migrate"]).status == 0
    own = [
        name
        for (name,) in owner.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND pg_get_userbyid(relowner) = 'role_of_day'"
        )
    ]
    owner.change(*(f"ALTER TABLE {name} SET SCHEMA role_of_day" for name in own))
    moves = [f"ALTER TABLE role_of_day.{name} SET SCHEMA public" for name in own]
    for shell in (day, night, owner):
        for command in COMMANDS.values():
            refused(shell(*command), *moves, "is not in the schema of the table tenants")
    owner.change(*moves)
    assert owner("history", "--steps").words.count("meter_balances") == 1


def test_own_tables_of_another_billing_database_are_its_own(owner: CommandLine) -> None:
    owner.change("CREATE SCHEMA staging", "CREATE TABLE staging.tenants (id INTEGER, name TEXT)")
    owner.change("CREATE TABLE staging.meter_migration_runs (id INTEGER)")
    assert owner(*COMMANDS["migrate"]).status == 0
