"""Values and keys that real databases hold: each is read in one way, or refused with the place where it stands.

A case is the smallest database with one thing changed, on the engines that can hold it. Its expectation is the balance
that the meter gets, or the invariant that the preview and the live run refuse, with the value that both name. Add a
case for every further value that could be misread; what typed tables can hold is also in `tests.rules.invariants`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from meter_assets.billing.policy import Policy
from meter_assets.errors import BlockedByInvariants, IllegalTenantId
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.preview import Preview, preview
from tests.support.databases import migrate, tenant
from tests.support.engines import on_engines
from tests.support.one_meter import TABLES, one_meter

ALL, SQLITE, POSTGRESQL, MYSQL = ("sqlite", "postgresql", "mysql"), ("sqlite",), ("postgresql",), ("mysql",)


@dataclass(frozen=True)
class Odd:
    """A database with something odd in it, and what is expected of it."""

    engines: tuple[str, ...]
    statements: tuple[str, ...]
    balance: str = ""
    refused: str = ""
    """The violated invariant."""
    naming: str = ""
    """What the error names."""
    tables: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


def of(table: str, *replacements: tuple[str, str]) -> dict[str, str]:
    """Return the columns of a table with something replaced."""
    columns = TABLES[table]
    for old, new in replacements:
        assert old in columns
        columns = columns.replace(old, new)
    return {table: columns}


def without_key(table: str) -> dict[str, str]:
    return of(table, (" PRIMARY KEY", ""))


def with_column(table: str, column: str) -> dict[str, str]:
    return {table: f"{TABLES[table]}, {column}"}


def composite(*names: str) -> dict[str, str]:
    """Return the columns of these tables with the key (tenant_id, id)."""
    made: dict[str, str] = {}
    for name in names:
        made |= {name: of(name, (" PRIMARY KEY", ""))[name] + ", PRIMARY KEY (tenant_id, id)"}
    return made


OF_THE_SECOND_TENANT = (
    "UPDATE invoice_bills SET tenant_id = 1",
    "INSERT INTO tenants (id, name) VALUES (2, 'South')",
    "INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (11, 2, 'Bob', 5, 0)",
    "INSERT INTO meters (id, tenant_id, meter_number, balance, overpayment) VALUES (21, 2, 'M2', 0, 0)",
    "INSERT INTO meter_assignments (id, tenant_id, customer_id, meter_id, is_active) VALUES (31, 2, 11, 21, '1')",
    "INSERT INTO bills (id, tenant_id, bill_type) VALUES (41, 2, 'BALANCE'), (42, 2, 'WATER')",
    "INSERT INTO invoices (id, tenant_id, customer_id, meter_id, invoice_number, invoice_date, amount, "
    "balance_brought_forward, total_amount) VALUES (51, 2, 11, 21, 'J1', '2024-01-31', 0, 0, 0)",
    "INSERT INTO invoice_bills (id, tenant_id, invoice_id, bill_id, amount) VALUES (62, 2, 51, 41, 5)",
    "INSERT INTO payments (id, tenant_id, customer_id, invoice_id, amount) VALUES (71, 2, 11, 51, 1)",
)
"""A second tenant whose rows have the ids of the first one's."""
COMPOSITE = composite("customers", "meters", "meter_assignments", "bills", "invoices", "payments")
A_LATER_INVOICE = (
    "INSERT INTO invoices (id, tenant_id, customer_id, meter_id, invoice_date, amount, balance_brought_forward, "
    "total_amount) VALUES (52, 1, 11, 21, '2024-02-29', 50, 100, 150)",
    "INSERT INTO bills (id, tenant_id, bill_type) VALUES (43, 1, '{}')",
    "INSERT INTO invoice_bills (id, tenant_id, invoice_id, bill_id, amount) VALUES (62, 1, 52, 41, 50)",
    "INSERT INTO invoice_bills (id, tenant_id, invoice_id, bill_id, amount) VALUES (63, 1, 52, 43, 100)",
)


