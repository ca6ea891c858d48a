"""Old runs of the watching are deleted; no status of a check is lost, and no run of the migration."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable
from sqlalchemy import text, update

from bench.watching import make_migrated_tenants
from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.demo.generator import DemoSize
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.runtime.instance import POSTGRES_URL_VARIABLE
from meter_assets.settings import CONFIG_VARIABLE
from tests.support.databases import migrate
from tests.support.watching import BALANCES, Watch, instance_in, overwrite_a_balance

TENANTS = ("1", "2", "3")


@pytest.fixture(params=["files", pytest.param("postgresql", marks=pytest.mark.server)])
def three(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Three migrated tenants, and the job that watches them, in each of Dagster's storages."""
    database = BillingDatabase(f"sqlite:///{tmp_path / 'billing.db'}")
    (tmp_path / "billing.db").touch()
    make_migrated_tenants(database, DemoSize(3, 2, 2))
    if request.param == "postgresql":
        monkeypatch.setenv(POSTGRES_URL_VARIABLE, request.getfixturevalue("postgres_url"))
    with instance_in(tmp_path / "dagster") as instance:
        yield Watch(instance, database)


def delete_old(watch: Watch, keep_days: int = 30) -> dg.ExecuteInProcessResult:
    config = {**QUIET, "ops": {"delete_runs_that_watched": {"config": {"keep_days": keep_days}}}}
    job = watch.definitions.resolve_job_def("delete_old_watching_runs")
    return job.execute_in_process(run_config=config, instance=watch.instance, raise_on_error=False)


def deleted(watch: Watch, keep_days: int = 30) -> Mapping[str, Any]:
    """Delete, and return what that says of how many."""
    return watch.told(delete_old(watch, keep_days))


def grow_old(watch: Watch, *run_ids: str, days: int = 31) -> None:
    """Let runs have been created so many days ago."""
    storage = watch.instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    then = (datetime.now(UTC) - timedelta(days=days)).replace(tzinfo=None)
    with storage.connect() as connection:
        connection.execute(update(RunsTable).where(RunsTable.c.run_id.in_(run_ids)).values(create_timestamp=then))


def kept_of(watch: Watch, run_id: str) -> int:
    """Return how many rows and files there are of a run."""
    storage = watch.instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    tables = ("event_logs", "asset_check_executions")
    with storage.index_connection() as connection:
        counts = [
            connection.scalar(text(f"SELECT count(*) FROM {table} WHERE run_id = '{run_id}'")) or 0 for table in tables
        ]
    return sum(counts) + watch.instance.has_run(run_id) + len(list(_home(watch).rglob(f"*{run_id}*")))


def _home(watch: Watch) -> Path:
    return Path(watch.instance.root_directory)


@pytest.mark.slow
def test_old_runs_of_the_watching_go_and_what_is_told_now_stays(three: Watch) -> None:
    first = three.run().run_id
    overwrite_a_balance(three.database, 2)
    second = three.run().run_id
    migrate(three.database, 2, run_id="fixed")
    third = three.run(full=False).run_id
    materialized = three.instance.fetch_materializations(dg.AssetKey("meter_balances"), limit=1).records[0].run_id
    overwrite_a_balance(three.database, 3)
    newest = three.run().run_id
    before = three.statuses()
    grow_old(three, first, second, third)
    assert all(kept_of(three, one) for one in (first, second, third))

    # The first two evaluated all tenants, the third tenant 2 alone; the newest has evaluated all again.
    evaluated = 2 * len(TENANTS) + 1
    assert deleted(three) == {"runs_deleted": 3, "evaluations_deleted": evaluated * len(INVARIANTS)}

    assert [kept_of(three, one) for one in (first, second, third)] == [0, 0, 0]
    assert three.instance.has_run(newest)
    assert kept_of(three, materialized)
    assert three.statuses() == before
    assert [one.status.value for one in three.history(BALANCES, "2")] == ["SUCCEEDED"]
    assert three.status("3")[BALANCES] == "FAILED"
    assert deleted(three) == {"runs_deleted": 0, "evaluations_deleted": 0}
    assert three.run(full=False).success


@pytest.mark.slow
def test_the_latest_result_of_a_check_stays_though_its_run_goes(three: Watch) -> None:
    overwrite_a_balance(three.database, 2)
    only = three.run().run_id
    before = three.statuses()
    said = three.evaluation(BALANCES, "2").description
    grow_old(three, only)

    assert deleted(three) == {"runs_deleted": 1, "evaluations_deleted": 0}

    assert not three.instance.has_run(only)
    assert three.statuses() == before
    assert three.evaluation(BALANCES, "2").description == said


@pytest.mark.slow
def test_its_own_old_runs_go_and_neither_runs_under_way_nor_those_of_other_jobs(three: Watch) -> None:
    its_own = delete_old(three).run_id
    job = three.definitions.resolve_job_def("watch_migrated_tenants")
    under_way = three.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED).run_id
    other_job = three.definitions.resolve_job_def("validate_meter_financial_data")
    other = three.instance.create_run_for_job(other_job, status=dg.DagsterRunStatus.SUCCESS).run_id
    grow_old(three, its_own, under_way, other, days=1000)

    assert deleted(three)["runs_deleted"] == 1

    found = {one: three.instance.has_run(one) for one in (its_own, under_way, other)}
    assert found == {its_own: False, under_way: True, other: True}


@pytest.mark.slow
def test_without_a_day_to_keep_nothing_is_deleted(three: Watch) -> None:
    only = three.run().run_id
    grow_old(three, only)
    ended = delete_old(three, keep_days=0)
    failed = ended.failure_data_for_node("delete_runs_that_watched")
    assert failed is not None
    assert failed.user_failure_data is not None
    assert failed.user_failure_data.description == "keep_days is 0; it must be from 1 to 36500. Nothing was deleted."
    assert three.instance.has_run(only)


@pytest.mark.parametrize("keep_days", [None, 7])
def test_it_runs_every_day_with_the_days_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_days: int | None
) -> None:
    if keep_days:
        (tmp_path / "settings.toml").write_text(f'[watching]\nkeep_days = {keep_days}\ntimezone = "Europe/Prague"\n')
        monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "settings.toml"))
    repository = build_definitions().get_repository_def()
    (schedule,) = (one for one in repository.schedule_defs if one.job_name == "delete_old_watching_runs")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == ("Europe/Prague" if keep_days else "UTC")
    with dg.build_schedule_context(scheduled_execution_time=datetime(2025, 1, 1, tzinfo=UTC)) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or ()
    given = dg.validate_run_config(repository.get_job(schedule.job_name), request.run_config)
    assert given["ops"]["delete_runs_that_watched"]["config"] == {"keep_days": keep_days or 90}
