"""The launcher that runs jobs as Celery tasks and detects tasks that lost their worker. Needs the extra `celery`.

`deploy/celery/dagster.yaml` names `LostRunsLauncher`. Dagster's own Celery launcher trusts the result backend, in which
a task stays *started* for ever if its worker was killed or the worker's machine is gone (see dagster pull request
33493). This launcher asks the workers. Add here what concerns launching; the application of the workers is in
`celery_worker`.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from dagster import DagsterRun, Field, IntSource

# The reply to run monitoring: see `processes`.
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

# The type of an argument that every class in dagster.yaml receives: no public API as of 1.13 (dagster issue 3288).
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from meter_assets.engines import urls
from meter_assets.errors import InvalidSettings
from meter_assets.runtime.processes import health

URL_VARIABLE = "METER_ASSETS_CELERY_REDIS_URL"
SECONDS_UNTIL_LOST = 120
"""More than one minute: the time that a PostgreSQL server needs to release the locks of a machine that is gone."""
SECONDS_TO_ANSWER = 3.0
SECONDS_AN_ANSWER_IS_VALID = 2.0
ENDED = {WorkerStatus.SUCCESS, WorkerStatus.FAILED}
CELERY_SETTINGS: Mapping[str, Any] = {
    "broker_connection_retry_on_startup": True,
    "result_expires": 30 * 24 * 3600,  # Celery's default, one day, is too short for a long run
    "worker_disable_prefetch": True,  # tasks that a worker has fetched but not started would be lost with it
}
"""The settings that the launcher and the workers share."""


def checked_url(given: str) -> str:
    """Return the URL of Redis. Raises InvalidSettings, so that no later error shows a part of its password."""
    if not given.strip():
        raise InvalidSettings(
            f"{URL_VARIABLE} is not set. Set it to the URL of the Redis that passes the runs on: redis://:password@host:6379/0."
        )
    try:
        urls.check(given.strip())
    except urls.InvalidUrl as invalid:
        raise InvalidSettings(f"{URL_VARIABLE} cannot be used: {invalid}.") from None
    return given.strip()


class LostRunsLauncher(CeleryRunLauncher):
    """Dagster's Celery launcher, which also detects that a run's worker is gone, and can terminate a run."""

    def __init__(self, *, seconds_until_lost: int = SECONDS_UNTIL_LOST, **others: Any) -> None:
        """Take the options of Dagster's launcher, and after how long without a worker a run is lost."""
        others |= {name: checked_url(others[name]) for name in ("broker", "backend") if others.get(name)}
        super().__init__(**{**others, "config_source": {**CELERY_SETTINGS, **(others.get("config_source") or {})}})
        self._seconds_until_lost = seconds_until_lost
        self._missed_since: dict[str, float] = {}
        self._active: tuple[float, frozenset[str]] | None = None
        self.clock: Callable[[], float] = time.monotonic

    @classmethod
    def config_type(cls) -> Any:
        """Return the fields of Dagster's launcher and our own field."""
        own = Field(
            IntSource,
            default_value=SECONDS_UNTIL_LOST,
            description="A run is lost if no worker has reported for this number of seconds that it executes the run.",
        )
        inherited: Any = super().config_type()
        return {**inherited, "seconds_until_lost": own}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> "LostRunsLauncher":
        """Return the launcher that dagster.yaml configures."""
        return cls(inst_data=inst_data, **config_value)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether a run has ended, is executed by a worker, or has lost its worker."""
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return health(run)  # a run of the command line: no worker executes it
        reported = super().check_run_worker_health(run)
        if reported.status in ENDED or run.tags[DAGSTER_CELERY_TASK_ID_TAG] in self._active_tasks():
            self._missed_since.pop(run.run_id, None)
            return reported if reported.status in ENDED else CheckRunHealthResult(WorkerStatus.RUNNING)
        since = self._missed_since.setdefault(run.run_id, self.clock())
        if self.clock() - since < self._seconds_until_lost:
            return CheckRunHealthResult(WorkerStatus.RUNNING)  # it may have just started or ended, or be busy
        del self._missed_since[run.run_id]
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, f"No worker has been executing this run for {self._seconds_until_lost} seconds."
        )

    def terminate(self, run_id: str) -> bool:
        """End a run's task. The run becomes canceled, and is not started again like a run that lost its worker.

        Dagster's own launcher does not report that the run is being canceled.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def _active_tasks(self) -> frozenset[str]:
        """Return the ids of the tasks that workers report as executing, with one request for all runs of a round."""
        now = self.clock()
        if self._active is None or now - self._active[0] > SECONDS_AN_ANSWER_IS_VALID:
            answers = self.celery.control.inspect(timeout=SECONDS_TO_ANSWER).active() or {}
            self._active = (now, frozenset(task["id"] for tasks in answers.values() for task in tasks))
        return self._active[1]
