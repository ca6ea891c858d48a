"""The command line, from the outside: what it prints, its exit status, and what it leaves in both databases."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from meter_assets.billing.own_tables import BACKUP
from tests.support.command_line import (
    ALSO_HEALTHY,
    BROKEN,
    HEALTHY,
    CommandLine,
    make_small_tenants,
    meters_of,
    on_small_tenants,
)
from tests.support.databases import STEP_RUNS, dump

MIGRATE = "migrate-meter-financials"
CHECK = "every_counted_payment_has_a_meter"


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on three small, clean tenants, of which the third has a payment that no meter can be given."""
    return _shell(billing_url, tmp_path, monkeypatch)


@pytest.fixture
def one_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The same on SQLite alone, for what is between the command line and Dagster."""
    path = tmp_path / "billing.db"
    path.touch()
    return _shell(f"sqlite:///{path}", tmp_path, monkeypatch)


def _shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return on_small_tenants(tmp_path / "workplace", billing_url, monkeypatch, ("orphan_payment", int(BROKEN)))


def materialized(instance: dg.DagsterInstance, asset: str) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_tenant_that_fails_its_validation_is_blocked_and_the_others_are_migrated(shell: CommandLine) -> None:
    before = meters_of(shell, BROKEN)
    ended = shell(MIGRATE, "--yes", "--tenant", BROKEN, "--tenant", HEALTHY)
    assert ended.status == 1
    assert f"ERROR {CHECK}: 1 violation." in ended.words
    assert "payment_id" in ended.words
    assert "1 of 2 tenants done" in ended.words
    assert meters_of(shell, BROKEN) == before
    assert all(total is not None for _, _, _, total in meters_of(shell, HEALTHY))
    with shell.instance() as instance:
        assert materialized(instance, "payment_meter_ids") == {HEALTHY, BROKEN}
        assert materialized(instance, "meter_balances") == {HEALTHY}


@pytest.mark.slow
def test_a_failed_check_stays_failed_for_its_tenant_after_another_has_passed(one_shell: CommandLine) -> None:
    one_shell(MIGRATE, "--yes", "--tenant", BROKEN)
    one_shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    key = dg.AssetCheckKey(dg.AssetKey("payment_meter_ids"), CHECK)
    with one_shell.instance() as instance:
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    status = {record.partition: record.status.value for record in reversed(records)}
    assert status == {BROKEN: "FAILED", HEALTHY: "SUCCEEDED"}


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_a_second_run_changes_and_journals_nothing_and_says_so(shell: CommandLine) -> None:
    shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    journal = "SELECT count(*) FROM meter_migration_payment_meter_ids"
    before = shell.rows(journal)
    ended = shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    assert ended.status == 0
    assert "0 rows were changed, 0 rows were journaled" in ended.words
    assert shell.rows(journal) == before


@pytest.mark.slow
def test_a_dry_run_shows_everything_and_leaves_every_byte_as_it_was(shell: CommandLine) -> None:
    with shell.database.snapshot() as connection:
        before = dump(connection)
    ended = shell(MIGRATE, "--dry-run", "--tenant", BROKEN, "--export", "out")
    assert ended.status == 1, "a tenant would be refused"
    assert "Nothing was written." in ended.words
    assert CHECK in ended.words
    assert "meter_balances" in ended.words
    with shell.database.snapshot() as connection:
        assert dump(connection) == before


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_the_exported_rows_are_the_rows_that_the_live_run_then_journals(shell: CommandLine) -> None:
    shell(MIGRATE, "--dry-run", "--tenant", HEALTHY, "--export", "out")
    shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    with (shell.folder / "out" / HEALTHY / "payment_meter_ids.csv").open() as file:
        exported = {
            (row["id"], row["meter_id_before"], row["meter_id_after"], row["rule"]) for row in csv.DictReader(file)
        }
    journaled = shell.rows(
        "SELECT payment_id, meter_id_before, meter_id_after, rule FROM meter_migration_payment_meter_ids"
    )
    assert exported == {tuple("" if value is None else str(value) for value in row) for row in journaled}
    assert exported


@pytest.mark.slow
def test_a_dry_run_of_one_tenant_after_a_live_run_of_another_is_as_before(one_shell: CommandLine) -> None:
    first = one_shell(MIGRATE, "--dry-run", "--tenant", HEALTHY)
    one_shell(MIGRATE, "--yes", "--tenant", ALSO_HEALTHY)
    assert one_shell(MIGRATE, "--dry-run", "--tenant", HEALTHY).printed == first.printed


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
def test_skip_validation_skips_the_checks_but_not_the_refusal(shell: CommandLine) -> None:
    ended = shell(MIGRATE, "--yes", "--skip-validation", "--tenant", HEALTHY, "--tenant", BROKEN)
    assert ended.status == 1
    assert "validation" not in ended.words.split("Summary")[0]
    assert f"meter_balances of tenant {BROKEN} was refused, nothing was changed: {CHECK}" in ended.words
    assert "1 of 2 tenants done" in ended.words


@pytest.mark.slow
def test_a_dry_run_without_validation_gives_no_verdicts(one_shell: CommandLine) -> None:
    ended = one_shell(MIGRATE, "--dry-run", "--skip-validation", "--tenant", BROKEN)
    assert ended.status == 0
    assert "invariants" not in ended.words
    assert "not evaluated" in ended.words


@pytest.mark.slow
def test_stop_on_failure_leaves_the_tenants_after_it_alone(one_shell: CommandLine) -> None:
    ended = one_shell(MIGRATE, "--yes", "--stop-on-failure", "--tenant", BROKEN, "--tenant", HEALTHY)
    assert ended.status == 1
    assert "0 of 1 tenants done" in ended.words
    assert all(total is None for _, _, _, total in meters_of(one_shell, HEALTHY))


@pytest.mark.slow
def test_validate_judges_the_group_that_is_asked_for(one_shell: CommandLine) -> None:
    before = one_shell("validate-meter-financial-data", "--tenant", HEALTHY, "--check", "payments")
    assert before.status == 1
    assert CHECK in before.words
    assert "every_customer_has_a_backup" not in before.words
    one_shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    after = one_shell("validate-meter-financial-data", "--tenant", HEALTHY)
    assert (after.status, "1 of 1 tenants without an ERROR" in after.words) == (0, True)


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ("backfill-payment-meter-ids", {BACKUP, "payment_meter_ids"}),
        ("backfill-invoice-amounts", {BACKUP, "invoice_amounts"}),
    ],
)
@pytest.mark.slow
def test_a_backfill_makes_its_own_step_only(one_shell: CommandLine, command: str, done: set[str]) -> None:
    """After the backup, which the tenant does not have yet."""
    assert "Nothing was written." in one_shell(command, "--dry-run", "--tenant", HEALTHY).words
    assert one_shell(command, "--yes", "--tenant", HEALTHY).status == 0
    assert {step for (step,) in one_shell.rows("SELECT step FROM meter_migration_runs")} == done


@pytest.mark.slow
def test_the_steps_of_the_migration_can_be_run_one_command_after_the_other(one_shell: CommandLine) -> None:
    refused = one_shell("migrate-customer-balances-to-meters", "--yes", "--tenant", HEALTHY)
    assert (refused.status, CHECK in refused.words) == (1, True)
    for command in ("backfill-payment-meter-ids", "backfill-invoice-amounts", "migrate-customer-balances-to-meters"):
        assert one_shell(command, "--yes", "--tenant", HEALTHY).status == 0
    assert one_shell("validate-meter-financial-data", "--tenant", HEALTHY).status == 0


@pytest.mark.slow
def test_customers_balances_are_synchronized_by_a_command(one_shell: CommandLine) -> None:
    """After the migration; its preview and its batches are those of the step customer_balances alone."""
    sync = ("sync-customer-balances", "--tenant", HEALTHY)
    early = one_shell(*sync, "--dry-run")
    assert (early.status, "every_customer_has_a_backup" in early.words) == (1, True)
    one_shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    one_shell.change(f"UPDATE customers SET balance = balance + 7 WHERE tenant_id = {HEALTHY}")
    dry = one_shell(*sync, "--dry-run")
    assert (dry.status, "customer_balances" in dry.words, "meter_balances" in dry.words) == (0, True, False)
    ended = one_shell(*sync, "--yes", "--batch-size", "2")
    assert ended.status == 0, ended.printed
    assert re.search(r"^  customer balances +[1-9]\d* of \d+ updated", ended.printed, re.MULTILINE)
    recorded = one_shell.rows(f"SELECT step, outcome, rows_changed FROM {STEP_RUNS} ORDER BY id DESC LIMIT 1")
    [(step, outcome, rows)] = recorded
    assert (step, outcome, rows > 0) == ("customer_balances", "succeeded", True)
    assert "Nothing had to be changed" in one_shell(*sync, "--yes").words


def test_a_live_run_without_a_terminal_asks_for_yes(one_shell: CommandLine) -> None:
    ended = one_shell(MIGRATE)
    assert (ended.status, "add --yes" in ended.words) == (2, True)


@pytest.mark.slow
def test_every_run_is_a_run_of_the_jobs_on_the_shared_instance(one_shell: CommandLine) -> None:
    one_shell(MIGRATE, "--dry-run", "--tenant", HEALTHY)
    one_shell(MIGRATE, "--yes", "--tenant", HEALTHY)
    one_shell("validate-meter-financial-data", "--tenant", HEALTHY)
    with one_shell.instance() as instance:
        runs = {(run.job_name, run.tags["dagster/partition"]) for run in instance.get_runs()}
        assert set(instance.get_dynamic_partitions("tenants")) == {HEALTHY, ALSO_HEALTHY, BROKEN}
    jobs = ("preview_meter_financials", "migrate_meter_financials", "validate_meter_financial_data")
    assert runs == {(job, HEALTHY) for job in jobs}


# -- what is wrong gets a sentence ------------------------------------------------------------------------------------

Spoil = Callable[[CommandLine], None]


def _url(url: str) -> Spoil:
    def spoil(shell: CommandLine) -> None:
        shell.url = url

    return spoil


def _sql(*statements: str) -> Spoil:
    return lambda shell: shell.change(*statements)


def _config(content: str) -> Spoil:
    def spoil(shell: CommandLine) -> None:
        (shell.folder / "policy.toml").write_text(content)
        shell.environment["METER_ASSETS_CONFIG"] = "policy.toml"

    return spoil


WRONG: dict[str, tuple[Spoil, tuple[str, ...], tuple[str, ...]]] = {
    "no such tenant": (_sql(), ("--tenant", "99"), ("No such tenant: 99", "1, 2, 3")),
    "neither id nor name": (_sql(), ("--tenant", "a/b"), ("No such tenant: a/b", "1, 2, 3")),
    "no such file": (_url("sqlite:////nowhere/at/all.db"), (), ("/nowhere/at/all.db", "the file does not exist")),
    "no such server": (
        _url("postgresql://someone:s3cret@127.0.0.1:1/billing"),
        (),
        ("Cannot reach the billing database", "***", "refused. Check that"),
    ),
    "an option of a file": (_url("sqlite:////srv/billing.db?mode=ro"), (), ("it has options after a ?", "no options")),
    "no URL": (_url("billing database"), (), ("does not name a database",)),
    "an empty variable": (_url(""), (), ("METER_ASSETS_DATABASE_URL is set but empty",)),
    "missing tables and columns": (
        _sql("DROP TABLE payments", "ALTER TABLE invoices DROP COLUMN balance_brought_forward", "DROP TABLE bills"),
        (),
        ("no table payments", "no table bills", "no column invoices.balance_brought_forward"),
    ),
    "no tenants": (_sql("DELETE FROM tenants"), (), ("has no tenants",)),
    "an unknown policy": (_config("[policy]\nbasis = 'x'"), (), ("Unknown policy 'basis'", "balance_basis")),
    "an unknown policy value": (
        _config("[policy]\nbalance_basis = 'totals'"),
        (),
        ("Policy 'balance_basis' cannot be 'totals'", "charges_and_opening_balance, invoice_totals"),
    ),
    "no TOML": (_config("policy"), (), ("policy.toml", "not TOML")),
    "a missing configuration file": (
        lambda shell: shell.environment.update(METER_ASSETS_CONFIG="nowhere.toml"),
        (),
        ("nowhere.toml", "cannot be read"),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("mode", ["--yes", "--dry-run"])
def test_what_is_wrong_gets_one_sentence_and_status_2(shell: CommandLine, wrong: str, mode: str) -> None:
    spoil, arguments, expected = WRONG[wrong]
    spoil(shell)
    ended = shell(MIGRATE, mode, *arguments)
    assert ended.status == 2
    assert ended.printed.startswith("Error: ")
    assert all(words in ended.words for words in expected), ended.printed
    assert "Traceback" not in ended.printed
    assert "s3cret" not in ended.printed


def test_floating_money_is_refused_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    make_small_tenants(postgres_url)
    shell = CommandLine(tmp_path, postgres_url)
    shell.change("ALTER TABLE payments ALTER COLUMN amount TYPE double precision")
    ended = shell(MIGRATE, "--dry-run")
    assert ended.status == 2
    assert "payments.amount is DOUBLE PRECISION, a binary fraction, which cannot hold money exactly" in ended.words


def test_a_role_that_may_only_read_can_preview_and_nothing_else(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_small_tenants(postgres_url)
    owner = CommandLine(tmp_path, postgres_url)
    role = f"reader_{postgres_url.rsplit('/', 1)[1]}"
    owner.change(
        f"CREATE ROLE {role} LOGIN",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    )
    host = postgres_url.rsplit("@", 1)[1]
    reader = CommandLine(tmp_path, f"postgresql://{role}@{host}")
    try:
        assert reader(MIGRATE, "--dry-run", "--tenant", HEALTHY).status == 0
        refused = reader(MIGRATE, "--yes", "--tenant", HEALTHY)
        assert refused.status == 2
        assert f"role {role} may not update payments.meter_id" in refused.words
        assert reader("validate-meter-financial-data", "--tenant", HEALTHY).status == 1
        assert owner.rows("SELECT to_regclass('meter_migration_runs')") == [(None,)]
    finally:
        owner.change(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
