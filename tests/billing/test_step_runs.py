"""What the records say of step runs: how each ended, and for which tenants a step is in force."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, select

from meter_assets.billing.own_tables import BACKUP, COMMITS, OUTCOMES, RECORDS, RUNS
from meter_assets.billing.step_runs import ORIGIN_COLUMNS, keeps_outcomes, step_runs, tenants_with
from tests.support.databases import empty_tables
from tests.support.rules import WITH_OWN_TABLES, insert_own

OF_1_0 = replace(WITH_OWN_TABLES, own_tables_present=WITH_OWN_TABLES.own_tables_present - set(RECORDS[1:]))
STARTED, OLD_END, END = (datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3))
NEVER = None

# step run, rows and message of version 1.0.0 | its outcome | rows of its transactions -> how it ended
RUNNING: dict[str, Any] = {"outcome": "running"}
OLD: dict[str, Any] = {"outcome": "succeeded", "finished_at": OLD_END, "rows_changed": 9, "message": "old"}
ENDED: dict[str, Any] = {"outcome": "failed", "finished_at": END, "message": "new"}
SILENT: dict[str, Any] = {"outcome": "succeeded", "finished_at": END}
HOW_IT_ENDED: dict[str, tuple[dict[str, Any], dict[str, Any] | None, list[int], tuple[Any, ...]]] = {
    "running without rows": (RUNNING, None, [], ("running", NEVER, None, None)),
    "running with two transactions": (RUNNING, None, [3, 4], ("running", NEVER, 7, None)),
    "ended without rows": (RUNNING, ENDED, [], ("failed", END, 0, "new")),
    "ended with rows": (RUNNING, ENDED, [5], ("failed", END, 5, "new")),
    "ended by version 1.0.0": (OLD, None, [], ("succeeded", OLD_END, 9, "old")),
    "ended by both": (OLD, ENDED, [2], ("failed", END, 2, "new")),
    "ended without a message": (OLD, SILENT, [], ("succeeded", END, 9, None)),
}
COLUMNS = [
    *("id", "run_id", "tenant_id", "step", "undoes", "started_at"),
    *("finished_at", "outcome", "rows_changed", "message"),
    *("policy", "software_version", *ORIGIN_COLUMNS),
]

# Step runs in order: (tenant, step, outcome, rows, undoes), and the tenants for which A is in force
A, B = "meter_balances", BACKUP
IN_FORCE: dict[str, tuple[list[tuple[int, str, str, int | None, int | None]], list[int]]] = {
    "never run": ([(1, B, "succeeded", 1, None)], []),
    "run twice": ([(1, A, "succeeded", 1, None), (1, A, "succeeded", 0, None)], [1]),
    "run for both": ([(1, A, "succeeded", 1, None), (2, A, "succeeded", 1, None)], [1, 2]),
    "failed": ([(1, A, "failed", 1, None)], []),
    "partial": ([(1, A, "partial", 1, None)], []),
    "running": ([(1, A, "running", None, None)], []),
    "undone": ([(1, A, "succeeded", 1, None), (1, A, "succeeded", 1, 1)], []),
    "the tenant's undone, the other's not": (
        [(1, A, "succeeded", 1, None), (2, A, "succeeded", 1, None), (1, A, "succeeded", 1, 1)],
        [2],
    ),
    "undone with an older step": (
        [(1, B, "succeeded", 1, None), (1, A, "succeeded", 1, None), (1, B, "succeeded", 1, 1)],
        [],
    ),
    "undone back to a newer step": (
        [(1, A, "succeeded", 1, None), (1, B, "succeeded", 1, None), (1, B, "succeeded", 1, 2)],
        [1],
    ),
    "run again after that": (
        [(1, A, "succeeded", 1, None), (1, A, "succeeded", 1, 1), (1, A, "succeeded", 1, None)],
        [1],
    ),
    "undoing failed at once": ([(1, A, "succeeded", 1, None), (1, A, "failed", 0, 1)], [1]),
    "undoing is running": ([(1, A, "succeeded", 1, None), (1, A, "running", None, 1)], [1]),
    "undoing failed after a row": ([(1, A, "succeeded", 1, None), (1, A, "failed", 1, 1)], []),
    "undone without rows": ([(1, A, "succeeded", 1, None), (1, A, "succeeded", 0, 1)], []),
    "undoing is no run": ([(1, A, "succeeded", 1, 99)], []),
}


@pytest.fixture(scope="module")
def records(empty_billing_url: str) -> Iterator[Connection]:
    """A connection to a database whose tables are empty; each test rolls back what it inserts."""
    with empty_tables(empty_billing_url, WITH_OWN_TABLES) as made:
        yield made


def _insert_run(connection: Connection, **values: Any) -> None:
    known = {"run_id": "a run", "tenant_id": 1, "step": A, "started_at": STARTED, "policy": "{}"}
    insert_own(connection, RUNS, **{**known, "software_version": "1.2.0", **values})


def _insert_commits(connection: Connection, step_run: int, rows: list[int]) -> None:
    for part, changed in enumerate(rows):
        insert_own(connection, COMMITS, step_run_id=step_run, tenant_id=1, part=part, rows_changed=changed, digest="")


@pytest.mark.parametrize("case", HOW_IT_ENDED)
def test_a_step_run_ended_as_its_newest_record_says(records: Connection, case: str) -> None:
    run, outcome, transactions, expected = HOW_IT_ENDED[case]
    with records.begin() as transaction:
        _insert_run(records, id=1, **run)
        _insert_run(records, id=2, undoes=1, **RUNNING)
        _insert_commits(records, 1, transactions)
        _insert_commits(records, 2, [100])
        if outcome is not None:
            insert_own(records, OUTCOMES, step_run_id=1, tenant_id=1, seal="", **outcome)
        found = [row._mapping for row in records.execute(select(step_runs(WITH_OWN_TABLES)).order_by("id"))]
        transaction.rollback()
    assert [list(row) for row in found] == [COLUMNS, COLUMNS]
    first = {**found[0], "finished_at": _in_utc(found[0]["finished_at"])}
    assert tuple(first[name] for name in ("outcome", "finished_at", "rows_changed", "message")) == expected
    assert [(row["id"], row["run_id"], row["step"], row["undoes"]) for row in found] == [
        (1, "a run", A, None),
        (2, "a run", A, 1),
    ]
    assert [(row["policy"], row["software_version"], _in_utc(row["started_at"])) for row in found] == [
        ("{}", "1.2.0", STARTED)
    ] * 2


def test_the_records_of_version_1_0_are_read_without_outcomes(records: Connection) -> None:
    with records.begin() as transaction:
        _insert_run(records, id=1, **OLD)
        _insert_commits(records, 1, [100])
        (found,) = records.execute(select(step_runs(OF_1_0))).mappings()
        transaction.rollback()
    assert list(found) == COLUMNS
    assert (found["outcome"], found["rows_changed"], found["message"]) == ("succeeded", 9, "old")
    assert _in_utc(found["finished_at"]) == OLD_END


@pytest.mark.parametrize(
    ("missing", "kept"), [((), True), ((OUTCOMES,), False), ((COMMITS,), False), ((OUTCOMES, COMMITS), False)]
)
def test_outcomes_are_kept_where_both_tables_are(missing: tuple[str, ...], kept: bool) -> None:
    present = WITH_OWN_TABLES.own_tables_present.difference(missing)
    assert keeps_outcomes(replace(WITH_OWN_TABLES, own_tables_present=present)) == kept


@pytest.mark.parametrize("schema", [WITH_OWN_TABLES, OF_1_0], ids=["now", "version 1.0.0"])
@pytest.mark.parametrize("case", IN_FORCE)
def test_a_step_is_in_force_until_it_is_undone(records: Connection, case: str, schema: Any) -> None:
    runs, tenants = IN_FORCE[case]
    with records.begin() as transaction:
        for at, (tenant, step, outcome, rows, undoes) in enumerate(runs, 1):
            values = {"tenant_id": tenant, "step": step, "undoes": undoes, "outcome": outcome, "rows_changed": rows}
            _insert_run(records, id=at, **values)
        found = records.scalars(tenants_with(schema, A)).all()
        transaction.rollback()
    assert sorted(found) == tenants


def _in_utc(found: datetime | None) -> datetime | None:
    """Return a point in time as it was inserted: SQLite keeps no zone."""
    return found and found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
