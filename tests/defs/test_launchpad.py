"""A launchpad's run config points nowhere but where the operator's configuration lets it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import make_url

from meter_assets.billing.policy import Policy
from meter_assets.definitions import build_definitions
from meter_assets.defs import launchpad
from meter_assets.defs.partitions import sync_partitions
from meter_assets.defs.resources import BillingResource
from meter_assets.errors import ForbiddenRunConfig, InvalidSettings
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.preview import preview
from meter_assets.rules.steps import MIGRATION
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, open_instance
from meter_assets.runtime.processes import tags_of_this_process
from meter_assets.settings import CONFIG_VARIABLE, DATABASE_URL_VARIABLE
from tests.support.command_line import HEALTHY, CommandLine, make_small_tenants

pytestmark = pytest.mark.slow

PREVIEW, ROLLBACK = "preview_meter_financials", "rollback_meter_financials"
MIGRATE = "migrate_meter_financials"
SECRET = "hunter2"
POSTGRES = f"postgresql://meter:{SECRET}@db.example.org/billing?sslmode=require"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that is empty, and an environment that names nothing."""
    for variable in (DAGSTER_HOME_VARIABLE, DATABASE_URL_VARIABLE, CONFIG_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """Let the configuration file have this table [launchpad]."""
    path = folder / "meter-assets.toml"
    path.write_text(f"[launchpad]\n{content}\n", encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))


