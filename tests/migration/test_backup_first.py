"""The backup is what was there before the migration first touched a tenant, however its steps are run.

The billing software of these tests keeps customers' balances by triggers, so every other step changes them.
"""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import TENANTS
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.step_run import StepRun
from meter_assets.reports.preview import preview
from tests.support.command_line import BROKEN, HEALTHY, CommandLine, make_small_tenants, on_small_tenants
from tests.support.databases import STEP_RUNS, migrate, tenant

CHANGES = {"payments": "balance = 0", "invoices": "overpayment = 1000", "meters": "balance = 7"}
"""What the billing software does to the customers of a tenant when rows of these tables are updated."""
MIGRATE, BACKFILL_PAYMENTS, BACKFILL_INVOICES, BALANCES = (
    ("migrate-meter-financials", "--yes"),
    ("backfill-payment-meter-ids", "--yes"),
    ("backfill-invoice-amounts", "--yes"),
    ("migrate-customer-balances-to-meters", "--yes"),
)
BATCHES = ("--batch-size", "3")
WAYS: dict[str, Sequence[Sequence[str]]] = {
    "in one job": (MIGRATE,),
    "in one job without checks": ((*MIGRATE, "--skip-validation"),),
    "in one job in batches": ((*MIGRATE, *BATCHES),),
    "each step alone": (BACKFILL_PAYMENTS, BACKFILL_INVOICES, BALANCES),
    "each step alone in batches": (
        (*BACKFILL_PAYMENTS, *BATCHES),
        (*BACKFILL_INVOICES, *BATCHES),
        (*BALANCES, *BATCHES),
    ),
    "invoices first": (BACKFILL_INVOICES, BACKFILL_PAYMENTS, BALANCES),
    "one step and then all": (BACKFILL_INVOICES, MIGRATE),
}


def keep_balances(database: BillingDatabase) -> None:
    """Make the triggers of the billing software, and let every step find rows to change."""
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE invoices SET total_amount = total_amount + 1")
        for table, change in CHANGES.items():
            update = f"UPDATE customers SET {change} WHERE tenant_id = NEW.tenant_id"
            if connection.dialect.name != "postgresql":
                statements = [f"CREATE TRIGGER keep_{table} AFTER UPDATE ON {table} FOR EACH ROW BEGIN {update}; END"]
            else:
                body = f"BEGIN {update}; RETURN NEW; END"
                statements = [
                    f"CREATE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
                    f"CREATE TRIGGER keep_{table} AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_{table}()",
                ]
            for statement in statements:
                connection.exec_driver_sql(statement)


def balances(database: BillingDatabase, table: str = "customers", key: str = "id") -> list[tuple[object, ...]]:
    """Return the balances of the tenant's customers, as they are or as they were backed up."""
    with database.snapshot() as connection:
        found = connection.exec_driver_sql(
            f"SELECT {key}, balance, overpayment FROM {table} WHERE tenant_id = {HEALTHY} ORDER BY {key}"
        )
        return [tuple(row) for row in found]


def backed_up(database: BillingDatabase) -> list[tuple[object, ...]]:
    """Return the backup of the tenant."""
    return balances(database, BACKUP, "customer_id")


def step_runs(database: BillingDatabase) -> list[tuple[str, bool, int]]:
    """Return the recorded step runs in their order: the step, whether it undoes one, and its number of rows."""
    with database.snapshot() as connection:
        found = connection.exec_driver_sql(
            f"SELECT step, undoes IS NOT NULL, rows_changed FROM {STEP_RUNS} WHERE tenant_id = {HEALTHY} ORDER BY id"
        )
        return [(step, bool(undoes), rows or 0) for step, undoes, rows in found]


