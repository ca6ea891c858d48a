"""What others write into our own tables is noticed, and refused: by a rollback, by the next step, by the watching."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from meter_assets.billing.own_tables import BACKUP, COMMITS, OUTCOMES, RUNS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.errors import JournalAltered, JournalIncomplete, NotAsRecorded, RecordsAltered
from meter_assets.migration.database import BillingDatabase
from meter_assets.monitoring.watch import watch
from meter_assets.reports.rollback_preview import preview_rollback
from meter_assets.rules.steps import STEPS
from tests.support.batches import in_batches
from tests.support.command_line import HEALTHY, on_small_tenants
from tests.support.databases import OWN_TABLES, everything, migrate, start_over, tenant, write
from tests.support.ledger import ledger, owing_20, payment
from tests.support.rollbacks import roll_back_tenant

SCHEMA = billing_tables()

DEFAULT = Policy.from_values({})
PAYMENTS, METERS = STEPS["payment_meter_ids"].journal, STEPS["meter_balances"].journal
STEP_RUN = f"(SELECT min(id) FROM {RUNS} WHERE step = 'payment_meter_ids')"
FORGED = (
    f"INSERT INTO {PAYMENTS} (step_run_id, run_id, tenant_id, payment_id, meter_id_before, meter_id_after, rule) "
    "VALUES ({step_run}, 'first', {tenant}, 99, 7, 1, 'invoice')"
)
ADDED = FORGED.format(step_run=STEP_RUN, tenant=1)

JOURNALS = {
    "a row is added": (ADDED, JournalAltered, "there are 2 rows, but 1 were recorded"),
    "a row of another tenant is added": (
        FORGED.format(step_run=STEP_RUN, tenant=2),
        JournalAltered,
        "there are 2 rows",
    ),
    "what was there before is edited": (
        f"UPDATE {PAYMENTS} SET meter_id_before = 5",
        JournalAltered,
        "rows were changed",
    ),
    "what was written is edited": (f"UPDATE {METERS} SET balance_after = 1", JournalAltered, "rows were changed"),
    "the rule is edited": (f"UPDATE {PAYMENTS} SET rule = 'x'", JournalAltered, "rows were changed"),
    "the tenant is edited": (f"UPDATE {PAYMENTS} SET tenant_id = 2", JournalAltered, "rows were changed"),
    "the row is another one": (f"UPDATE {PAYMENTS} SET payment_id = 99", JournalAltered, "rows were changed"),
    "a row is deleted": (f"DELETE FROM {METERS}", JournalIncomplete, "has 0 of the 1 rows"),
}
BACKUPS = {
    "the backup is deleted": (f"DELETE FROM {BACKUP}", JournalIncomplete, "has 0 of the 1 rows"),
    "the backup is edited": (f"UPDATE {BACKUP} SET balance = 5", JournalAltered, "rows were changed"),
    "the backup has more": (
        f"INSERT INTO {BACKUP} SELECT 1, 99, balance, overpayment, backed_up_at, run_id FROM {BACKUP}",
        JournalAltered,
        "there are 2 rows, but 1 were recorded",
    ),
    "the backup has rows of no run": (
        f"INSERT INTO {BACKUP} SELECT 1, 99, balance, overpayment, backed_up_at, 'nobody' FROM {BACKUP}",
        JournalAltered,
        "of run nobody: there are 1 rows, but 0 were recorded",
    ),
}
RECORDS = {
    "nothing was changed, it says": f"UPDATE {RUNS} SET rows_changed = 0",
    "it failed, it says": f"UPDATE {RUNS} SET outcome = 'failed'",
    "it was of another tenant, it says": f"UPDATE {RUNS} SET tenant_id = 2 WHERE step <> 'meter_balances'",
    "it was another step, it says": f"UPDATE {RUNS} SET step = 'customer_balances' WHERE step = 'meter_balances'",
    "it undid another, it says": f"UPDATE {RUNS} SET undoes = 1 WHERE step = 'meter_balances'",
    "it was made by another policy, it says": f"UPDATE {RUNS} SET policy = '{{}}'",
    "it was of another run, it says": f"UPDATE {RUNS} SET run_id = 'other'",
    "it failed, its outcome says": f"UPDATE {OUTCOMES} SET outcome = 'failed' WHERE outcome = 'succeeded'",
    "its message is another": f"UPDATE {OUTCOMES} SET message = 'all is well'",
    "its outcome is gone": f"DELETE FROM {OUTCOMES}",
    "nothing was committed, it says": f"UPDATE {COMMITS} SET rows_changed = 0",
    "its digest is another": f"UPDATE {COMMITS} SET digest = ''",
    "its commits are gone": f"DELETE FROM {COMMITS}",
    "a step run is made up": (
        f"INSERT INTO {RUNS} (run_id, tenant_id, step, started_at, outcome, policy, software_version) "
        f"SELECT 'made-up', tenant_id, step, started_at, 'succeeded', policy, software_version FROM {RUNS}"
    ),
}


def look(database: BillingDatabase) -> list[str]:
    """Watch the migrated tenants once, and return which were evaluated; raise what the job that watches raises."""
    with database.snapshot() as connection:
        found = watch(connection, database.schema(connection), [tenant(1)], DEFAULT, None)
    assert [one.tenant.key for one in found.watched] == ["1"], "its watching does not end"
    for altered in found.altered:
        raise altered
    return [one.tenant.key for one in found.watched]


def refuses(database: BillingDatabase, kind: type[NotAsRecorded], words: str, *what: Callable[[], object]) -> None:
    """Each of these must be refused, and nothing written."""
    before = everything(database, but_runs=True)
    for do in what:
        with pytest.raises(kind, match=re.escape(words)):
            do()
        database.release()
    assert everything(database, but_runs=True) == before


@contextmanager
def disturbed(database: BillingDatabase, statement: str) -> Iterator[None]:
    """Change one of our tables as whoever may, and put its rows back at the end."""
    (table,) = {name for name in OWN_TABLES if re.match(rf"(UPDATE|DELETE FROM|INSERT INTO) {name}\b", statement)}
    write(database, f"CREATE TABLE copied AS SELECT * FROM {table}")
    write(database, statement)
    try:
        yield
    finally:
        for restoring in (f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM copied", "DROP TABLE copied"):
            write(database, restoring)


@pytest.fixture
def migrated(billing_url: str) -> BillingDatabase:
    """A database of which tenant 1 is migrated: one row of each step."""
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1)
    return database


@pytest.mark.slow
def test_a_rollback_does_not_write_what_was_not_recorded(migrated: BillingDatabase, subtests: pytest.Subtests) -> None:
    """Nor is a backup completed that is not as recorded: deleted, it would be made again from balances of today."""
    dry_run, backup_again = partial(preview_rollback, migrated, tenant(1)), partial(run_again, migrated, BACKUP)
    for case, (statement, kind, words) in {**JOURNALS, **BACKUPS}.items():
        with subtests.test(case), disturbed(migrated, statement):
            refuses(migrated, kind, words, partial(roll_back_tenant, migrated), dry_run)
            if case in BACKUPS:
                refuses(migrated, kind, words, backup_again)


@pytest.mark.slow
def test_a_record_that_was_changed_is_noticed_by_all_that_go_by_it(
    migrated: BillingDatabase, subtests: pytest.Subtests
) -> None:
    of_tenant = (
        partial(roll_back_tenant, migrated),
        partial(preview_rollback, migrated, tenant(1)),
        partial(run_again, migrated),
    )
    words = "cannot be trusted, and nothing was changed"
    for case, statement in RECORDS.items():
        with subtests.test(case), disturbed(migrated, statement):
            # Tenant 1 itself has no records any more where they say that they are of another: the watching tells.
            what = () if "another tenant" in case else of_tenant
            refuses(migrated, RecordsAltered, words, partial(look, migrated), *what)


def run_again(database: BillingDatabase, step: str = "payment_meter_ids") -> None:
    migrate(database, 1, run_id="second", steps=[step])


def test_rows_that_were_journaled_before_a_step_began_are_not_taken_for_its_own(billing_url: str) -> None:
    """A role that may add to a journal can guess the number of the next step run."""
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, steps=["invoice_amounts"])
    after_the_backup = f"(SELECT max(id) + 2 FROM {RUNS})"
    write(database, FORGED.format(step_run=after_the_backup, tenant=1))
    refuses(
        database,
        JournalAltered,
        "there are 2 rows, but it journaled 1",
        lambda: migrate(database, 1, run_id="second"),
    )


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (f"UPDATE {PAYMENTS} SET meter_id_before = 5 WHERE payment_id = 13", "rows were changed"),
        (f"UPDATE {PAYMENTS} SET payment_id = 99 WHERE payment_id = 13", "rows were changed"),
        (FORGED.format(step_run=STEP_RUN, tenant=1), "there are 6 rows, but 5 were recorded"),
    ],
)
def test_the_journal_of_a_step_in_batches_is_looked_at_batch_by_batch(
    billing_url: str, statement: str, words: str
) -> None:
    rows = ledger([], [payment(number, "1.00") for number in range(1, 6)])
    database = start_over(billing_url, SCHEMA, rows)
    in_batches(database, 2, "payment_meter_ids")
    write(database, statement)
    refuses(database, JournalAltered, words, lambda: roll_back_tenant(database))


@pytest.mark.slow
@pytest.mark.every_engine
def test_what_is_as_recorded_is_undone_and_made_again(billing_url: str) -> None:
    """Also a backup of which a rollback has taken a part, and what was undone in batches."""
    database = start_over(billing_url, SCHEMA, owing_20())
    original = everything(database)
    for run_id in ("one", "another", "another"):
        migrate(database, 1, run_id=run_id)
        look(database)
        roll_back_tenant(database)
    assert {name: rows for name, rows in everything(database).items() if name in SCHEMA.tables} == original


@pytest.mark.slow
@pytest.mark.by_default("postgresql")
def test_the_command_line_says_what_was_changed_and_what_to_do(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = on_small_tenants(tmp_path, billing_url, monkeypatch)
    assert shell("migrate-meter-financials", "--yes", "--tenant", HEALTHY).status == 0
    before = everything(shell.database)
    shell.change(f"UPDATE {RUNS} SET rows_changed = 0")
    forged = everything(shell.database)
    live = ("rollback", "--yes"), ("migrate-meter-financials", "--yes")
    for arguments in (*live, ("rollback", "--dry-run"), ("history",)):
        ended = shell(*arguments, "--tenant", HEALTHY)
        assert ended.status == 1, ended.printed
        assert "The records of tenant 1 cannot be trusted, and nothing was changed" in ended.words
        assert "revoke the right to change them from every other role" in ended.words
    assert everything(shell.database) == forged
    shell.change(f"UPDATE {RUNS} SET rows_changed = NULL")
    assert everything(shell.database) == before
    assert shell("rollback", "--yes", "--tenant", HEALTHY).status == 0