def carried_as(bill_type: str) -> tuple[str, ...]:
    """Return a second invoice that brings the first one's 100 forward under this bill type."""
    return tuple(one.format(bill_type) for one in A_LATER_INVOICE)


def owed_as(bill_type: str) -> tuple[str, ...]:
    """Return the same, with the debt that was left after the payments: the type is not named like debt."""
    return (*carried_as(bill_type), "UPDATE payments SET paid_at = '2024-03-01'")


LINES_OF_FRACTIONS = "INSERT INTO invoice_bills (id, tenant_id, invoice_id, bill_id, amount) " + " UNION ALL ".join(
    f"SELECT {1000 + at}, 1, 51, 41, 0.004" for at in range(300)
)
NUMERIC = {
    **of("invoice_bills", ("NUMERIC(14, 2)", "NUMERIC(14, 4)")),
    **of("payments", ("NUMERIC(14, 2)", "NUMERIC(14, 4)")),
}
THREE_DECIMALS = {
    name: columns.replace("NUMERIC(14, 2)", "NUMERIC(14, 3)")
    for name, columns in TABLES.items()
    if "NUMERIC" in columns
}

CASES: dict[str, Odd] = {
    "nothing odd": Odd(ALL, (), "70.00"),
    # Bill types
    "debt under the type BALANCE B/F": Odd(ALL, carried_as("BALANCE B/F"), refused="every_bill_type_has_one_meaning"),
    "debt under the type ARREARS": Odd(ALL, carried_as("ARREARS"), refused="every_bill_type_has_one_meaning"),
    "debt under the type BALANCE with blanks": Odd(ALL, carried_as(" Balance "), "120.00"),
    "debt under a type that the policy names": Odd(
        ALL, carried_as("Arrears"), "120.00", policy={"brought_forward_bill_types": ("balance", "ARREARS")}
    ),
    "a charge that is called like debt": Odd(
        ALL, carried_as("Balance fee"), "220.00", policy={"charge_bill_types": ("BALANCE FEE",)}
    ),
    "debt under a type that tells nothing": Odd(
        ALL, owed_as("Misc"), refused="every_bill_type_has_one_meaning", naming="equal what their meters owed"
    ),
    "a type of the customer's language": Odd(
        ALL, carried_as("Saldo anterior"), refused="every_bill_type_has_one_meaning"
    ),
    # Statuses
    "a reversed payment with blanks": Odd(ALL, ("UPDATE payments SET status = ' Reversed ' WHERE id = 72",), "80.00"),
    "statuses by number": Odd(
        ALL, ("UPDATE payments SET status = '3' WHERE id = 72",), refused="every_payment_status_is_known", naming="3"
    ),
    "statuses by number in a column of numbers": Odd(
        ALL,
        ("UPDATE payments SET status = 3 WHERE id = 72", "UPDATE payments SET status = 1 WHERE id = 71"),
        "80.00",
        tables=of("payments", ("status VARCHAR(40)", "status INTEGER")),
        policy={"counted_payment_statuses": ("1",), "uncounted_payment_statuses": ("3",)},
    ),
    "a status in capitals beyond ASCII": Odd(
        ALL,
        ("UPDATE payments SET status = 'ANNULÉ' WHERE id = 72",),
        "80.00",
        policy={"uncounted_payment_statuses": ("annulé",)},
    ),
    "an unknown status of an invoice": Odd(
        ALL, ("UPDATE invoices SET status = 'disputed'",), refused="every_invoice_status_is_known", naming="disputed"
    ),
    "an unknown status without money": Odd(
        ALL,
        ("INSERT INTO payments (id, tenant_id, customer_id, amount, status) VALUES (73, 1, 11, 0, 'new')",),
        "70.00",
    ),
    # Columns that delete
    "is_deleted is set": Odd(
        ALL,
        ("UPDATE payments SET is_deleted = TRUE WHERE id = 72",),
        refused="no_row_is_deleted_by_an_unknown_column",
        naming="payments.is_deleted of 72",
        tables=with_column("payments", "is_deleted BOOLEAN"),
    ),
    "is_deleted is never set": Odd(ALL, (), "70.00", tables=with_column("payments", "is_deleted BOOLEAN")),
    "is_deleted is named by policy": Odd(
        ALL,
        ("UPDATE payments SET is_deleted = TRUE WHERE id = 72",),
        "80.00",
        tables=with_column("payments", "is_deleted BOOLEAN"),
        policy={"deletion_columns": ("payments.is_deleted",)},
    ),
    "is_deleted does not matter": Odd(
        ALL,
        ("UPDATE payments SET is_deleted = TRUE WHERE id = 72",),
        "70.00",
        tables=with_column("payments", "is_deleted BOOLEAN"),
        policy={"ignored_columns": ("payments.is_deleted",)},
    ),
    "void is a number": Odd(
        ALL,
        ("UPDATE invoices SET void = 1",),
        refused="no_row_is_deleted_by_an_unknown_column",
        naming="invoices.void of 51",
        tables=with_column("invoices", "void INTEGER"),
    ),
    "void is a number, and the policy names it": Odd(
        ALL,
        ("UPDATE payments SET void = 1 WHERE id = 71", "UPDATE payments SET void = 0 WHERE id = 72"),
        "90.00",
        tables=with_column("payments", "void INTEGER"),
        policy={"deletion_columns": ("payments.void",)},
    ),
    "archived_on is a date": Odd(
        ALL,
        ("UPDATE customers SET archived_on = '2024-01-01'",),
        refused="no_row_is_deleted_by_an_unknown_column",
        tables=with_column("customers", "archived_on DATE"),
    ),
    "a deleted row that another column marks too": Odd(
        ALL,
        ("UPDATE payments SET is_deleted = TRUE, deleted_at = '2024-01-01' WHERE id = 72",),
        "80.00",
        tables=with_column("payments", "is_deleted BOOLEAN"),
    ),
    # Flags
    "text in a flag of numbers": Odd(
        SQLITE,
        ("UPDATE meter_assignments SET is_active = 'f'",),
        refused="every_flag_is_true_or_false",
        naming="meter_assignments.is_active of 31",
        tables=of("meter_assignments", ("is_active BOOLEAN", "is_active INTEGER")),
    ),
    "text in a flag of booleans": Odd(
        SQLITE, ("UPDATE meter_assignments SET is_active = 't'",), refused="every_flag_is_true_or_false"
    ),
    "a boolean that is 2": Odd(
        SQLITE, ("UPDATE meter_assignments SET is_active = 2",), refused="every_flag_is_true_or_false"
    ),
    "a flag of numbers": Odd(
        ALL,
        ("UPDATE meter_assignments SET is_active = 1",),
        "70.00",
        tables=of("meter_assignments", ("is_active BOOLEAN", "is_active SMALLINT")),
    ),
    # Dates
    "a date with the day first": Odd(
        SQLITE,
        ("UPDATE invoices SET invoice_date = '15/01/2024'",),
        refused="every_date_is_valid",
        naming="invoices.invoice_date of 51",
    ),
    "a day that the month does not have": Odd(
        SQLITE, ("UPDATE invoices SET invoice_date = '2024-02-30'",), refused="every_date_is_valid"
    ),
    "a date that is a number": Odd(
        SQLITE, ("UPDATE invoices SET invoice_date = 1706659200",), refused="every_date_is_valid", naming="1706659200"
    ),
    "a date of the year 20240": Odd(
        POSTGRESQL,
        ("UPDATE invoices SET invoice_date = '20240-01-01'",),
        refused="every_date_is_valid",
        naming="invoices.invoice_date of 51",
    ),
    "a date before Christ": Odd(
        POSTGRESQL, ("UPDATE invoices SET invoice_date = '0044-03-15 BC'",), refused="every_date_is_valid"
    ),
    "a payment at infinity": Odd(
        POSTGRESQL, ("UPDATE payments SET paid_at = 'infinity'",), refused="every_date_is_valid", naming="infinity"
    ),
    "a meter's latest invoice before all": Odd(
        POSTGRESQL, ("UPDATE meters SET last_invoice_date = '-infinity'",), "70.00"
    ),
    "deleted_at is empty": Odd(
        SQLITE,
        ("UPDATE payments SET deleted_at = '' WHERE id = 72",),
        refused="every_date_is_valid",
        naming="payments.deleted_at of 72",
    ),
    "a day of zeros": Odd(
        MYSQL,
        ("UPDATE invoices SET invoice_date = '0000-00-00'",),
        refused="every_date_is_valid",
        naming="invoices.invoice_date",
    ),
    "a day of zeros that may not be null": Odd(
        MYSQL,
        ("UPDATE invoices SET invoice_date = '0000-00-00'",),
        refused="every_date_is_valid",
        tables=of("invoices", ("invoice_date DATE", "invoice_date DATE NOT NULL")),
    ),
    "a day that is no day": Odd(
        MYSQL,
        ("SET sql_mode = 'ALLOW_INVALID_DATES'", "UPDATE invoices SET invoice_date = '2024-05-00'"),
        refused="every_date_is_valid",
        naming="2024-05-00",
    ),
    "a day that the month does not have, on MySQL": Odd(
        MYSQL,
        ("SET sql_mode = 'ALLOW_INVALID_DATES'", "UPDATE invoices SET invoice_date = '2024-02-31'"),
        refused="every_date_is_valid",
        naming="2024-02-31",
    ),
    "deleted_at is zeros": Odd(
        MYSQL, ("UPDATE invoices SET deleted_at = '0000-00-00'",), refused="every_date_is_valid"
    ),
    "deleted_at is zeros and may not be null": Odd(
        MYSQL,
        ("UPDATE payments SET deleted_at = '0000-00-00'",),
        refused="every_date_is_valid",
        tables=of("payments", ("deleted_at TIMESTAMP", "deleted_at DATETIME NOT NULL DEFAULT '0000-00-00'")),
    ),
    "deleted_at is 0": Odd(SQLITE, ("UPDATE invoices SET deleted_at = 0",), refused="every_date_is_valid"),
    "deleted_at is a zero date": Odd(
        SQLITE, ("UPDATE invoice_bills SET deleted_at = '0000-00-00'",), refused="every_date_is_valid"
    ),
    # Amounts
    "lines of fractions of a cent": Odd(
        ALL, (LINES_OF_FRACTIONS,), refused="every_amount_fits_the_currency", naming="0.004", tables=NUMERIC
    ),
    "lines of fractions whose sum is rounded": Odd(
        ALL, (LINES_OF_FRACTIONS,), "71.20", tables=NUMERIC, policy={"rounding_of_sums": "half_up"}
    ),
    "a sum that is rounded up": Odd(
        ALL,
        ("UPDATE invoice_bills SET amount = 100.125",),
        "70.13",
        tables=NUMERIC,
        policy={"rounding_of_sums": "half_up"},
    ),
    "a sum that is rounded to even": Odd(
        ALL,
        ("UPDATE invoice_bills SET amount = 100.125",),
        "70.12",
        tables=NUMERIC,
        policy={"rounding_of_sums": "half_even"},
    ),
    "a negative sum that is rounded": Odd(
        ALL,
        ("UPDATE invoice_bills SET amount = -100.125", "UPDATE payments SET amount = -200"),
        "299.87",
        tables=NUMERIC,
        policy={"rounding_of_sums": "half_up"},
    ),
    "a payment with three decimals": Odd(
        ALL,
        ("UPDATE payments SET amount = 6.375 WHERE id = 72",),
        refused="every_amount_fits_the_currency",
        naming="payments.amount of 72",
        tables=NUMERIC,
    ),
    "a currency with three decimals": Odd(
        ALL,
        ("UPDATE payments SET amount = 6.375 WHERE id = 72", "UPDATE invoice_bills SET amount = 100.001"),
        "73.626",
        tables=THREE_DECIMALS,
        policy={"currency_decimals": 3},
    ),
    "a currency without decimals": Odd(
        ALL,
        ("UPDATE payments SET amount = 6.5 WHERE id = 72",),
        refused="every_amount_fits_the_currency",
        policy={"currency_decimals": 0},
    ),
    "an amount beyond 2^53 ten-thousandths": Odd(
        SQLITE, ("UPDATE payments SET amount = 900719925474.1 WHERE id = 72",), refused="every_amount_fits_the_currency"
    ),
    "an amount beyond 2^63 minor units": Odd(
        POSTGRESQL,
        ("UPDATE payments SET amount = 92233720368547758.08 WHERE id = 72",),
        refused="every_amount_fits_the_currency",
        tables=of("payments", ("NUMERIC(14, 2)", "NUMERIC")),
    ),
    "a payment is NaN": Odd(
        POSTGRESQL, ("UPDATE payments SET amount = 'NaN' WHERE id = 72",), refused="every_payment_amount_is_a_number"
    ),
    "a customer's balance is NaN": Odd(
        POSTGRESQL,
        ("UPDATE customers SET balance = 'NaN'",),
        refused="every_balance_is_a_number",
        naming="customers.balance of 11",
    ),
    "a meter's balance is NaN": Odd(
        POSTGRESQL, ("UPDATE meters SET balance = 'NaN'",), refused="every_balance_is_a_number"
    ),
    "a meter's balance is text": Odd(
        SQLITE, ("UPDATE meters SET balance = 'unknown'",), refused="every_balance_is_a_number", naming="unknown"
    ),
    "a customer's balance is too large to be exact": Odd(
        SQLITE,
        ("UPDATE customers SET overpayment = -1000000000000000.01",),
        refused="every_balance_is_a_number",
        naming="customers.overpayment of 11",
    ),
    "a customer's balance is large": Odd(SQLITE, ("UPDATE customers SET balance = 225179981367.99",), "70"),
    "a customer's balance is larger, and exact": Odd(
        POSTGRESQL + MYSQL,
        ("UPDATE customers SET balance = 1000000000000000.01",),
        "70",
        tables=of("customers", ("NUMERIC(14, 2)", "NUMERIC(20, 2)")),
    ),
    # Keys
    "an invoice is there twice": Odd(
        ALL,
        ("INSERT INTO invoices SELECT * FROM invoices",),
        refused="every_row_has_its_own_id",
        naming="invoices.id of 51",
        tables=without_key("invoices"),
    ),
    "a payment is there twice, once deleted": Odd(
        ALL,
        ("INSERT INTO payments (id, tenant_id, amount, deleted_at) VALUES (72, 1, 10, '2024-01-01')",),
        refused="every_row_has_its_own_id",
        naming="2 rows",
        tables=without_key("payments"),
    ),
    "a line without an id": Odd(
        ALL,
        ("UPDATE invoice_bills SET id = NULL",),
        refused="every_row_has_its_own_id",
        naming="invoice_bills.id of null",
        tables=without_key("invoice_bills"),
    ),
    "a table without a key, but without duplicates": Odd(ALL, (), "70.00", tables=without_key("invoices")),
    "a unique constraint instead of a key": Odd(
        ALL, (), "70.00", tables=of("invoices", ("id INTEGER PRIMARY KEY", "id INTEGER NOT NULL UNIQUE"))
    ),
    "keys of tenant and id": Odd(ALL, OF_THE_SECOND_TENANT, "70.00", tables=COMPOSITE),
    "keys of tenant and id, and a line that names no tenant": Odd(
        ALL,
        (*OF_THE_SECOND_TENANT, "UPDATE invoice_bills SET tenant_id = NULL WHERE tenant_id = 1"),
        refused="every_row_has_its_own_id",
        naming="invoice_bills.tenant_id of 61",
        tables=COMPOSITE,
    ),
    "keys of tenant and id, and lines without a column for the tenant": Odd(
        ALL,
        tuple(one for one in OF_THE_SECOND_TENANT if "invoice_bills" not in one),
        refused="every_row_has_its_own_id",
        naming="invoices.id of 51",
        tables={**COMPOSITE, **of("invoice_bills", ("tenant_id INTEGER, ", ""))},
    ),
    "a payment that is also in a table that inherits": Odd(
        POSTGRESQL,
        ("CREATE TABLE archived () INHERITS (payments)", "INSERT INTO archived SELECT * FROM payments WHERE id = 72"),
        refused="every_row_has_its_own_id",
        naming="payments.id of 72",
    ),
    "payments of which one is in a table that inherits": Odd(
        POSTGRESQL,
        (
            "CREATE TABLE archived () INHERITS (payments)",
            "INSERT INTO archived SELECT * FROM payments WHERE id = 72",
            "DELETE FROM ONLY payments WHERE id = 72",
        ),
        "70.00",
    ),
    "no keys, and the same ids in two tenants": Odd(
        ALL,
        OF_THE_SECOND_TENANT,
        refused="every_row_has_its_own_id",
        naming="invoices.id of 51",
        tables={**COMPOSITE, **without_key("invoices")},
    ),
}


