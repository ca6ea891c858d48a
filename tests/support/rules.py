"""What the rules' SQL makes of rows in a database, in the oracle's terms: the one place in the tests that calls rules.

Add here what is to be asked of a step or an invariant. The cases that are put to them are read by `cases`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Numeric, Select, insert, select, text, type_coerce
from sqlalchemy.dialects import mysql

from meter_assets.billing.change import Change
from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.money import ExactMoney, exact
from meter_assets.billing.own_tables import BACKUP, RUNS
from meter_assets.billing.own_tables import DECISIONS as OWN_DECISIONS
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import BillingRelations, billing_relations
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.rules import steps
from meter_assets.rules.invariants import INVARIANTS
from tests.support import oracle
from tests.support.cases import Case, column_and_text, value_of
from tests.support.databases import OWN_TABLES, load
from tests.support.oracle import BACKUP_RUNS, DECIDED, DECISIONS, ChangedRow, Database, Expected, Row

ANY_MONEY = Numeric().with_variant(mysql.NUMERIC(38, 8), "mysql")
"""Money with any decimals: MySQL has no such type, but this one has more than any case needs."""
SCHEMA = billing_tables(money=ANY_MONEY, steps=tuple(steps.STEPS.values()))
WITH_OWN_TABLES = replace(SCHEMA, own_tables_present=frozenset(OWN_TABLES))
STEPS = tuple(steps.STEPS)
"""The names of all steps."""
_BY_NAME = {one.name: one for one in INVARIANTS}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
ZERO = Decimal(0)
_THEN = datetime(2024, 1, 1, tzinfo=UTC)
_NO_NUMBER = {"sqlite": "1,234.50", "postgresql": "NaN"}
"""What each engine keeps in a column of money that is no number; NaN stands for it in cases."""
_KEYS = {BACKUP: "customer_id"}
_TABLE_OF_SUBJECT = {
    "tenant_id": "tenants",
    "customer_id": "customers",
    "meter_id": "meters",
    "payment_id": "payments",
    "invoice_id": "invoices",
    "invoice_bill_id": "invoice_bills",
}
"""The tables of the subjects that are ids; other subjects are a value's place, a status or a bill type."""


# The adapter: what follows when the rules are called in another way


def relations_of(schema: BillingSchema, tenant_id: Any, policy: Policy) -> BillingRelations:
    """Return the relations of a tenant, or of all, under a policy."""
    return billing_relations(schema, policy, tenant_id)


def change_of(step: str, relations: BillingRelations) -> Change:
    """Return the change that a step computes."""
    return steps.STEPS[step].compute(relations)


def found_by(connection: Connection, change: Change) -> Expected:
    """Return the rows and outcomes of a change as the oracle has them, money in exact form."""
    changed = change.rows.subquery()
    money = {f"{name}_{side}" for name in change.money_columns for side in ("before", "after")}
    shown = [exact(column).label(column.key) if column.key in money else column for column in changed.c]
    rows = {
        row["id"]: ChangedRow(
            before={name: row[f"{name}_before"] for name in change.columns},
            after={name: row[f"{name}_after"] for name in change.columns},
            rule=row["rule"],
        )
        for row in connection.execute(select(*shown)).mappings()
    }
    outcomes = connection.execute(change.outcomes).all()
    assert len(outcomes) == len({row.id for row in outcomes}), f"{change.name} has two outcomes of a row"
    return Expected(rows, {row.id: (row.outcome, row.label) for row in outcomes})


def money_of(connection: Connection, change: Change) -> dict[Any, Decimal | None]:
    """Return the money at stake in each row that a change looks at, by id."""
    found = connection.execute(change.outcomes).all()
    assert {row.tenant_id for row in found} <= {1}, "a row of another tenant"
    return {row.id: row.money for row in found}


def weights_of(connection: Connection, change: Change, relations: BillingRelations) -> dict[Any, Decimal]:
    """Return how much money each changed row moves, by id."""
    changed, rows = change.rows.subquery(), relations.rows[change.table]
    weight = type_coerce(change.weight(changed, rows), ExactMoney()).label("weight")
    found = select(changed.c.tenant_id, changed.c.id, weight).join(rows, rows.c.id == changed.c.id)
    made = connection.execute(found).all()
    assert {row.tenant_id for row in made} <= {1}, "a row of another tenant"
    return {row.id: row.weight for row in made}


def written_by(connection: Connection, change: Change, relations: BillingRelations) -> dict[Any, Row]:
    """Return the columns that a change writes as they are in these relations, by id, money in exact form."""
    rows = relations.rows[change.target]
    shown = [
        exact(rows.c[name]).label(name) if name in change.money_columns else rows.c[name] for name in change.columns
    ]
    found = connection.execute(select(*shown, rows.c.tenant_id, rows.c[_KEYS.get(change.target, "id")])).all()
    assert {row.tenant_id for row in found} <= {1}, "a row of another tenant"
    return {row[-1]: dict(zip(change.columns, row[:-2], strict=True)) for row in found}


