"""The job that watches migrated tenants, run on a few of them in a Dagster instance of the test's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.event_log import SqlEventLogStorage
from sqlalchemy import select, text, update

from bench.watching import record_materializations
from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.defs.partitions import sync_partitions
from meter_assets.defs.passes import baseline_key
from meter_assets.defs.resources import BillingResource
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import guarded_step
from meter_assets.runtime.instance import DAGSTER_HOME_VARIABLE, open_instance

BALANCES = "every_meter_balance_equals_its_transactions"


KEYS = [dg.AssetCheckKey(dg.AssetKey(guarded_step(one.group)), one.name) for one in INVARIANTS]


class Watch:
    """The job on a few migrated tenants, in a Dagster instance where all their assets are materialized."""

    def __init__(self, instance: dg.DagsterInstance, database: BillingDatabase) -> None:
        """Take an instance and a database of migrated tenants."""
        self.instance, self.database = instance, database
        url = database._url.render_as_string(hide_password=False)
        self.definitions = build_definitions({"billing": BillingResource(url=url)})
        self.job = self.definitions.resolve_job_def("watch_migrated_tenants")
        sync_partitions(instance, database)
        record_materializations(instance, database.tenants())

    def run(self, *, full: bool = True) -> dg.ExecuteInProcessResult:
        """Run the job."""
        config = {**QUIET, "ops": {"judge_migrated_tenants": {"config": {"full": full}}}}
        return self.job.execute_in_process(run_config=config, instance=self.instance, raise_on_error=False)

    def told(self, result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
        """Return what the run's output says."""
        (output,) = (one for one in result.all_node_events if one.event_type is dg.DagsterEventType.STEP_OUTPUT)
        return {name: value.value for name, value in output.step_output_data.metadata.items()}

    def statuses(self) -> dict[str, dict[str, str]]:
        """Return, by tenant, each check's status as Dagster shows it; 'outdated' if materialized again since."""
        found: dict[str, dict[str, str]] = {}
        for one in self.instance.event_log_storage.get_asset_check_partition_info(KEYS):
            is_current = one.latest_target_materialization_storage_id == one.latest_materialization_storage_id
            status = one.latest_execution_status.value if is_current else "outdated"
            found.setdefault(str(one.partition_key), {})[one.check_key.name] = status
        return found

    def status(self, partition: str) -> dict[str, str]:
        """Return the status of each check of a tenant."""
        return self.statuses()[partition]

    def history(self, check: str, partition: str) -> list[Any]:
        """Return how a check of a tenant ended, oldest first."""
        (key,) = (one for one in KEYS if one.name == check)
        records = self.instance.event_log_storage.get_asset_check_execution_history(
            key, limit=100, partition_filter=PartitionKeyFilter(key=partition)
        )
        return list(reversed(records))

    def evaluation(self, check: str, partition: str) -> dg.AssetCheckEvaluation:
        """Return the latest evaluation of a check of a tenant."""
        event = self.history(check, partition)[-1].event
        evaluation = event.dagster_event.asset_check_evaluation_data
        assert isinstance(evaluation, dg.AssetCheckEvaluation)
        return evaluation

    def stored(self) -> tuple[list[Any], Any]:
        """Return all evaluations and the baseline, as they are stored."""
        storage = self.instance.event_log_storage
        assert isinstance(storage, SqlEventLogStorage)
        with storage.index_connection() as connection:
            tables = (
                "SELECT * FROM asset_check_executions",
                "SELECT * FROM event_logs WHERE dagster_event_type = 'ASSET_CHECK_EVALUATION'",
            )
            rows = [[tuple(row) for row in connection.execute(text(f"{one} ORDER BY id"))] for one in tables]
        return rows, self.instance.daemon_cursor_storage.get_cursor_values({baseline_key(self.database)})


@contextmanager
def instance_in(folder: Path) -> Iterator[dg.DagsterInstance]:
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DAGSTER_HOME_VARIABLE, str(folder))
        with open_instance() as instance:
            yield instance


def overwrite_a_balance(database: BillingDatabase, tenant_id: int) -> int:
    """Set a balance of a tenant wrong; return the meter's id."""
    with database.transaction() as connection:
        meters = database.schema(connection).table("meters")
        meter_id = connection.scalars(select(meters.c.id).where(meters.c.tenant_id == tenant_id).limit(1)).one()
        connection.execute(update(meters).where(meters.c.id == meter_id).values(balance=meters.c.balance + 1000))
    return int(meter_id)
