"""Verifies all that is recorded of a tenant: records, their chain, every journal, the backup, carried out decisions.

A rollback verifies only what it reads. This verifies everything, collects all problems instead of stopping at the first
one, and returns the newest digest of the chain, to be compared with one that was kept elsewhere. Add here what else can
be verified; the independent verifier in `tools` must then verify it too.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, union

from meter_assets.billing.constructs import row_values
from meter_assets.billing.own_tables import BACKUP, CHAIN, COMMITS, ORIGINS, OUTCOMES, RECORDS, RUNS
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import RecordsAltered, UnreadableValue
from meter_assets.foreign_text import Shown
from meter_assets.formatting import counted
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.decisions.agreement import problems_of_decisions
from meter_assets.migration.journal_audit import problems_of_journals
from meter_assets.migration.records import alterations, read_records
from meter_assets.migration.run_history import recorded_steps_of
from meter_assets.migration.snapshot import tried_again
from meter_assets.migration.tenants import NO_NAME


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
    try:
        with database.snapshot() as connection:
            return verified(connection, database.schema(connection), tenant, expected)
    except UnreadableValue as error:
        return Verification(tenant=tenant.key, name=tenant.name, step_runs=0, digest=None, problems=[str(error)])


@tried_again
def tenants_of_records(database: BillingDatabase) -> list[Tenant]:
    """Return every tenant of which our own tables have rows, also one that is no longer in the table of tenants.

    Raises what `BillingDatabase.snapshot` and `schema` raise.
    """
    with database.snapshot() as connection:
        schema = database.schema(connection)
        names = {*RECORDS, BACKUP, *(step.journal for step in schema.steps)} & schema.own_tables_present
        ids = [select(schema.own[name].c.tenant_id) for name in sorted(names)]
        found = connection.scalars(union(*ids)).all() if ids else []
    return [Tenant(tenant_id, str(tenant_id), NO_NAME) for tenant_id in found]


def verified(
    connection: Connection, schema: BillingSchema, tenant: Tenant, expected: str | None = None
) -> Verification:
    """Verify what a connection sees; otherwise as `verify`."""
    records = read_records(connection, schema, tenant_id=tenant.id)
    digests = [one.link["digest"] for one in records if one.link is not None]
    problems = [str(error) for error in alterations(records)]
    if RUNS in schema.own_tables_present:
        problems += _problems_of_rows(connection, schema, tenant)
        problems += _rows_without_record(connection, schema, tenant)
        problems += problems_of_decisions(connection, schema, tenant)
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


def _problems_of_rows(connection: Connection, schema: BillingSchema, tenant: Tenant) -> Iterator[str]:
    """Yield a sentence for each journal of a tenant, and for the backup, that is not as recorded."""
    try:
        every = recorded_steps_of(connection, schema, [tenant.id])
    except RecordsAltered as error:
        yield str(error)
        return
    yield from map(str, problems_of_journals(connection, schema, tenant, every))


def _rows_without_record(connection: Connection, schema: BillingSchema, tenant: Tenant) -> Iterator[str]:
    """Yield a sentence for each of our tables with rows of step runs that are not recorded, or of another run."""
    runs = schema.own[RUNS]
    names = [OUTCOMES, COMMITS, ORIGINS, CHAIN]
    names += [step.journal for step in schema.steps]
    for name in dict.fromkeys(one for one in names if one in schema.own_tables_present):
        rows = schema.own[name]
        strange = [runs.c.id.is_(None), runs.c.tenant_id != rows.c.tenant_id]
        strange += [_other(runs.c.run_id, rows.c.run_id)] if "run_id" in rows.c else []
        joined = rows.outerjoin(runs, runs.c.id == rows.c.step_run_id)
        of_tenant = or_(rows.c.tenant_id == tenant.id, runs.c.tenant_id == tenant.id)
        found = connection.scalar(select(func.count()).select_from(joined).where(of_tenant, or_(*strange))) or 0
        if found:
            which = "of a step run that is not recorded, or is of another run or tenant"
            yield f"{name} has {counted(found, 'row')} {which}."
    if BACKUP in schema.own_tables_present:
        found = connection.scalar(_backups_without_record(schema, tenant)) or 0
        if found:
            yield f"{BACKUP} has {counted(found, 'row')} of a run that did not back them up, or of another time."


def _other(text: ColumnElement[Any], like: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether two texts differ in any byte, whatever the collation of their columns is."""
    return row_values(text) != row_values(like)


def _backups_without_record(schema: BillingSchema, tenant: Tenant) -> Select[Any]:
    """Return the SELECT of the number of rows of the backup that no step run has made at their time.

    Version 1.2 and older did not give them the time of their step run.
    """
    runs, backup = schema.own[RUNS], schema.own[BACKUP]
    made = [runs.c.tenant_id == backup.c.tenant_id, runs.c.step == BACKUP, runs.c.undoes.is_(None)]
    made.append(~_other(runs.c.run_id, backup.c.run_id))
    if ORIGINS in schema.own_tables_present:
        known = select(schema.own[ORIGINS].c.step_run_id)
        made.append(or_(runs.c.started_at == backup.c.backed_up_at, runs.c.id.not_in(known)))
    # Joined: MariaDB keeps the result of a correlated subquery for values that equal only in the column's collation.
    joined = backup.outerjoin(runs, and_(*made))
    rows = select(func.count()).select_from(joined)
    return rows.where(backup.c.tenant_id == tenant.id, runs.c.id.is_(None))
