"""Fixtures of the tests of alerts: receivers that the environment names, and the sensor."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from meter_assets.defs import alerts as sensor_module
from meter_assets.monitoring.alerts import delivery
from meter_assets.monitoring.alerts.receivers import WEBHOOK_VARIABLE
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, open_instance
from tests.support.alert_sensor import SECRET_PATH, Sensor, name_a_mail_server
from tests.support.certificates import LOOPBACK, make_certificate
from tests.support.receivers import SECONDS, Hook, Mailbox
from tests.support.watching import instance_in


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """A web server, which the environment names."""
    made = Hook()
    monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:{made.port}{SECRET_PATH}")
    yield made
    made.close()


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server, which the environment names."""
    made = Mailbox(name_a_mail_server(monkeypatch))
    yield made
    made.close()


@pytest.fixture(scope="session")
def new_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Dagster instance with nothing in it: to copy it takes less time than to create its tables."""
    folder = tmp_path_factory.mktemp("instances") / "dagster"
    with instance_in(folder):
        return folder


@pytest.fixture
def sensor(new_instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sensor]:
    """The sensor, which has ticked once on an instance where nothing is known, and need not wait for what is stored."""
    monkeypatch.setattr(sensor_module, "SETTLING", timedelta(0))
    monkeypatch.setattr(delivery, "SECONDS_TO_ANSWER", 0.5)
    monkeypatch.setattr(delivery, "SECONDS_TO_WAIT", SECONDS)
    folder = shutil.copytree(new_instance, tmp_path / "dagster")
    monkeypatch.setenv(DAGSTER_HOME_VARIABLE, str(folder))
    with open_instance() as instance:
        made = Sensor(instance)
        made.tick()
        yield made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, signed by itself, and its key, in one file."""
    return make_certificate(tmp_path_factory.mktemp("tls"), LOOPBACK)
