"""Measures a backfill of many tenants as the UI launches it: its time, and that tenants fail by themselves.

    python bench/ui_backfill.py [--tenants 300] [--broken 10]

Starts `meter-assets ui` on a demo database in which some tenants have a payment that no meter can be given. Half-way, a
dry run of a rollback is launched: it must not wait for the rest of the backfill.
"""

import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import dagster as dg
from dagster._core.instance.ref import InstanceRef

from meter_assets.billing.schema import billing_tables
from meter_assets.defs.tenant_overview import tenant_overviews
from meter_assets.demo.faults import FAULTS
from meter_assets.demo.generator import DemoSize
from meter_assets.reports.overview_tables import counted
from meter_assets.rules.steps import MIGRATION
from meter_assets.runtime.instance import FOLDER
from tests.support.browser import Stack, running_ui
from tests.support.processes import until
from tests.support.web import Server

SELECTOR = 'repositoryLocationName: "meter_assets", repositoryName: "__repository__"'
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@click.command()
@click.option("--tenants", default=300, show_default=True, help="How many tenants.")
@click.option("--broken", default=10, show_default=True, help="How many of them have a payment without a meter.")
@click.option("--hours", default=2.0, show_default=True, help="How long to wait at most.")
def main(tenants: int, broken: int, hours: float) -> None:
    """Print the time of the backfill, how its runs ended, and the states of the tenants."""
    with tempfile.TemporaryDirectory() as folder, running_ui(Path(folder), DemoSize(tenants, 10, 4)) as stack:
        faulty = list(range(4, tenants + 1, tenants // broken))[:broken]
        with stack.database.transaction() as connection:
            for tenant_id in faulty:
                FAULTS["orphan_payment"].inject(connection, billing_tables(), tenant_id)
        ref = InstanceRef.from_dir(str(Path(folder) / FOLDER), config_dir=folder)
        with dg.DagsterInstance.from_ref(ref) as instance:
            _measure(stack, instance, tenants, faulty, hours * 3600)


def _measure(stack: Stack, instance: dg.DagsterInstance, tenants: int, faulty: list[int], seconds: float) -> None:
    until(lambda: len(instance.get_dynamic_partitions("tenants")) == tenants, "the partitions exist", 120)
    started = time.monotonic()
    launch_backfill(stack, [str(number + 1) for number in range(tenants)])
    until(lambda: ended(instance) >= tenants // 2, "half of the runs have ended", seconds)
    print(f"half of the runs: {time.monotonic() - started:.0f} s")
    _launch_rollback(stack)
    waited = time.monotonic()
    rollback = dg.RunsFilter(job_name="rollback_meter_financials", statuses=list(ENDED))
    until(lambda: instance.get_runs_count(rollback) == 1, "the rollback has ended", seconds)
    print(f"a dry run of a rollback, launched then, ended after {time.monotonic() - waited:.0f} s")
    until(lambda: ended(instance) == tenants, "all runs have ended", seconds)
    print(f"all runs: {time.monotonic() - started:.0f} s")
    statuses = Counter(run.status.value for run in instance.get_runs(dg.RunsFilter(job_name="__ASSET_JOB")))
    states = tenant_overviews(instance, stack.database)
    failed = [one.tenant for one in states if one.state.name != "migrated"]
    print(f"runs: {dict(statuses)}")
    print(counted(states))
    print(f"with a payment without a meter: {faulty}; not migrated: {', '.join(failed)}")


def ended(instance: dg.DagsterInstance) -> int:
    """Return how many runs of assets have ended."""
    return instance.get_runs_count(dg.RunsFilter(job_name="__ASSET_JOB", statuses=list(ENDED)))


def launch_backfill(stack: Stack, tenants: list[str]) -> None:
    """Launch a backfill of the migration's assets, as the UI does."""
    assets = ", ".join(f'{{path: ["{step}"]}}' for step in MIGRATION)
    names = ", ".join(f'"{one}"' for one in tenants)
    _ask(
        stack,
        "mutation { launchPartitionBackfill("
        f"backfillParams: {{assetSelection: [{assets}], partitionNames: [{names}]}})"
        " { __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
    )


def _launch_rollback(stack: Stack) -> None:
    _ask(
        stack,
        "mutation { launchRun(executionParams: {"
        f'selector: {{{SELECTOR}, jobName: "rollback_meter_financials"}} '
        'executionMetadata: {tags: [{key: "dagster/partition", value: "1"}]}'
        "}) { __typename ... on PythonError { message } } }",
    )


def _ask(stack: Stack, query: str) -> None:
    answer = Server(int(stack.url.rpartition(":")[2])).graphql(query).text
    print(answer[:200])


if __name__ == "__main__":
    main()
