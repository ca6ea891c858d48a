"""A database of version 1.0.0 goes on with this one: its journals, its history, its rollbacks.

The files beside this one were dumped from databases that the released version 1.0.0 had made and migrated: tenant 1
twice and whole, tenant 2 in batches, rolled back and again; amid tenant 3, in batches, its process was killed.
"""

from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.own_tables import BACKUP, COMMITS, DECISIONS, OUTCOMES, RECORDS, RUNS
from meter_assets.billing.policy import Policy
from meter_assets.errors import JournalAltered
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.recording import BATCHES_KEPT
from meter_assets.migration.records import altered
from meter_assets.monitoring.watch import migrated, watch
from meter_assets.reports.rollback_preview import preview_rollback
from tests.support.command_line import CommandLine, command_line_in, make_small_tenants
from tests.support.databases import OWN_TABLES, STEP_RUNS, everything, migrate
from tests.support.released import FOLDER, load_dump
from tests.support.rollbacks import undo
from tests.support.verifier import independent

pytestmark = pytest.mark.not_on("mysql")  # which version 1.0.0 did not support

FAULT = ("several_active_meters", 2)
RUN = "00000000-0000-4000-8000-00000000000{}"
MADE_BY_1_0 = set(OWN_TABLES) - {*RECORDS[1:], DECISIONS}


@pytest.fixture
def old(billing_url: str, engine_name: str) -> BillingDatabase:
    """A database as version 1.0.0 left it."""
    return load_dump(billing_url, FOLDER / f"version_1_0_0.{engine_name}.sql")


@pytest.fixture
def shell(old: BillingDatabase, billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return command_line_in(tmp_path, billing_url, monkeypatch)


def billing_tables_of(database: BillingDatabase) -> dict[str, object]:
    return {name: rows for name, rows in everything(database).items() if name in REQUIRED_COLUMNS}


def original_of(database: BillingDatabase, folder: Path) -> dict[str, object]:
    """Return the billing tables as they were before any migration, as SQLite has them."""
    path = folder / "original.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}", FAULT)
    return billing_tables_of(BillingDatabase(f"sqlite:///{path}"))


@pytest.mark.slow
def test_what_only_reads_works_before_anything_is_written(old: BillingDatabase) -> None:
    before = everything(old)
    assert set(before) >= {RUNS, BACKUP}
    assert not {OUTCOMES, COMMITS} & set(before)
    with old.snapshot() as connection:
        schema = old.schema(connection)
        assert set(migrated(connection, schema)) == {1, 2}
        found = watch(connection, schema, old.tenants(), Policy(), None)
    assert [one.tenant.key for one in found.watched] == ["1", "2"]
    assert [sum(step.report.changed for step in preview_rollback(old, one).steps) for one in old.tenants()] == [
        18,
        46,
        6,
    ]
    assert everything(old) == before


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_the_history_goes_on_and_everything_is_undone(shell: CommandLine, tmp_path: Path) -> None:
    """Tenant 3, whose process was killed, is resumed; what each tenant was is then restored, to the byte."""
    assert "interrupted" not in shell("history").words
    resumed = shell("migrate-meter-financials", "--yes")
    assert resumed.status == 0, resumed.printed
    told = shell("history").words
    assert all(RUN.format(number) in told for number in range(1, 8))
    (message,) = shell.rows(f"SELECT message FROM {STEP_RUNS} WHERE outcome = 'interrupted'")
    assert message == (f"The process ended before the step did; {BATCHES_KEPT}.",)
    with shell.database.snapshot() as connection:
        schema = shell.database.schema(connection)
        assert list(altered(connection, schema)) == []
        sealed = f"SELECT count(*) FROM {RUNS} r JOIN {OUTCOMES} o ON o.step_run_id = r.id WHERE r.id <= 21"
        assert connection.scalar(text(sealed)) == 21, "each step run of version 1.0.0 has a seal by now"
        assert set(migrated(connection, schema)) == {1, 2, 3}
    undone = shell("rollback", "--yes")
    assert undone.status == 0, undone.printed
    assert ", 0 skipped" in undone.words
    if shell.database.file:
        assert billing_tables_of(shell.database) == original_of(shell.database, tmp_path)
    assert shell.rows(f"SELECT count(*) FROM {BACKUP}") == [(0,)]
    assert shell.rows("SELECT count(*) FROM meters WHERE balance <> 0 OR overpayment <> 0") == [(0,)]
    assert shell("migrate-meter-financials", "--yes").status == 0


