"""Who decided about a payment is kept by the journal that carried the decision out, and is sealed with it."""

from pathlib import Path

import pytest

from meter_assets.billing.own_tables import DECISIONS, OF_DECISION
from meter_assets.billing.policy import Policy
from meter_assets.reports.report.reading import decisions
from tests.support.command_line import CommandLine, on_small_tenants
from tests.support.databases import tenant
from tests.support.verifier import independent

JOURNAL = "meter_migration_payment_meter_ids"
pytestmark = [pytest.mark.every_engine, pytest.mark.slow]


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on each engine: tenant 1 has two payments for review."""
    monkeypatch.setenv("COLUMNS", "240")
    faults = ("several_active_meters", 1), ("several_active_meters", 1)
    return on_small_tenants(tmp_path / "work", billing_url, monkeypatch, *faults)


def for_review(shell: CommandLine) -> list[tuple[int, int, int]]:
    """Return the payments for review, each with the first and the last meter of its customer."""
    return [
        (row[0], row[1], row[2])
        for row in shell.rows(
            "SELECT p.id, min(a.meter_id), max(a.meter_id) FROM payments p JOIN meter_assignments a "
            "ON a.customer_id = p.customer_id WHERE p.tenant_id = 1 AND p.invoice_id IS NULL "
            "GROUP BY p.id HAVING count(*) > 1 ORDER BY p.id"
        )
    ]


def decide(shell: CommandLine, *rows: str) -> None:
    path = shell.folder / "decided.csv"
    path.write_text("\n".join(["payment_id,meter_id,decided_by,note", *rows]), encoding="utf-8")
    made = shell("review", "import", str(path), "--tenant", "1")
    assert made.status == 0, made.printed


def migrate(shell: CommandLine, *options: str) -> None:
    ended = shell("migrate-meter-financials", "--yes", "--tenant", "1", *options)
    assert ended.status == 0, ended.printed


def verifies(shell: CommandLine) -> tuple[bool, bool]:
    """Return whether the records verify: for us, and for the independent program."""
    return shell("verify", "--tenant", "1").status == 0, independent(shell.url).returncode == 0


OF_THE_TABLE = {
    "who": ("SET decided_by = 'Eve'", "decided_by is Eve, in the journal 007."),
    "a letter": ("SET decided_by = '007 '", 'decided_by is "007 ", in the journal 007.'),
    "the note": ("SET note = '1e4'", "note is 1e4, in the journal 1e3."),
    "no note": ("SET note = NULL", "note is empty, in the journal 1e3."),
    "when": ("SET decided_at = '2020-01-01 00:00:00'", "decided_at is 2020-01-01 00:00:00"),
    "the meter": ("SET meter_id = {first}", "meter_id is {first}, in the journal {last}."),
    "that it decides": ("SET withdrawn = 1", "was changed in meter_migration_decisions: it withdraws other decisions."),
    "its number": ("SET number = 7", "is missing in meter_migration_decisions; the journal has decided_by 007"),
}
"""By what is tampered with, how, and what `verify` says of it."""
OF_THE_JOURNAL = {
    "decided_by_seen": "'Eve'",
    "note_seen": "NULL",
    "decided_at_seen": "'2020-01-01 00:00:00'",
    "decision_seen": "NULL",
}


@pytest.mark.parametrize("batches", [(), ("--batch-size", "4")], ids=["whole", "batches"])
def test_who_decided_cannot_be_changed_afterwards(shell: CommandLine, batches: tuple[str, ...]) -> None:
    (payment, first, last), (other, kept, _) = for_review(shell)
    decide(shell, f"{payment},{last},007,1e3", f"{other},{kept},=Bob,")
    migrate(shell, *batches)
    columns = ", ".join(name for name in OF_DECISION if name != "decided_at_seen")
    seen = f"SELECT {columns} FROM {JOURNAL} WHERE decision_seen IS NOT NULL ORDER BY payment_id"
    assert shell.rows(seen) == [(1, "007", "1e3"), (1, "=Bob", None)]
    assert verifies(shell) == (True, True)

    shell.change(f"CREATE TABLE kept AS SELECT * FROM {DECISIONS}", f"CREATE TABLE journal AS SELECT * FROM {JOURNAL}")
    for what, (tampering, said) in OF_THE_TABLE.items():
        shell.change(f"UPDATE {DECISIONS} {tampering.format(first=first)} WHERE payment_id = {payment}")
        words = shell("verify", "--tenant", "1").words
        assert f"Decision 1 about payment {payment} of tenant 1, carried out by a run, " in words, what
        assert said.format(first=first, last=last) in words, what
        explained = shell("explain", str(last), "--tenant", "1", "--history").words
        assert ("decision: 007 decided so on 20" in explained, "decision of 007: 1e3" in explained) == (True, True)
        with shell.database.read(Policy()) as snapshot:
            told = {one.payment_id: (one.decided_by, one.note) for one in decisions(snapshot, tenant(1))}
        assert told == {str(payment): ("007", "1e3"), str(other): ("=Bob", "")}
        shell.change(f"DELETE FROM {DECISIONS}", f"INSERT INTO {DECISIONS} SELECT * FROM kept")
    for name, value in OF_THE_JOURNAL.items():
        shell.change(f"UPDATE {JOURNAL} SET {name} = {value} WHERE payment_id = {payment}")
        assert verifies(shell) == (False, False), name
        shell.change(f"DELETE FROM {JOURNAL}", f"INSERT INTO {JOURNAL} SELECT * FROM journal")
    assert verifies(shell) == (True, True)

    undone = shell("rollback", "--yes", "--tenant", "1")
    assert (undone.status, verifies(shell)) == (0, (True, True)), undone.printed
    migrate(shell, *batches)
    assert (len(shell.rows(seen)), verifies(shell)) == (4, (True, True))
    shell.change(f"DROP TABLE {DECISIONS}")
    said = f"The table {DECISIONS} is missing, and the journal of tenant 1 has 4 rows of it."
    assert said in shell("verify", "--tenant", "1").words


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_plan_drifts_if_somebody_decides_again(shell: CommandLine, form: str) -> None:
    """It says who decided; another person, note or meter is another plan."""
    (payment, first, last), _ = for_review(shell)
    plan = "migrate-meter-financials", "--dry-run", "--tenant", "1", "--export", "plan", "--export-format", form
    decide(shell, f"{payment},{last},Ann,by phone")
    assert shell(*plan).status == 0
    for who, meter, drifted in (
        ("Bob", last, "decided_by_seen Ann in the plan, Bob now"),
        ("Ann", first, f"meter_id_after {last} in the plan, {first} now"),
    ):
        decide(shell, f"{payment},{meter},{who},by phone")
        refused = shell("migrate-meter-financials", "--yes", "--tenant", "1", "--plan", "plan")
        assert (refused.status, f"different id {payment} (" in refused.words, drifted in refused.words) == (
            1,
            True,
            True,
        ), refused.printed
    assert shell(*plan).status == 0
    migrate(shell, "--plan", "plan", "--batch-size", "4")
    assert shell.rows(f"SELECT decided_by_seen FROM {JOURNAL} WHERE decision_seen = 3") == [("Ann",)]
    assert verifies(shell) == (True, True)


def test_a_journal_of_an_earlier_version_gets_the_columns(shell: CommandLine) -> None:
    """What it has verifies before and after; a plan that was made before is the same after."""
    (payment, _, last), _ = for_review(shell)
    migrate(shell)
    shell.change(*(f"ALTER TABLE {JOURNAL} DROP COLUMN {name}" for name in OF_DECISION))
    assert verifies(shell) == (True, True)
    assert shell("explain", str(last), "--tenant", "1", "--history").status == 0
    decide(shell, f"{payment},{last},Ann,")
    assert shell("migrate-meter-financials", "--dry-run", "--tenant", "1", "--export", "plan").status == 0
    assert shell("rollback", "--yes", "--tenant", "2").status == 0
    migrate(shell, "--plan", "plan")
    assert shell.rows(f"SELECT decided_by_seen FROM {JOURNAL} WHERE rule = 'decision'") == [("Ann",)]
    assert verifies(shell) == (True, True)
    shell.change(f"DELETE FROM {DECISIONS}")
    assert verifies(shell) == (False, True)
