"""Steps that a failing check blocks: what is recorded of them, and that nothing else is misled by these records."""

from typing import Any

import dagster as dg
import pytest

from meter_assets.billing.own_tables import BLOCKED, SUCCEEDED
from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import sync_partitions
from meter_assets.errors import DatabaseBusy
from meter_assets.migration.run_history import altered_records, recorded_steps
from meter_assets.monitoring.watch import migrated
from tests.support.command_line import BROKEN, HEALTHY, CommandLine, with_an_orphan_payment

MIGRATE = "migrate-meter-financials"
CHECK = "every_counted_payment_has_a_meter"
MESSAGE = (
    f"Not run, nothing was changed: blocked by {CHECK}: 1 violation. Fix these rows (the checks list them); then run "
    "again."
)
THIRD_RUN_ASSETS = ("payment_meter_ids", "meter_balances", "customer_balances")


shell = pytest.fixture(with_an_orphan_payment)


def records(shell: CommandLine, tenant: str = BROKEN) -> list[tuple[str, str, str | None]]:
    """Return the recorded steps of a tenant: name, outcome and message."""
    found = recorded_steps(shell.database, shell.database.tenants([tenant]))
    return sorted((one.step, one.outcome, one.message) for one in found)


def run_in_the_ui(shell: CommandLine, *assets: str) -> dg.ExecuteInProcessResult:
    """Materialize these assets of the broken tenant, with their checks."""
    definitions = build_definitions()
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={dg.AssetKey(name) for name in assets}
    )
    with shell.instance() as instance:
        sync_partitions(instance, shell.database)
        return job.execute_in_process(run_config=QUIET, instance=instance, partition_key=BROKEN, raise_on_error=False)


@pytest.mark.slow
def test_a_blocked_step_is_recorded_and_nothing_else_counts_it(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", shell.url)
    assert shell(MIGRATE, "--yes", "--tenant", BROKEN, "--tenant", HEALTHY).status == 1
    expected: list[Any] = [
        ("customer_balances_backup", SUCCEEDED, None),
        ("invoice_amounts", SUCCEEDED, None),
        ("meter_balances", BLOCKED, MESSAGE),
        ("payment_meter_ids", SUCCEEDED, None),
    ]
    assert records(shell) == expected
    assert {outcome for _, outcome, _ in records(shell, HEALTHY)} == {SUCCEEDED}
    ended = shell("history", "--tenant", BROKEN)
    assert ended.status == 0
    assert BLOCKED in ended.printed

    database = shell.database
    with database.snapshot() as connection:
        assert list(migrated(connection, database.schema(connection))) == [int(HEALTHY)], "it is not watched"
    assert shell("validate-meter-financial-data", "--tenant", BROKEN).status == 1
    assert shell("backfill-payment-meter-ids", "--yes", "--tenant", BROKEN).status == 1
    blocked = [one for one in records(shell) if one[1] == BLOCKED]
    assert len(blocked) == 1, "neither a validation nor a run without later steps blocks anything"

    assert not run_in_the_ui(shell, *THIRD_RUN_ASSETS).success
    assert [step for step, outcome, _ in records(shell) if outcome == BLOCKED] == [
        "customer_balances",
        "meter_balances",
        "meter_balances",
    ]
    assert shell(MIGRATE, "--yes", "--skip-validation", "--tenant", BROKEN).status == 1
    refused = [message for step, outcome, message in records(shell) if outcome == BLOCKED and message != MESSAGE]
    assert [str(message).split(", such as")[0] for message in refused] == [
        f"meter_balances of tenant {BROKEN} was refused, nothing was changed: {CHECK}: 1 violation"
    ], "its own guards refuse it, when no check does"

    assert altered_records(database, database.tenants()) == []
    undone = shell("rollback", "--yes", "--tenant", BROKEN)
    assert undone.status == 0, undone.printed
    undoing = [one for one in recorded_steps(database, database.tenants([BROKEN])) if one.undoes is not None]
    assert {one.step for one in undoing} == {"payment_meter_ids", "customer_balances_backup"}
    shell.change("UPDATE meter_migration_outcomes SET message = 'x' WHERE outcome = 'blocked'")
    assert altered_records(database, database.tenants()) != []


@pytest.mark.slow
def test_results_are_kept_if_the_blocked_step_cannot_be_recorded(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise DatabaseBusy("the billing database", 30)

    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", shell.url)
    monkeypatch.setattr("meter_assets.defs.blocked_steps.record_blocked", busy)
    result = run_in_the_ui(shell, "payment_meter_ids", "meter_balances")
    assert not result.success
    assert CHECK in {one.check_name for one in result.get_asset_check_evaluations() if not one.passed}
    with shell.instance() as instance:
        logged = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == 30]
    assert any("could not be recorded" in line and "meter_balances" in line for line in logged), logged
