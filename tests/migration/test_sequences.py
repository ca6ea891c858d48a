"""Random databases through random migrations, rollbacks and others' writes, against a model of the journal.

The model is plain Python: a log of what each step of each run wrote to each row, undone newest first where the row
still holds it. What a step writes it takes from the oracle.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, Table, delete, insert, update

from meter_assets.billing.columns import CREATED_AT_COLUMN, MONEY_COLUMNS, OPTIONAL_COLUMNS
from meter_assets.billing.engine_types import types_of
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import Policy
from meter_assets.billing.schema import billing_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.rollback import Rollback, roll_back
from meter_assets.reports.rollback_preview import preview_rollback
from meter_assets.rules.steps import MIGRATION, STEPS
from meter_assets.rules.undo import LATER_CHANGE_KEPT, LEFT_ALONE
from tests.support import oracle
from tests.support.databases import comparable, dump, journal_of, migrate, read, start_over, tenant
from tests.support.oracle import ChangedRow, Database, Expected, Row
from tests.support.strategies import NOT_HUGE, billing_databases, policies

SCHEMA = billing_tables()
DEFAULT = Policy.from_values({})
ON_A_FIFTH = settings(max_examples=max(3, settings().max_examples // 5))  # of the profile's: each is many runs
SYNC = "customer_balances"
SMALL_AMOUNTS = (None, Decimal("0.00"), Decimal("5.55"), Decimal("-3.00"))
WRITTEN_BY_OTHERS = ("payments", "invoices", "invoice_bills", "meters", "customers", "meter_assignments", "bills")


# The model


@dataclass
class Written:
    """What one step of one run wrote to one row; and whether that was undone."""

    at: int
    run_id: str
    tenant_id: int
    step: str
    row_id: int
    before: Row
    after: Row
    seen: Row
    """The values by which the step recognizes the row later."""
    is_undone: bool = False


@dataclass
class Undone:
    """What became of the rows of one step that was undone."""

    restored: int = 0
    skipped: int = 0
    kept: int = 0


@dataclass
class Model:
    """The billing tables and the backup as they should be, and the log of what was written to them."""

    db: Database
    ids_return: bool
    """Whether a new row may get the id of a deleted one, so that steps journal what tells them apart."""
    log: list[Written] = field(default_factory=list)
    steps: int = 0

    def make(self, tenant_id: int, step: str, run_id: str, policy: Policy) -> Expected:
        """Make a step of a tenant."""
        expected = oracle.CHANGES[step](self.db, tenant_id, policy)
        self.db = oracle.apply(self.db, step, expected)
        self.steps += 1
        for row_id, changed in expected.rows.items():
            one = Written(self.steps, run_id, tenant_id, step, row_id, changed.before, changed.after, {})
            one.seen = self._recognized(one)
            self.log.append(one)
        return expected

    def _recognized(self, one: Written) -> Row:
        row = self.row(one) or {}
        return {name: row[name] for name in STEPS[one.step].recognized_by if name in row}

    def runs(self, tenant_id: int) -> list[str]:
        """Return the runs that have changed a tenant, oldest first."""
        return list(dict.fromkeys(one.run_id for one in self.log if one.tenant_id == tenant_id))

    def undo(self, tenant_id: int, before_run: str | None) -> Iterator[tuple[str, str, Undone]]:
        """Undo a tenant's steps, newest first, wholly or to before a run."""
        mine = [one for one in self.log if one.tenant_id == tenant_id]
        first = min((one.at for one in mine if one.run_id == before_run), default=0)
        in_force = {one.at: one for one in mine if not one.is_undone and one.at >= first}
        for at in sorted(in_force, reverse=True):
            rows = [one for one in mine if one.at == at and not one.is_undone]
            yield in_force[at].run_id, in_force[at].step, self._undo_step(rows)

    def _undo_step(self, rows: list[Written]) -> Undone:
        done = Undone()
        for one in rows:
            row = self.row(one)
            if row is None or not self._is_same(one):
                done.skipped += 1
            elif self._is_kept(one):
                done.kept += 1
            elif one.step != BACKUP and any(row[name] != one.after[name] for name in _columns_of(one)):
                done.skipped += 1
            else:
                self._restore(one, row)
                done.restored += 1
        return done

    def row(self, one: Written) -> Row | None:
        if one.step == BACKUP:
            return next(row for row in self.db[BACKUP] if row["customer_id"] == one.row_id)
        rows = self.db[oracle.TARGETS[one.step]]
        return next((row for row in rows if (row["id"], row["tenant_id"]) == (one.row_id, one.tenant_id)), None)

    def _is_same(self, one: Written) -> bool:
        """Say whether a row is still the one that was written: without any value to recognize it, its id decides."""
        if not self.ids_return:
            return True
        if one.seen.get(CREATED_AT_COLUMN) is not None:
            return bool(self._recognized(one)[CREATED_AT_COLUMN] == one.seen[CREATED_AT_COLUMN])
        return all(value is None for value in one.seen.values()) or self._recognized(one) == one.seen

    def _is_kept(self, one: Written) -> bool:
        """Say whether something that builds on this is not undone."""
        step = SYNC if one.step == BACKUP else one.step
        return any(
            (other.step, other.row_id, other.tenant_id, other.is_undone) == (step, one.row_id, one.tenant_id, False)
            and (one.step == BACKUP or other.at > one.at)
            for other in self.log
        )

    def _restore(self, one: Written, row: Row) -> None:
        if one.step == BACKUP:
            self.db[BACKUP].remove(row)
        else:
            row.update({name: one.before[name] for name in _columns_of(one)})
        one.is_undone = True


