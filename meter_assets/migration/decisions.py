"""Records the decisions of people about payments' meters: all decisions of a file, or none of them.

The next run of the step `payment_meter_ids` carries them out. Add here what makes a decision invalid. Files are read in
`decision_file`; which decisions are in effect is in `billing.decisions`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Integer, String, cast, insert, select
from sqlalchemy.exc import DBAPIError

from meter_assets.billing.decisions import newest
from meter_assets.billing.own_tables import DECISIONS
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.failures import advice_for, reason
from meter_assets.errors import DecisionsNotRecorded, InvalidDecisions
from meter_assets.foreign_text import quoted, spreadsheet_cell
from meter_assets.migration.database import BillingDatabase, Tenant
from meter_assets.migration.decision_file import KEEP, DecisionFile, GivenDecision

_Row = Any
"""A row of a result; its columns are its attributes."""
_AT_A_TIME = 500
"""How many values a condition of a statement lists."""
_LARGEST = 2**63 - 1
"""The largest id of the type of integers that every engine has."""
_RUN_ID = "review import"


@dataclass(frozen=True)
class Decision:
    """A valid decision about one payment."""

    payment_id: Any
    meter_id: Any
    """None leaves the payment as it is."""
    decided_by: str
    note: str | None
    found_on: Any
    """The meter that the payment has now, or None."""

    @property
    def moves(self) -> bool:
        """Whether the next run gives the payment another meter."""
        return self.meter_id is not None and self.meter_id != self.found_on


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
    rows = [one for one in given.decisions if one.tenant in ("", tenant.key)]
    books = _Books(connection, schema, policy, tenant, rows)
    known = _newest(connection, schema, tenant)
    problems: list[str] = []
    recorded: list[Decision] = []
    seen: dict[str, int] = {}
    for row in rows:
        found = books.decision(row, decided_by)
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
    return Imported(tuple(recorded), len(seen) - len(recorded), given.undecided, len(given.decisions) - len(rows))


def _says_the_same(known: _Row, found: Decision) -> bool:
    return (known.meter_id, known.decided_by, known.note) == (found.meter_id, found.decided_by, found.note)


@dataclass(frozen=True)
class _Payment:
    """A payment of the tenant, its meter, and whether the migration has written that meter."""

    id: Any
    meter_id: Any
    is_ours: bool


@dataclass
class _Books:
    """What the database has of the payments and meters that a file names."""

    connection: Connection
    schema: BillingSchema
    policy: Policy
    tenant: Tenant
    given: Sequence[GivenDecision]

    def decision(self, row: GivenDecision, decided_by: str) -> Decision | str:
        """Return a row as a decision, or what is wrong with it, as a clause."""
        payment = self._payment(row.payment)
        if isinstance(payment, str):
            return payment
        meter_id = None if row.keeps else self._meter(row)
        if isinstance(meter_id, _Problem):
            return meter_id.text
        return Decision(payment.id, meter_id, row.decided_by or decided_by, row.note or None, payment.meter_id)

    def _payment(self, text: str) -> _Payment | str:
        if not text:
            return "no payment_id"
        if why := self._no_id("payments", text):
            return why
        payment = self._payments.get(self._key("payments", text))
        if payment is None:
            return self._missing("payments", text)
        if payment.meter_id is not None and not payment.is_ours:
            return (
                f"payment {quoted(text)} has meter {quoted(payment.meter_id)}, which the migration has not written: it "
                "never changes that"
            )
        return payment

    def _meter(self, row: GivenDecision) -> Any:
        """Return the id of the one meter that a row names, or a problem."""
        found: dict[str, Any] = {}
        for text, candidates in (
            (row.meter_id, self._by_id),
            (row.meter_number, self._by_number),
            (row.meter, self._by_either),
        ):
            if text:
                ids = candidates.get(self._key("meters", text) if candidates is self._by_id else text, ())
                if not ids:
                    return _Problem(self._missing_meter(text, is_id=candidates is not self._by_number))
                if len(ids) > 1:
                    named = " and ".join(quoted(one) for one in sorted(map(str, ids)))
                    return _Problem(
                        f"{quoted(text)} names the meters {named}: enter one of them in the column meter_id"
                    )
                found |= {str(one): one for one in ids}
        if len(found) > 1:
            return _Problem(f"its columns name different meters: {' and '.join(quoted(one) for one in sorted(found))}")
        return next(iter(found.values()))

    def _missing_meter(self, text: str, *, is_id: bool) -> str:
        if text.lower() == KEEP:
            return f"it names a meter and says {KEEP}"
        if not is_id:
            return f"no meter of tenant {self.tenant.key} has the number {quoted(text)}"
        return self._no_id("meters", text) or self._missing("meters", text)

    def _key(self, table: str, text: str) -> str:
        """Return an id in the form of its text in the database."""
        if isinstance(self.schema.tables[table].c.id.type, Integer):
            return str(int(text)) if self._no_id(table, text) is None else text
        return text

    def _no_id(self, table: str, text: str) -> str | None:
        """Return why a text cannot be an id of a table, as a clause; None if it can."""
        one = table.removesuffix("s")
        if not isinstance(self.schema.tables[table].c.id.type, Integer):
            return None
        if not (text.isascii() and text.removeprefix("-").isdigit()):
            return f"the id of a {one} is a number, and {quoted(text)} is not"
        return None if abs(int(text)) <= _LARGEST else f"no {one} has the id {quoted(text)}"

    def _missing(self, table: str, text: str) -> str:
        """Return why the tenant has no row with an id: another tenant has it, it is deleted, or there is none."""
        one = table.removesuffix("s")
        rows = billing_relations(self.schema, self.policy, None, deleted_too=True).rows[table]
        key = self._key(table, text)
        owners = select(rows.c.tenant_id).where(self._has_id(rows.c.id, table, [key]))
        tenants = [str(found) for found in self.connection.execute(owners).scalars()]
        if self.tenant.key in tenants:
            return f"{one} {quoted(text)} is deleted"
        if tenants:
            return f"{one} {quoted(text)} is of tenant {quoted(tenants[0])}, not of tenant {self.tenant.key}"
        return f"no {one} has the id {quoted(text)}"

    def _has_id(self, column: ColumnElement[Any], table: str, keys: Iterable[str]) -> ColumnElement[bool]:
        if isinstance(self.schema.tables[table].c.id.type, Integer):
            return column.in_([int(key) for key in keys])
        return cast(column, String(255)).in_(list(keys))

    @cached_property
    def _payments(self) -> Mapping[str, _Payment]:
        """The named payments of the tenant, by their ids as text."""
        relations = billing_relations(self.schema, self.policy, self.tenant.id)
        payment, written = relations.payments, relations.meters_written()
        named = (one.payment for one in self.given if one.payment and not self._no_id("payments", one.payment))
        keys = iter(dict.fromkeys(self._key("payments", text) for text in named))
        found: dict[str, _Payment] = {}
        while some := list(islice(keys, _AT_A_TIME)):
            ours = set() if written is None else self._ids_and_meters(written, written.c.payment_id, some)
            for row_id, meter_id in self._ids_and_meters(payment, payment.c.id, some):
                found[_as_text(row_id)] = _Payment(row_id, meter_id, (row_id, meter_id) in ours)
        return {**{spreadsheet_cell(key): row for key, row in found.items()}, **found}

    def _ids_and_meters(
        self, rows: FromClause, payment_id: ColumnElement[Any], keys: Sequence[str]
    ) -> set[tuple[Any, Any]]:
        """Return the ids and meters of the payments with these ids."""
        statement = select(payment_id, rows.c.meter_id).where(self._has_id(payment_id, "payments", keys))
        return {(row[0], row[1]) for row in self.connection.execute(statement)}

    @cached_property
    def _meters(self) -> Sequence[_Row]:
        meter = billing_relations(self.schema, self.policy, self.tenant.id).meters
        return self.connection.execute(select(meter.c.id, meter.c.meter_number)).all()

    @cached_property
    def _by_id(self) -> Mapping[str, set[Any]]:
        return _indexed((row.id, row.id) for row in self._meters)

    @cached_property
    def _by_number(self) -> Mapping[str, set[Any]]:
        return _indexed((row.meter_number, row.id) for row in self._meters if row.meter_number is not None)

    @cached_property
    def _by_either(self) -> Mapping[str, set[Any]]:
        keys = {*self._by_id, *self._by_number}
        return {key: {*self._by_id.get(key, ()), *self._by_number.get(key, ())} for key in keys}


@dataclass(frozen=True)
class _Problem:
    """Why a row names no meter, as a clause."""

    text: str


def _as_text(value: Any) -> str:
    return str(value).strip()


def _indexed(pairs: Iterable[tuple[Any, Any]]) -> Mapping[str, set[Any]]:
    """Return ids by texts: as they are, and as a cell of an export has them."""
    found: dict[str, set[Any]] = defaultdict(set)
    for value, row_id in pairs:
        for text in {_as_text(value), str(spreadsheet_cell(_as_text(value)))}:
            found[text].add(row_id)
    return dict(found)