@pytest.fixture
def shell(tmp_path: Path, billing_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line, on a database whose software keeps the balances of customers."""
    made = on_small_tenants(tmp_path / "shell", billing_url, monkeypatch)
    keep_balances(made.database)
    return made


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize("commands", WAYS.values(), ids=list(WAYS))
def test_the_backup_is_what_was_there_first(shell: CommandLine, commands: Sequence[Sequence[str]]) -> None:
    """By every command; the backup is the first step run, and a rollback takes it back last."""
    database = shell.database
    before = balances(database)
    for command in commands:
        ended = shell(*command, "--tenant", HEALTHY)
        assert ended.status == 0, ended.printed
        assert backed_up(database) == before != balances(database)
        assert "Backup: table customer_balances_backup; journal" in ended.words
    made = step_runs(database)
    assert made[0] == (BACKUP, False, len(before))
    assert [rows for step, _, rows in made[1:] if step == BACKUP] in ([], [0])

    assert shell("rollback", "--tenant", HEALTHY, "--yes").status == 0
    undone = [one for one in step_runs(database) if one[1]]
    assert undone[-1] == (BACKUP, True, len(before))
    assert [rows for _, _, rows in undone] == [rows for _, _, rows in reversed(made) if rows]
    assert backed_up(database) == []


@pytest.mark.slow
def test_a_step_alone_shows_the_backup_that_it_takes(shell: CommandLine) -> None:
    """In its dry run, in its output, and in Dagster; and where there is one, none is taken or shown."""
    customers = len(balances(shell.database))
    line = f"1/6 customer balances backup {customers} of {customers} updated"
    for taken in (True, False):
        dry = shell("backfill-invoice-amounts", "--tenant", HEALTHY, "--dry-run")
        assert (BACKUP in dry.printed) is taken
        live = shell("backfill-invoice-amounts", "--yes", "--tenant", HEALTHY)
        assert (line in live.words) is taken, live.printed
        assert (dry.status, live.status) == (0, 0)
    with shell.instance() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey(BACKUP)) == {HEALTHY}
    assert shell("rollback", "--tenant", HEALTHY, "--yes").status == 0
    with shell.instance() as instance:
        assert HEALTHY not in instance.get_materialized_partitions(dg.AssetKey(BACKUP))


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize("step", ["payment_meter_ids", "invoice_amounts", "meter_balances"])
def test_an_asset_alone_takes_the_backup(shell: CommandLine, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that then refuses to write; a later run of the asset takes none."""
    database, ran = shell.database, []
    before = balances(database)
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", shell.url)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(TENANTS.name), [HEALTHY])
        job = build_definitions().resolve_job_def("migrate_meter_financials")
        for _ in range(2):
            result = job.get_subset(asset_selection={dg.AssetKey(step)}).execute_in_process(
                instance=instance, partition_key=HEALTHY, raise_on_error=False
            )
            ran.append(result.success)
        assert instance.get_materialized_partitions(dg.AssetKey(BACKUP)) == {HEALTHY}
    assert ran == [step != "meter_balances"] * 2
    assert backed_up(database) == before
    assert [one for one in step_runs(database) if one[0] == BACKUP] == [(BACKUP, False, len(before))]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("step", ["payment_meter_ids", "invoice_amounts"])
def test_a_run_that_ends_after_the_backup_continues(billing_url: str, step: str, batch_size: int | None) -> None:
    """The first step run that writes is interrupted: the backup stays, and the next run keeps it."""
    make_small_tenants(billing_url)
    database = BillingDatabase(billing_url)
    keep_balances(database)
    before = balances(database)

    def end() -> None:
        raise KeyboardInterrupt

    run = StepRun(step, tenant(1), "ended", Policy(), batch_size=batch_size)
    interrupted = StepRun(step, tenant(1), "ended", Policy(), batch_size=batch_size, about_to_commit=end)
    with pytest.raises(KeyboardInterrupt):
        run_step(database, interrupted)
    database.release()
    assert backed_up(database) == before == balances(database)
    run_step(database, run)
    database.release()
    migrate(database, 1, run_id="continued")
    assert backed_up(database) == before != balances(database)
    assert [one[0] for one in step_runs(database)][:3] == [BACKUP, step, step]


@pytest.mark.slow
def test_a_run_takes_one_backup(billing_url: str) -> None:
    """A customer that is created while it runs is left to the next run."""
    make_small_tenants(billing_url)
    database = BillingDatabase(billing_url)
    before = balances(database)

    def create() -> None:
        with database.transaction() as connection:
            connection.exec_driver_sql(
                "INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (9001, 1, 'New', 5, 0)"
            )

    migrate(database, 1, steps=[BACKUP])
    create()
    for _ in ("the first process of the run", "another one"):
        migrate(database, 1, steps=["invoice_amounts"])
        assert backed_up(database) == before
    taken: list[int] = []
    later = StepRun(
        "invoice_amounts", tenant(1), "second", Policy(), also_ran=lambda report: taken.append(report.changed)
    )
    planned = [one.step for one in preview(database, tenant(1), Policy(), steps=["invoice_amounts"]).steps]
    assert planned == [BACKUP, "invoice_amounts"]
    run_step(database, later)
    database.release()
    assert taken == [1]
    assert len(backed_up(database)) == len(before) + 1


@pytest.mark.slow
def test_no_command_names_a_backup_that_does_not_exist(
    tmp_path: Path, billing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is refused before its backup; then one of two tenants."""
    shell = on_small_tenants(tmp_path / "shell", billing_url, monkeypatch)
    other = BillingDatabase(billing_url)
    other.lock(tenant(HEALTHY), "other")
    refused = shell(*MIGRATE, "--tenant", HEALTHY)
    assert refused.status == 1
    assert "Backup: none yet" in refused.words
    both = shell(*MIGRATE, "--tenant", HEALTHY, "--tenant", BROKEN)
    assert f"Backup: table customer_balances_backup (none yet of tenant {HEALTHY}); journal" in both.words
    other.release()
    assert "Backup: table customer_balances_backup; journal" in shell(*MIGRATE, "--tenant", HEALTHY).words
