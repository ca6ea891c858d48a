"""The plan that was reviewed is the plan that runs: exported, approved, compared, and run, on each engine."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from meter_assets.cli import many_tenants as command
from meter_assets.migration import apply, batches
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.person import Person
from meter_assets.migration.reviewed_plans import approval as approval_module
from meter_assets.migration.reviewed_plans.comparison import require_as_planned
from meter_assets.migration.reviewed_plans.files import planned_rows
from meter_assets.migration.reviewed_plans.manifest import APPROVAL, MANIFEST, Manifest, hash_of_file, write_manifest
from meter_assets.migration.step_run import StepRun
from meter_assets.rules.steps import MIGRATION
from tests.support.command_line import ALSO_HEALTHY, BROKEN, HEALTHY, CommandLine, Ended

DRY_RUN = ("migrate-meter-financials", "--dry-run", "--export", "plan")
RUN = ("migrate-meter-financials", "--yes", "--plan", "plan")
COMMITS = """SELECT r.step, c.rows_changed, c.digest FROM meter_migration_commits c
    JOIN meter_migration_runs r ON r.id = c.step_run_id WHERE r.tenant_id = {} ORDER BY r.id, c.part"""
FIRST = f"SELECT min(id) FROM payments WHERE tenant_id = {HEALTHY} AND meter_id IS NULL"


def planned(shell: CommandLine, *arguments: str) -> dict[str, Manifest]:
    """Make a plan, and return the manifest of each tenant."""
    ended = shell(*DRY_RUN, *arguments)
    assert ended.status == 0, ended.printed
    files = sorted((shell.folder / "plan").glob(f"*/{MANIFEST}"))
    return {path.parent.name: Manifest.model_validate_json(path.read_bytes()) for path in files}


def refused(shell: CommandLine, *arguments: str) -> Ended:
    """Run a plan that must be refused: nothing is written, and the exit status is 1."""
    before = shell.contents()
    ended = shell(*RUN, *arguments)
    assert ended.status == 1, ended.printed
    assert shell.contents() == before
    return ended


def journaled(shell: CommandLine, tenant: str) -> list[tuple[Any, ...]]:
    return [(one.strip(), rows, digest) for one, rows, digest in shell.rows(COMMITS.format(tenant))]


def in_manifest(manifest: Manifest) -> list[tuple[Any, ...]]:
    return [(one.step, one.rows, one.digest) for one in manifest.steps if one.rows]


@pytest.mark.every_engine
@pytest.mark.slow
def test_the_journal_has_the_digests_of_its_plan(shell: CommandLine) -> None:
    manifests = planned(shell)
    assert list(manifests) == [HEALTHY, ALSO_HEALTHY, BROKEN]
    for manifest in manifests.values():
        assert [one.step for one in manifest.steps] == list(MIGRATION)
        assert manifest.digest == manifest.content_digest
        for one in manifest.steps:
            with (shell.folder / "plan" / manifest.tenant / one.file).open(newline="") as file:
                assert len(list(csv.DictReader(file))) == one.rows == sum(one.rules.values())
    ended = shell(*RUN)
    assert ended.status == 0, ended.printed
    for tenant, manifest in manifests.items():
        assert journaled(shell, tenant) == in_manifest(manifest)


@pytest.mark.slow
def test_a_plan_runs_again_in_batches_and_for_many_tenants(shell: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    planned(shell)
    assert shell(*RUN).status == 0
    again = shell(*RUN, "--no-skip")
    assert again.status == 0, again.printed
    assert "Nothing had to be changed" in again.words
    assert shell("rollback", "--yes").status == 0
    in_batches = shell(*RUN, "--no-skip", "--batch-size", "2", "--tenant", HEALTHY)
    assert in_batches.status == 0, in_batches.printed
    monkeypatch.setattr(command, "MANY", 1)
    many = shell(*RUN, "--no-skip")
    assert many.status == 0, many.printed


@pytest.mark.every_engine
@pytest.mark.slow
def test_rows_that_drifted_are_named(shell: CommandLine) -> None:
    """An added, a deleted and a changed payment; the other tenants are migrated."""
    planned(shell)
    ids = [row[0] for row in shell.rows(f"SELECT id FROM payments WHERE tenant_id = {HEALTHY} ORDER BY id")]
    by_invoice = shell.rows(
        f"SELECT p.id, p.invoice_id FROM payments p WHERE p.tenant_id = {HEALTHY} AND p.meter_id IS NULL"
        " AND p.invoice_id IS NOT NULL ORDER BY p.id"
    )
    (gone, _), (changed, invoice) = by_invoice[:2]
    added = 900_001
    meters = shell.rows(f"SELECT id FROM meters WHERE tenant_id = {HEALTHY} ORDER BY id")
    was = shell.rows(f"SELECT meter_id FROM invoices WHERE id = {invoice}")[0][0]
    other = next(row[0] for row in meters if row[0] != was)
    shell.change(
        f"DELETE FROM payments WHERE id = {gone}",
        "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, amount) "
        f"SELECT {added}, tenant_id, customer_id, invoice_id, 7.25 FROM payments WHERE id = {ids[-1]}",
        f"UPDATE invoices SET meter_id = {other} WHERE id = {invoice}",
    )
    ended = refused(shell, "--tenant", HEALTHY)
    said = ended.words
    assert "Tenant 1 was refused, and nothing was changed: what it would change now is not the plan in" in said
    assert f"added id {added} (meter_id_before empty, meter_id_after " in said
    assert f"gone id {gone} (meter_id_before empty, meter_id_after " in said
    assert f"different id {changed} (meter_id_after {was} in the plan, {other} now" in said
    assert "meter_balances:" in said
    others = shell(*RUN)
    assert others.status == 1
    assert "2 of 3 tenants done" in others.words
    assert journaled(shell, HEALTHY) == []
    assert len(journaled(shell, ALSO_HEALTHY)) >= 2


@pytest.mark.slow
def test_what_only_the_journal_records_is_named(on_sqlite: CommandLine) -> None:
    """The files of a plan do not have it, so that no row can be named."""
    shell = on_sqlite
    planned(shell)
    shell.change(f"UPDATE payments SET paid_at = '2020-02-02 00:00:00' WHERE id = ({FIRST})")
    said = refused(shell, "--tenant", HEALTHY).words
    assert "payment_meter_ids: the same rows would be written, but others have changed customer_id or " in said
    assert "or paid_at of some of them since, which the journal records too." in said


@pytest.mark.slow
def test_an_interrupted_plan_goes_on(shell: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps and batches that were written under the plan are a part of it; rows that others wrote since are not."""
    manifest = planned(shell)[HEALTHY]
    count, from_batch = [0], batches._write_batch

    def fails_later(*given: Any) -> Any:
        count[0] += 1
        if count[0] > 2:
            raise KeyboardInterrupt
        return from_batch(*given)

    with monkeypatch.context() as patched:
        patched.setattr(batches, "_write_batch", fails_later)
        assert shell(*RUN, "--tenant", HEALTHY, "--batch-size", "2").status == 130
    assert [one[0] for one in journaled(shell, HEALTHY)] == [MIGRATION[0], MIGRATION[1], MIGRATION[1]]
    ended = shell(*RUN, "--tenant", HEALTHY)
    assert ended.status == 0, ended.printed
    rows = {step: sum(rows for one, rows, _ in journaled(shell, HEALTHY) if one == step) for step in MIGRATION}
    assert rows == {one.step: one.rows for one in manifest.steps}


