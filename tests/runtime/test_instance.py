"""The Dagster instance that our command line and Dagster's own commands share, with either storage."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._cli.utils import TMP_DAGSTER_HOME_PREFIX
from sqlalchemy import create_engine, inspect

from meter_assets.errors import InvalidSettings
from meter_assets.runtime.instance import (
    CONFIG_FILE,
    DAGSTER_HOME_VARIABLE,
    FOLDER,
    POSTGRES_URL_VARIABLE,
    TEMPORARY_PREFIX,
    open_instance,
    shipped_config,
)

CHECKOUT = Path(__file__).parents[2]
A_JOB = """
import dagster as dg

@dg.op
def greet(): print("good day")

@dg.job(executor_def=dg.in_process_executor)
def greeting(): greet()
"""
COUNT_RUNS = """
import sys
from dagster import DagsterInstance, deserialize_value

with DagsterInstance.from_ref(deserialize_value(sys.argv[1])) as instance:
    print(instance.get_runs_count())
"""


@dg.asset
def nothing() -> None:
    """An asset to record a run with."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that is empty, and an environment that names nothing."""
    for variable in (DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    current = tmp_path / "a folder"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


@pytest.fixture
def checkout(folder: Path) -> Path:
    """A current folder with dagster.yaml, as a checkout has it."""
    (folder / CONFIG_FILE).write_text((CHECKOUT / CONFIG_FILE).read_text())
    (folder / "greeting.py").write_text(A_JOB)
    return folder


@pytest.fixture(params=["files", pytest.param("postgresql", marks=pytest.mark.server)])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each storage in turn; afterwards it holds what was recorded, and the other holds nothing."""
    if request.param == "files":
        yield "files"
        assert list(Path.cwd().glob(f"{FOLDER}/history/runs.db"))
        return
    url = request.getfixturevalue("postgres_url")
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, url.replace("+psycopg2", ""))
    yield "postgresql"
    assert not list(Path.cwd().glob(f"{FOLDER}/history"))
    engine = create_engine(url)
    assert {"runs", "event_logs", "jobs"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def record_a_run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([nothing], instance=instance).run_id


def run_ids(instance: dg.DagsterInstance) -> list[str]:
    return [run.run_id for run in instance.get_runs()]


def execute_with_dagsters_command() -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dagster", "job", "execute", "-f", "greeting.py", "-j", "greeting"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_run_is_seen_when_the_instance_is_opened_again(storage: str) -> None:
    with open_instance() as instance:
        recorded = record_a_run(instance)
    with open_instance() as instance:
        assert run_ids(instance) == [recorded]


@pytest.mark.slow
def test_a_run_of_dagsters_command_is_seen_by_ours(checkout: Path, storage: str) -> None:
    done = execute_with_dagsters_command()
    assert done.returncode == 0, done.stderr
    with open_instance() as instance:
        assert [(run.job_name, run.status.value) for run in instance.get_runs()] == [("greeting", "SUCCESS")]


@pytest.mark.slow
def test_the_logs_of_a_run_of_dagsters_command_stay(checkout: Path) -> None:
    assert execute_with_dagsters_command().returncode == 0
    captured = list((checkout / FOLDER / "storage").glob("*/compute_logs/*.out"))
    assert [log.read_text() for log in captured] == ["good day\n"]


@pytest.mark.slow
def test_a_child_process_in_another_folder_uses_the_same_storage(storage: str, tmp_path: Path) -> None:
    with open_instance() as instance:
        record_a_run(instance)
        handed_over = dg.serialize_value(instance.get_ref())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-c", COUNT_RUNS, handed_over]
    assert subprocess.check_output(command, cwd=elsewhere, text=True).strip() == "1"
    assert not list(elsewhere.iterdir())


def test_the_password_is_not_handed_to_child_processes(
    postgres_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, postgres_url.replace("@", ":hunter2@"))
    with open_instance() as instance:
        assert "hunter2" not in dg.serialize_value(instance.get_ref())


def test_an_sqlalchemy_url_of_postgresql_is_taken_too(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, postgres_url)
    with open_instance() as instance:
        assert run_ids(instance) == []


@pytest.mark.slow
@pytest.mark.parametrize("makes_it", [True, False], ids=["empty", "missing"])
def test_dagster_home_is_used_though_there_is_nothing_in_it(
    makes_it: bool, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    if makes_it:
        home.mkdir()
    monkeypatch.setenv(DAGSTER_HOME_VARIABLE, str(home))
    with open_instance() as instance:
        recorded = record_a_run(instance)
    with dg.DagsterInstance.get() as instance:  # as Dagster itself opens it
        assert run_ids(instance) == [recorded]
        assert instance.root_directory == str(home)
    assert not (checkout / FOLDER).exists()


@pytest.mark.slow
def test_outside_a_checkout_dagster_finds_our_instance_in_our_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_instance() as instance:
        recorded = record_a_run(instance)
    monkeypatch.setenv(DAGSTER_HOME_VARIABLE, str(folder / FOLDER))
    with dg.DagsterInstance.get() as instance:
        assert run_ids(instance) == [recorded]
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_one_run_at_a_time_for_each_tenant_and_one_pass_of_the_watching(checkout: Path) -> None:
    with open_instance() as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    per_tenant = {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    assert queue.tag_concurrency_limits == [per_tenant, {"key": "meter_assets/watching", "limit": 1}]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (POSTGRES_URL_VARIABLE, "", "is set but empty"),
        (POSTGRES_URL_VARIABLE, " ", "is set but empty"),
        (POSTGRES_URL_VARIABLE, "here", "is not a URL"),
        (POSTGRES_URL_VARIABLE, "mysql://user:hunter2@host/db", "starts with mysql://"),
        (DAGSTER_HOME_VARIABLE, "here", "not an absolute path"),
        (DAGSTER_HOME_VARIABLE, __file__, "it is a file"),
        (DAGSTER_HOME_VARIABLE, f"{__file__}/below", "Not a directory"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=said) as told, open_instance():
        pass
    assert variable in str(told.value)
    assert "hunter2" not in str(told.value)


@pytest.mark.slow
def test_dagsters_command_tells_of_an_empty_variable_without_a_traceback(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, "")
    done = execute_with_dagsters_command()
    assert done.returncode == 2
    assert f"Error: {POSTGRES_URL_VARIABLE} is set but empty." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.server
def test_a_database_that_is_not_there_is_told_in_a_sentence(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"{os.path.dirname(postgres_url)}/no_such_database".replace("@", ":hunter2@")
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, nowhere)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # Dagster tries six times
    with pytest.raises(InvalidSettings, match='"no_such_database" does not exist') as told, open_instance():
        pass
    assert "hunter2" not in str(told.value)


def test_the_checkout_and_the_package_have_one_configuration() -> None:
    assert (CHECKOUT / CONFIG_FILE).read_text() == shipped_config()


def test_the_workspace_names_our_definitions() -> None:
    workspace = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text())
    named = {"module_name": "meter_assets.definitions", "location_name": "meter_assets"}
    assert workspace == {"load_from": [{"python_module": named}]}


def test_the_folder_that_dagster_dev_removes_has_the_name_that_we_expect() -> None:
    assert TEMPORARY_PREFIX == TMP_DAGSTER_HOME_PREFIX