def is_usual(name: str, engine: str) -> bool:
    """Say whether the rules of a case are tried on all engines in `tests.rules`: its tables are the usual ones."""
    return engine != "sqlite" and CASES[name].engines == ALL and not CASES[name].tables


@pytest.mark.every_engine
@pytest.mark.slow
@pytest.mark.parametrize(("odd", "engine_name"), on_engines(CASES, lambda odd: odd.engines, thorough=is_usual))
def test_a_value_has_one_meaning_or_is_refused(odd: Odd, engine_name: str, billing_url: str) -> None:
    database = one_meter(billing_url, *odd.statements, tables=odd.tables)
    policy = Policy.from_values(odd.policy)
    foretold = preview(database, tenant(1), policy)
    if odd.refused:
        assert_refused(database, policy, odd, foretold)
        return
    assert not foretold.would_fail, [one for one in foretold.results or () if not one.passed]
    reports = migrate(database, 1, policy)
    assert net_of_meter(database) == Decimal(odd.balance)
    assert reports == {one.step: one for one in foretold.steps}, "the preview foretells the live run"
    assert not any(report.changed for report in migrate(database, 1, policy, run_id="again").values())


@pytest.mark.parametrize("found", ["''", "0", "'0000-00-00'", "'31.12.2024'"])
def test_a_tenant_with_an_invalid_deleted_at_is_named(found: str, tmp_path: Path) -> None:
    file = tmp_path / "billing.db"
    file.touch()
    database = one_meter(f"sqlite:///{file}", f"UPDATE tenants SET deleted_at = {found}")
    with pytest.raises(IllegalTenantId, match="nobody knows whether it is deleted"):
        database.tenants(["1"])


def assert_refused(database: BillingDatabase, policy: Policy, odd: Odd, foretold: Preview) -> None:
    assert foretold.would_fail
    (violated,) = (one for one in foretold.results or () if one.name == odd.refused)
    assert violated.violations
    assert odd.naming in violated.example
    before = net_of_meter(database)
    with pytest.raises(BlockedByInvariants) as error:
        migrate(database, 1, policy)
    assert odd.refused in str(error.value)
    assert odd.naming in str(error.value)
    assert net_of_meter(database) == before


def net_of_meter(database: BillingDatabase) -> Any:
    """Return what the first tenant's meter owes, as the database has it."""
    statement = "SELECT CAST(balance AS VARCHAR(40)), CAST(overpayment AS VARCHAR(40)) FROM meters WHERE tenant_id = 1"
    with database.snapshot() as connection:
        balance, overpayment = connection.execute(text(statement)).one()
    return balance if not balance[0].isdigit() else Decimal(balance) - Decimal(overpayment)