@pytest.fixture
def instance(billing_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance whose environment names a database of small tenants."""
    make_small_tenants(billing_url)
    monkeypatch.setenv(DATABASE_URL_VARIABLE, billing_url)
    with open_instance() as opened:
        sync_partitions(opened, BillingDatabase(billing_url))
        yield opened


def launched(instance: dg.DagsterInstance, job: str, run_config: dict[str, Any], **tags: str) -> str:
    """Run a job as a launchpad does, and return what its failure says: nothing where it succeeded."""
    definition = build_definitions().resolve_job_def(job)
    ended = definition.execute_in_process(
        instance=instance, run_config=run_config, partition_key=HEALTHY, tags=tags, raise_on_error=False
    )
    if ended.success:
        return ""
    return " ".join(" ".join(str(entry) for entry in instance.all_logs(ended.run_id)).split())


def with_url(url: Any) -> dict[str, Any]:
    return {"resources": {"billing": {"config": {"url": url}}}}


def exporting(job: str, to: Path | str) -> dict[str, Any]:
    op, more = ("migration_preview", {}) if job == PREVIEW else ("undo_steps", {"dry_run": True})
    return {"ops": {op: {"config": {**more, "export_dir": str(to)}}}}


# Databases


def test_no_other_database_is_read_unless_it_is_named(
    instance: dg.DagsterInstance, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = folder / "other.db"
    other.touch()
    make_small_tenants(f"sqlite:///{other}")
    told = launched(instance, PREVIEW, with_url(f"sqlite:///{other}"))
    assert "The run config names the database" in told
    assert "Nothing was read or changed" in told
    assert "databases of the table [launchpad]" in told
    configure(folder, monkeypatch, f'databases = ["sqlite:///{other}"]')
    assert not launched(instance, PREVIEW, with_url(f"sqlite:///{folder}/nowhere/../other.db"))


def test_the_database_of_the_environment_may_be_named(instance: dg.DagsterInstance, billing_url: str) -> None:
    for url in (None, "", billing_url):
        assert not launched(instance, PREVIEW, with_url(url))


def test_a_resource_made_in_code_is_trusted(instance: dg.DagsterInstance, folder: Path) -> None:
    other = folder / "other.db"
    other.touch()
    make_small_tenants(f"sqlite:///{other}")
    definitions = build_definitions({"billing": BillingResource(url=f"sqlite:///{other}")})
    job = definitions.resolve_job_def(PREVIEW)
    assert job.execute_in_process(instance=instance, partition_key=HEALTHY).success


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://meter@db.example.org/billing?sslmode=require",
        "postgresql://meter:another@DB.example.org:5432/billing?sslmode=require",
        "postgres://db.example.org/?sslmode=require&dbname=billing&user=meter",
        "postgresql+psycopg2://meter@/billing?host=db.example.org&port=5432&sslmode=require",
    ],
)
def test_spellings_of_a_url_name_the_same_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPORT", raising=False)
    monkeypatch.setenv(DATABASE_URL_VARIABLE, POSTGRES)
    launchpad.require_allowed(with_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://meter@db.example.org/billing",
        "postgresql://meter@db.example.org/billing?sslmode=disable",
        "postgresql://postgres@db.example.org/billing?sslmode=require",
        "postgresql://meter@db.example.org:5433/billing?sslmode=require",
        "postgresql://meter@db.example.org/other?sslmode=require",
        "postgresql://meter@db.example.org/billing?sslmode=require&dbname=other",
        "postgresql://meter@db.example.org/billing?sslmode=require&host=evil.example",
        "postgresql://meter@db.example.org/billing?sslmode=require&hostaddr=192.0.2.1",
        "postgresql://meter@db.example.org/billing?sslmode=require&user=postgres",
        "postgresql://meter@db.example.org/billing?sslmode=require&options=-csearch_path%3Devil",
        "postgresql://meter@db.example.org/billing?sslmode=require&service=evil",
        "postgresql://meter@db.example.org/billing?sslmode=require&passfile=%2Fetc%2Fpasswd",
        "postgresql:///?service=evil",
        "sqlite:////etc/passwd",
        "sqlite:///billing",
    ],
)
def test_no_part_of_a_url_leads_elsewhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE_URL_VARIABLE, POSTGRES)
    with pytest.raises(ForbiddenRunConfig, match="It may name postgresql://meter:") as told:
        launchpad.require_allowed(with_url(url))
    assert SECRET not in str(told.value)


def test_a_link_to_another_database_is_another_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "billing.db").touch()
    (folder / "link.db").symlink_to(folder / "billing.db")
    (folder / "away.db").symlink_to("/etc/passwd")
    monkeypatch.setenv(DATABASE_URL_VARIABLE, f"sqlite:///{folder}/billing.db")
    launchpad.require_allowed(with_url(f"sqlite:///{folder}/link.db"))
    with pytest.raises(ForbiddenRunConfig):
        launchpad.require_allowed(with_url(f"sqlite:///{folder}/away.db"))


# Variables


@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize(
    ("job", "run_config"),
    [
        (PREVIEW, with_url({"env": "SECRET_OF_OTHERS"})),
        (PREVIEW, {"ops": {"migration_preview": {"config": {"steps": [{"env": "SECRET_OF_OTHERS"}]}}}}),
        (PREVIEW, {"resources": {"policy": {"config": {"tolerance": {"env": "SECRET_OF_OTHERS"}}}}}),
        (PREVIEW, {"resources": {"policy": {"config": {"uncounted_payment_statuses": [{"env": "SECRET_OF_OTHERS"}]}}}}),
        (PREVIEW, exporting(PREVIEW, "") | {"resources": {"io_manager": {"config": {"base_dir": {"env": "HOME"}}}}}),
        (ROLLBACK, {"ops": {"undo_steps": {"config": {"before_run": {"env": "SECRET_OF_OTHERS"}}}}}),
        (ROLLBACK, {"ops": {"undo_steps": {"config": {"export_dir": {"env": "SECRET_OF_OTHERS"}, "dry_run": True}}}}),
    ],
    ids=["url", "steps", "tolerance", "statuses", "io_manager", "before_run", "export_dir"],
)
def test_no_value_of_the_environment_is_taken(
    job: str, run_config: dict[str, Any], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors and reports of a run would show it."""
    monkeypatch.setenv("SECRET_OF_OTHERS", SECRET)
    told = launched(instance, job, run_config)
    assert "The run config names the environment variable" in told
    assert SECRET not in told


# Folders


@pytest.mark.by_default("sqlite")
@pytest.mark.parametrize("job", [PREVIEW, ROLLBACK])
def test_a_run_config_exports_where_it_is_allowed_and_nowhere_else(
    job: str, instance: dg.DagsterInstance, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, outside = folder / "exports", folder / "outside"
    allowed.mkdir()
    outside.mkdir()
    (allowed / "link").symlink_to(outside)
    told = launched(instance, job, exporting(job, outside), **tags_of_this_process())
    assert "It may export nowhere; the operator can allow others in export_dirs of the table [launchpad]" in told
    configure(folder, monkeypatch, f'export_dirs = ["{allowed}"]')
    for odd in (outside, f"{allowed}/../outside", allowed / "link" / "x", "outside", f"{allowed}2", "~", "/"):
        assert f"It may export below {allowed};" in launched(instance, job, exporting(job, odd)), odd
    assert not list(outside.iterdir())
    for good in (allowed, allowed / "new" / "folder", "exports/here", f"{allowed}/../exports/there"):
        assert not launched(instance, job, exporting(job, good)), good
    if job == PREVIEW:
        assert (allowed / "new" / "folder" / HEALTHY / "invoice_amounts.csv").is_file()
        assert (allowed / "here" / HEALTHY).is_dir()


@pytest.mark.by_default("sqlite")
def test_the_operators_own_word_exports_anywhere_and_lasts_for_its_command(
    instance: dg.DagsterInstance, folder: Path, billing_url: str
) -> None:
    shell = CommandLine(folder, billing_url)
    for command in ("migrate-meter-financials", "rollback"):
        assert shell(command, "--dry-run", "--tenant", HEALTHY, "--export", "rows").status == 0
    assert (folder / "rows" / HEALTHY / "invoice_amounts.csv").is_file()
    assert "It may export nowhere" in launched(instance, PREVIEW, exporting(PREVIEW, folder / "rows"))


# The configuration file


@pytest.mark.parametrize(
    "content",
    [
        'databases = "sqlite:////srv/billing.db"',
        f'databases = ["{make_url(POSTGRES).render_as_string(hide_password=False)}"]',
        f'databases = ["postgresql://db.example.org/billing?user=meter&password={SECRET}"]',
        'export_dirs = ["exports"]',
        "export_dirs = [1]",
        'folders = ["/srv"]',
    ],
)
def test_a_table_that_cannot_be_used_is_told_in_a_sentence(
    content: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(folder, monkeypatch, content)
    with pytest.raises(InvalidSettings, match=r"The table \[launchpad\] of .* cannot be used") as told:
        build_definitions()
    assert SECRET not in str(told.value)


def test_a_database_that_is_none_is_told_of_where_it_is_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(folder, monkeypatch, 'databases = ["oracle://db.example.org/billing"]')
    with pytest.raises(InvalidSettings, match="An entry of databases in the table"):
        launchpad.require_allowed(with_url("sqlite:////srv/other.db"))


# Plans


def following(plan: Path) -> dict[str, Any]:
    return {"ops": {step: {"config": {"plan_dir": str(plan)}} for step in MIGRATION}}


@pytest.mark.by_default("sqlite")
def test_a_run_of_the_launchpad_follows_a_plan(
    instance: dg.DagsterInstance, billing_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan must be where the configuration allows it, and approved if that is required."""
    plan, database = folder / "plan", BillingDatabase(billing_url)
    preview(database, database.tenants([HEALTHY])[0], Policy(), export=plan)
    told = launched(instance, MIGRATE, following(plan))
    assert "as plan_dir. Nothing was read or changed. It may read a plan nowhere" in told
    configure(folder, monkeypatch, f'export_dirs = ["{folder}"]\n[plan]\nrequire_approval = true')
    assert "sets require_approval: a live run must follow a plan" in launched(instance, MIGRATE, {})
    many = build_definitions().resolve_job_def("migrate_many_tenants")
    config = {"ops": {"migrate_tenants": {"config": {"tenants": [HEALTHY]}}}}
    assert not many.execute_in_process(instance=instance, run_config=config, raise_on_error=False).success
    assert "it is not approved" in launched(instance, MIGRATE, following(plan))
    configure(folder, monkeypatch, f'export_dirs = ["{folder}"]')
    assert not launched(instance, MIGRATE, following(plan))
