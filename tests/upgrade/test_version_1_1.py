"""Databases and a Dagster instance of version 1.1.0 go on with this one: status, history, rollback, watching, alerts.

The script `dump_version_1_1_0` wrote the files version_1_1_0.*, and says how to run it. Tenant 1 was migrated and has a
payment for review. Tenant 2 was migrated and rolled back in part. Tenant 3 was migrated in batches, then somebody
overwrote a balance. Tenant 4 is blocked. The last alert waits in the outbox. Version 1.0.0 is in `test_upgrade`.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._serdes import ConfigurableClassData

from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.defs import alerts as sensor_module
from meter_assets.defs.passes import baseline_key
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.records import altered
from meter_assets.monitoring.alerts.receivers import WEBHOOK_VARIABLE
from meter_assets.monitoring.watch import migrated
from meter_assets.reports.rollback_preview import preview_rollback
from meter_assets.rules.steps import MIGRATION
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, MeterAssetsInstance
from meter_assets.runtime.launcher import LocalLauncher
from meter_assets.runtime.sqlite_storage import PrivateSqliteStorage
from tests.support.alert_sensor import Sensor, heard
from tests.support.command_line import CommandLine, command_line_in
from tests.support.databases import STEP_RUNS, everything
from tests.support.receivers import Hook
from tests.support.released import Released, digests
from tests.support.watching import BALANCES, KEYS

pytestmark = [pytest.mark.slow, pytest.mark.not_on("mysql")]  # which version 1.1.0 did not support

REVIEWED, ROLLED_BACK, BATCHED, BLOCKED = "1", "2", "3", "4"
OLD_NAME, NEW_NAME = "no_payment_was_assigned_by_a_rule_for_review", "no_payment_meter_needs_review"
SET_BACK = "UPDATE meters SET balance = balance - 1000 WHERE id = (SELECT min(id) FROM meters WHERE tenant_id = 3)"
RECOVERED = {(BALANCES, BATCHED), ("money_is_conserved", BATCHED)}


@pytest.fixture
def released(engine_name: str) -> Released:
    """What version 1.1.0 left and showed."""
    return Released("1_1_0", engine_name)


@pytest.fixture
def shell(released: Released, billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Today's command line on the billing database and the Dagster instance of version 1.1.0."""
    released.database(billing_url)
    made = command_line_in(tmp_path / "work", billing_url, monkeypatch)
    released.fill_instance(tmp_path / "dagster", billing_url)
    monkeypatch.setenv(DAGSTER_HOME_VARIABLE, str(tmp_path / "dagster"))
    monkeypatch.setenv("METER_ASSETS_DATABASE_URL", billing_url)
    monkeypatch.setenv("COLUMNS", "200")
    return made


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """The receiver of alerts, which takes what version 1.1.0 could not deliver."""
    made = Hook()
    monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:{made.port}/alerts")
    monkeypatch.setattr(sensor_module, "SETTLING", timedelta(0))
    yield made
    made.close()


