"""What undoing a step run would change, row by row: as run now, and as foreseen once newer step runs are undone.

Whole rollbacks, written to a database, are in `tests/migration/test_rollback.py`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Numeric, literal, select
from sqlalchemy.sql.selectable import SelectBase

from meter_assets.billing.change import Change
from meter_assets.billing.money import exact
from meter_assets.billing.own_tables import BACKUP, RUNS, Effect
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.rules.steps import STEPS
from meter_assets.rules.undo import once_newer_are_undone, undo, writers_of, written_later
from tests.support.databases import load
from tests.support.oracle import Row
from tests.support.rules import WITH_OWN_TABLES, found_by, insert_own, weights_of

STEP = STEPS["customer_balances"]
THEN = datetime(2024, 1, 1, tzinfo=UTC)
MONEY = ("balance", "overpayment")

# Step run -> (tenant, what it undoes). 8 undoes 3 for some rows, 9 undoes 1; 6 is another tenant's, 7 undoes that one.
RUNS_MADE = {1: (1, None), 2: (1, None), 3: (1, None), 6: (2, None), 7: (2, 6), 8: (1, 3), 9: (1, 1)}

# Customer: now | what step runs found and wrote | undoing 1 now | undoing 1 once newer ones are undone.
# A balance is `balance` or `balance/overpayment`; `-` is null; a customer without `now` is gone.
ROWS = """
10 | 7     | 1: 5 7                  | restored 5           | restored 5
11 | 8     | 1: 5 7                  | changed_since        | changed_since
12 |       | 1: 5 7                  | row_gone             | row_gone
13 | 3     | 1: 1 2, 2: 2 3          | later_change_kept    | restored 1
14 | 9     | 1: 1 2, 2: 2 3          | later_change_kept    | later_change_kept
15 | 6     | 1: 1 2, 2: 5 6          | later_change_kept    | changed_since
16 | 4     | 1: 1 2, 2: 2 3, 3: 3 4  | later_change_kept    | restored 1
17 | 2     | 1: 1 2, 3: 2 4, 8: 4 2  | restored 1           | restored 1
18 | 1     | 1: 1 2, 9: 2 1          | -                    | -
19 | 9     | 1: 1 2, 2: 2 3, 3: 8 9  | later_change_kept    | later_change_kept
20 | 3/-   | 1: -/1 3/-              | restored -/1         | restored -/1
21 | 7/2   | 1: 5/2 7/1              | changed_since        | changed_since
22 | 7/1   | 1: 5/2 7/1              | restored 5/2         | restored 5/2
23 | 4     | 2: 2 4                  | -                    | -
24 | 3     | 1: 1 2, 2: 3 3          | later_change_kept    | changed_since
25 | -/-   | 1: 5 -/-                | restored 5           | restored 5
26 | 7/4   | 1: 7/1 7/2, 2: 7/2 7/4  | later_change_kept    | restored 7/1
27 | 7/4   | 1: 7/1 7/2, 2: 7/3 7/4  | later_change_kept    | changed_since
28 |       | 1: 1 2, 2: 2 3          | row_gone             | row_gone
"""
OF_OTHERS = """
40 | 2     | 6: 1 2                  |                      |
41 | 2     | 1: 1 2, 2: 1 2          |                      |
"""
"""Customers of tenant 2; the second has been journaled, wrongly, by the first tenant's runs."""


def _balance(text: str) -> Row:
    parts = (*text.split("/"), "0")[:2]
    return dict(zip(MONEY, [None if part == "-" else Decimal(part) for part in parts], strict=True))


class Line:
    """One row of the table above."""

    def __init__(self, text: str) -> None:
        """Read it."""
        number, now, entries, self.alone, self.once_newer = (part.strip() for part in text.split("|"))
        self.id = int(number)
        self.now = _balance(now) if now else None
        self.entries = {
            int(run): tuple(map(_balance, pair.split())) for run, pair in (e.split(":") for e in entries.split(","))
        }


LINES = [Line(text) for text in ROWS.strip().splitlines()]
OTHERS = [Line(text) for text in OF_OTHERS.strip().splitlines()]


def _sides(before: Row, after: Row) -> Row:
    """Return what is journaled of a row: numbers as a database stores money, which SQLite keeps in a column of any."""
    return {
        f"{name}_{side}": literal(row[name], Numeric(14, 2))
        for side, row in (("before", before), ("after", after))
        for name in MONEY
    }


def _insert_runs(connection: Connection, runs: dict[int, tuple[int, int | None]], step: str) -> None:
    known = {"started_at": THEN, "outcome": "succeeded", "policy": "{}", "software_version": "1.2.0", "step": step}
    for run, (tenant, undoes) in runs.items():
        insert_own(connection, RUNS, id=run, run_id=f"run {run}", tenant_id=tenant, undoes=undoes, **known)


