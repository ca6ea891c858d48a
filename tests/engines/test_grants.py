"""Roles of least privilege on PostgreSQL: what each may do, and what it may not, with just what `grants` prints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from meter_assets.billing.own_tables import BACKUP, OF_DECISION, RECORDS, RUNS
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.steps import STEPS
from tests.support.command_line import CommandLine, make_small_tenants
from tests.support.databases import OWN_TABLES

MONEY_OF_OTHERS = "UPDATE payments SET amount = 0"
TENANT = "1"
PURPOSES = ("preview", "migrate", "monitor", "rollback")


@pytest.fixture
def owner(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line as the owner of the billing tables, which are not in the schema public."""
    CommandLine(tmp_path, postgres_url).change('CREATE SCHEMA "Meter Billing"')
    url = make_url(postgres_url).update_query_dict({"options": r'-csearch_path="Meter\ Billing"'})
    shell = CommandLine(tmp_path, url.render_as_string(hide_password=False))
    make_small_tenants(shell.url)
    shell.change("ALTER TABLE customers ADD COLUMN password_hash TEXT DEFAULT 'secret'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return shell


@pytest.fixture
def roles(owner: CommandLine) -> Iterator[dict[str, CommandLine]]:
    """The command line as each role: made by the owner, who then ran what `grants` printed, twice."""
    names = {purpose: f"{purpose} {uuid4().hex[:8]}" for purpose in PURPOSES}
    owner.change(*(f'CREATE ROLE "{name}" LOGIN' for name in names.values()))
    for purpose, name in names.items():
        printed = owner("grants", purpose, name)
        assert printed.status == 0, printed.printed
        owner.change(*[printed.printed.replace("%", "%%")] * 2)
    yield {
        purpose: CommandLine(owner.folder, make_url(owner.url).set(username=name).render_as_string(hide_password=False))
        for purpose, name in names.items()
    }
    for name in names.values():
        owner.change(f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')


def refused(shell: CommandLine, *statements: str) -> None:
    """Each of these statements must be refused for want of a privilege."""
    for statement in statements:
        with (
            pytest.raises(ProgrammingError, match="permission denied|must be owner"),
            BillingDatabase(shell.url).engine.begin() as connection,
        ):
            connection.execute(text(statement))


@pytest.mark.slow
def test_each_role_can_do_its_own_work_and_nothing_more(owner: CommandLine, roles: dict[str, CommandLine]) -> None:
    preview, migrate, monitor, rollback = (roles[purpose] for purpose in PURPOSES)

    assert preview("migrate-meter-financials", "--dry-run", "--tenant", TENANT).status == 0
    assert preview("compare-policies", "--tenant", TENANT).status == 0
    said = preview("migrate-meter-financials", "--yes", "--tenant", TENANT)
    assert said.status == 2
    assert "may not update payments.meter_id" in said.words

    for batches in (("--batch-size", "3"), ()):
        made = migrate("migrate-meter-financials", "--yes", "--tenant", TENANT, *batches)
        assert made.status == 0, made.printed
        assert migrate("sync-customer-balances", "--yes", "--tenant", TENANT, *batches).status == 0
        back = migrate("rollback", "--yes", "--tenant", TENANT, *batches)
        assert back.status == 2
        assert f"may not delete from {BACKUP}" in back.words
        assert "'meter-assets grants rollback ROLE' prints the SQL" in back.words
        back = rollback("rollback", "--yes", "--tenant", TENANT, *batches)
        assert back.status == 0, back.printed
        assert "0 skipped" in back.words

    checked = monitor("validate-meter-financial-data", "--tenant", TENANT, "--check", "balances")
    assert checked.status == 1, "what was rolled back is as wrong as it was"
    assert monitor("rollback", "--yes", "--tenant", TENANT).status == 2

    journal = STEPS["payment_meter_ids"].journal
    for reader in (preview, monitor):
        refused(reader, MONEY_OF_OTHERS, "UPDATE payments SET meter_id = 1", f"DELETE FROM {journal}")
        refused(reader, "INSERT INTO meter_migration_runs (run_id) VALUES ('x')", "CREATE TABLE mine (id INTEGER)")
    refused(
        migrate, MONEY_OF_OTHERS, "DELETE FROM payments", "INSERT INTO tenants VALUES (9, 'x')", "DROP TABLE meters"
    )
    refused(migrate, f"UPDATE {journal} SET rule = 'x'", f"DELETE FROM {journal}", "CREATE TABLE mine (id INTEGER)")
    for writer in (migrate, rollback):
        for table in OWN_TABLES:
            if (table, writer) != (BACKUP, rollback):
                refused(writer, f"DELETE FROM {table}")
        for table in RECORDS:
            columns = [column.name for column in schema_of(owner).own[table].c]
            refused(writer, *(f"UPDATE {table} SET {name} = {name}" for name in columns))
        refused(writer, f"UPDATE {BACKUP} SET balance = 0", f"TRUNCATE {BACKUP}")
    for role in roles.values():
        refused(
            role,
            "SELECT password_hash FROM customers",
            "SELECT * FROM customers",
            "SELECT max(c::text) FROM customers c",
        )


@pytest.mark.slow
def test_who_migrates_may_import_decisions_and_who_previews_may_list_payments(
    owner: CommandLine, roles: dict[str, CommandLine]
) -> None:
    ((payment, meter),) = owner.rows("SELECT min(p.id), min(m.id) FROM payments p, meters m WHERE 1 IN (p.tenant_id)")
    path = owner.folder / "decisions.csv"
    path.write_text(f"payment,meter\n{payment},{meter}\n", encoding="utf-8")
    given = "review", "import", str(path), "--tenant", TENANT
    for purpose in ("preview", "monitor", "rollback"):
        assert roles[purpose]("review", "list", "--tenant", TENANT).status == 0
        assert roles[purpose](*given, "--dry-run").status == 0
        refused_import = roles[purpose](*given)
        assert refused_import.status == 2, refused_import.printed
        assert "permission denied" in refused_import.words
        assert "'meter-assets grants migrate ROLE' prints the SQL" in refused_import.words
    assert roles["migrate"](*given).status == 0
    assert owner.rows("SELECT payment_id, meter_id FROM meter_migration_decisions") == [(payment, meter)]


def schema_of(shell: CommandLine) -> BillingSchema:
    with shell.database.snapshot() as connection:
        return shell.database.schema(connection)


def test_only_the_columns_that_steps_write_may_be_updated(owner: CommandLine, roles: dict[str, CommandLine]) -> None:
    """Column by column, from the database's own catalogue."""
    found = {purpose: columns_that(owner, shell, "UPDATE") for purpose, shell in roles.items()}
    written = {
        "payments": ["meter_id"],
        "invoices": ["amount", "balance_brought_forward", "total_amount"],
        "meters": ["balance", "overpayment", "total_billed", "total_paid", "last_invoice_date"],
        "customers": ["balance", "overpayment"],
    }
    every = {(table, column) for table, columns in written.items() for column in columns}
    assert found == {"preview": set(), "monitor": set(), "migrate": every, "rollback": every}


def columns_that(owner: CommandLine, shell: CommandLine, right: str) -> set[tuple[Any, ...]]:
    """Return on which columns a role has a right, from the database's own catalogue."""
    return set(
        owner.rows(
            "SELECT table_name, column_name FROM information_schema.column_privileges WHERE grantee = "
            f"'{make_url(shell.url).username}' AND privilege_type = '{right}'"
        )
    )


def test_only_the_columns_that_are_read_may_be_read(owner: CommandLine, roles: dict[str, CommandLine]) -> None:
    schema = schema_of(owner)
    read = {(table, column) for table in schema.tables for column in schema.read_columns(table)}
    for shell in roles.values():
        found = columns_that(owner, shell, "SELECT")
        assert {one for one in found if one[0] in schema.tables} == read
        assert ("customers", "password_hash") not in found


def test_what_version_1_0_granted_is_taken_back(owner: CommandLine, roles: dict[str, CommandLine]) -> None:
    """That was whole tables, how runs have ended, and rows of the backup."""
    name = make_url(roles["migrate"].url).username
    outcome = "finished_at, outcome, rows_changed, message"
    owner.change(
        f'GRANT SELECT ON customers, payments TO "{name}"',
        f'GRANT INSERT, DELETE ON {BACKUP} TO "{name}"',
        f'GRANT INSERT, UPDATE ({outcome}) ON {RUNS} TO "{name}"',
    )
    owner.change(owner("grants", "migrate", str(name)).printed.replace("%", "%%"))
    refused(roles["migrate"], "SELECT password_hash FROM customers", f"DELETE FROM {BACKUP}")
    refused(roles["migrate"], f"UPDATE {RUNS} SET rows_changed = 0", f"UPDATE {RUNS} SET outcome = 'failed'")


@pytest.mark.slow
def test_the_owner_adds_the_columns_that_an_earlier_version_did_not_have(
    owner: CommandLine, roles: dict[str, CommandLine]
) -> None:
    journal, run = STEPS["payment_meter_ids"].journal, ("migrate-meter-financials", "--yes", "--tenant", TENANT)
    owner.change(*(f"ALTER TABLE {journal} DROP COLUMN {name}" for name in OF_DECISION))
    said = roles["migrate"](*run)
    assert (said.status, f"may not add columns to {journal}, which is its owner's right" in said.words) == (2, True)
    assert roles["preview"](*run[:1], "--dry-run", "--tenant", TENANT).status == 0
    owner.change(owner("grants", "migrate", str(make_url(roles["migrate"].url).username)).printed.replace("%", "%%"))
    assert roles["migrate"](*run).status == 0


def test_what_is_printed_says_in_which_schema_the_tables_are(owner: CommandLine) -> None:
    printed = owner("grants", "preview", "someone").printed
    assert 'if its search_path has "Meter Billing", as yours has' in printed
    assert 'CREATE TABLE IF NOT EXISTS "Meter Billing".meter_migration_runs' in printed
    assert 'GRANT USAGE ON SCHEMA "Meter Billing" TO someone;' in printed
    assert 'GRANT SELECT (id, name) ON "Meter Billing".tenants TO someone;' in printed


@pytest.mark.parametrize("name", ["x\nDROP TABLE payments; --", "x\r", "x\x1b[2J", "x\u2028y", "x\u202ey"])
def test_a_role_whose_name_could_end_a_comment_is_refused(owner: CommandLine, name: str) -> None:
    said = owner("grants", "migrate", name)
    assert said.status == 2
    assert "has characters that cannot be printed" in said.words
    assert name not in said.printed
    assert "GRANT" not in said.printed


def test_a_role_without_a_name_is_refused(owner: CommandLine) -> None:
    said = owner("grants", "preview", "")
    assert said.status == 2
    assert "The role's name is '', which is empty" in said.words


def test_sqlite_has_no_roles_and_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/billing.db"
    (tmp_path / "billing.db").touch()
    with BillingDatabase(url).transaction() as connection:
        billing_tables().table("tenants").metadata.create_all(connection)
    said = CommandLine(tmp_path, url)("grants", "preview", "someone")
    assert said.status == 2
    assert "SQLite has no roles" in said.words