def watch_again(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Run a quick pass, and return what it says of itself."""
    job = build_definitions().resolve_job_def("watch_migrated_tenants")
    config = {**QUIET, "ops": {"judge_migrated_tenants": {"config": {"full": False}}}}
    result = job.execute_in_process(run_config=config, instance=instance)
    (output,) = (one for one in result.all_node_events if one.event_type is dg.DagsterEventType.STEP_OUTPUT)
    return {name: entry.value for name, entry in output.step_output_data.metadata.items()}


def baseline_of(instance: dg.DagsterInstance, database: BillingDatabase) -> dict[str, Any]:
    key = baseline_key(database)
    found: dict[str, Any] = json.loads(instance.daemon_cursor_storage.get_cursor_values({key})[key])
    return found


def statuses(instance: dg.DagsterInstance, *names: str) -> dict[str, dict[str, str]]:
    """Return, by tenant, the status of each check with these names; without names, of each of today's checks."""
    keys = [dg.AssetCheckKey(dg.AssetKey("payment_meter_ids"), one) for one in names] or KEYS
    found: dict[str, dict[str, str]] = {}
    for one in instance.event_log_storage.get_asset_check_partition_info(keys):
        found.setdefault(str(one.partition_key), {})[one.check_key.name] = one.latest_execution_status.value
    return found


def evaluation(instance: dg.DagsterInstance, check: str, tenant: str) -> dg.AssetCheckEvaluation:
    """Return the latest evaluation of a check of a tenant."""
    (key,) = (one for one in KEYS if one.name == check)
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    found = (one.event.dagster_event.asset_check_evaluation_data for one in records)  # type: ignore[union-attr]
    return next(one for one in found if isinstance(one, dg.AssetCheckEvaluation) and one.partition == tenant)


# The billing database


def steps_in_json(shell: CommandLine) -> list[list[str]]:
    """Return what `history --json` has of each step: started, run, tenant, step, undoes, outcome, rows changed."""
    runs = json.loads(shell("history", "--json").printed)["runs"]
    steps = sorted(((step["id"], run, step) for run in runs for step in run["steps"]), key=lambda found: found[0])
    return [
        [
            f"{step['started_at'][:10]} {step['started_at'][11:19]}",
            *(run["run_id"], run["tenant_id"], step["step"], (step["undoes_run_id"] or "-")[:8]),
            *(step["outcome"], str(step["rows_changed"])),
        ]
        for _, run, step in steps
    ]


def steps_in_the_table_of_version_1_1(printed: str) -> list[list[str]]:
    lines = [line.split() for line in printed.splitlines() if " UTC " in line]
    assert lines
    return [[f"{line[0]} {line[1]}", *line[3:7], *line[8:]] for line in lines]


def test_history_and_what_a_rollback_would_do_are_as_before(shell: CommandLine, released: Released) -> None:
    before = everything(shell.database)
    assert steps_in_json(shell) == steps_in_the_table_of_version_1_1(released.shown["history"])
    found = {one.key: preview_rollback(shell.database, one) for one in shell.database.tenants()}
    assert {key: [one.restored, one.skipped] for key, one in found.items()} == released.shown["rollback"]
    with shell.database.snapshot() as connection:
        schema = shell.database.schema(connection)
        assert list(altered(connection, schema)) == []
        assert {str(one) for one in migrated(connection, schema)} == {REVIEWED, BATCHED}
    assert everything(shell.database) == before


def test_a_rollback_restores_every_row(shell: CommandLine, released: Released) -> None:
    """Also of the tenant that version 1.1.0 rolled back in part, and of the one it blocked."""
    shell.change(SET_BACK)
    undone = shell("rollback", "--yes")
    assert undone.status == 0, undone.printed
    assert digests(shell.database) == released.shown["originals"]
    with shell.database.snapshot() as connection:
        assert list(altered(connection, shell.database.schema(connection))) == []


@pytest.mark.slow
def test_migrating_all_again_changes_only_what_was_rolled_back(shell: CommandLine) -> None:
    """Tenants that are migrated keep each row; the one that was rolled back in part gets its balances again."""
    shell.change(SET_BACK)
    (last,) = shell.rows("SELECT max(id) FROM meter_migration_runs")[0]
    again = shell("migrate-meter-financials", "--yes", "--skip-validation")
    assert (again.status, "every_counted_payment_has_a_meter" in again.words) == (1, True), again.printed
    runs = shell.rows(f"SELECT tenant_id, step, outcome, rows_changed FROM {STEP_RUNS} WHERE id > {last}")
    assert [sum(str(one[0]) == tenant for one in runs) for tenant in "1234"] == [4, 4, 4, 4]
    unusual = {(str(tenant), step, outcome, changed) for tenant, step, outcome, changed in runs if changed}
    failed = {(str(tenant), step) for tenant, step, outcome, _ in runs if outcome != "succeeded"}
    assert unusual == {
        (ROLLED_BACK, "customer_balances_backup", "succeeded", 3),
        (ROLLED_BACK, "meter_balances", "succeeded", 3),
    }
    assert failed == {(BLOCKED, "meter_balances")}


# Dagster's instance


@pytest.mark.by_default("sqlite")
def test_the_instance_is_as_before(shell: CommandLine, released: Released) -> None:
    shown = released.shown
    with shell.instance() as instance:
        assert (type(instance), type(instance.run_launcher)) == (MeterAssetsInstance, LocalLauncher)
        assert sorted(instance.get_dynamic_partitions("tenants")) == shown["partitions"]
        made = {step: sorted(instance.get_materialized_partitions(dg.AssetKey(step))) for step in MIGRATION}
        assert made == shown["materialized"]
        found = statuses(instance)
        for tenant, old in statuses(instance, OLD_NAME).items():
            found[tenant] |= old
        assert found == shown["statuses"]


@pytest.mark.by_default("sqlite")
def test_a_storage_with_its_old_name_loads(tmp_path: Path, released: Released, billing_url: str) -> None:
    released.fill_instance(tmp_path / "dagster", billing_url)
    place = json.dumps({"base_dir": str(tmp_path / "dagster")})
    old = ConfigurableClassData("meter_assets.dagster_instance", "MeterAssetsStorage", place)
    storage = old.rehydrate()
    assert isinstance(storage, PrivateSqliteStorage)
    assert {one.to_user_string() for one in storage.event_log_storage.all_asset_keys()} == set(MIGRATION)


@pytest.mark.by_default("sqlite")
def test_validation_reports_the_check_by_its_new_name(shell: CommandLine) -> None:
    validated = shell("validate-meter-financial-data", "--tenant", REVIEWED)
    assert validated.status == 0, validated.printed
    assert (NEW_NAME in validated.words, OLD_NAME in validated.words) == (True, False)
    with shell.instance() as instance:
        assert statuses(instance)[REVIEWED][NEW_NAME] == "FAILED"
        assert statuses(instance, OLD_NAME)[REVIEWED] == {OLD_NAME: "FAILED"}


def test_a_pass_goes_on_from_the_old_baseline(shell: CommandLine, released: Released) -> None:
    (text,) = released.shown["baseline"].values()
    earlier = json.loads(text)["failing"]
    assert OLD_NAME in earlier[REVIEWED]["since"]
    with shell.instance() as instance:
        told = watch_again(instance)
        assert (told["tenants_judged"], told["tenants_unchanged"], told["tenants_failing"]) == (2, 0, 1)
        kept = baseline_of(instance, shell.database)
        renamed = {NEW_NAME if name == OLD_NAME else name: at for name, at in earlier[REVIEWED]["since"].items()}
        assert kept["failing"][REVIEWED]["since"] == renamed
        assert kept["failing"][BATCHED] == earlier[BATCHED]
        reviewed = evaluation(instance, NEW_NAME, REVIEWED)
        assert (reviewed.passed, reviewed.metadata["known_since"].value) == (False, renamed[NEW_NAME])
        said = json.loads(released.shown["alerts_cursor"])["outbox"][0]["message"]["newly_failing"][0]["says"]
        found = str(evaluation(instance, BALANCES, BATCHED).metadata["first_change"].value)
        assert set(re.findall(r"[\d.,-]*\d|run [0-9a-f-]{36}", found)) <= set(
            re.findall(r"[\d.,-]*\d|run [0-9a-f-]{36}", said)
        ), "the same meter, run and amounts, in the words of this version"
        assert watch_again(instance)["tenants_judged"] == 1, "a quick pass is quick again"


@pytest.mark.by_default("sqlite")
def test_alerts_are_neither_lost_nor_repeated(shell: CommandLine, released: Released, hook: Hook) -> None:
    """What waited in the outbox is delivered once, with the id that version 1.1.0 gave it; then only what is new."""
    (waiting,) = json.loads(released.alerts_cursor)["outbox"]
    written = json.dumps(waiting["message"], separators=(",", ":"), ensure_ascii=False)
    with shell.instance() as instance:
        sensor = Sensor(instance)
        sensor.cursor = released.alerts_cursor
        assert sensor.tick() == "0 new messages, 0 undelivered."
        assert [one["id"] for one in hook.received] == [hashlib.sha256(written.encode()).hexdigest()[:16]]
        watch_again(instance)
        assert sensor.tick() == "0 new messages, 0 undelivered."
        shell.change(SET_BACK)
        watch_again(instance)
        assert sensor.tick() == "1 new messages, 0 undelivered."
        assert heard(hook) == [(RECOVERED, set()), (set(), RECOVERED)]