def _customers(connection: Connection, rows: list[Row]) -> None:
    tenants = [{"id": 1, "name": "T"}, {"id": 2, "name": "U"}]
    load(connection, WITH_OWN_TABLES, {"tenants": tenants, "customers": [{"name": "C", **row} for row in rows]})


@pytest.fixture
def written(connection: Connection) -> Iterator[Connection]:
    """The database with the rows of the table, some of them soft-deleted since."""
    with connection.begin() as transaction:
        rows = [
            {
                "id": one.id,
                "tenant_id": tenant,
                **one.now,
                "deleted_at": THEN.replace(tzinfo=None) if one.id == 10 else None,
            }
            for tenant, lines in ((1, LINES), (2, OTHERS))
            for one in lines
            if one.now is not None
        ]
        _customers(connection, rows)
        _insert_runs(connection, RUNS_MADE, STEP.name)
        for tenant, lines in ((1, LINES), (2, OTHERS)):
            for one in lines:
                for run, sides in one.entries.items():
                    of = {"step_run_id": run, "run_id": f"run {run}", "tenant_id": tenant, "customer_id": one.id}
                    insert_own(connection, STEP.journal, **of, **_sides(*sides), rule="r")
        yield connection
        transaction.rollback()


def _relations() -> BillingRelations:
    return billing_relations(WITH_OWN_TABLES, Policy(), 1, deleted_too=True)


def _net(row: Any) -> Decimal:
    return Decimal(0) if row is None else (row["balance"] or Decimal(0)) - (row["overpayment"] or Decimal(0))


def _assert_undone(
    connection: Connection, change: Change, relations: BillingRelations, expected: dict[int, str]
) -> None:
    """Fail unless a change restores the balances that are expected, and tells why of the others."""
    found = found_by(connection, change)
    restored = {key: words.split()[1] for key, words in expected.items() if words.startswith("restored")}
    told = {key: (label if label else outcome) for key, (outcome, label) in found.outcome_of.items()}
    assert told == {key: words.split()[0] for key, words in expected.items() if words != "-"}
    assert {key: outcome for key, (outcome, _) in found.outcome_of.items()} == {
        key: "would_change" if key in restored else "unresolved" for key in told
    }
    assert {key: row.after for key, row in found.rows.items()} == {key: _balance(to) for key, to in restored.items()}
    assert {row.rule for row in found.rows.values()} == {"restored"}
    customer = relations.rows["customers"]
    shown = [exact(customer.c[name]).label(name) for name in MONEY]
    now = {row["id"]: row for row in connection.execute(select(customer.c.id, *shown)).mappings()}
    assert {key: row.before for key, row in found.rows.items()} == {
        key: {name: now[key][name] for name in MONEY} for key in restored
    }
    money = connection.execute(change.outcomes).all()
    assert {row.id: row.money for row in money} == {key: _net(now.get(key)) for key in told}
    assert {row.tenant_id for row in money} == {1}
    assert weights_of(connection, change, relations) == {
        key: abs(_net(_balance(to)) - _net(now[key])) for key, to in restored.items()
    }


def test_undoing_a_run_restores_the_rows_that_still_hold_what_it_wrote(written: Connection) -> None:
    relations, kept = _relations(), written_later(WITH_OWN_TABLES, 1, STEP, 1)
    assert _ids(written, kept) == {one.id for one in LINES if one.entries.keys() & {2, 3} and one.id != 17}
    change = undo(relations, STEP, 1, "run 1", kept)
    _assert_undone(written, change, relations, {one.id: one.alone for one in LINES})
    assert (change.undoes, change.effect, change.for_review) == (True, Effect.UPDATE, frozenset())
    assert (change.label, change.columns) == ("customer_balances_of_step_run_1", MONEY)


def test_rows_that_are_not_restored_are_listed_with_expected_and_found(written: Connection) -> None:
    change = undo(_relations(), STEP, 1, "run 1", written_later(WITH_OWN_TABLES, 1, STEP, 1))
    assert change.skipped is not None
    found = [dict(row) for row in written.execute(change.skipped).mappings()]
    listed = [one for one in LINES if one.alone in ("changed_since", "row_gone")]
    assert found == [
        {"id": one.id, "why": one.alone}
        | {f"expected_{name}": one.entries[1][1][name] for name in MONEY}
        | {f"found_{name}": one.now[name] if one.now else None for name in MONEY}
        for one in listed
    ]


def test_a_dry_run_foresees_a_run_once_newer_ones_are_undone(written: Connection) -> None:
    relations, kept = once_newer_are_undone(_relations(), STEP, 1)
    _assert_undone(
        written, undo(relations, STEP, 1, "run 1", kept), relations, {one.id: one.once_newer for one in LINES}
    )


