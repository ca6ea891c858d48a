"""Constraints that what is to be written would break: the preview evaluates them as the live run does.

Each case is a small database whose meter owes 70, with one more constraint, on each engine that has such constraints.
What is allowed must be written; what is not must be said by the preview with the row and the constraint, and must leave
no change in the database.
"""

from dataclasses import dataclass

import pytest

from meter_assets.billing.policy import Policy
from meter_assets.errors import ConstraintViolated
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.preview import preview
from tests.support.databases import everything, migrate, tenant, write
from tests.support.engines import on_engines
from tests.support.rollbacks import roll_back_tenant
from tests.support.small_billing import SmallBilling


@dataclass(frozen=True)
class Case:
    """What is different in the tables or added to them, and what is said; nothing if it can be written."""

    said: str
    changed: tuple[str, ...] = ()
    """Statements for PostgreSQL after the tables are made."""
    sqlite: SmallBilling | tuple[str, ...] | None = None
    """The tables of SQLite, which cannot add a constraint later, or statements; None if it has no such constraint."""
    mysql: tuple[str, ...] | None = ()
    """Statements for MySQL, if they are not those for PostgreSQL; None if it has no such constraint."""


def small(**types: str) -> SmallBilling:
    return SmallBilling(types={name.replace("__", "."): kind for name, kind in types.items()})


CASES = {
    "a check that holds": Case(
        "",
        ("ALTER TABLE meters ADD CONSTRAINT sound CHECK (balance >= 0)",),
        small(meters__balance="NUMERIC(14, 2) CONSTRAINT sound CHECK (balance >= 0)"),
    ),
    "a check": Case(
        "meter_balances of tenant 1 cannot be written: 1 rows would violate the constraint small, CHECK",
        ("ALTER TABLE meters ADD CONSTRAINT small CHECK (balance < 50)",),
        small(meters__balance="NUMERIC(14, 2) CONSTRAINT small CHECK (balance < 50)"),
    ),
    "a check of a column that is only read here": Case(
        "violate the constraint frozen",
        (
            "ALTER TABLE meters ADD note TEXT DEFAULT 'closed'",
            "ALTER TABLE meters ADD CONSTRAINT frozen CHECK (note <> 'closed' OR balance = 0)",
        ),
    ),
    "a check with a percent sign and a colon": Case(
        "",
        ("ALTER TABLE meters ADD CONSTRAINT odd CHECK (meter_number NOT LIKE '%:x%' OR balance = 0)",),
        small(
            meters__balance="NUMERIC(14, 2) CONSTRAINT odd CHECK (meter_number NOT LIKE '%:x%' OR balance = 0)",
        ),
    ),
    "a column that may not be null": Case(
        'violate the constraint "NOT NULL of last_invoice_date"',
        (
            "UPDATE invoices SET invoice_date = NULL",
            "ALTER TABLE meters ALTER last_invoice_date SET DEFAULT now()",
            "UPDATE meters SET last_invoice_date = now()",
            "ALTER TABLE meters ALTER last_invoice_date SET NOT NULL",
        ),
        SmallBilling(
            types={"meters.last_invoice_date": "DATE DEFAULT '2024-01-01' NOT NULL", "invoices.invoice_date": "DATE"},
        ),
        (
            "UPDATE invoices SET invoice_date = NULL",
            "UPDATE meters SET last_invoice_date = now()",
            "ALTER TABLE meters MODIFY last_invoice_date DATE NOT NULL DEFAULT '2024-01-01'",
        ),
    ),
    "a domain": Case(
        "violate the constraint small_money_check",
        (
            "CREATE DOMAIN small_money AS NUMERIC(14, 2) CHECK (VALUE < 50)",
            "ALTER TABLE meters ALTER balance TYPE small_money",
        ),
        mysql=None,
    ),
    "a domain of a domain that holds": Case(
        "",
        (
            "CREATE DOMAIN any_money AS NUMERIC(14, 2) NOT NULL CHECK (VALUE > -1)",
            "CREATE DOMAIN some_money AS any_money CHECK (VALUE < 100)",
            "ALTER TABLE meters ALTER balance TYPE some_money",
        ),
        mysql=None,
    ),
    "a foreign key": Case(
        "payment_meter_ids of tenant 1 cannot be written: 2 rows would violate the constraint of_archive",
        (
            "CREATE TABLE archive (meter_id INTEGER PRIMARY KEY)",
            "ALTER TABLE payments ADD CONSTRAINT of_archive FOREIGN KEY (meter_id) REFERENCES archive",
        ),
        mysql=(
            "CREATE TABLE archive (meter_id INTEGER PRIMARY KEY)",
            "ALTER TABLE payments ADD CONSTRAINT of_archive FOREIGN KEY (meter_id) REFERENCES archive (meter_id)",
        ),
    ),
    "a foreign key that holds": Case(
        "",
        ("ALTER TABLE payments ADD CONSTRAINT of_meters FOREIGN KEY (meter_id) REFERENCES meters",),
        mysql=("ALTER TABLE payments ADD CONSTRAINT of_meters FOREIGN KEY (meter_id) REFERENCES meters (id)",),
    ),
    "a unique key": Case(
        "payment_meter_ids of tenant 1 cannot be written: 2 rows would violate the constraint one_of_a_meter",
        ("ALTER TABLE payments ADD CONSTRAINT one_of_a_meter UNIQUE (meter_id, status)",),
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments (meter_id, status)",),
    ),
    "a unique key that holds": Case(
        "",
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments (meter_id, lower(status), paid_at)",),
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments (meter_id, lower(status), paid_at DESC)",),
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments (meter_id, status(3), paid_at)",),
    ),
    "a unique key of some rows": Case(
        "",
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments (meter_id) WHERE status = 'open'",),
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments (meter_id) WHERE status = 'open'",),
        None,
    ),
    "a unique key of an expression": Case(
        "2 rows would violate the constraint one_of_a_meter",
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments ((meter_id + 0))",),
        ("CREATE UNIQUE INDEX one_of_a_meter ON payments ((meter_id + 0))",),
        None,  # MariaDB has no index of an expression
    ),
    "a unique key of the table": Case(
        "2 rows would violate the constraint ",
        ("ALTER TABLE payments ADD CONSTRAINT one_of_a_meter UNIQUE (meter_id)",),
        small(payments__meter_id="INTEGER UNIQUE"),
    ),
    "an exclusion constraint": Case(
        "2 rows would violate the constraint apart",
        (
            "CREATE EXTENSION btree_gist",
            "ALTER TABLE payments ADD CONSTRAINT apart EXCLUDE USING gist (meter_id WITH =, amount WITH <>)",
        ),
        mysql=None,
    ),
    "an exclusion constraint that holds": Case(
        "",
        (
            "CREATE EXTENSION btree_gist",
            "ALTER TABLE payments ADD CONSTRAINT apart EXCLUDE USING gist (meter_id WITH =, amount WITH =)",
        ),
        mysql=None,
    ),
}


