"""No password gets out of the environment: not printed, not logged, not kept by Dagster, whatever goes wrong."""

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import redis
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import serialize_value
from kombu.exceptions import OperationalError
from sqlalchemy import make_url, text

from meter_assets.definitions import build_definitions
from meter_assets.defs.alerts import check_alerts
from meter_assets.defs.partitions import sync_partitions
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import BillingDatabase
from meter_assets.monitoring.alerts.receivers import (
    MAIL_FROM_VARIABLE,
    MAIL_TO_VARIABLE,
    SMTP_VARIABLE,
    WEBHOOK_VARIABLE,
)
from meter_assets.runtime.celery_launcher import URL_VARIABLE, LostRunsLauncher
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE, open_instance
from meter_assets.settings import DATABASE_URL_VARIABLE
from tests.support import deployment as stack
from tests.support.command_line import HEALTHY, CommandLine, make_small_tenants
from tests.support.processes import started, until

SECRET, ENCODED = "hunter2/@:x", "hunter2%2F%40%3Ax"
FORMS = ("hunter2", ENCODED)
COMMANDS = (
    ("migrate-meter-financials", "--yes"),
    ("migrate-meter-financials", "--dry-run"),
    ("validate-meter-financial-data",),
    ("rollback", "--yes"),
    ("history",),
)
NOWHERE = {
    "unreachable": f"postgresql://meter_assets:{ENCODED}@127.0.0.1:1/billing",
    "a host that is none": f"postgresql://meter_assets:{ENCODED}@no.such.host.invalid/billing",
    "a port that is none": f"postgresql://meter_assets:{ENCODED}@127.0.0.1:port/billing",
    "another kind": f"oracle://meter_assets:{ENCODED}@127.0.0.1/billing",
    "an option that is none": f"postgresql://127.0.0.1:1/billing?user=x&password={ENCODED}&no_such_option=1",
    "a file that is none": f"sqlite:////no/such/file?password={ENCODED}",
}
ODD = {
    "an @": "postgresql://meter:pa@hunter2@127.0.0.1:1/billing",
    "an @ after the password": "postgresql://meter:@hunter2@127.0.0.1:1/billing",
    "an @ and a /": "postgresql://meter:p@ss/hunter2@127.0.0.1:1/billing",
    "an @ and a :": "postgresql://meter:pa@hunter2:x@127.0.0.1:1/billing",
    "a /": "postgresql://meter:pa/hunter2@127.0.0.1:1/billing",
    "a #": "postgresql://meter:pa@ss#hunter2@127.0.0.1:1/billing",
    "a [": "postgresql://meter:p@[hunter2]@127.0.0.1:1/billing",
    "a ?": "postgresql://meter:p@?hunter2=x@127.0.0.1:1/billing",
    "an option's &": "postgresql://127.0.0.1:1/billing?user=meter&password=pa&hunter2=x",
    "an option that is misspelt": "postgresql://127.0.0.1:1/billing?user=meter&pasword=hunter2",
    "an option that is shouted": "postgresql://127.0.0.1:1/billing?user=meter&PASSWORD=hunter2",
    "an option's ;": "postgresql://meter@127.0.0.1:1/billing?sslmode=disable;password=hunter2",
    "an & in place of a ?": "postgresql://meter@127.0.0.1:1/billing&password=hunter2",
    "two hosts": "postgresql://meter@127.0.0.1:1/hunter2@localhost/billing",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder in which all is kept that Dagster keeps, and an environment that names nothing."""
    for variable in (DAGSTER_HOME_VARIABLE, POSTGRES_URL_VARIABLE, DATABASE_URL_VARIABLE, URL_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def leaks(told: str | bytes) -> list[str]:
    """Return the forms of the password that are in a text."""
    content = told.encode() if isinstance(told, str) else told
    return [form for form in FORMS if form.encode() in content]


def leaking_files(folder: Path) -> list[str]:
    """Return the files below a folder that have the password: databases, event logs, what processes printed."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and leaks(path.read_bytes())]


def with_password(url: str) -> str:
    """Return a URL of our server, which trusts everybody, with the password in it."""
    return make_url(url).set(drivername="postgresql", password=SECRET).render_as_string(hide_password=False)


# The billing database's


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE)
def test_no_command_prints_the_password_of_a_billing_url_that_cannot_be_used(url: str, folder: Path) -> None:
    for words in COMMANDS:
        ended = CommandLine(folder, url)(*words)
        assert ended.status == 2, words
        assert not leaks(ended.printed), ended.printed
    assert not leaking_files(folder)


