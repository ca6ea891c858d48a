"""The sensor of alerts on a Dagster instance, with what checks find there, and the mail server that it sends to."""

from functools import cache
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import TENANTS
from meter_assets.monitoring.alerts.receivers import MAIL_FROM_VARIABLE, MAIL_TO_VARIABLE, SMTP_VARIABLE
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import guarded_step
from meter_assets.runtime.event_log import store_evaluations
from tests.support.processes import free_port
from tests.support.receivers import PASSWORD, Hook

BY_NAME = {one.name: one for one in INVARIANTS}
SECRET_PATH = "/services/T0/B0/sesame-of-the-hook"


def name_a_mail_server(monkeypatch: pytest.MonkeyPatch, password: str = PASSWORD) -> int:
    """Name a mail server that need not be there; return its port."""
    port = free_port()
    monkeypatch.setenv(SMTP_VARIABLE, f"smtp://watch:{password}@127.0.0.1:{port}?starttls=false")
    monkeypatch.setenv(MAIL_TO_VARIABLE, "billing@example.org, night@example.org")
    monkeypatch.setenv(MAIL_FROM_VARIABLE, "meters@example.org")
    return port


@cache
def _sensor() -> dg.SensorDefinition:
    return build_definitions().get_repository_def().get_sensor_def("check_alerts")


class Sensor:
    """The sensor of the definitions, on an instance, with the cursor that it has left."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """Take an instance."""
        self.instance = instance
        self.cursor: str | None = None
        self.said: list[str] = []
        self.says = ""
        """What checks say, if they are to say the same."""
        self.where: dict[str, Any] = {}
        """The metadata that says of which tenant and database results are; results of version 1.2 have none."""
        self._sensor = _sensor()

    def tick(self) -> str:
        """Evaluate the sensor and return what the tick says."""
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            found = self._sensor.evaluate_tick(context)
        self.cursor = found.cursor
        self.said.append(str(found.skip_message))
        return self.said[-1]

    def found(self, outcomes: dict[tuple[str, str], bool]) -> str:
        """Let a run have found that these checks of these tenants pass or fail; return its id."""
        run = dg.DagsterRun(job_name="watch_migrated_tenants", run_id=str(uuid4()))
        evaluations = [
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(guarded_step(BY_NAME[check].group)),
                check_name=check,
                passed=passed,
                severity=dg.AssetCheckSeverity[BY_NAME[check].severity],
                description=self.says or f"{check} of {tenant} {'holds' if passed else 'is broken'}",
                metadata=self.where,
                partition=tenant,
            )
            for (check, tenant), passed in outcomes.items()
        ]
        self.instance.add_dynamic_partitions(str(TENANTS.name), sorted({tenant for _, tenant in outcomes}))
        store_evaluations(self.instance, run, evaluations)
        return run.run_id


def heard(hook: Hook) -> list[tuple[set[tuple[str, str]], set[tuple[str, str]]]]:
    """Return, per message, what is newly failing and what has recovered."""
    return [
        tuple({(news["check"], news["tenant"]) for news in one[kind]} for kind in ("newly_failing", "recovered"))  # type: ignore[misc]
        for one in hook.received
    ]