def engines_of(case: Case) -> tuple[str, ...]:
    """Return the engines that have such a constraint and enforce it."""
    has = {"postgresql": True, "sqlite": case.sqlite is not None, "mysql": case.mysql is not None}
    return tuple(name for name, is_so in has.items() if is_so)


@pytest.mark.slow
@pytest.mark.by_default("postgresql", "mysql")
@pytest.mark.parametrize(("case", "engine_name"), on_engines(CASES, engines_of))
def test_a_preview_evaluates_constraints_as_the_live_run(billing_url: str, engine_name: str, case: Case) -> None:
    tables, changed = SmallBilling(), case.changed
    if engine_name == "sqlite":
        tables = case.sqlite if isinstance(case.sqlite, SmallBilling) else tables
        changed = case.sqlite if isinstance(case.sqlite, tuple) else ()
        if "not null" in case.said.lower():
            changed = ("UPDATE invoices SET invoice_date = NULL",)
    elif engine_name == "mysql":
        changed = case.mysql or case.changed
    database = BillingDatabase(billing_url)
    with database.transaction() as connection:
        for statement in (*tables.statements(), *changed):
            connection.exec_driver_sql(statement if engine_name == "sqlite" else statement.replace("%", "%%"))
    before = everything(database, but_runs=True)
    found = preview(database, tenant(1), Policy())
    if not case.said:
        assert found.obstacles == []
        migrate(database, 1)
        return
    assert len(found.obstacles) == 1, found.obstacles
    assert case.said in found.obstacles[0]
    with pytest.raises(ConstraintViolated) as refused:
        migrate(database, 1, allow_invalid=True)
    assert str(refused.value) == found.obstacles[0], "the live run says the same"
    assert everything(database, but_runs=True)["meters"] == before["meters"]


@pytest.mark.slow
def test_a_rollback_evaluates_constraints_too(billing_url: str) -> None:
    """A constraint that came after the migration may forbid the values from before it."""
    database = BillingDatabase(billing_url)
    with database.transaction() as connection:
        for statement in SmallBilling().statements():
            connection.exec_driver_sql(statement)
    migrate(database, 1)
    if database.engine.dialect.name == "postgresql":
        write(database, "ALTER TABLE payments ALTER meter_id SET NOT NULL")
    elif database.engine.dialect.name == "mysql":
        write(database, "ALTER TABLE payments MODIFY meter_id INTEGER NOT NULL")
    else:
        write(
            database,
            "ALTER TABLE payments RENAME TO old",
            SmallBilling(types={"payments.meter_id": "INTEGER NOT NULL"}).tables()[-1],
            "INSERT INTO payments SELECT * FROM old",
            "DROP TABLE old",
        )
    with pytest.raises(ConstraintViolated, match="NOT NULL of meter_id"):
        roll_back_tenant(database)