@pytest.mark.parametrize("url", ODD.values(), ids=ODD)
def test_a_url_whose_password_is_not_encoded_is_refused_and_not_repeated(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = CommandLine(folder, url)("migrate-meter-financials", "--yes")
    assert (ended.status, "percent-encoded" in ended.words) == (2, True)
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, url)
    with pytest.raises(InvalidSettings, match="percent-encoded") as told, open_instance():
        pass
    assert not leaks("".join([ended.printed, str(told.value), *capfd.readouterr()]))
    assert not leaking_files(folder)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("sslmode=require&application_name=x", "application_name=x&sslmode=require"),
        ("host=/run/postgresql&user=meter", "host=%2Frun%2Fpostgresql&user=meter"),
        ("password=hunter2&sslmode=require", "password=***&sslmode=require"),
        ("passfile=/hunter2&sslkey=hunter2&options=-c%20x%3Dhunter2", "options=***&passfile=***&sslkey=***"),
    ],
)
def test_of_the_options_only_the_harmless_are_shown(options: str, expected: str) -> None:
    shown = BillingDatabase(f"postgresql://meter:{ENCODED}@db.example.org:5432/billing?{options}").url
    assert shown == f"postgresql://meter:***@db.example.org:5432/billing?{expected}"


@pytest.fixture
def billing(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A billing database whose URL has the password in it."""
    make_small_tenants(postgres_url)
    url = with_password(postgres_url)
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    return url


BREAKAGES = {
    "a wrong role": "",
    "a missing table": "ALTER TABLE payments RENAME TO paid",
    "a refused statement": "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN RAISE EXCEPTION 'refused'; END$$; "
    "CREATE TRIGGER refuse BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION refuse()",
    "a column that is too small": "ALTER TABLE meters ALTER COLUMN balance TYPE NUMERIC(1) USING 0, "
    "ALTER COLUMN overpayment TYPE NUMERIC(1) USING 0",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "breakage",
    ["a wrong role", "a refused statement"]
    + [pytest.param(one, marks=pytest.mark.thorough) for one in ("a missing table", "a column that is too small")],
)
def test_neither_commands_nor_jobs_let_out_the_password_of_the_billing_url(
    breakage: str, billing: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = BillingDatabase(billing)
    with open_instance() as instance:
        sync_partitions(instance, database)
    if BREAKAGES[breakage]:
        with database.transaction() as connection:
            connection.execute(text(BREAKAGES[breakage]))
    else:
        billing = make_url(billing).set(username="nobody_here").render_as_string(hide_password=False)
        monkeypatch.setenv(DATABASE_URL_VARIABLE, billing)
    printed = [CommandLine(folder, billing)(*words, "--tenant", HEALTHY).printed for words in COMMANDS[:2]]
    with open_instance() as instance:
        job = build_definitions().resolve_job_def("migrate_meter_financials")
        ended = job.execute_in_process(instance=instance, partition_key=HEALTHY, raise_on_error=False)
        assert not ended.success
        printed += [str(entry) for entry in instance.all_logs(ended.run_id)]
    assert not leaks("\n".join(printed))
    assert list(folder.rglob("*.db")), "Dagster has kept nothing here"
    assert not leaking_files(folder)


def test_the_password_would_be_found_if_it_were_let_out(billing: str, folder: Path) -> None:
    @dg.op
    def tell() -> None:
        raise dg.Failure(os.environ[DATABASE_URL_VARIABLE])

    @dg.job
    def telling() -> None:
        tell()

    with open_instance() as instance:
        telling.execute_in_process(instance=instance, raise_on_error=False)
    assert leaking_files(folder)


# Those of Dagster's database and of the broker


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE)
def test_the_password_of_dagsters_database_is_not_printed(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # Dagster tries six times
    shell = CommandLine(folder, NOWHERE["unreachable"], {POSTGRES_URL_VARIABLE: url})
    billing = folder / "billing.db"
    billing.touch()
    make_small_tenants(f"sqlite:///{billing}")
    shell.url = f"sqlite:///{billing}"
    ended = shell("migrate-meter-financials", "--yes")
    assert ended.status == 2
    assert POSTGRES_URL_VARIABLE in ended.words
    assert not leaks(ended.printed), ended.printed
    assert not leaking_files(folder)


@pytest.mark.parametrize("odd", ["/", "#", "?", "@", "@ss/", "12/", "12#", "12?"])
def test_a_url_of_the_broker_whose_password_is_not_encoded_is_not_repeated(
    odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"redis://:hunter2{odd}hunter2@127.0.0.1:6379/0"
    monkeypatch.setenv(URL_VARIABLE, url)
    for take in (lambda: runpy.run_module("meter_assets.runtime.celery_worker"), lambda: LostRunsLauncher(broker=url)):
        with pytest.raises(InvalidSettings, match=f"{URL_VARIABLE} cannot be used.*percent-encoded") as told:
            take()
        assert not leaks(str(told.value))


@pytest.fixture
def broker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Redis with another password than the one that is given."""
    with stack.redis_server(folder, "right") as url:
        yield url.replace(":right@", f":{ENCODED}@")


@pytest.mark.slow
@pytest.mark.parametrize("reachable", [True, False], ids=["wrong password", "unreachable"])
def test_the_password_of_the_broker_is_not_printed_by_workers(
    reachable: bool, broker: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, broker if reachable else f"redis://:{ENCODED}@127.0.0.1:1/0")
    log = folder / "worker.log"
    with started(stack.worker("one", 1), folder, log):
        until(lambda: "Cannot connect" in log.read_text(), "the worker says so", 120)
    assert not leaking_files(folder)


@pytest.mark.slow
def test_the_password_of_the_broker_is_not_in_what_a_launch_tells(
    broker: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, broker)
    config = str(stack.ROOT / "deploy" / "celery")
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), config_dir=config)) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, LostRunsLauncher)
        with pytest.raises((redis.RedisError, OperationalError)) as told:
            launcher.celery.control.inspect(timeout=1).active()
        assert not leaks(repr(told.value))
        assert not leaks(serialize_value(instance.get_ref()))
    assert not leaking_files(folder)


