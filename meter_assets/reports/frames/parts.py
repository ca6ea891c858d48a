"""The plan, the journal, the verdicts, the differences and the statements of a tenant as pandas DataFrames, in parts.

Each function yields frames of some rows, read in one snapshot, so that a tenant of any size needs little memory; there
is always at least one frame, which may be empty, so that its columns are known. Add here what a frame contains; the
types of columns are in `columns`, and the functions for users in `meter_assets.frames`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from meter_assets.billing.own_tables import BACKUP, RUNS
from meter_assets.billing.policy import Policy
from meter_assets.billing.step_runs import in_force
from meter_assets.migration.backup import with_backup_first
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.evaluation import InvariantResult, evaluate
from meter_assets.migration.run_history import recorded_steps_of
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.step_run import prepare
from meter_assets.migration.temporary_tables import READ_OFTEN, materialized
from meter_assets.migration.validation import validate
from meter_assets.reports.differences.by_customer import Difference, differences
from meter_assets.reports.differences.tables import other_causes
from meter_assets.reports.differences.view import view_after_migration, view_as_it_is
from meter_assets.reports.export import changed_rows
from meter_assets.reports.frames.columns import Kind, kind_of, require_pyarrow
from meter_assets.reports.frames.rows import OfRuns, Rows, journaled, parts
from meter_assets.reports.statements.explain import find_row
from meter_assets.reports.statements.statement import Statement, statements
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import MIGRATION, STEPS

if TYPE_CHECKING:
    import pandas as pd

VERDICT_COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("group", "name", "severity"), Kind.text),
    "passed": Kind.flag,
    "violations": Kind.number,
    **dict.fromkeys(("subject", "description", "example", "awaits", "remedy"), Kind.text),
}


def plan(
    database: BillingDatabase, tenant: Tenant, policy: Policy, rows_at_a_time: int, steps: Sequence[str] = MIGRATION
) -> "Iterator[tuple[str, pd.DataFrame]]":
    """Yield every row that the steps of a migration would change, each frame with the name of its step.

    The steps are composed as in a preview, the backup first if it is missing. Raises NothingToWrite, NotInFrame,
    PyarrowMissing, and what `BillingDatabase.read` raises.
    """
    require_pyarrow()
    with database.read(policy) as snapshot:
        connection, tables = snapshot.connection, snapshot.tables
        before = relations = materialized(snapshot.relations(tenant.id), tables, *READ_OFTEN)
        for name in with_backup_first(connection, relations, steps):
            change = prepare(STEPS[name], tenant.key, relations).computed(tables).change
            same = {"step": (Kind.text, name), "table": (Kind.text, change.target)}
            review = change.for_review
            rows = Rows(changed_rows(change, before), same)
            for frame in rows.frames(connection, rows_at_a_time):
                frame["for_review"] = frame["rule"].isin(review).astype("bool[pyarrow]")
                yield name, frame
            relations = relations.after(change)


def journal(
    database: BillingDatabase, tenant: Tenant, policy: Policy, rows_at_a_time: int, *, only_in_force: bool
) -> "Iterator[tuple[str, pd.DataFrame]]":
    """Yield every journaled row of a tenant, each frame with the name of its step: those of rollbacks too.

    With `only_in_force`, only rows of step runs that were not rolled back since. The backup is its own journal; what a
    rollback removed from it is journaled as a change of the rollback. Raises NotInFrame, PyarrowMissing, and what
    `BillingDatabase.read` raises.
    """
    require_pyarrow()
    with database.read(policy) as snapshot:
        connection, schema = snapshot.connection, snapshot.schema
        if RUNS not in schema.own_tables_present:
            return
        done = in_force(schema)
        current = frozenset(connection.scalars(select(done.c.id).where(done.c.tenant_id == tenant.id)))
        runs = {one.id: one for one in recorded_steps_of(connection, schema, [tenant.id])}
        backups = {one.run_id: one.id for one in runs.values() if one.step == BACKUP and one.undoes is None}
        for step in schema.steps:
            for statement in journaled(schema, step, tenant.id):
                rows = Rows(statement, {"step": (Kind.text, step.name), "table": (Kind.text, step.target)})
                of_runs = OfRuns(runs, backups, current, only_in_force)
                for frame in rows.frames(connection, rows_at_a_time, of_runs):
                    yield step.name, frame


def verdicts(
    database: BillingDatabase, tenant: Tenant, policy: Policy, rows_at_a_time: int, *, planned: bool
) -> "Iterator[pd.DataFrame]":
    """Yield the result of every invariant: on the rows as they are or, if `planned`, as a migration would leave them.

    Raises PyarrowMissing, and what `BillingDatabase.read` raises.
    """
    require_pyarrow()
    if planned:
        with database.read(policy) as snapshot:
            view = view_after_migration(snapshot, tenant)
            found = evaluate(view.connection, INVARIANTS, view.relations)
    else:
        found, _ = validate(database, tenant, "", policy, INVARIANTS)
    yield from parts(VERDICT_COLUMNS, map(_verdict, found), rows_at_a_time)


def differences_by_cause(
    database: BillingDatabase, tenant: Tenant, policy: Policy, rows_at_a_time: int
) -> "Iterator[pd.DataFrame]":
    """Yield one row for each cause of each difference between a customer's old balance and that of the meters.

    Of a tenant that is not migrated, they are the differences that a migration would lead to. Raises PyarrowMissing,
    and what `BillingDatabase.read` raises.
    """
    require_pyarrow()
    with database.read(policy) as snapshot:
        view = view_as_it_is(snapshot, tenant) or view_after_migration(snapshot, tenant)
        columns = {
            "planned": Kind.flag,
            "kind": Kind.text,
            "row_id": _kind_of_ids(snapshot, "customers", "meters"),
            "name": Kind.text,
            **dict.fromkeys(("backed_up_net", "meters_net", "difference"), Kind.money),
            "cause": Kind.text,
            "amount": Kind.money,
            "rows": Kind.text,
            "also_possible": Kind.text,
        }
        rows = (row for one in differences(view) for row in _causes(one, planned=view.planned))
        yield from parts(columns, rows, rows_at_a_time)


def statement_entries(
    database: BillingDatabase,
    tenant: Tenant,
    policy: Policy,
    rows_at_a_time: int,
    *,
    meter: str | None,
    as_of: date | None,
) -> "Iterator[pd.DataFrame]":
    """Yield the entries of a meter's statement, or of all meters of a tenant, in the order of the ids of meters.

    Raises UnknownRow, PyarrowMissing, and what `BillingDatabase.read` raises.
    """
    require_pyarrow()
    with database.read(policy) as snapshot:
        meter_ids = None if meter is None else [find_row(snapshot, tenant, "meters", "meter_number", meter, None)]
        columns = {
            "meter_id": _kind_of_ids(snapshot, "meters"),
            "meter_number": Kind.text,
            "on_day": Kind.day,
            "kind": Kind.text,
            "row_id": _kind_of_ids(snapshot, "invoices", "payments"),
            "invoice_number": Kind.text,
            "customer_id": _kind_of_ids(snapshot, "customers"),
            "status": Kind.text,
            "amount": Kind.money,
            "counted": Kind.flag,
            "balance": Kind.money,
            **dict.fromkeys(("rule", "why"), Kind.text),
        }
        found = statements(snapshot, tenant, meter_ids, as_of=as_of, with_charges=False)
        yield from parts(columns, (row for one in found for row in _entries(one)), rows_at_a_time)


# Rows of reports


def _verdict(one: InvariantResult) -> tuple[Any, ...]:
    facts = one.group, one.name, one.severity.value, one.passed, one.violations
    return (*facts, one.subject, one.description, one.example or None, one.awaits or None, one.remedy)


def _causes(one: Difference, *, planned: bool) -> Iterator[tuple[Any, ...]]:
    others = other_causes(one) or None
    of_all = planned, one.kind, one.id, one.name, one.backed_up_net, one.meters_net, one.difference
    for part in one.causes:
        yield (*of_all, part.cause.value, part.amount, "; ".join(part.rows) or None, others)


def _entries(statement: Statement) -> Iterator[tuple[Any, ...]]:
    for one in statement.entries:
        row = one.row_id, one.invoice_number, one.customer_id, one.status, one.amount, one.counted, one.balance
        yield (statement.meter_id, statement.meter_number, one.on_day, one.kind.value, *row, one.rule, one.why)


def _kind_of_ids(snapshot: Snapshot, *tables: str) -> Kind:
    """Return the kind of the ids of some tables that a column has: a number only if all of them are numbers."""
    kinds = {kind_of(snapshot.schema.tables[table].c.id.type) for table in tables}
    return Kind.number if kinds == {Kind.number} else Kind.text
