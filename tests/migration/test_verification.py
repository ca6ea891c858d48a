"""Verifying what is recorded of a tenant: by us and by the independent program, and after any tampering."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, update

from meter_assets.billing.own_tables import BACKUP, CHAIN, ORIGINS, OUTCOMES, RECORDS, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.migration.verification import verified, verify
from tests.support.command_line import CommandLine
from tests.support.verifier import PROGRAM, independent

TENANTS = ("1", "2")


def test_the_program_says_how_it_is_called() -> None:
    ended = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "python tools/verify_journal.py DATABASE [TENANT=DIGEST ...]" in ended.stderr


def recorded(shell: CommandLine) -> dict[str, str]:
    """Migrate, roll back and migrate again; return the newest digest of each tenant."""
    for command in ("migrate-meter-financials", "rollback", "migrate-meter-financials"):
        for tenant in TENANTS:
            size = ("--batch-size", "7") if tenant == "2" else ()
            assert shell(command, "--yes", "--tenant", tenant, "--reason", "a test, 'quoted' \\ ü", *size).status == 0
    return {tenant.key: verify(shell.database, tenant).digest or "" for tenant in shell.database.tenants(list(TENANTS))}


UNDIGESTED = {
    "meter_migration_payment_meter_ids": "UPDATE {} SET run_id = upper(run_id) WHERE tenant_id = 1",
    "meter_migration_meter_balances": "UPDATE {} SET run_id = 'another' WHERE tenant_id = 2",
    "meter_migration_outcomes": "UPDATE {} SET tenant_id = 2 WHERE step_run_id = 1",
    "meter_migration_commits": "UPDATE {} SET tenant_id = 9 WHERE step_run_id = 1",
    "meter_migration_origins": "UPDATE {} SET tenant_id = 9 WHERE step_run_id = 1",
    "meter_migration_chain": "INSERT INTO {0} SELECT 999, tenant_id, previous, digest FROM {0} WHERE step_run_id = 1",
}
"""By table, a change of what no digest has."""
OF_THE_BACKUP = {
    "another run": "UPDATE {0} SET run_id = upper(run_id) WHERE tenant_id = 1 AND customer_id = 2",
    "an unknown tenant": "INSERT INTO {0} SELECT 9, customer_id, balance, overpayment, backed_up_at, run_id FROM {0} "
    "WHERE tenant_id = 1",
    "the time of another step of its run": "UPDATE {0} SET backed_up_at = (SELECT max(started_at) FROM "
    "meter_migration_runs WHERE tenant_id = 1) WHERE tenant_id = 1",
}
UNDONE = (
    "DELETE FROM {0} WHERE tenant_id = 9",
    "UPDATE {0} SET run_id = lower(run_id), backed_up_at = (SELECT max(started_at) FROM meter_migration_runs r "
    "WHERE tenant_id = 1 AND step = '{0}' AND undoes IS NULL) WHERE tenant_id = 1",
)


@pytest.mark.slow
def test_what_no_digest_has_is_verified_too(shell: CommandLine) -> None:
    """Both verifiers name the table in which something else than a value was changed."""
    for tenant in TENANTS:
        assert shell("migrate-meter-financials", "--yes", "--tenant", tenant).status == 0
    for what, statement in OF_THE_BACKUP.items():
        shell.change(statement.format(BACKUP))
        said = shell("verify").words, independent(shell.url).stderr
        assert [f"{BACKUP} has" in one for one in said] == [True, True], (what, said)
        shell.change(*(one.format(BACKUP) for one in UNDONE))
    assert (shell("verify").status, independent(shell.url).returncode) == (0, 0)
    shell.change(*(statement.format(table) for table, statement in UNDIGESTED.items()))
    said = shell("verify").words, independent(shell.url).stderr
    assert [table for table in UNDIGESTED for one in said if f"{table} has" not in one] == []


@pytest.mark.every_engine
@pytest.mark.slow
def test_the_independent_program_computes_the_same_digests(shell: CommandLine) -> None:
    """On each engine, after migrations, rollbacks and batches; and both notice the same change."""
    digests = recorded(shell)
    kept = [f"{tenant}={digest}" for tenant, digest in digests.items()]
    ended = shell("verify", "--tenant", "1", "--tenant", "2", *[word for one in kept for word in ("--expect", one)])
    assert (ended.status, all(digest in ended.words for digest in digests.values())) == (0, True), ended.printed
    found = independent(shell.url, *kept)
    assert (found.returncode, sorted(found.stdout.split()), found.stderr) == (0, sorted(kept), "")
    shell.change("UPDATE meter_migration_meter_balances SET balance_after = balance_after + 1 WHERE tenant_id = 1")
    ended = shell("verify", "--tenant", "1", "--tenant", "2")
    assert (ended.status, "its journaled rows were changed" in ended.words) == (1, True)
    found = independent(shell.url, *kept)
    assert (found.returncode, "its journaled rows were changed" in found.stderr) == (1, True)


LAST = "(SELECT * FROM (SELECT max(step_run_id) FROM meter_migration_commits WHERE tenant_id = 2) of_it)"
MADE_UP = """INSERT INTO meter_migration_runs
    (id, run_id, tenant_id, step, started_at, outcome, policy, software_version)
    SELECT {id}, 'made-up', {tenant}, step, started_at, 'running', policy, '{version}'
    FROM meter_migration_runs WHERE id = 1"""
NOT_MADE_UP = "DELETE FROM meter_migration_runs WHERE run_id = 'made-up'"
WITH_A_KILLED_STEP: list[tuple[str, str, str, str, str]] = [
    (
        "2",
        f"UPDATE meter_migration_commits SET up_to_id = '' WHERE step_run_id = {LAST} AND part = 1",
        f"UPDATE meter_migration_commits SET up_to_id = (SELECT max(meter_id) FROM meter_migration_meter_balances "
        f"WHERE step_run_id = {LAST}) WHERE up_to_id = ''",
        "its journaled rows were changed",
        "step run ",
    ),
    (
        "2",
        f"UPDATE meter_migration_meter_balances SET balance_after = balance_after + 1 WHERE step_run_id = {LAST}",
        f"UPDATE meter_migration_meter_balances SET balance_after = balance_after - 1 WHERE step_run_id = {LAST}",
        "its journaled rows were changed",
        "its journaled rows were changed",
    ),
    (
        "1",
        "UPDATE meter_migration_runs SET step = 'outcomes_of_none' WHERE id = 1",
        "UPDATE meter_migration_runs SET step = 'customer_balances_backup' WHERE id = 1",
        "its record was changed after it ended",
        "step run 1 (outcomes_of_none): its record was changed",
    ),
    (
        "3",
        MADE_UP.format(id=99, tenant=3, version="1.3.0"),
        NOT_MADE_UP,
        "its row in meter_migration_origins is missing",
        "step run 99 (customer_balances_backup): its record was changed, or partly deleted",
    ),
    (
        "1",
        MADE_UP.format(id=-5, tenant=1, version="1.2.0"),
        NOT_MADE_UP,
        "its row in meter_migration_outcomes is missing, or it was added",
        "a step run before it was changed, deleted, moved or added",
    ),
    (
        "2",
        f"UPDATE meter_migration_runs SET message = '' WHERE id = {LAST}",
        f"UPDATE meter_migration_runs SET message = NULL WHERE id = {LAST}",
        "its end was written into meter_migration_runs",
        "its record was changed, or partly deleted",
    ),
]
"""The tenant, a tampering and what undoes it, and what both verifiers say; a step in batches of tenant 2 was killed."""
ONLY_ON_SQLITE = (
    "1",
    "UPDATE meter_migration_runs SET undoes = 'x' WHERE id = 1",
    "UPDATE meter_migration_runs SET undoes = NULL WHERE id = 1",
    "undoes is x",
    "its record was changed",
)


@pytest.mark.slow
def test_a_step_that_has_not_ended_is_verified_too(shell: CommandLine) -> None:
    """Each tampering is named by both verifiers, and a rollback refuses it, in a sentence."""
    assert shell("migrate-meter-financials", "--yes", "--tenant", "1").status == 0
    assert shell("migrate-meter-financials", "--yes", "--tenant", "2", "--batch-size", "5").status == 0
    for table in (CHAIN, OUTCOMES):
        shell.change(f"DELETE FROM {table} WHERE step_run_id = {LAST}")
    assert (shell("verify").status, independent(shell.url).returncode) == (0, 0)
    is_sqlite = shell.url.startswith("sqlite")
    for tenant, tampering, undone, ours, theirs in [*WITH_A_KILLED_STEP, *([ONLY_ON_SQLITE] * is_sqlite)]:
        shell.change(tampering)
        said = shell("verify", "--tenant", tenant).words, independent(shell.url).stderr
        assert [one in words for one, words in zip((ours, theirs), said, strict=True)] == [True, True], said
        refused = shell("rollback", "--yes", "--tenant", tenant)
        assert (refused.status, "cannot be trusted" in refused.words) == (1, True), tampering
        shell.change(undone)
    assert (shell("verify").status, independent(shell.url).returncode) == (0, 0)


@pytest.mark.slow
def test_a_rollback_refuses_what_does_not_verify_unless_told(on_sqlite: CommandLine) -> None:
    assert on_sqlite("migrate-meter-financials", "--yes", "--tenant", "1").status == 0
    on_sqlite.change("UPDATE meter_migration_origins SET reason = 'another' WHERE tenant_id = 1 AND step_run_id = 2")
    refused = on_sqlite("rollback", "--yes", "--tenant", "1")
    assert (refused.status, "its record was changed after it ended" in refused.words) == (1, True)
    told = on_sqlite("rollback", "--yes", "--tenant", "1", "--allow-unverified")
    assert told.status == 0, told.printed
    assert on_sqlite.rows("SELECT COUNT(*) FROM payments WHERE tenant_id = 1 AND meter_id IS NOT NULL") == [(0,)]
    assert on_sqlite("verify", "--tenant", "1").status == 1


@pytest.mark.slow
def test_wrong_digests_are_refused(on_sqlite: CommandLine) -> None:
    for given in ("1", "1=abc", f"7={'0' * 64}"):
        ended = on_sqlite("verify", "--expect", given)
        assert (ended.status, "Error: --expect" in ended.words) == (2, True), ended.printed
    ended = on_sqlite("verify", "--expect", f"1={'0' * 64}")
    assert (ended.status, "does not contain the expected digest" in ended.words) == (1, True)


# Tampering


class Forger:
    """Somebody who may write our own tables, and changes one thing."""

    def __init__(self, connection: Connection, schema: BillingSchema, random: Random) -> None:
        self._connection, self._schema, self._random = connection, schema, random
        names = [*RECORDS, BACKUP, *(step.journal for step in schema.steps)]
        self._tables = [schema.own[name] for name in names if self._rows(schema.own[name])]

    def tamper(self) -> str:
        """Change something; return what."""
        kinds: list[Callable[[], str]] = [self._change, self._change, self._delete, self._copy, self._move]
        kinds += [self._forget_step_run, self._swap]
        return self._random.choice(kinds)()

    def _rows(self, table: Table) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection.execute(select(table)).mappings()]

    def _any_row(self) -> tuple[Table, dict[str, Any], list[Any]]:
        table = self._random.choice(self._tables)
        row = self._random.choice(self._rows(table))
        return table, row, [table.c[key.key] == row[key.key] for key in table.primary_key]

    def _change(self) -> str:
        table, row, of_row = self._any_row()
        name = self._random.choice([one for one in row if row[one] is not None])
        new = self._other(row[name])
        if name in table.primary_key.columns:
            return self._delete()
        self._connection.execute(update(table).where(*of_row).values({name: new}))
        return f"{table.name}.{name}: {row[name]!r} -> {new!r}"

    def _other(self, value: Any) -> Any:
        if isinstance(value, str):
            at = self._random.randrange(len(value)) if value else 0
            return f"{value[:at]}{'x' if value[at : at + 1] != 'x' else 'y'}{value[at + 1 :]}"
        if isinstance(value, datetime):
            return value + timedelta(microseconds=10 ** self._random.randrange(7))
        if isinstance(value, Decimal):
            return value + Decimal(10) ** self._random.randrange(-2, 4)
        if isinstance(value, int | float):
            return value + 10 ** self._random.randrange(3)
        return value + timedelta(days=1)

    def _delete(self) -> str:
        table, row, of_row = self._any_row()
        self._connection.execute(delete(table).where(*of_row))
        return f"{table.name}: deleted {row}"

    def _copy(self) -> str:
        table, row, _ = self._any_row()
        key = [one.key for one in table.primary_key][-1]
        row[key] = max(one[key] for one in self._rows(table)) + 1
        if table.name == RUNS:
            row |= {"run_id": "forged"}
        self._connection.execute(insert(table).values(**row))
        return f"{table.name}: added {row}"

    def _move(self) -> str:
        table, row, of_row = self._any_row()
        other = 2 if row["tenant_id"] == 1 else 1
        if table.name == BACKUP:
            return self._delete()
        self._connection.execute(update(table).where(*of_row).values(tenant_id=other))
        return f"{table.name}: moved {row} to tenant {other}"

    def _forget_step_run(self) -> str:
        run = self._random.choice(self._rows(self._schema.own[RUNS]))
        for table in self._tables:
            if "step_run_id" in table.c:
                self._connection.execute(delete(table).where(table.c.step_run_id == run["id"]))
        runs = self._schema.own[RUNS]
        self._connection.execute(delete(runs).where(runs.c.id == run["id"]))
        return f"forgot {run}"

    def _swap(self) -> str:
        name = self._random.choice([OUTCOMES, ORIGINS, CHAIN])
        table = self._schema.own[name]
        one, other = self._random.sample(self._rows(table), 2)
        columns = [key for key in one if key not in ("step_run_id", "tenant_id") and one[key] != other[key]]
        if not columns:
            return self._delete()
        for at, values in ((one, other), (other, one)):
            new = {key: values[key] for key in columns}
            self._connection.execute(update(table).where(table.c.step_run_id == at["step_run_id"]).values(new))
        return f"{name}: swapped {one['step_run_id']} and {other['step_run_id']}"


def is_caught(shell: CommandLine, kept: dict[str, str], random: Random) -> tuple[str, bool]:
    """Tamper with something, and say whether verifying notices; then nothing has been changed."""
    with shell.database.engine.connect() as connection, connection.begin() as transaction:
        schema = shell.database.schema(connection)
        what = Forger(connection, schema, random).tamper()
        tenants = shell.database.tenants(list(TENANTS))
        caught = any(verified(connection, schema, one, kept[one.key]).problems for one in tenants)
        transaction.rollback()
    return what, caught


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_tampering_is_noticed(shell: CommandLine) -> None:
    kept = recorded(shell)
    for seed in range(40):
        what, caught = is_caught(shell, kept, Random(seed))
        assert caught, (seed, what)


@pytest.mark.slow
@pytest.mark.thorough
def test_of_1000_tamperings_all_are_noticed(on_sqlite: CommandLine) -> None:
    kept = recorded(on_sqlite)
    missed = [
        what for seed in range(1_000) for what, caught in [is_caught(on_sqlite, kept, Random(seed))] if not caught
    ]
    assert missed == []


def test_the_program_says_in_a_sentence_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, but long enough to be read as the header of one of them" * 99)
    for name in ("missing.db", "text.db"):
        found = independent(f"{tmp_path}/{name}")
        assert (found.returncode, found.stderr.startswith("Cannot verify: "), found.stderr.count("\n")) == (1, True, 1)


def test_the_program_is_short_and_knows_nothing_of_ours() -> None:
    source = PROGRAM.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 150
    imported = {
        line.split()[1].partition(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported <= sys.stdlib_module_names