def statement_of(invariant: str, relations: BillingRelations) -> Select[Any]:
    """Return the SELECT of the rows that violate an invariant."""
    return _BY_NAME[invariant].violations(relations)


def evidence_of(connection: Connection, invariant: str, relations: BillingRelations, tenant_id: Any) -> dict[Any, Row]:
    """Return the rows that a tenant's violations of an invariant are shown with, by the id of what violates it."""
    one = _BY_NAME[invariant]
    found = [dict(row) for row in connection.execute(statement_of(invariant, relations)).mappings()]
    mine = {row[one.subject]: row for row in found if row["tenant_id"] == tenant_id}
    assert len(mine) == sum(row["tenant_id"] == tenant_id for row in found), f"{invariant} names a row twice"
    return mine


def violations_of(connection: Connection, relations: BillingRelations, tenant_id: Any) -> dict[str, set[Any]]:
    """Return the ids of the rows that violate each invariant, of one tenant."""
    return {name: set(evidence_of(connection, name, relations, tenant_id)) for name in _BY_NAME}


def invariants_of(group: str) -> set[str]:
    """Return the names of the invariants of a group."""
    return {one.name for one in INVARIANTS if one.group == group}


# Cases


def assert_step(connection: Connection, step: str, case: Case) -> None:
    """Fail unless the oracle and the SQL make of each row of a case what it says."""
    expected = oracle.CHANGES[step](case.rows, 1, case.policy)
    with loaded(connection, case.rows) as schema:
        relations = relations_of(schema, 1, case.policy)
        change = change_of(step, relations)
        found, money = found_by(connection, change), money_of(connection, change)
        weights = weights_of(connection, change, relations)
        before = written_by(connection, change, relations)
        after = written_by(connection, change, relations.after(change))
    table = "customers" if step == BACKUP else oracle.TARGETS[step]
    rows = {row["id"]: row for row in case.rows[table]}
    assert change.name == step
    assert after == {**before, **{row_id: row.after for row_id, row in expected.rows.items()}}
    assert money == {row_id: _money_in(table, rows[row_id]) for row_id in expected.outcome_of}
    assert weights == {row_id: _moved(table, rows[row_id], row) for row_id, row in expected.rows.items()}
    for written, row_id in case.written:
        if written == table:
            words = case.expected[written, row_id]
            for who, told in {"the oracle": expected, "the SQL": found}.items():
                assert _matches(told, row_id, words), f"{table} {row_id}: expected {words}; {who} says {told}"
    assert found.rows == expected.rows
    assert found.outcome_of == expected.outcome_of


def _money_in(table: str, row: Row) -> Decimal | None:
    """Return how much money a row is about: of a balance, what is owed."""
    if table in ("payments", "invoices"):
        return row["amount"] if table == "payments" else row["total_amount"] or ZERO
    return (row["balance"] or ZERO) - (row["overpayment"] or ZERO)


def _moved(table: str, row: Row, change: ChangedRow) -> Decimal | None:
    """Return how much money a change of a row moves."""
    if table == "payments":
        return abs(Decimal(row["amount"] or ZERO))
    return sum(
        (
            abs((change.after[name] or ZERO) - (change.before[name] or ZERO))
            for name in MONEY_COLUMNS[table]
            if name in change.after
        ),
        ZERO,
    )


def _matches(told: Expected, row_id: int, words: str) -> bool:
    """Say whether what is told of a row is what the words behind its arrow say."""
    what, *more = words.split()
    if what == "ignored":
        return row_id not in told.outcome_of
    if what == "correct":
        return told.outcome_of[row_id] == ("already_correct", None)
    if what == "unresolved":
        return told.outcome_of[row_id] == ("unresolved", more[0])
    after = dict(value_of(word) for word in more)
    made = told.rows.get(row_id)
    return (
        made is not None
        and told.outcome_of[row_id] == ("would_change", what)
        and made.rule == what
        and {name: made.after[name] for name in after} == after
    )


