"""The launcher of runs as Celery tasks, which notices that a task has lost its worker. Needs the extra `celery`.

`deploy/celery/dagster.yaml` names `LostRunsLauncher`. Dagster's own Celery launcher believes the result backend, where
a task whose worker was killed, or whose machine vanished, stays *started* for ever (dagster pull request 33493 is about
that). This one asks the workers. What a worker executes is in `celery_worker`.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from dagster import DagsterRun, Field, IntSource

# The answer to run monitoring: see `processes`.
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

# The type of an argument that every class named in dagster.yaml gets: no public API as of 1.13 (dagster issue 3288).
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from meter_assets.engines import urls
from meter_assets.errors import InvalidSettings
from meter_assets.runtime.processes import health

URL_VARIABLE = "METER_ASSETS_CELERY_REDIS_URL"
SECONDS_UNTIL_LOST = 120
"""More than a minute, which a PostgreSQL server takes to release the lock of a machine that has vanished."""
SECONDS_TO_ANSWER = 3.0
SECONDS_AN_ANSWER_HOLDS = 2.0
ENDED = {WorkerStatus.SUCCESS, WorkerStatus.FAILED}
CELERY_SETTINGS: Mapping[str, Any] = {
    "broker_connection_retry_on_startup": True,
    "result_expires": 30 * 24 * 3600,  # a day, Celery's own choice, is less than a run may take
    "worker_disable_prefetch": True,  # what a worker has taken and not started would be lost with it
}
"""What the launcher and the workers have in common."""


def checked_url(given: str) -> str:
    """Return the URL of the Redis. Raises InvalidSettings, before anybody repeats a part of its password."""
    if not given.strip():
        raise InvalidSettings(
            f"{URL_VARIABLE} is not set. Name the Redis that runs come by: redis://:password@host:6379/0."
        )
    try:
        urls.check(given.strip())
    except urls.InvalidUrl as invalid:
        raise InvalidSettings(f"{URL_VARIABLE} cannot be used: {invalid}.") from None
    return given.strip()


class LostRunsLauncher(CeleryRunLauncher):
    """Dagster's Celery launcher, which also notices that a run's worker is gone, and lets a run be ended."""

    def __init__(self, *, seconds_until_lost: int = SECONDS_UNTIL_LOST, **others: Any) -> None:
        """Take what Dagster's takes, and how long a run may be executed by no worker that answers."""
        others |= {name: checked_url(others[name]) for name in ("broker", "backend") if others.get(name)}
        super().__init__(**{**others, "config_source": {**CELERY_SETTINGS, **(others.get("config_source") or {})}})
        self._seconds_until_lost = seconds_until_lost
        self._missed_since: dict[str, float] = {}
        self._active: tuple[float, frozenset[str]] | None = None
        self.clock: Callable[[], float] = time.monotonic

    @classmethod
    def config_type(cls) -> Any:
        """Return the fields of Dagster's launcher, and our own."""
        own = Field(
            IntSource,
            default_value=SECONDS_UNTIL_LOST,
            description="A run that no worker has said to be executing for so long has lost its worker.",
        )
        inherited: Any = super().config_type()
        return {**inherited, "seconds_until_lost": own}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> "LostRunsLauncher":
        """Return the launcher that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Say whether a run has ended, is executed by a worker, or has lost its worker."""
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return health(run)  # the command line's own: no worker has it
        told = super().check_run_worker_health(run)
        if told.status in ENDED or run.tags[DAGSTER_CELERY_TASK_ID_TAG] in self._active_tasks():
            self._missed_since.pop(run.run_id, None)
            return told if told.status in ENDED else CheckRunHealthResult(WorkerStatus.RUNNING)
        since = self._missed_since.setdefault(run.run_id, self.clock())
        if self.clock() - since < self._seconds_until_lost:
            return CheckRunHealthResult(WorkerStatus.RUNNING)  # it may just have started, just have ended, or be busy
        del self._missed_since[run.run_id]
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, f"No worker has been executing this run for {self._seconds_until_lost} seconds."
        )

    def terminate(self, run_id: str) -> bool:
        """End a run's task; the run is canceled then, and not taken for one that lost its worker and is started again.

        Dagster's own launcher does not say that the run is being canceled.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def _active_tasks(self) -> frozenset[str]:
        """Return the ids of the tasks that workers say they are executing: asked once for all runs of a round."""
        now = self.clock()
        if self._active is None or now - self._active[0] > SECONDS_AN_ANSWER_HOLDS:
            answers = self.celery.control.inspect(timeout=SECONDS_TO_ANSWER).active() or {}
            self._active = (now, frozenset(task["id"] for tasks in answers.values() for task in tasks))
        return self._active[1]
