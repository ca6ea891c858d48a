"""Resuming a command that was interrupted: which tenants it has already finished, and the tags by which that is known.

Every live run of the command line has three tags: which command it belongs to, a digest of what the command does, and
how many tenants were left after it. A command has ended early if its newest run left tenants, or was canceled. If the
same command is given again within a day, it continues: it skips the tenants that the first one has finished. Add here
what decides that; what is printed about it is in `results`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg

from meter_assets import settings
from meter_assets.cli.invocation import Invocation
from meter_assets.defs.many_tenants import FINISHED
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.run_history import recorded_steps
from meter_assets.runtime import run_tags
from meter_assets.runtime.processes import has_ended_here
from meter_assets.version import __version__

COMMAND, DIGEST, LEFT = (
    f"{run_tags.HIDDEN}meter_assets/{name}" for name in ("command", "command_digest", "tenants_left")
)
_HOW, _WITH_VALUES = ("--yes", "--stop-on-failure", "--json"), ("--jobs", "--reason")
"""The options that do not change what a command does, without and with a value."""
CONTINUED_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class Resumed:
    """A live command: its id, what it does as a digest, and the runs that have finished tenants before."""

    id: str
    digest: str
    done: Mapping[str, str] = field(default_factory=dict)
    """The tenants, by key, that need not run again, each with the id of the run that finished it."""

    def tags(self, left: int) -> Mapping[str, str]:
        """Return the tags of a run, after which this number of tenants is left."""
        return {COMMAND: self.id, DIGEST: self.digest, LEFT: str(left)}


def resume(
    instance: dg.DagsterInstance,
    database: BillingDatabase,
    invocation: Invocation,
    tenants: Sequence[Tenant],
    plans: Sequence[str] = (),
) -> Resumed:
    """Return the command to run: the continuation of the same command if that ended early, otherwise a new one.

    A tenant is only skipped if nothing was run for it since: neither a rollback nor another run. `plans` are the
    digests of the plans that it follows.
    """
    digest = _digest(database, invocation, tenants, plans)
    newest = next(iter(instance.get_run_records(dg.RunsFilter(tags={DIGEST: digest}), limit=1)), None)
    if newest is None or newest.create_timestamp < datetime.now(UTC) - CONTINUED_WITHIN:
        return Resumed(uuid4().hex, digest)
    if not has_ended_here(newest.dagster_run):  # the same command is given twice at once
        return Resumed(uuid4().hex, digest)
    tags = newest.dagster_run.tags
    if tags[LEFT] == "0" and newest.dagster_run.status is not dg.DagsterRunStatus.CANCELED:
        return Resumed(uuid4().hex, digest)
    runs = instance.get_runs(dg.RunsFilter(tags={COMMAND: tags[COMMAND]}))
    finished = {key: run.run_id for run in reversed(runs) for key in _finished_by(run)}
    last = {str(step.tenant_id): step.run_id for step in recorded_steps(database, tenants)}
    done = {key: run_id for key, run_id in finished.items() if last.get(key) == run_id}
    return Resumed(tags[COMMAND], digest, done)


def _finished_by(run: dg.DagsterRun) -> list[str]:
    """Return the keys of the tenants that a run has finished; one of many tenants may have ended early."""
    if FINISHED in run.tags:
        return list(json.loads(run.tags[FINISHED]))
    return [run.tags[run_tags.PARTITION]] if run.is_success and run_tags.PARTITION in run.tags else []


def _digest(database: BillingDatabase, invocation: Invocation, tenants: Sequence[Tenant], plans: Sequence[str]) -> str:
    """Return a digest of the command, its options, the policy, the database, the tenants and the version.

    With another policy, the tenants that are finished would have to be examined again.
    """
    words = iter(invocation.options)
    options = []
    for word in words:
        if word in _WITH_VALUES:
            next(words)
        elif word not in _HOW:
            options.append(word)
    place = [str(database.identity), [tenant.key for tenant in tenants]]
    what: list[Any] = [invocation.name, options, settings.policy().model_dump_json(), *place, __version__]
    what += [list(plans)] if plans else []
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
