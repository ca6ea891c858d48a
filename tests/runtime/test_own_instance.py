"""Instances of other projects: commands, code servers and runs refuse them, and `meter-assets init` makes them ours."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import kubernetes
import pytest
from click.testing import CliRunner
from dagster._core.instance.ref import InstanceRef
from sqlalchemy import create_engine, text

from meter_assets.cli.main import main
from meter_assets.components import MeterMigration
from meter_assets.definitions import build_definitions
from meter_assets.errors import InvalidSettings
from meter_assets.runtime.instance import (
    CONFIG_FILE,
    DAGSTER_HOME_VARIABLE,
    POSTGRES_URL_VARIABLE,
    open_instance,
    shipped_config,
)
from meter_assets.runtime.own_instance import require_own_code_server
from meter_assets.settings import DATABASE_URL_VARIABLE
from tests.support.command_line import HEALTHY, Ended, make_small_tenants
from tests.support.deployment import ENVIRONMENT, ROOT
from tests.support.processes import free_port

REFUSED = "is not one of meter-assets"
OTHERS = "telemetry: {enabled: false}\n"
OTHERS_STORAGE = "storage: {{sqlite: {{base_dir: {folder}}}}}\n"
PREVIEW = "preview_meter_financials"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that is empty, and an environment that names nothing."""
    for variable in (DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE, DATABASE_URL_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    for name, value in {**ENVIRONMENT, "DAGSTER_DISABLE_TELEMETRY": "yes"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME of another project, without a dagster.yaml, in which a run is recorded."""
    made = folder / "home"
    made.mkdir()
    monkeypatch.setenv(DAGSTER_HOME_VARIABLE, str(made))
    with dg.DagsterInstance.from_config(str(made)) as instance:
        instance.add_run(dg.DagsterRun(job_name="of others"))
    return made


@pytest.fixture
def billing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database of small tenants, which the environment names."""
    (folder / "billing.db").touch()
    url = f"sqlite:///{folder / 'billing.db'}"
    make_small_tenants(url)
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    return url


def meter_assets(*arguments: str) -> Ended:
    """Run a command in this process."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.output)


def recorded_runs() -> int:
    """Return how many runs are recorded in the instance that the commands use."""
    with open_instance() as instance:
        return instance.get_runs_count()


# Commands


@pytest.mark.parametrize("command", [("validate-meter-financial-data", "--tenant", HEALTHY), ("ui",)], ids=" ".join)
@pytest.mark.parametrize("file", [None, OTHERS], ids=["no file", "another file"])
def test_a_command_refuses_the_instance_of_others(
    file: str | None, command: tuple[str, ...], home: Path, billing: str
) -> None:
    if file is not None:
        (home / CONFIG_FILE).write_text(file)
    before = sorted(home.rglob("*"))
    ended = meter_assets(*command)
    assert ended.status == 2
    force = " --force" if file else ""
    assert f"Error: The Dagster instance in {home} {REFUSED}" in ended.words
    assert f"{POSTGRES_URL_VARIABLE} and METER_ASSETS_MAX_CONCURRENT_RUNS, not limit runs" in ended.words
    assert f"run 'meter-assets init {home}{force}'" in ended.words
    assert sorted(home.rglob("*")) == before


def test_a_command_refuses_the_file_of_others_in_its_folder(folder: Path) -> None:
    (folder / CONFIG_FILE).write_text(OTHERS)
    with pytest.raises(InvalidSettings, match=f"instance in {folder} {REFUSED}"), open_instance():
        pass


@pytest.mark.parametrize(
    "file",
    [
        "meter_assets/dagster.yaml",
        "deploy/celery/dagster.yaml",
        "deploy/kubernetes/dagster.yaml",
        "tests/upgrade/version_1_1_0.dagster.yaml",
        "an instance class",
        "a storage",
        "storages of each kind",
    ],
)
def test_an_instance_that_is_ours_or_has_its_own_storage_opens(
    file: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {
        "an instance class": "instance_class: {module: meter_assets.dagster_instance, class: MeterAssetsInstance}\n",
        "a storage": OTHERS_STORAGE.format(folder=tmp_path / "elsewhere"),
        "storages of each kind": "\n".join(
            f"{kind}_storage: {{module: dagster._core.storage.{room}, class: {name}, config: {{base_dir: {tmp_path}}}}}"
            for kind, room, name in (
                ("run", "runs", "SqliteRunStorage"),
                ("event_log", "event_log", "SqliteEventLogStorage"),
                ("schedule", "schedules", "SqliteScheduleStorage"),
            )
        ),
    }
    content = own[file] if file in own else (ROOT / file).read_text(encoding="utf-8")
    (home / CONFIG_FILE).write_text(content)
    monkeypatch.setattr(kubernetes.config, "load_incluster_config", lambda: None)
    elsewhere = file in ("a storage", "storages of each kind")
    assert recorded_runs() == (0 if elsewhere else 1)
    assert meter_assets("init").words == f"{home / CONFIG_FILE} is already for meter-assets. Nothing was written."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "expected the node content"),
        ("run_launcher: 5", "root:run_launcher must be dict"),
        ("instance_class: {module: meter_assets.nowhere, class: A}", "Couldn't import module meter_assets.nowhere"),
        ("- a", "parse to dictionary"),
        ("# caf\xe9", "codec can't decode"),
        ("storage: {sqlite: {base_dir: {env: NOT_SET}}}", "NOT_SET"),
    ],
)
def test_an_invalid_file_is_a_sentence(content: str, said: str, home: Path) -> None:
    (home / CONFIG_FILE).write_text(content, encoding="latin-1")
    with pytest.raises(InvalidSettings, match=said) as told, open_instance():
        pass
    assert str(told.value).startswith(f"{home / CONFIG_FILE} cannot be used: ")
    assert f"'meter-assets init {home} --force', which keeps a copy" in str(told.value)


# init


@pytest.mark.parametrize("where", ["DAGSTER_HOME", "the current folder", "a named folder", "a new folder"])
def test_init_writes_the_file_that_we_ship(where: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {"DAGSTER_HOME": folder / "home", "the current folder": folder}.get(where, folder / "new" / "below")
    if where in ("DAGSTER_HOME", "a named folder"):
        monkeypatch.setenv(DAGSTER_HOME_VARIABLE, str(folder / "home"))
    ended = meter_assets("init", *([str(expected.relative_to(folder))] if "folder" in where[:14] else []))
    written = expected / CONFIG_FILE
    assert (ended.status, ended.words) == (0, f"Wrote {written}.")
    assert written.read_text(encoding="utf-8") == shipped_config()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert meter_assets("init", str(expected)).words == f"{written} is already for meter-assets. Nothing was written."


def test_init_replaces_a_file_of_others_only_by_force_and_keeps_it(home: Path) -> None:
    file = home / CONFIG_FILE
    file.write_bytes(b"# caf\xe9\n" + OTHERS.encode())
    refused = meter_assets("init")
    assert refused.status == 2
    assert f"{file} exists, and does not describe an instance of meter-assets. Nothing was written." in refused.words
    assert [one.name for one in home.glob(f"{CONFIG_FILE}*")] == [CONFIG_FILE]
    done = meter_assets("init", "--force")
    [copy] = home.glob(f"{CONFIG_FILE}.*")
    assert (done.status, done.words) == (0, f"Kept the former file as {copy}. Wrote {file}.")
    assert copy.read_bytes() == b"# caf\xe9\n" + OTHERS.encode()
    assert {stat.S_IMODE(one.stat().st_mode) for one in (copy, file)} == {0o600}
    assert recorded_runs() == 1, "what was recorded before is still there"


def test_init_names_a_folder_that_it_cannot_use(folder: Path) -> None:
    (folder / "a-file").touch()
    ended = meter_assets("init", "a-file")
    assert ended.status == 2
    assert f"{folder}/a-file/{CONFIG_FILE} cannot be written: Not a directory." in ended.words


@pytest.mark.server
def test_after_init_runs_are_stored_in_the_database_that_is_named(
    home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, postgres_url)
    with pytest.raises(InvalidSettings, match=REFUSED):
        recorded_runs()
    assert meter_assets("init").status == 0
    run = dg.DagsterRun(job_name="ours")
    with open_instance() as instance:
        instance.add_run(run)
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT run_id FROM runs")).all() == [run.run_id]
    engine.dispose()


# Code servers, and runs


@pytest.mark.slow
def test_a_code_server_of_others_says_why_it_loads_nothing(home: Path) -> None:
    """As `dagster dev`, `dg dev`, the daemon and the web server start it, and show what it says."""
    command = [
        "api",
        "grpc",
        "--port",
        str(free_port()),
        "-m",
        "meter_assets.definitions",
        "--instance-ref",
        _ref(home),
    ]
    done = subprocess.run([sys.executable, "-m", "dagster", *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert f"ForeignInstance: The Dagster instance in {home} {REFUSED}" in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("file", ["shipped", "others", None], ids=["ours", "others", "no file"])
def test_a_code_server_of_a_temporary_instance_needs_our_file(file: str | None, folder: Path) -> None:
    """Without DAGSTER_HOME, `dagster dev` uses a temporary folder with the file of the current one."""
    temporary = folder / ".tmp_dagster_home_1"
    temporary.mkdir()
    if file is not None:
        (temporary / CONFIG_FILE).write_text(shipped_config() if file == "shipped" else OTHERS)
    command = click.Command("grpc")
    with click.Context(command) as context:
        context.params["instance_ref"] = _ref(temporary)
        if file == "shipped":
            require_own_code_server()
            return
        with pytest.raises(InvalidSettings, match=f"would use a temporary instance, which {REFUSED}") as told:
            require_own_code_server()
    assert "Run 'meter-assets init' in this folder and start again" in str(told.value)


def _ref(home: Path) -> str:
    """Return how Dagster's processes describe the instance of a folder to each other."""
    return dg.serialize_value(InstanceRef.from_dir(str(home)))


@pytest.fixture
def of_others(home: Path, billing: str) -> Iterator[dg.DagsterInstance]:
    """The instance of another project, with a tenant as its partition."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("tenants", [HEALTHY])
        yield instance


@pytest.mark.slow
def test_a_run_in_an_instance_of_others_is_refused_before_it_reads(of_others: dg.DagsterInstance, home: Path) -> None:
    job = build_definitions().resolve_job_def(PREVIEW)
    ended = job.execute_in_process(instance=of_others, partition_key=HEALTHY, raise_on_error=False)
    assert not ended.success
    assert f"The Dagster instance in {home} {REFUSED}" in _log(of_others, ended.run_id)


@pytest.mark.slow
def test_a_run_of_a_component_uses_the_instance_of_its_project(of_others: dg.DagsterInstance, billing: str) -> None:
    defs = MeterMigration(url=billing).build_defs(dg.ComponentTree.for_test().load_context)
    ended = defs.resolve_job_def(PREVIEW).execute_in_process(
        instance=of_others, partition_key=HEALTHY, raise_on_error=False
    )
    assert ended.success, _log(of_others, ended.run_id)


def _log(instance: dg.DagsterInstance, run_id: str) -> str:
    return " ".join(" ".join(str(entry) for entry in instance.all_logs(run_id)).split())