# Those of the receivers of alerts


@pytest.mark.slow
def test_the_secrets_of_receivers_are_not_told_when_they_do_not_take_a_message(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receivers = {
        WEBHOOK_VARIABLE: f"http://127.0.0.1:1/{ENCODED}",
        SMTP_VARIABLE: f"smtp://alerts:{ENCODED}@127.0.0.1:1",
        MAIL_TO_VARIABLE: "billing@example.org",
        MAIL_FROM_VARIABLE: "meter-assets@example.org",
    }
    for name, value in receivers.items():
        monkeypatch.setenv(name, value)
    billing = folder / "billing.db"
    billing.touch()
    make_small_tenants(f"sqlite:///{billing}")
    with BillingDatabase(f"sqlite:///{billing}").transaction() as connection:
        connection.execute(text("UPDATE invoices SET meter_id = NULL WHERE id = 1"))
    CommandLine(folder, f"sqlite:///{billing}")("validate-meter-financial-data")
    monkeypatch.setattr("meter_assets.defs.alerts.SETTLING", timedelta(0))
    with open_instance() as instance, dg.build_sensor_context(instance=instance) as context:
        told = check_alerts(context)
    assert isinstance(told, dg.SensorResult)
    assert "did not" in str(told.skip_reason)
    assert not leaks(f"{told.skip_reason} {told.cursor}")
    assert not leaking_files(folder)


@pytest.mark.slow
def test_a_worker_without_a_broker_says_what_is_missing(folder: Path) -> None:
    started = subprocess.run(
        [sys.executable, "-c", "import meter_assets.runtime.celery_worker"], capture_output=True, text=True, check=False
    )
    assert started.returncode
    assert f"{URL_VARIABLE} is not set" in started.stderr
