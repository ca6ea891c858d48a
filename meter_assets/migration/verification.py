"""Verifies all that is recorded of a tenant: the records, their chain, every journal, and the backup.

A rollback verifies only what it reads. This verifies everything, collects all problems instead of stopping at the first
one, and returns the newest digest of the chain, to be compared with one that was kept elsewhere. Add here what else can
be verified; the independent verifier in `tools` must then verify it too.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Table, func, or_, select

from meter_assets.billing.own_tables import BACKUP, CHAIN, COMMITS, ORIGINS, OUTCOMES, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.foreign_text import Shown
from meter_assets.formatting import counted
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.journal_audit import problems_of_journals
from meter_assets.migration.records import SealedRecord, alterations, read_records
from meter_assets.migration.run_history import recorded_steps_of
from meter_assets.migration.snapshot import tried_again


class Verification(BaseModel):
    """What is recorded of a tenant, and whether it is as it was recorded."""

    tenant: str
    name: Shown
    step_runs: int
    digest: str | None
    """The newest digest of its chain; None before the first step run of version 1.3."""
    problems: list[Shown]

    @property
    def verifies(self) -> bool:
        """Whether nothing was changed."""
        return not self.problems


@tried_again
def verify(database: BillingDatabase, tenant: Tenant, expected: str | None = None) -> Verification:
    """Verify all that is recorded of a tenant, and that its chain contains the `expected` digest, if one is given.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        return verified(connection, database.schema(connection), tenant, expected)


def verified(
    connection: Connection, schema: BillingSchema, tenant: Tenant, expected: str | None = None
) -> Verification:
    """Verify what a connection sees; otherwise as `verify`."""
    records = read_records(connection, schema, tenant_id=tenant.id)
    digests = [one.link["digest"] for one in records if one.link is not None]
    problems = [str(error) for error in alterations(records)]
    if RUNS in schema.own_tables_present:
        every = recorded_steps_of(connection, schema, [tenant.id])
        problems += [str(error) for error in problems_of_journals(connection, schema, tenant, every)]
        problems += _rows_without_record(connection, schema, tenant)
        problems += _other_times(connection, schema, tenant, records)
    if expected is not None and expected not in digests:
        problems.append(
            f"The chain of tenant {tenant.key} does not contain the expected digest {expected[:16]}...: step runs "
            "were deleted or changed since it was kept, or it is of another tenant."
        )
    return Verification(
        tenant=tenant.key,
        name=tenant.name,
        step_runs=len(records),
        digest=digests[-1] if digests else None,
        problems=list(dict.fromkeys(problems)),
    )


def _rows_without_record(connection: Connection, schema: BillingSchema, tenant: Tenant) -> Iterator[str]:
    """Yield a sentence for each of our tables with rows of step runs that are not recorded, or of another run."""
    runs = schema.own[RUNS]
    names = [OUTCOMES, COMMITS, ORIGINS, CHAIN]
    names += [step.journal for step in schema.steps]
    for name in dict.fromkeys(one for one in names if one in schema.own_tables_present):
        rows = schema.own[name]
        strange = [runs.c.id.is_(None), runs.c.tenant_id != rows.c.tenant_id]
        strange += [runs.c.run_id != rows.c.run_id] if "run_id" in rows.c else []
        joined = rows.outerjoin(runs, runs.c.id == rows.c.step_run_id)
        of_tenant = or_(rows.c.tenant_id == tenant.id, runs.c.tenant_id == tenant.id)
        found = connection.scalar(select(func.count()).select_from(joined).where(of_tenant, or_(*strange))) or 0
        if found:
            which = "of a step run that is not recorded, or is of another run or tenant"
            yield f"{name} has {counted(found, 'row')} {which}."
    if BACKUP in schema.own_tables_present:
        yield from _backups_without_record(connection, schema.own[BACKUP], runs, tenant)


def _backups_without_record(connection: Connection, backup: Table, runs: Table, tenant: Tenant) -> Iterator[str]:
    known = select(runs.c.run_id).where(runs.c.tenant_id == tenant.id, runs.c.step == BACKUP)
    strange = select(func.count()).select_from(backup).where(backup.c.tenant_id == tenant.id)
    found = connection.scalar(strange.where(backup.c.run_id.not_in(known))) or 0
    if found:
        yield f"{BACKUP} has {counted(found, 'row')} of a run that has backed up nothing."


def _other_times(
    connection: Connection, schema: BillingSchema, tenant: Tenant, records: Sequence[SealedRecord]
) -> Iterator[str]:
    """Yield a sentence if rows of the backup say that they were made at another time than their step run."""
    if BACKUP not in schema.own_tables_present:
        return
    backup = schema.own[BACKUP]
    times = select(backup.c.run_id, backup.c.backed_up_at).where(backup.c.tenant_id == tenant.id).distinct()
    found: dict[Any, set[Any]] = {}
    for run_id, moment in connection.execute(times):
        found.setdefault(run_id, set()).add(moment)
    for record in records:
        run = record.run
        if record.origin is None or run["step"] != BACKUP or run["undoes"] is not None or run["run_id"] not in found:
            continue
        if not found[run["run_id"]] <= {one.run["started_at"] for one in records if one.run["run_id"] == run["run_id"]}:
            yield f"Rows of {BACKUP} do not have the time of their run {run['run_id']}."
