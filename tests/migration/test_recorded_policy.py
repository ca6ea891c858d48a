"""A tenant keeps the policy that it was migrated with: a run with another one is refused, unless it is meant."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import update

from meter_assets.billing.own_tables import BACKUP, RUNS
from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import TENANTS
from meter_assets.errors import PolicyDiffers
from meter_assets.migration.apply import run_step
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.recorded_policy import RecordedPolicy, recorded_policies
from meter_assets.migration.rollback import roll_back
from meter_assets.migration.step_run import StepRun
from meter_assets.monitoring.watch import watch
from tests.support.command_line import HEALTHY, CommandLine, make_small_tenants, on_small_tenants
from tests.support.databases import everything, migrate, reseal, tenant

TOTALS = Policy(balance_basis=BalanceBasis.invoice_totals)
DEFAULT = Policy()
DIFFERENCE = "balance_basis: invoice_totals -> charges_and_opening_balance"
COMMANDS: dict[str, Sequence[str]] = {
    "migration": ("migrate-meter-financials", "--yes"),
    "without checks": ("migrate-meter-financials", "--yes", "--skip-validation"),
    "in batches": ("migrate-meter-financials", "--yes", "--batch-size", "3"),
    "payments": ("backfill-payment-meter-ids", "--yes"),
    "invoices": ("backfill-invoice-amounts", "--yes", "--batch-size", "3"),
    "balances": ("migrate-customer-balances-to-meters", "--yes"),
}


@pytest.fixture
def shell(tmp_path: Path, billing_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line, with a tenant that was migrated with a configuration file; the file is not named now."""
    shell = on_small_tenants(tmp_path / "shell", billing_url, monkeypatch)
    (shell.folder / "policy.toml").write_text('[policy]\nbalance_basis = "invoice_totals"\n')
    shell.environment["METER_ASSETS_CONFIG"] = "policy.toml"
    assert shell("migrate-meter-financials", "--yes", "--tenant", HEALTHY).status == 0
    shell.environment["METER_ASSETS_CONFIG"] = None
    return shell


def recorded(database: BillingDatabase, tenant_id: int = 1) -> Policy | None:
    """Return the policy that is recorded for a tenant."""
    with database.snapshot() as connection:
        found = recorded_policies(connection, database.schema(connection), tenant_id).get(tenant_id)
    return found.policy if found else None


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_a_command_with_another_policy_is_refused(shell: CommandLine, command: Sequence[str]) -> None:
    """It names the values and changes nothing; the dry run foretells it."""
    database = shell.database
    before = everything(database)
    refused = shell(*command, "--tenant", HEALTHY)
    assert (refused.status, DIFFERENCE in refused.words, "--policy-changed" in refused.words) == (1, True, True)
    dry = shell(*[one for one in command if one != "--yes"], "--dry-run", "--tenant", HEALTHY)
    assert (dry.status, DIFFERENCE in dry.words, "would be refused" in dry.words) == (1, True, True)
    assert everything(database) == before


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=name, marks=[] if name in ("migration", "invoices") else [pytest.mark.thorough])
        for name, command in COMMANDS.items()
    ],
)
def test_a_command_runs_with_a_policy_that_was_changed_on_purpose(shell: CommandLine, command: Sequence[str]) -> None:
    """Then that policy is the recorded one, and the earlier one is refused."""
    database = shell.database
    meant = shell(*[one for one in command if one != "--yes"], "--dry-run", "--policy-changed", "--tenant", HEALTHY)
    assert (meant.status, DIFFERENCE in meant.words, "would be refused" in meant.words) == (0, True, False)
    assert shell(*command, "--policy-changed", "--tenant", HEALTHY).status == 0
    assert recorded(database) == DEFAULT
    assert shell(*command, "--tenant", HEALTHY).status == 0
    shell.environment["METER_ASSETS_CONFIG"] = "policy.toml"
    assert "balance_basis: charges_and_opening_balance -> invoice_totals" in shell(*command, "--tenant", HEALTHY).words
    assert shell("rollback", "--yes", "--tenant", HEALTHY).status == 0


@pytest.mark.slow
def test_validation_uses_the_recorded_policy(shell: CommandLine) -> None:
    """And says so, where it is not the configured one."""
    for tenant_key, is_said in ((HEALTHY, True), ("2", False)):
        found = shell("validate-meter-financial-data", "--check", "balances", "--tenant", tenant_key)
        assert (f"recorded -> configured: {DIFFERENCE}" in found.words) is is_said
        assert (found.status == 0) is is_said, "tenant 2 was not migrated"
    shell.environment["METER_ASSETS_CONFIG"] = "policy.toml"
    found = shell("validate-meter-financial-data", "--check", "balances", "--tenant", HEALTHY)
    assert (found.status, "recorded -> configured" in found.words) == (0, False)