def assert_invariant(connection: Connection, invariant: str, case: Case) -> None:
    """Fail unless the oracle and the SQL find the violations of a case: looking at the tenant alone, and at all."""
    no_number = _NO_NUMBER.get(connection.dialect.name)
    if no_number is None and _nonsense(case.rows):
        pytest.skip("this engine keeps nothing but numbers in a column of money")
    violating = _violating(case, _BY_NAME[invariant].subject)
    assert len(violating) == len(case.expected), "an expectation stands beside a row that the invariant is not about"
    (by_oracle,) = (one for one in oracle.INVARIANTS if one.__name__ == invariant)
    assert set(by_oracle(oracle.Books(case.rows, 1, case.policy))) == set(violating), "the oracle finds others"
    with loaded(connection, case.rows) as schema:
        for tenant_id in (1, [1, 2], None):
            relations = relations_of(schema, tenant_id, case.policy)
            found = evidence_of(connection, invariant, relations, 1)
            assert set(found) == set(violating), f"the SQL finds others when it looks at {tenant_id or 'all tenants'}"
            for row_id, words in violating.items():
                words = words.replace("NaN", no_number or "NaN")
                shown = dict(column_and_text(word) for word in words.split())
                assert {name: _like(found[row_id][name], text) for name, text in shown.items()} == {
                    name: found[row_id][name] for name in shown
                }, f"the SQL shows {found[row_id]}"


def _violating(case: Case, subject: str) -> dict[Any, str]:
    """Return what should violate an invariant: the ids of rows, or a value's place, a status or a bill type."""
    if subject in _TABLE_OF_SUBJECT:
        return dict(case.violating(_TABLE_OF_SUBJECT[subject]))
    found: dict[Any, str] = {}
    for (table, row_id), expected in case.expected.items():
        words = expected.removeprefix("violates").split()
        if subject == "place":
            found[f"{table}.{column_and_text(words[0] + '=')[0]} of {row_id}"] = " ".join(words[1:])
        else:
            row = next(row for row in case.rows[table] if row["id"] == row_id)
            found[oracle.folded(row["bill_type" if subject == "bill_type" else "status"] or "")] = " ".join(words)
    return found


def _like(found: Any, text: str) -> Any:
    """Return expected evidence as a value of the type that was found."""
    if isinstance(found, str) and _NUMBER.fullmatch(found) and _NUMBER.fullmatch(text):
        return found if Decimal(found) == Decimal(text) else text  # a column may have more decimals than the number
    return None if text == "null" else type(found)(text) if found is not None else text


@contextmanager
def loaded(connection: Connection, rows: Database) -> Iterator[BillingSchema]:
    """Load rows, and return the schema: with our own tables if these have rows. All of it is rolled back afterwards."""
    has_own = any(rows.get(table) for table in (BACKUP, BACKUP_RUNS, DECISIONS, DECIDED))
    with connection.begin() as transaction:
        load(connection, SCHEMA, _without_nonsense(rows))
        for table, row, column in _nonsense(rows):
            connection.execute(
                text(f"UPDATE {table} SET {column} = '{_NO_NUMBER[connection.dialect.name]}' WHERE id = {row['id']}")
            )
        if has_own:
            _insert_own_rows(connection, rows)
        yield WITH_OWN_TABLES if has_own else SCHEMA
        transaction.rollback()


def _nonsense(rows: Database) -> list[tuple[str, Row, str]]:
    """Return where money is not a number: each engine keeps something of the kind that its driver does not."""
    return [
        (table, row, column)
        for table, found in rows.items()
        for row in found
        for column, value in row.items()
        if value != value
    ]


def _without_nonsense(rows: Database) -> Database:
    return {
        table: [{column: None if value != value else value for column, value in row.items()} for row in found]
        for table, found in rows.items()
    }


def insert_own(connection: Connection, table: str, **values: Any) -> None:
    """Insert a row into one of our own tables."""
    connection.execute(insert(WITH_OWN_TABLES.own[table]).values(**values))


def _insert_own_rows(connection: Connection, rows: Database) -> None:
    known = {"run_id": "earlier", "policy": "{}", "software_version": "1.0.0", "started_at": _THEN}
    tables: dict[str, list[Row]] = {
        BACKUP: [{**row, "run_id": "earlier", "backed_up_at": _THEN} for row in rows.get(BACKUP, [])],
        RUNS: [{**known, **row, "step": BACKUP} for row in rows.get(BACKUP_RUNS, [])],
        steps.STEPS["payment_meter_ids"].journal: [
            {**row, "payment_id": row["id"], "meter_id_after": row["meter_id"], "run_id": "earlier", "step_run_id": at}
            for at, row in enumerate(rows.get(DECISIONS, []))
        ],
        OWN_DECISIONS: [
            {**row, "payment_id": row["id"], "number": at, "decided_by": "somebody", "decided_at": _THEN}
            for at, row in enumerate(rows.get(DECIDED, []))
        ],
    }
    for name, made in tables.items():
        table = WITH_OWN_TABLES.own[name]
        for row in made:
            names = {column.key for column in table.c} & row.keys() - ({"id"} if name == RUNS else set())
            insert_own(connection, name, **{key: row[key] for key in names})