@pytest.mark.slow
def test_a_rollback_may_be_the_first_thing_that_this_version_does(old: BillingDatabase) -> None:
    done = undo(old)
    assert (done.restored, done.skipped) == (18, 0)
    with old.snapshot() as connection:
        assert old.schema(connection).own_tables_present == {*OWN_TABLES} - {DECISIONS}


@pytest.mark.slow
def test_who_decides_is_sealed_from_the_next_run_on(shell: CommandLine) -> None:
    """The journal of version 1.0.0 gets the columns, and what it had verifies as before."""
    ((payment, meter),) = shell.rows(
        "SELECT p.payment_id, max(a.meter_id) FROM meter_migration_payment_meter_ids p JOIN payments b ON "
        "b.id = p.payment_id JOIN meter_assignments a ON a.customer_id = b.customer_id "
        "WHERE p.tenant_id = 2 AND p.rule = 'first_active_meter' GROUP BY p.payment_id"
    )
    (shell.folder / "decided.csv").write_text(f"payment_id,meter_id,decided_by\n{payment},{meter},Ann\n")
    for command in (
        ("review", "import", "decided.csv", "--tenant", "2"),
        ("migrate-meter-financials", "--yes", "--tenant", "2"),
        ("verify", "--tenant", "2"),
    ):
        ended = shell(*command)
        assert ended.status == 0, ended.printed
    assert independent(shell.url).returncode == 0
    assert shell.rows("SELECT decided_by_seen FROM meter_migration_payment_meter_ids WHERE rule = 'decision'") == [
        ("Ann",)
    ]
    shell.change(f"UPDATE {DECISIONS} SET decided_by = 'Eve'")
    assert "decided_by is Eve, in the journal Ann" in shell("verify", "--tenant", "2").words


@pytest.mark.slow
def test_one_run_of_version_1_0_is_undone_alone(old: BillingDatabase) -> None:
    migrate(old, 1, run_id="new")
    assert undo(old, before="new").restored == 0
    assert undo(old, before=RUN.format(1)).restored == 18


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {RUNS} SET rows_changed = 0 WHERE tenant_id = 1 AND step = 'payment_meter_ids'",
        f"INSERT INTO {BACKUP} SELECT tenant_id, 99, balance, overpayment, backed_up_at, run_id FROM {BACKUP} "
        "WHERE customer_id = 1",
        "INSERT INTO meter_migration_meter_balances (step_run_id, run_id, tenant_id, meter_id, balance_after, rule) "
        "VALUES (4, 'x', 1, 99, 5, 'x')",
    ],
)
def test_rows_that_version_1_0_has_not_recorded_are_refused(old: BillingDatabase, statement: str) -> None:
    with old.transaction() as connection:
        connection.execute(text(statement))
    with pytest.raises(JournalAltered, match="there are .* rows, but"):
        preview_rollback(old, old.tenants(["1"])[0])


@pytest.mark.parametrize("engine_name", [pytest.param("postgresql", marks=pytest.mark.server)], indirect=False)
def test_a_role_of_version_1_0_is_told_what_it_needs(engine_name: str, shell: CommandLine) -> None:
    """Once the owner has run what `grants` prints now, it goes on."""
    role = f"old_{shell.url.rsplit('/', 1)[1]}"
    written = "UPDATE (meter_id) ON payments", "UPDATE ON invoices", "UPDATE ON meters", "UPDATE ON customers"
    rights = "SELECT ON ALL TABLES IN SCHEMA public", f"INSERT ON {', '.join(MADE_BY_1_0)}", *written
    shell.change(f"CREATE ROLE {role} LOGIN", *(f"GRANT {one} TO {role}" for one in rights))
    as_role = CommandLine(shell.folder, make_url(shell.url).set(username=role).render_as_string(hide_password=False))
    try:
        refused = as_role("migrate-meter-financials", "--yes", "--tenant", "1")
        assert refused.status == 2
        assert f"may not create {', '.join(sorted({*RECORDS[1:], DECISIONS}))}" in refused.words
        assert "'meter-assets grants migrate ROLE' prints the SQL that grants a role these rights" in refused.words
        shell.change(shell("grants", "migrate", role).printed.replace("%", "%%"))
        assert as_role("migrate-meter-financials", "--yes", "--tenant", "1").status == 0
    finally:
        shell.change(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