@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize("asset", [None, BACKUP, "payment_meter_ids", "meter_balances", "customer_balances"])
def test_a_job_with_another_policy_is_refused(
    shell: CommandLine, asset: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the whole migration, or of one asset; policy_changed is in the config of the resource."""
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", shell.url)
    database = shell.database
    before = everything(database)
    job = build_definitions().resolve_job_def(
        "sync_customer_balances" if asset == "customer_balances" else "migrate_meter_financials"
    )
    if asset:
        job = job.get_subset(asset_selection={dg.AssetKey(asset)})
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(TENANTS.name), [HEALTHY])
        for changed in (None, False, True):
            config = {"resources": {"policy": {"config": {"policy_changed": changed}}}}
            result = job.execute_in_process(
                run_config=config, instance=instance, partition_key=HEALTHY, raise_on_error=False
            )
            if not changed:
                assert everything(database) == before
                assert any(DIFFERENCE in str(one.step_failure_data) for one in result.get_step_failure_events())
            elif asset != "customer_balances":  # which then looks at the balances
                assert result.success


def other_value(name: str) -> Any:
    """Return a value of a policy's field that is not its default."""
    value, kind = getattr(DEFAULT, name), Policy.model_fields[name].annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return next(one for one in kind if one is not value)
    if kind is bool:
        return not value
    return value + 1 if kind in (int, Decimal) else (*value, "another")


@pytest.fixture
def database(billing_url: str) -> BillingDatabase:
    """Three small tenants, of which tenant 1 is migrated with the default policy."""
    make_small_tenants(billing_url)
    database = BillingDatabase(billing_url)
    migrate(database, 1)
    return database


@pytest.mark.slow
def test_every_field_of_the_policy_is_compared(database: BillingDatabase) -> None:
    """A difference in one field refuses, and is the one that is named."""
    for name in Policy.model_fields:
        other = DEFAULT.model_copy(update={name: other_value(name)})
        with pytest.raises(PolicyDiffers) as refused:
            migrate(database, 1, other, run_id="other")
        assert [one.partition(":")[0] for one in refused.value.differences] == [name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "differences"),
    [
        ({}, []),
        ({"allow_invalid": True}, []),
        ({"tolerance": "1"}, []),
        ({"uncounted_payment_statuses": ["Voided", "pending", "FAILED", "cancelled", "reversed "]}, []),
        ({"uncounted_payment_statuses": []}, ["uncounted_payment_statuses: [] -> [reversed, failed, cancelled, "]),
        ({"tolerance": "1.01"}, ["tolerance: 1.01 -> 1.00"]),
        ({"balance_basis": "of 2031"}, ['balance_basis: "of 2031" -> charges_and_opening_balance']),
        ({"rounding": "half\x1beven"}, ['rounding: "half\\x1beven" -> unknown to this version']),
    ],
)
def test_recorded_values_are_compared_by_meaning(
    database: BillingDatabase, values: dict[str, Any], differences: list[str]
) -> None:
    """What an earlier version did not record has its default; what this version cannot read is a difference."""
    with database.transaction() as connection:
        schema = database.schema(connection)
        connection.execute(update(schema.own[RUNS]).values(policy=json.dumps(values)))
    reseal(database)
    if not differences:
        migrate(database, 1, run_id="later")
        return
    with pytest.raises(PolicyDiffers) as refused:
        migrate(database, 1, run_id="later")
    (found,) = refused.value.differences
    assert found.startswith(differences[0])


def test_a_policy_that_is_no_json_is_a_difference() -> None:
    """Its text is what is recorded."""
    assert RecordedPolicy({"policy": "x"}).differences(DEFAULT) == ["policy: x -> unknown to this version"]


def _undo_all(database: BillingDatabase) -> None:
    list(roll_back(database, tenant(1), "undoing", DEFAULT))
    database.release()


def _undo_balances(database: BillingDatabase) -> None:
    migrate(database, 1, TOTALS, run_id="balances", steps=["meter_balances"])
    list(roll_back(database, tenant(1), "undoing", DEFAULT, before_run="balances"))
    database.release()


def _fail(database: BillingDatabase) -> None:
    _undo_all(database)
    database.engine.dispose()
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE payments SET invoice_id = 999999 WHERE tenant_id = 1")
    with pytest.raises(Exception, match="was refused"):
        migrate(database, 1, TOTALS, run_id="failing", steps=[BACKUP, "meter_balances"])


def _stop_in_batches(database: BillingDatabase) -> None:
    _undo_all(database)
    commits: list[int] = []

    def stop() -> None:
        commits.append(1)
        if len(commits) == 3:
            raise KeyboardInterrupt

    run = StepRun("payment_meter_ids", tenant(1), "stopped", TOTALS, batch_size=1, about_to_commit=stop)
    with pytest.raises(KeyboardInterrupt):
        run_step(database, run)
    database.release()


@pytest.mark.slow
@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize(
    ("earlier", "is_refused"),
    [(None, True), (_undo_all, False), (_undo_balances, True), (_fail, False), (_stop_in_batches, True)],
    ids=["migrated", "undone", "last run undone", "only the backup succeeded", "stopped after a batch"],
)
def test_the_policy_of_a_step_run_in_force_counts(
    billing_url: str, earlier: Callable[[BillingDatabase], None] | None, is_refused: bool
) -> None:
    """Not of one that was undone or has written nothing, and not of the backup."""
    make_small_tenants(billing_url)
    database = BillingDatabase(billing_url)
    migrate(database, 1, TOTALS)
    if earlier:
        earlier(database)
    run = StepRun("invoice_amounts", tenant(1), "last", DEFAULT)
    try:
        if is_refused:
            with pytest.raises(PolicyDiffers):
                run_step(database, run)
        else:
            run_step(database, run)
    finally:
        database.release()


@pytest.mark.slow
def test_watching_evaluates_each_tenant_with_its_own_policy(database: BillingDatabase) -> None:
    """Tenant 2 was migrated with another policy than the configured one: its balances are correct, and it is said."""
    migrate(database, 2, TOTALS)

    def look(configured: Policy) -> dict[str, tuple[list[str], bool]]:
        tenants = database.every_tenant()
        with database.snapshot() as connection:
            found = watch(connection, database.schema(connection), tenants, configured, None)
        return {
            one.tenant.key: (
                [result.name for result in one.results if result.severity == "ERROR" and not result.passed],
                bool(one.policy_differences),
            )
            for one in found.watched
        }

    assert look(DEFAULT) == {"1": ([], False), "2": ([], True)}
    assert look(TOTALS) == {"1": ([], True), "2": ([], False)}