def _ids(connection: Connection, kept: SelectBase) -> set[Any]:
    return set(connection.scalars(select(kept.subquery())))


# The backup

BACKUP_STEP = STEPS[BACKUP]
BACKUPS: dict[int, tuple[int, int | None]] = {1: (1, None), 3: (1, None), 6: (2, None)}
# Customer: (tenant, run of its backup, balance); run 2 has overwritten the balances of 11 and 14, run 4 those of 15.
BACKED_UP = {
    10: (1, 1, "5/2"),
    11: (1, 1, "6"),
    12: (1, 1, "-/3"),
    13: (1, 3, "4"),
    14: (1, 3, "4/1"),
    15: (1, 1, "8"),
    40: (2, 1, "9"),
    41: (2, 6, "9"),
}


@pytest.fixture
def backed_up(connection: Connection) -> Iterator[Connection]:
    """The database with backups of three runs, and two runs that have overwritten balances since."""
    with connection.begin() as transaction:
        of = {key: {"tenant_id": tenant, **_balance(text)} for key, (tenant, _, text) in BACKED_UP.items()}
        _customers(connection, [{"id": key, **row} for key, row in of.items()])
        _insert_runs(connection, BACKUPS, BACKUP)
        _insert_runs(connection, {2: (1, None), 4: (1, None)}, STEP.name)
        for key, row in of.items():
            run_id = f"run {BACKED_UP[key][1]}"
            insert_own(connection, BACKUP, customer_id=key, run_id=run_id, backed_up_at=THEN, **row)
        for run, key in ((2, 11), (2, 14), (4, 15)):
            entry = {"step_run_id": run, "run_id": f"run {run}", "tenant_id": 1, "customer_id": key, "rule": "r"}
            insert_own(connection, STEP.journal, **entry, **_sides(_balance("0"), of[key]))
        yield connection
        transaction.rollback()


def _assert_retired(connection: Connection, change: Change, relations: BillingRelations, kept: set[int]) -> None:
    """Fail unless a change takes a run's rows out of the backup, but for those that are kept."""
    mine = {key: _balance(text) for key, (tenant, run, text) in BACKED_UP.items() if (tenant, run) == (1, 1)}
    found = found_by(connection, change)
    retired = {key: row for key, row in mine.items() if key not in kept}
    assert found.outcome_of == {
        key: ("unresolved", "later_change_kept") if key in kept else ("would_change", "restored") for key in mine
    }
    assert {key: row.before for key, row in found.rows.items()} == retired
    assert {tuple(row.after.values()) for row in found.rows.values()} == {(None, None)}
    assert {row.rule for row in found.rows.values()} == {"restored"}
    money = connection.execute(change.outcomes).all()
    assert {row.id: row.money for row in money} == {key: _net(row) for key, row in mine.items()}
    assert {row.tenant_id for row in (*money, *connection.execute(change.rows))} == {1}
    assert weights_of(connection, change, relations) == {
        key: sum(abs(value or 0) for value in row.values()) for key, row in retired.items()
    }
    left = connection.execute(select(relations.after(change).rows[BACKUP])).all()
    assert {row.customer_id for row in left}.isdisjoint(retired)
    assert {row.customer_id for row in left} >= kept


def test_a_run_backup_is_retired_but_for_balances_overwritten_since(backed_up: Connection) -> None:
    relations, kept = _relations(), written_later(WITH_OWN_TABLES, 1, BACKUP_STEP, 1)
    assert _ids(backed_up, kept) == {11, 14, 15}
    change = undo(relations, BACKUP_STEP, 1, "run 1", kept)
    _assert_retired(backed_up, change, relations, kept={11, 15})
    assert (change.undoes, change.effect, change.skipped) == (True, Effect.REMOVE, None)


def test_a_dry_run_foresees_backups_once_newer_ones_are_retired(backed_up: Connection) -> None:
    """Newer runs that overwrote balances are undone too, and what they cannot restore stays backed up."""
    relations, kept = once_newer_are_undone(_relations(), BACKUP_STEP, 1)
    assert _ids(backed_up, kept) == set()
    left = {row.customer_id for row in backed_up.execute(select(relations.rows[BACKUP]))}
    assert left == {10, 11, 12, 15}
    _assert_retired(backed_up, undo(relations, BACKUP_STEP, 1, "run 1", kept), relations, kept=set())
    _, of_newest = once_newer_are_undone(_relations(), BACKUP_STEP, 3)
    assert _ids(backed_up, of_newest) == {11, 14}


def test_steps_that_overwrite_what_is_backed_up() -> None:
    assert [one.name for one in writers_of(WITH_OWN_TABLES, BACKUP_STEP)] == ["customer_balances"]
