"""The stages of a step are one list: the preview, a step in one transaction and one in batches all consume it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.errors import MeterAssetsError, StepError
from meter_assets.migration import stages
from meter_assets.migration.stages import Evaluate, Moment, Situation, Stage
from meter_assets.reports.preview import preview
from tests.support.batches import SCHEMA, in_batches
from tests.support.databases import everything, migrate, start_over, tenant
from tests.support.ledger import owing_20

STEP = "payment_meter_ids"
ORDER = [Moment.before, Moment.computed, Moment.written]
RUNS: dict[str, Callable[[Any], Any]] = {
    "preview": lambda database: preview(database, tenant(1), Policy(), steps=[STEP]),
    "one transaction": lambda database: migrate(database, 1, steps=[STEP]),
    "batches": lambda database: in_batches(database, 1, STEP),
}


@dataclass
class Recorder:
    """Stages that record when they are asked, and how many rows they are shown; one of them may refuse."""

    refuses_at: Moment | None = None
    asked: list[tuple[Moment, int | None]] = field(default_factory=list)

    def stages(self) -> tuple[Stage, ...]:
        return (*stages.STAGES, *(Stage(moment, self._check(moment)) for moment in ORDER))

    def _check(self, moment: Moment) -> Callable[[Connection, Evaluate, Situation], MeterAssetsError | None]:
        def check(connection: Connection, evaluate: Evaluate, at: Situation) -> MeterAssetsError | None:
            rows = None if at.changed is None else select(func.count()).select_from(at.changed)
            self.asked.append((moment, None if rows is None else connection.scalar(rows)))
            return StepError(f"refused {moment.name}") if moment is self.refuses_at else None

        return check


@pytest.mark.parametrize("run", RUNS)
def test_every_way_to_run_a_step_asks_every_stage_in_order(
    billing_url: str, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    recorder = Recorder()
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, run_id="backup", steps=[BACKUP])
    monkeypatch.setattr(stages, "STAGES", recorder.stages())
    RUNS[run](database)
    assert [moment for moment, _ in recorder.asked] == ORDER
    assert [rows for _, rows in recorder.asked] == [None, 1, 1], "the rows that are, or would be, written"


@pytest.mark.parametrize("moment", [Moment.computed, Moment.written])
@pytest.mark.parametrize("run", RUNS)
def test_what_a_stage_refuses_is_an_obstacle_and_is_not_written(
    billing_url: str, monkeypatch: pytest.MonkeyPatch, run: str, moment: Moment
) -> None:
    database = start_over(billing_url, SCHEMA, owing_20())
    migrate(database, 1, run_id="backup", steps=[BACKUP])
    before = everything(database, but_runs=True)
    monkeypatch.setattr(stages, "STAGES", Recorder(refuses_at=moment).stages())
    if run == "preview":
        found = RUNS[run](database)
        assert found.obstacles == [f"refused {moment.name}"]
        assert found.would_fail
    else:
        with pytest.raises(StepError, match=f"refused {moment.name}"):
            RUNS[run](database)
    assert everything(database, but_runs=True) == before
