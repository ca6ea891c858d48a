"""What a deployment is made of: its instance, Redis, Dagster's daemon, Celery's workers."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import kubernetes
import pytest
import redis
from dagster._core.instance.ref import InstanceRef

from meter_assets.runtime.celery_launcher import URL_VARIABLE
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE
from tests.support.processes import free_port, started, until

ROOT = Path(__file__).parents[2]
FOLDERS = {"one machine": "meter_assets", "celery": "deploy/celery", "kubernetes": "deploy/kubernetes"}
"""Where the instance files are."""
ENVIRONMENT = {
    URL_VARIABLE: "redis://:hunter2@127.0.0.1:1/0",
    "DAGSTER_K8S_NAMESPACE": "billing",
    "DAGSTER_K8S_INSTANCE_CONFIG_MAP": "dagster-instance",
    "METER_ASSETS_IMAGE": "registry.example.com/meter-assets:1.2.0",
}
SECONDS_TO_START = 60


class NoRedis(Exception):
    """There is no Redis on this machine."""


@contextmanager
def instance_of(variant: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Open the instance that an instance file describes, without the servers that it names."""
    for name, value in {**ENVIRONMENT, DAGSTER_HOME_VARIABLE: str(folder)}.items():
        patch.setenv(name, value)
    patch.setattr(kubernetes.config, "load_incluster_config", lambda: None)
    ref = InstanceRef.from_dir(str(folder), config_dir=str(ROOT / FOLDERS[variant]))
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


@contextmanager
def redis_server(folder: Path, password: str) -> Iterator[str]:
    """Start a Redis that keeps nothing, and yield its URL. Raises NoRedis."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise NoRedis("These tests need Redis: install Debian's package redis-server (apt-get install redis-server).")
    port = free_port()
    options = {"port": str(port), "bind": "127.0.0.1", "requirepass": password, "save": "", "dir": str(folder)}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with started([binary, *words], folder, folder / "redis.log"), redis.Redis.from_url(url) as client:
        until(lambda: _answers(client), "Redis answers", SECONDS_TO_START)
        yield url


def daemon() -> list[str]:
    """Return the command that starts Dagster's daemon, with our definitions."""
    return [sys.executable, "-c", "from dagster._daemon.cli import main; main()", "run", "-w", f"{ROOT}/workspace.yaml"]


def worker(name: str, concurrency: int) -> list[str]:
    """Return the command that starts a Celery worker."""
    words = ["worker", "--queues", "dagster", "--concurrency", str(concurrency), "--hostname", f"{name}@%h"]
    return [sys.executable, "-m", "celery", "--app", "meter_assets.runtime.celery_worker", *words]


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