def _columns_of(one: Written) -> list[str]:
    """Return the columns that a step has written in a row: not an optional one that was null and stayed null."""
    optional = OPTIONAL_COLUMNS.get(oracle.TARGETS[one.step], ())
    return [
        name for name, value in one.after.items() if (one.before[name], value) != (None, None) or name not in optional
    ]


# The operations


@dataclass(frozen=True)
class Migrate:
    """Migrate a tenant."""

    tenant_id: int
    policy: Policy


@dataclass(frozen=True)
class Sync:
    """Sync a tenant's customers' balances."""

    tenant_id: int


@dataclass(frozen=True)
class RollBack:
    """Roll a tenant back: wholly, or to before one of its runs."""

    tenant_id: int
    run: int | None
    batch_size: int | None


@dataclass(frozen=True)
class Write:
    """Write a value to a column of a row, as others do; each is chosen by its place among those that there are."""

    table: str
    row: int
    column: int
    value: int


@dataclass(frozen=True)
class Disturb:
    """Write to a row, and a column, that a step has written, as others do: another value, or what was there before."""

    entry: int
    column: int
    value: int


@dataclass(frozen=True)
class Delete:
    """Delete a row, as others do."""

    table: str
    row: int


@dataclass(frozen=True)
class Insert:
    """Insert a row like another one, as others do; its id may be that of a row that was deleted."""

    table: str
    row: int


Operation = Migrate | Sync | RollBack | Write | Disturb | Delete | Insert
_place = st.integers(0, 40)
_written = st.sampled_from([*WRITTEN_BY_OTHERS, "payments", "invoices", "meters", "meters", "customers"])
_disturbance = st.builds(Disturb, _place, _place, _place)
_writes = st.one_of(
    _disturbance,
    _disturbance,
    st.builds(Write, _written, _place, _place, _place),
    st.one_of(st.builds(Delete, _written, _place), st.builds(Insert, _written, _place)),
)


def _stories(tenant_id: int) -> st.SearchStrategy[list[Operation]]:
    """Draw some runs of a tenant with others' writes after each, and then a rollback."""
    of = st.just(tenant_id)
    made: st.SearchStrategy[Operation] = st.one_of(
        st.builds(Migrate, of, policies()), st.builds(Migrate, of, policies()), st.builds(Sync, of)
    )
    chapters = st.lists(st.tuples(made, st.lists(_writes, max_size=4)), min_size=1, max_size=3)
    undone = st.builds(RollBack, of, st.one_of(st.none(), st.integers(0, 3)), st.sampled_from([None, None, 2]))
    return st.tuples(chapters, undone).map(
        lambda told: [one for run, writes in told[0] for one in (run, *writes)] + [told[1]]
    )


