"""Simulates the run queue: how long a backfill of many tenants takes, from the measured cost of a run.

    python -m bench.run_queue [--tenants 10000] [--rows 20] [--concurrent 4] [--processors 2] ...
    python -m bench.run_queue --check 40

The runs of a backfill begin after a while. Then the next one begins whenever fewer than the limit are active. A run
needs processor time: to start its process, for Dagster, and for its rows; the active runs share the processors. The
wait and the fixed time of a run are measured by no other benchmark: their defaults were fitted to backfills of 12 and
of 40 tenants. `--check` launches a real
backfill of so many tenants in `meter-assets ui` on this machine, and compares its time with the simulated one.
"""

import heapq
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import dagster as dg
from dagster._core.instance.ref import InstanceRef

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.ui_backfill import ended, launch_backfill
from meter_assets.demo.generator import DemoSize
from meter_assets.runtime.instance import FOLDER
from tests.support.browser import running_ui
from tests.support.processes import until

TOO_LONG = 3600.0


@dataclass(frozen=True)
class Queue:
    """How runs are executed."""

    concurrent: int
    """How many are active at the same time."""
    processors: int
    """How many processors they share."""
    wait: float
    """The seconds until the first run begins."""


def simulated(runs: Sequence[float], queue: Queue) -> float:
    """Return the seconds until the last of these runs has ended, which need so many seconds of a processor each."""
    waiting, active = list(reversed(runs)), list[float]()
    now, done = queue.wait, 0.0  # `done`: the processor time that a run has got which is active since the start
    while waiting or active:
        while waiting and len(active) < queue.concurrent:
            heapq.heappush(active, done + waiting.pop())
        ended = heapq.heappop(active)
        now += (ended - done) / min(1.0, queue.processors / (len(active) + 1))
        done = ended
    return now


@click.command()
@click.option("--tenants", default=10_000, show_default=True, help="How many tenants.")
@click.option("--rows", default=20, show_default=True, help="The payments of each.")
@click.option("--concurrent", default=4, show_default=True, help="max_concurrent_runs of dagster.yaml.")
@click.option("--processors", default=2, show_default=True, help="Of all workers and of the server.")
@click.option("--wait", default=34.0, show_default=True, help="Seconds until the first run begins.")
@click.option("--fixed", default=3.64, show_default=True, help="Processor seconds of a run of a tenant without rows.")
@click.option("--per-million", default=53.0, show_default=True, help="Processor seconds for a million payments.")
@click.option("--check", type=int, help="Launch a real backfill of so many tenants, and compare.")
def main(
    tenants: int,
    rows: int,
    concurrent: int,
    processors: int,
    wait: float,
    fixed: float,
    per_million: float,
    check: int | None,
) -> None:
    """Print the simulated time, and the real one."""
    queue = Queue(concurrent, processors, wait)
    number = check or tenants
    seconds = simulated([fixed + rows * per_million / 1_000_000] * number, queue)
    print(f"simulated: {number:,} tenants with {rows:,} payments take {seconds:,.0f} s ({seconds / 3600:.2f} hours)")
    if check:
        measured = _real(check)
        print(f"real: {check:,} tenants took {measured:,.0f} s; simulated / real: {seconds / measured:.2f}")


def _real(tenants: int) -> float:
    with tempfile.TemporaryDirectory() as folder, running_ui(Path(folder), DemoSize(tenants, 1, 12)) as stack:
        ref = InstanceRef.from_dir(str(Path(folder) / FOLDER), config_dir=folder)
        with dg.DagsterInstance.from_ref(ref) as instance:
            until(lambda: len(instance.get_dynamic_partitions("tenants")) == tenants, "the partitions exist", 120)
            started = time.monotonic()
            launch_backfill(stack, [str(number + 1) for number in range(tenants)])
            until(lambda: ended(instance) >= tenants, "all runs have ended", TOO_LONG)
            return time.monotonic() - started


if __name__ == "__main__":
    main()
