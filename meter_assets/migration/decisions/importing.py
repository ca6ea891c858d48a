"""Records the decisions of people about payments' meters: all decisions of a file, or none of them.

The next run of the step `payment_meter_ids` carries them out. Add here what concerns a whole file. Files are read in
`file`, their rows validated in `rows`; which decisions are in effect is in `billing.decisions`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError

from meter_assets.billing.decisions import newest
from meter_assets.billing.own_tables import DECISIONS
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.failures import advice_for, reason
from meter_assets.errors import DecisionsNotRecorded, InvalidDecisions
from meter_assets.foreign_text import quoted
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.decisions.file import DecisionFile
from meter_assets.migration.decisions.rows import Books, Decision

_Row = Any
"""A row of a result; its columns are its attributes."""
_RUN_ID = "review import"


@dataclass(frozen=True)
class Imported:
    """What became of the rows of a file."""

    recorded: tuple[Decision, ...]
    known: int
    """Rows that say what was recorded before."""
    undecided: int
    of_others: int
    """Rows that say that they are of other tenants."""

    @property
    def withdrawn(self) -> int:
        """The number of payments that are undecided again."""
        return sum(one.withdraws for one in self.recorded)

    @property
    def moving(self) -> int:
        """The number of recorded decisions that give a payment another meter."""
        return sum(one.moves for one in self.recorded)


def import_decisions(
    database: BillingDatabase, tenant: Tenant, policy: Policy, given: DecisionFile, decided_by: str, *, dry_run: bool
) -> Imported:
    """Validate the decisions of a file for a tenant, and record them all unless it is a dry run.

    `decided_by` is who decided where the file does not say it. Raises InvalidDecisions if any of them is invalid,
    TenantLocked while the tenant is migrated, NotWritable, DecisionsNotRecorded, and what `BillingDatabase.schema`
    raises; then nothing is recorded.
    """
    if dry_run:
        with database.snapshot() as connection:
            return _validated(connection, database.schema(connection), policy, tenant, given, decided_by)
    with _locked(database, tenant), database.transaction() as connection:
        schema = database.known_schema()
        database.lock_within(connection, schema, tenant, _RUN_ID)
        imported = _validated(connection, schema, policy, tenant, given, decided_by)
        _record(connection, schema, tenant, imported.recorded)
    return imported


@contextmanager
def _locked(database: BillingDatabase, tenant: Tenant) -> Iterator[None]:
    """Lock the tenant, and create the table of decisions if it is missing."""
    try:
        database.remember()
        database.lock(tenant, _RUN_ID)
        if DECISIONS not in database.known_schema().own_tables_present:
            with database.transaction() as connection:
                database.backend.lock_ddl(connection)
                database.make_own_tables(connection, only=(DECISIONS,))
        yield
    except DBAPIError as error:
        advice = advice_for(database.backend.failure_of(error))
        raise DecisionsNotRecorded(reason(error), advice.replace("run again", "import the file again")) from error
    finally:
        database.release()


def _record(connection: Connection, schema: BillingSchema, tenant: Tenant, made: Sequence[Decision]) -> None:
    numbers = {key: row.number for key, row in _newest(connection, schema, tenant).items()}
    table, now = schema.own[DECISIONS], datetime.now(UTC)
    values = [
        {
            "tenant_id": tenant.id,
            "payment_id": one.payment_id,
            "number": numbers.get(str(one.payment_id), 0) + 1,
            "meter_id": one.meter_id,
            "decided_by": one.decided_by,
            "note": one.note,
            "decided_at": now,
            "withdrawn": 1 if one.withdraws else None,
        }
        for one in made
    ]
    if values:
        connection.execute(insert(table), values)


def _newest(connection: Connection, schema: BillingSchema, tenant: Tenant) -> dict[str, _Row]:
    """Return the newest decision about each payment, by its id as text."""
    if DECISIONS not in schema.own_tables_present:
        return {}
    table = schema.own[DECISIONS]
    found = connection.execute(select(newest(schema, table.c.tenant_id == tenant.id)))
    return {str(row.payment_id): row for row in found}


def _validated(
    connection: Connection,
    schema: BillingSchema,
    policy: Policy,
    tenant: Tenant,
    given: DecisionFile,
    decided_by: str,
) -> Imported:
    books = Books(connection, schema, policy, tenant, given.decisions)
    known = _newest(connection, schema, tenant)
    problems: list[str] = []
    recorded: list[Decision] = []
    seen: dict[str, int] = {}
    of_others = 0
    for row in given.decisions:
        found = books.decision(row, decided_by)
        if found is None:
            of_others += 1
            continue
        if isinstance(found, str):
            problems.append(f"line {row.line}: {found}")
            continue
        key = str(found.payment_id)
        if key in seen:
            problems.append(f"line {row.line}: payment {quoted(key)} is decided in line {seen[key]} already")
        elif key not in known or not _says_the_same(known[key], found):
            recorded.append(found)
        seen.setdefault(key, row.line)
    if problems:
        raise InvalidDecisions(given.path, problems)
    return Imported(tuple(recorded), len(seen) - len(recorded), given.undecided, of_others)


def _says_the_same(known: _Row, found: Decision) -> bool:
    if known.withdrawn is not None and found.withdraws:
        return True  # it is undecided already, whoever withdrew the decision
    said = known.meter_id, known.decided_by, known.note, known.withdrawn is not None
    return said == (found.meter_id, found.decided_by, found.note, found.withdraws)