_sequences = st.lists(st.sampled_from([1, 1, 2]).flatmap(_stories), min_size=1, max_size=3).map(
    lambda stories: [one for story in stories for one in story]
)


@dataclass
class World:
    """A database and its model, to which the same things happen."""

    database: BillingDatabase
    model: Model
    runs: int = 0
    migrated: list[tuple[str, str, Expected]] = field(default_factory=list)

    def happen(self, operation: Operation) -> None:
        """Let an operation happen to both; what it may not touch must be as it was."""
        self.runs += 1
        match operation:
            case Migrate(tenant_id, policy):
                self.make(tenant_id, MIGRATION, policy)
            case Sync(tenant_id):
                self.make(tenant_id, (SYNC,), DEFAULT)
            case RollBack():
                self.roll_back(operation)
            case _:
                self.write(operation)
        self.must_agree()

    def make(self, tenant_id: int, steps: tuple[str, ...], policy: Policy) -> dict[str, int]:
        """Make steps of a tenant, the backup first; return how many rows each changed."""
        steps = (BACKUP, *(step for step in steps if step != BACKUP))
        others, run_id = self._others(tenant_id), f"run {self.runs}"
        expected = {step: self.model.make(tenant_id, step, run_id, policy) for step in steps}
        reports = migrate(
            self.database, tenant_id, policy, run_id=run_id, steps=steps, allow_invalid=True, policy_changed=True
        )
        changed = {step: report.changed for step, report in reports.items()}
        assert changed == {step: len(found.rows) for step, found in expected.items()}
        assert self._others(tenant_id) == others
        self.migrated += [(step, run_id, found) for step, found in expected.items()]
        return changed

    def roll_back(self, operation: RollBack) -> None:
        of, runs = tenant(operation.tenant_id), self.model.runs(operation.tenant_id)
        before = runs[operation.run % len(runs)] if runs and operation.run is not None else None
        others, foreseen = self._others(of.id), preview_rollback(self.database, of, before)
        try:
            steps = list(
                roll_back(
                    self.database, of, f"undo {self.runs}", DEFAULT, before_run=before, batch_size=operation.batch_size
                )
            )
        finally:
            self.database.release()
        made = Rollback(tenant=of.key, name=of.name, steps=steps)
        if operation.batch_size is None:
            assert foreseen.steps == made.steps
        found = [(one.made.run_id, one.made.step, _became(one.report.changed, one.report.unresolved)) for one in steps]
        assert found == list(self.model.undo(of.id, before))
        assert self._others(of.id) == others

    def write(self, operation: Operation) -> None:
        match operation:
            case Disturb():
                self.disturb(operation)
            case Write(name, place, column, value) if rows := self.model.db[name]:
                columns = [one for one in rows[0] if one in SCHEMA.table(name).c and one != "id"]
                chosen = columns[column % len(columns)]
                self.set(name, rows[place % len(rows)], chosen, _value(SCHEMA.table(name), rows, chosen, value))
            case Delete(name, place) if rows := self.model.db[name]:
                gone = rows.pop(place % len(rows))
                self.execute(delete(SCHEMA.table(name)).where(SCHEMA.table(name).c.id == gone["id"]))
            case Insert(name, place) if rows := self.model.db[name]:
                rows.append(_one_more(rows, rows[place % len(rows)]))
                self.execute(insert(SCHEMA.table(name)).values(_of_table(SCHEMA.table(name), rows[-1])))
            case _:
                pass  # there is no such row

    def disturb(self, operation: Disturb) -> None:
        entries = [one for one in self.model.log if one.step != BACKUP and self.model.row(one) is not None]
        if not entries:
            return
        one = entries[operation.entry % len(entries)]
        name, row, columns = oracle.TARGETS[one.step], self.model.row(one), list(one.after)
        assert row is not None
        column = columns[operation.column % len(columns)]
        other = _value(SCHEMA.table(name), self.model.db[name], column, operation.value)
        self.set(name, row, column, one.before[column] if operation.value % 4 == 0 else other)

    def set(self, name: str, row: Row, column: str, value: Any) -> None:
        table = SCHEMA.table(name)
        row[column] = value
        self.execute(update(table).where(table.c.id == row["id"]).values({column: value}))

    def execute(self, statement: Executable) -> None:
        with self.database.transaction() as connection:
            connection.execute(statement)

    def must_agree(self) -> None:
        with self.database.snapshot() as connection:
            found = comparable(read(connection, SCHEMA))
        assert {BACKUP: [], **found} == comparable({BACKUP: [], **self.model.db})

    def the_journal_must_tell_what_was_written(self) -> None:
        with self.database.snapshot() as connection:
            for step, run_id, expected in self.migrated:
                if step != BACKUP:
                    assert _plain(journal_of(connection, SCHEMA, step, run_id)) == _plain(expected.rows)

    def migrating_again_must_change_nothing(self) -> None:
        for tenant_id in (1, 2):
            self.runs += 1
            self.make(tenant_id, MIGRATION, DEFAULT)
            self.runs += 1
            assert set(self.make(tenant_id, MIGRATION, DEFAULT).values()) == {0}
            self.must_agree()

    def _others(self, tenant_id: int) -> dict[str, Any]:
        with self.database.snapshot() as connection:
            found = dump(connection, but_not_of=tenant_id)
        # Lines of invoices may say no tenant, or a wrong one; no step writes them.
        return {name: rows for name, rows in found.items() if rows and not name.startswith("sqlite_")}