@pytest.mark.slow
def test_a_row_that_drifts_between_the_steps_stops_its_step(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole tenant was compared before; the step compares again in its own transaction."""
    planned(shell)
    compared = require_as_planned

    def then_a_payment(database: BillingDatabase, run: StepRun) -> None:
        compared(database, run)
        if run.step == "invoice_amounts":
            shell.change(
                "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, meter_id, amount) "
                "SELECT 900001, tenant_id, customer_id, id, meter_id, 7.25 FROM invoices WHERE id = "
                f"(SELECT max(id) FROM invoices WHERE tenant_id = {HEALTHY} AND meter_id IS NOT NULL)"
            )

    with monkeypatch.context() as patched:
        patched.setattr(apply, "require_as_planned", then_a_payment)
        ended = shell(*RUN, "--tenant", HEALTHY)
    assert ended.status == 1
    assert "meter_balances of tenant 1 was rolled back; earlier steps and batches stay, journaled" in ended.words
    assert [one[0] for one in journaled(shell, HEALTHY)] == [MIGRATION[0], MIGRATION[1]]
    assert "was refused" in refused(shell, "--tenant", HEALTHY).words


@pytest.mark.slow
def test_a_plan_writes_the_tables_it_was_made_for(on_sqlite: CommandLine) -> None:
    """Also if the rows of another table are the same."""
    shell = on_sqlite
    planned(shell)
    shell.change("CREATE TABLE other_meters AS SELECT * FROM meters")
    path = shell.folder / "mapping.toml"
    path.write_text('[tables.meters]\ntable = "other_meters"\n')
    shell.environment["METER_ASSETS_CONFIG"] = str(path)
    assert "it was made with another mapping of tables and columns" in refused(shell, "--tenant", HEALTHY).words


@pytest.mark.slow
def test_a_plan_replaced_between_the_steps_stops_the_rest(
    on_sqlite: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said then is not that nothing was changed."""
    shell = with_settings(on_sqlite, "require_approval = true")
    manifest = planned(shell)[HEALTHY]
    folder = shell.folder / "plan" / HEALTHY
    with somebody_else(monkeypatch):
        assert shell("approve", "plan").status == 0
    compared = require_as_planned

    def replaced(database: BillingDatabase, run: StepRun) -> None:
        compared(database, run)
        if run.step == MIGRATION[0]:
            write_manifest(folder, manifest.model_copy(update={"tenant_name": "Another"}))

    with monkeypatch.context() as patched:
        patched.setattr(apply, "require_as_planned", replaced)
        said = shell(*RUN, "--tenant", HEALTHY).words
    assert "was refused; the steps that this run has finished stay, journaled: its approval is of another" in said
    assert "nothing was changed" not in said
    assert [one[0] for one in journaled(shell, HEALTHY)] == [MIGRATION[0]]


@pytest.mark.slow
def test_a_plan_of_something_else_is_refused(on_sqlite: CommandLine) -> None:
    shell = on_sqlite
    planned(shell)
    folder = shell.folder / "plan"
    path = folder / HEALTHY / MANIFEST
    original = Manifest.model_validate_json(path.read_bytes())

    def altered(**values: Any) -> str:
        path.write_text(original.model_copy(update=values).sealed().model_dump_json())
        return refused(shell, "--tenant", HEALTHY).words

    assert "it is of tenant 2." in altered(tenant=ALSO_HEALTHY)
    assert "it is of another database, sqlite:///other.db; this one is sqlite:///" in altered(
        database="sqlite:///other.db"
    )
    assert "differs in tolerance" in altered(policy={**original.policy, "tolerance": "7.00"})
    assert "it was made with another mapping of tables and columns" in altered(mapping_digest="0")
    assert "it was made by version 0.1.0, and this is version" in altered(software_version="0.1.0")
    assert "its steps are customer_balances_backup, payment" in altered(steps=original.steps[:-1])
    path.write_text(original.model_dump_json().replace('"rows":', '"rows": 1'))
    assert "was altered: its digest is not that of its content" in refused(shell, "--tenant", HEALTHY).words
    path.write_text("{}")
    assert "is not the manifest of a plan of this version" in refused(shell, "--tenant", HEALTHY).words
    path.write_text(original.model_dump_json())
    rows = folder / HEALTHY / "payment_meter_ids.csv"
    rows.write_text(rows.read_text() + "1,2,3\n")
    assert "payment_meter_ids.csv was altered" in refused(shell, "--tenant", HEALTHY).words
    rows.unlink()
    assert "payment_meter_ids.csv is missing" in refused(shell, "--tenant", HEALTHY).words
    path.unlink()
    assert shell(*RUN, "--tenant", HEALTHY).status == 1
    ended = shell(*RUN)
    assert (ended.status, "2 of 2 tenants done" in ended.words) == (0, True)
    ended = shell("migrate-meter-financials", "--yes", "--plan", "elsewhere")
    assert (ended.status, "There is no plan in elsewhere" in ended.words) == (2, True)
    ended = shell(*DRY_RUN, "--plan", "plan")
    assert (ended.status, "--plan is not for --dry-run" in ended.words) == (2, True)


def first_cell(name: str, value: str) -> Callable[[str], str]:
    """Return what changes the first row of a file: this cell of it."""

    def changed(content: str) -> str:
        headings, row, *others = csv.reader(content.splitlines())
        row[headings.index(name)] = value
        return "\n".join(map(",".join, (headings, row, *others))) + "\n"

    return changed


def in_second_column(content: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a file, each with the cell of a second column of that name, which says something else."""
    for number, line in enumerate(content.splitlines()):
        yield line, "7.00" if number else name


WRITTEN_AGAIN = {
    "a cell": (
        "payment_meter_ids",
        first_cell("meter_id_after", "777"),
        "does not have the rows of which the manifest",
    ),
    "an amount": ("meter_balances", first_cell("balance_after", "7.00"), "do not change the sum balance by what the"),
    "a rule": ("payment_meter_ids", first_cell("rule", "decision"), "does not have the numbers of rows, by rule"),
    "a column less": (
        "payment_meter_ids",
        lambda content: content.replace("meter_id_after", "meter"),
        "does not have the rows of which the manifest",
    ),
    "no id": (
        "payment_meter_ids",
        lambda content: content.replace(",id,", ",number,"),
        "no rows in the form of a plan",
    ),
    "two columns of one name": (
        "meter_balances",
        lambda content: "\n".join(f"{line},{cell}" for line, cell in in_second_column(content, "balance_after")),
        "two columns of one name",
    ),
    "no text": ("payment_meter_ids", lambda content: content + "1,\0,\x7f" * 50_000, "no rows in the form of a plan"),
}
"""What somebody changes in a file whose hash is then written into the manifest: the step, how, and what is said."""


@pytest.mark.slow
def test_the_files_have_the_rows_of_the_digest(on_sqlite: CommandLine) -> None:
    """They are what a person reviews; a manifest that was written again has their hash, and a digest of other rows."""
    original = planned(on_sqlite)[HEALTHY]
    folder = on_sqlite.folder / "plan" / HEALTHY
    for step, change, said in WRITTEN_AGAIN.values():
        path = folder / f"{step}.csv"
        content = path.read_bytes()
        path.write_text(change(content.decode()))
        steps = [
            one.model_copy(update={"sha256": hash_of_file(path)}) if one.step == step else one for one in original.steps
        ]
        write_manifest(folder, original.model_copy(update={"steps": steps}))
        approved = on_sqlite("approve", "plan", "--tenant", HEALTHY)
        if approved.status:  # also without the database: the files are unlike what the manifest says of them
            assert (approved.status, said in approved.words) == (2, True), approved.printed
        assert said in refused(on_sqlite, "--tenant", HEALTHY).words
        path.write_bytes(content)
    write_manifest(folder, original)
    assert on_sqlite(*RUN, "--tenant", HEALTHY).status == 0


@pytest.mark.slow
def test_a_live_run_needs_the_approval_of_another(on_sqlite: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = with_settings(on_sqlite, "require_approval = true")
    plans = planned(shell)
    for line in (("migrate-meter-financials",), ("backfill-invoice-amounts",)):
        ended = shell(*line, "--yes")
        assert (ended.status, "sets require_approval: a live run must follow a plan" in ended.words) == (2, True)
    assert "it is not approved, and require_approval is set" in refused(shell).words
    approved = shell("approve", "plan", "--name", "Ann\nReviewer")
    assert approved.status == 0, approved.printed
    assert r"Approved by Ann\nReviewer (" in approved.words
    assert ("would succeed" in approved.words, "would FAIL" in approved.words) == (True, False)
    write_manifest(folder := shell.folder / "plan" / BROKEN, plans[BROKEN].model_copy(update={"would_fail": True}))
    approved = shell("approve", "plan")
    assert approved.status == 0, approved.printed
    assert ("would FAIL" in approved.words, "of tenant 3" in approved.words) == (True, True), approved.printed
    write_manifest(folder, plans[BROKEN])
    assert shell("approve", "plan").status == 0
    assert "who runs it, is the same user" in refused(shell).words
    with somebody_else(monkeypatch):
        assert shell("approve", "plan", "--tenant", HEALTHY).status == 0
    assert shell(*RUN, "--tenant", HEALTHY).status == 0
    assert shell("rollback", "--yes").status == 0
    path = shell.folder / "plan" / HEALTHY / APPROVAL
    approval = path.read_text()
    assert json.loads(approval)["person"]["user"] == "somebody-else"
    planned(shell)
    assert not path.exists()
    path.write_text(approval)
    assert "its approval is of another plan" in refused(shell, "--tenant", HEALTHY).words
    path.write_text("no")
    assert "its approval.json cannot be read" in refused(shell, "--tenant", HEALTHY).words


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_a_required_signature_is_verified(on_sqlite: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    signers = on_sqlite.folder / "signers"
    shell = with_settings(on_sqlite, f'require_approval = true\nallowed_signers = "{signers}"')
    ours, strangers = (new_key(shell.folder / name) for name in ("reviewer", "stranger"))
    signers.write_text(f"ann@example.com {ours.with_suffix('.pub').read_text()}")
    planned(shell)
    ended = shell("approve", "plan", "--key", "missing")
    assert (ended.status, "There is no key missing" in ended.words) == (2, True)
    for given in ((), ("--key", str(strangers))):
        with somebody_else(monkeypatch):
            assert shell("approve", "plan", *given).status == 0
        assert "its approval has no valid signature" in refused(shell, "--tenant", HEALTHY).words
    with somebody_else(monkeypatch):
        approved = shell("approve", "plan", "--key", str(ours))
    assert (approved.status, ", signed." in approved.words) == (0, True), approved.printed
    path = shell.folder / "plan" / ALSO_HEALTHY / APPROVAL
    path.write_text(path.read_text().replace("somebody-else", "another-one"))
    assert "its approval has no valid signature" in refused(shell, "--tenant", ALSO_HEALTHY).words
    ended = shell(*RUN, "--tenant", HEALTHY)
    assert ended.status == 0, ended.printed


def with_settings(shell: CommandLine, plan: str) -> CommandLine:
    """Let the commands use this table [plan]."""
    path = shell.folder / "settings.toml"
    path.write_text(f"[plan]\n{plan}\n")
    shell.environment["METER_ASSETS_CONFIG"] = str(path)
    return shell


@contextmanager
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let another user of the operating system approve."""
    with monkeypatch.context() as patched:
        patched.setattr(approval_module, "this_person", lambda: Person(user="somebody-else", host="desk"))
        yield


def new_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.mark.slow
def test_workers_follow_the_plan_too(on_postgresql: CommandLine) -> None:
    """With --jobs, each process compares its tenant; the one that drifted is named by a run of its own."""
    shell = on_postgresql
    manifests = planned(shell)
    shell.change(f"DELETE FROM payments WHERE id = ({FIRST})")
    ended = shell(*RUN, "--jobs", "2")
    assert ended.status == 1
    assert "2 of 3 tenants done" in ended.words
    assert "Tenant 1 was refused, and nothing was changed" in ended.words
    assert journaled(shell, HEALTHY) == []
    assert journaled(shell, BROKEN) == in_manifest(manifests[BROKEN])


@pytest.mark.slow
def test_a_plan_in_parquet(on_sqlite: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs pyarrow; without it, a sentence says so."""
    shell = on_sqlite
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "pyarrow", None)
        ended = shell(*DRY_RUN, "--export-format", "parquet")
        assert (ended.status, "pip install pyarrow" in ended.words) == (2, True)
    ended = shell("migrate-meter-financials", "--dry-run", "--export-format", "csv")
    assert (ended.status, "--export-format requires --export" in ended.words) == (2, True)
    pytest.importorskip("pyarrow")
    rows = planned(shell)[HEALTHY].step("meter_balances")
    typed = planned(shell, "--export-format", "parquet")[HEALTHY]
    step = typed.step("meter_balances")
    assert rows is not None
    assert step is not None
    assert (step.rows, step.digest, step.file) == (rows.rows, rows.digest, "meter_balances.parquet")
    folder = shell.folder / "plan" / HEALTHY
    assert list(planned_rows(folder / step.file)) == list(planned_rows(folder / rows.file))
    assert shell(*RUN, "--tenant", ALSO_HEALTHY).status == 0
    shell.change(f"DELETE FROM payments WHERE id = ({FIRST})")
    assert "gone id" in refused(shell, "--tenant", HEALTHY).words


@pytest.mark.every_engine
@pytest.mark.by_default("sqlite")
@pytest.mark.slow
def test_a_plan_is_made_before_there_is_a_table_of_results(shell: CommandLine, tmp_path: Path) -> None:
    """SQLite stores the 0.0 of a CAST as 0, and that of a CASE, which then reads both tables, as 0.0."""
    of_fractions = "\n".join(
        f'{name} = {{ sql = "CAST({name} * 1.0 AS DECIMAL(20, 6))" }}'
        for name in ("amount", "balance_brought_forward", "total_amount")
    )
    path = tmp_path / "mapping.toml"
    path.write_text(
        '[tables.invoices]\nresults = ["amount", "balance_brought_forward", "total_amount"]\n'
        f"[tables.invoices.columns]\n{of_fractions}\n"
    )
    shell.environment["METER_ASSETS_CONFIG"] = str(path)
    shell.change(f"UPDATE invoices SET amount = amount + 1 WHERE tenant_id = {HEALTHY}")
    one = planned(shell, "--tenant", HEALTHY)[HEALTHY]
    ended = shell(*RUN, "--tenant", HEALTHY)
    assert ended.status == 0, ended.printed
    assert sorted(journaled(shell, HEALTHY)) == sorted(in_manifest(one))
