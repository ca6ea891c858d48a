"""The check of a database: whether it can be migrated, and everything about it that a person should know before.

It reads and writes nothing. What it calls an error, a preview or a migration refuses too: of the whole database, or of
the tenants whose rows it names. Add here a further fact, as a `Finding` with the statement or setting that changes it.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import partial

from pydantic import BaseModel, Field
from sqlalchemy import Connection, Dialect

from meter_assets.billing.catalogue import columns_in
from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations
from meter_assets.billing.schema import BillingSchema
from meter_assets.errors import NothingToWrite, NotWritable, SharedSessions, StepError, UnsuitableSchema
from meter_assets.foreign_text import Shown, quoted
from meter_assets.formatting import counted
from meter_assets.migration.constraints import check_constraints
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import evaluate
from meter_assets.migration.overflow import check_capacity
from meter_assets.migration.snapshot import Snapshot
from meter_assets.migration.temporary_tables import READ_OFTEN, materialized
from meter_assets.migration.tenants import may_lack_tenant, rows_without_tenant
from meter_assets.reports.treatments import (
    BillTypeSummary,
    FlagSummary,
    StatusSummary,
    bill_types_found,
    flags_found,
    statuses_found,
    unread_columns,
)
from meter_assets.rules.invariants import Group, Severity, named, of_group
from meter_assets.rules.steps import MIGRATION, STEPS

_ANY_TENANT = "of some id"
_OF_STORED_VALUES = (
    *of_group(Group.values),
    *named(
        "every_payment_amount_is_a_number",
        "every_invoice_amount_is_a_number",
        "every_invoice_amount_fits_the_currency",
        "every_payment_status_is_known",
        "every_invoice_status_is_known",
        "every_bill_type_has_one_meaning",
    ),
)
"""The invariants about what is stored, whatever a migration would change."""


class Level(StrEnum):
    """How much a finding matters."""

    error = "ERROR"
    """It prevents the migration: of the whole database, or of the tenants that it names."""
    warning = "WARN"
    """It prevents a part, makes it slow, or must be known."""
    note = "note"


class Finding(BaseModel):
    """One fact about a database, and what changes it."""

    level: Level
    what: Shown
    fix: Shown = ""
    """The statement, setting or command that changes it; empty if there is nothing to change."""


class CheckedTable(BaseModel):
    """What a billing table is in the database."""

    name: str
    read_from: Shown
    writes: list[str] = Field(default_factory=list)
    """The columns that a migration writes, as the database names them."""
    written_in: Shown = ""
    """The table in which they are written."""
    renamed: dict[str, Shown] = Field(default_factory=dict)
    """The columns with another name, by their logical names."""
    computed: list[str] = Field(default_factory=list)
    """The columns that SQL of the mapping computes."""


class DatabaseCheck(BaseModel):
    """Everything that the check of a database found."""

    database: str
    tenants: int = 0
    """How many tenants can be migrated, as far as their ids go; 0 if the schema has errors."""
    tables: list[CheckedTable] = Field(default_factory=list)
    findings: list[Finding] = Field(default_factory=list)
    statuses: list[StatusSummary] = Field(default_factory=list)
    bill_types: list[BillTypeSummary] = Field(default_factory=list)
    flags: list[FlagSummary] = Field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """The findings that prevent the migration."""
        return [one for one in self.findings if one.level is Level.error]


def check_database(database: BillingDatabase, policy: Policy) -> DatabaseCheck:
    """Check a database under a policy. Raises what `BillingDatabase.snapshot` raises, and InvalidMapping."""
    found = DatabaseCheck(database=database.url)
    try:
        with database.read(policy) as snapshot:
            _read(snapshot, found)
    except UnsuitableSchema as error:
        found.findings = [_of_problem(one) for one in error.problems]
        return found
    found.findings += _of_the_server(database)
    skipped = database.skipped_tenants()
    found.tenants = len(database.every_tenant())
    found.findings += [
        Finding(level=Level.warning, what=f"Tenant {quoted(one.key)} is skipped: {one.reason}.") for one in skipped
    ]
    order = list(Level)
    found.findings.sort(key=lambda one: order.index(one.level))
    return found


def _of_problem(problem: str) -> Finding:
    """Return the finding of a problem of the schema, whose remedy is in the parentheses at its end."""
    what, separator, fix = problem.partition(" (") if problem.endswith(")") else (problem, "", "")
    return Finding(level=Level.error, what=what, fix=fix.removesuffix(")") if separator else "")


def _read(snapshot: Snapshot, found: DatabaseCheck) -> None:
    connection, schema, policy = snapshot.connection, snapshot.schema, snapshot.policy
    relations = materialized(snapshot.relations(), snapshot.tables, *READ_OFTEN)
    found.tables = [_table(schema, name) for name in REQUIRED_COLUMNS]
    found.findings += _of_catalogue(schema)
    found.findings += _of_results(schema, connection.dialect)
    found.findings += _of_values(connection, schema, policy, relations)
    found.findings += _of_written_values(snapshot, relations)
    found.statuses, found.bill_types = statuses_found(connection, relations), bill_types_found(connection, relations)
    found.flags = flags_found(connection, relations)


def _table(schema: BillingSchema, name: str) -> CheckedTable:
    there = schema.stored_in(name)
    steps = [STEPS[step] for step in MIGRATION if STEPS[step].target == name]
    written = [column for step in steps for column in schema.written_columns(step)]
    return CheckedTable(
        name=name,
        read_from="a SELECT of the mapping" if there is None else there.fullname,
        writes=list(schema.physical(name, written)) if written else [],
        written_in=schema.table(name).fullname if written else "",
        renamed={one: column for column, one in schema.logical_names(name).items() if column != one},
        computed=[str(one.key) for one in schema.tables[name].c if there is not None and one.key not in there.c],
    )


def _of_catalogue(schema: BillingSchema) -> Iterator[Finding]:
    catalogue = schema.catalogue
    for index in catalogue.missing_indexes:
        table = schema.place(index.table)
        there = schema.stored_in(index.table)
        column = index.column if there is None or index.column not in there.c else there.c[index.column].name
        yield Finding(
            level=Level.warning if index.of_large_table else Level.note,
            what=f"{table} has no index on {column}, so that it is read whole for each tenant.",
            fix=f"CREATE INDEX ix_{table.replace('.', '_')}_{column} ON {table} ({column})",
        )
    for name in sorted(catalogue.views):
        yield Finding(level=Level.note, what=f"{schema.place(name)} is a view.")
    for trigger in catalogue.triggers:
        compared = "What it changes is compared before and after."
        if named := columns_in(trigger.text, schema.columns_of_steps.get(trigger.table, {}).values()):
            compared = f"It names {', '.join(named)}, which a step writes: perhaps it alters what is written."
        yield Finding(
            level=Level.warning,
            what=f"The trigger {trigger} runs when a step writes. {compared}",
            fix="Read what it does; a step is rolled back if it alters a written value or money elsewhere.",
        )
    for table, column in catalogue.renewed:
        yield Finding(level=Level.note, what=f"{table}.{column} keeps its value when a step writes the row.")
    for name in schema.tables:
        for column, sql in schema.generated(name).items():
            yield Finding(level=Level.note, what=f"{name}.{column} is computed by the database ({sql}): not written.")
    constraints = [(one.table, one.definition) for one in catalogue.row_constraints]
    constraints += [(one.table, one.definition) for one in catalogue.rows_constraints]
    for table, definition in constraints:
        yield Finding(level=Level.note, what=f"{definition} of {table} is evaluated before a step writes.")
    for table, place in catalogue.namesakes:
        yield Finding(level=Level.warning, what=f"Schema {quoted(place)} has a table {table} too, which is not read.")


def _of_results(schema: BillingSchema, dialect: Dialect) -> Iterator[Finding]:
    """Yield what is kept in tables of ours, each with a view that shows it beside the original rows.

    The owner may add the columns instead.
    """
    for name, results in schema.results.items():
        there = schema.stored_in(name)
        columns = [column.name for column in results.c if column.name not in ("tenant_id", "id")]
        fix = ""
        if there is not None and "id" in there.c:
            taken = {column.name for column in there.c}
            shown = ", ".join(f"r.{one} AS migrated_{one}" if one in taken else f"r.{one}" for one in columns)
            fix = (
                f"CREATE VIEW {there.name}_with_results AS SELECT o.*, {shown} FROM {there.fullname} o LEFT JOIN "
                f"{results.name} r ON r.id = o.{there.c['id'].name}"
            )
            if not taken.intersection(columns):
                added = ", ".join(f"ADD COLUMN {one} {results.c[one].type.compile(dialect)}" for one in columns)
                fix = f"{fix}; or, without results: ALTER TABLE {there.fullname} {added}"
        yield Finding(
            level=Level.note,
            what=f"{', '.join(f'{name}.{column}' for column in columns)} is kept in our table {results.name}.",
            fix=fix,
        )


def _of_values(
    connection: Connection, schema: BillingSchema, policy: Policy, relations: BillingRelations
) -> Iterator[Finding]:
    """Yield what the rows of all tenants have that has no meaning, or more than one."""
    if tables := may_lack_tenant(schema):
        unread = rows_without_tenant(connection, tables)
        if unread:
            yield Finding(level=Level.warning, what=unread)
    for one in evaluate(connection, _OF_STORED_VALUES, relations):
        if not one.passed:
            yield Finding(
                level=Level.error if one.severity is Severity.ERROR else Level.warning,
                what=f"{one.name}: {counted(one.violations, 'violation')}, for example {one.example}.",
                fix=one.remedy,
            )
    for column in unread_columns(schema, policy):
        yield Finding(
            level=Level.note,
            what=f"{column} looks as if it marked rows without effect. No row has it set, or an ERROR names them.",
            fix=f'deletion_columns = ["{column}"] or ignored_columns = ["{column}"] in [policy]',
        )


def _of_written_values(snapshot: Snapshot, relations: BillingRelations) -> Iterator[Finding]:
    """Yield what the columns cannot hold of what the steps would write, for all tenants at once."""
    for name in MIGRATION:
        step = STEPS[name]
        if step.target == BACKUP:
            continue
        if not snapshot.schema.written_columns(step):
            yield Finding(level=Level.error, what=str(NothingToWrite(name, step.target, step.columns)))
            return
        change = step.compute(relations)
        if snapshot.tables is not None:
            change = snapshot.tables.change(change)
        there = snapshot.connection, change, snapshot.schema
        checks = (
            partial(check_capacity, *there, change.changed),
            partial(check_constraints, *there, _ANY_TENANT, change.changed),
        )
        for check in checks:
            try:
                check()
            except StepError as error:
                yield Finding(level=Level.error, what=str(error))
        relations = relations.after(change)


def _of_the_server(database: BillingDatabase) -> Iterator[Finding]:
    """Yield what this role or this connection may not do."""
    try:
        database.require_writable()
    except NotWritable as error:
        for problem in error.problems:
            yield Finding(
                level=Level.warning,
                what=f"A live run could not write: {problem}.",
                fix="'meter-assets grants migrate ROLE' prints the rights that a role needs to migrate",
            )
    try:
        database.require_own_session()
    except SharedSessions as error:
        yield Finding(level=Level.warning, what=str(error))