def _plain(rows: Mapping[Any, ChangedRow]) -> dict[Any, tuple[Row, Row, str]]:
    """Changed rows with days as text, which is what SQLite has."""

    def plain(values: Row) -> Row:
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}

    return {row_id: (plain(row.before), plain(row.after), row.rule) for row_id, row in rows.items()}


def _became(restored: int, unresolved: dict[str, Any]) -> Undone:
    rows = {why: tally.rows for why, tally in unresolved.items()}
    return Undone(restored, sum(rows.get(why, 0) for why in LEFT_ALONE), rows.get(LATER_CHANGE_KEPT, 0))


def _one_more(rows: list[Row], like: Row) -> Row:
    """A row like another, but not huge: sums must stay below what a column holds."""
    amounts = {name: Decimal("1.25") for name, value in like.items() if isinstance(value, Decimal) and value > NOT_HUGE}
    return {**deepcopy(like), **amounts, "id": max(row["id"] for row in rows) + 1}


def _of_table(table: Table, row: Row) -> Row:
    return {name: value for name, value in row.items() if name in table.c}


def _value(table: Table, rows: list[Row], column: str, place: int) -> Any:
    """A value that a column may have: a small amount, or one that some row has there, or none."""
    if column in MONEY_COLUMNS.get(table.name, ()):
        return SMALL_AMOUNTS[place % len(SMALL_AMOUNTS)]
    values = sorted({row[column] for row in rows} - {None}, key=str)
    if table.c[column].nullable:
        values.append(None)
    return values[place % len(values)]


@pytest.mark.every_engine
@pytest.mark.slow
@ON_A_FIFTH
@given(rows=billing_databases(), operations=_sequences)
def test_whatever_happens_the_database_is_what_the_journal_says(
    billing_url: str, rows: Database, operations: list[Operation]
) -> None:
    database = start_over(billing_url, SCHEMA, rows)
    world = World(database, Model(deepcopy(rows), types_of(database.engine.dialect).ids_return))
    for operation in operations:
        world.happen(operation)
    world.the_journal_must_tell_what_was_written()
    world.migrating_again_must_change_nothing()
