"""`check-database`: what it says of databases with one thing that prevents a migration or must be known."""

import json
from dataclasses import dataclass

import pytest

from tests.support.command_line import CommandLine

SERVERS = ("postgresql", "mysql")
EVERY = ("sqlite", *SERVERS)


@dataclass(frozen=True)
class Case:
    """What is done to a small database, and what is found: the level, words of it, and words of what changes it."""

    statements: tuple[str, ...]
    level: str
    what: str
    fix: str = ""
    on: tuple[str, ...] = EVERY


IDS = [
    ("customers", "id"),
    *((table, "customer_id") for table in ("meter_assignments", "invoices", "payments")),
]
ALTERS = (
    "The trigger alters of meters (BEFORE UPDATE, each row) runs when a step writes. It names balance, which a step "
    "writes: perhaps it alters what is written."
)
CASES = {
    "a table that is missing": Case(("DROP TABLE bills",), "ERROR", "no table bills"),
    "money as a double": Case(
        ("ALTER TABLE payments RENAME COLUMN amount TO old", "ALTER TABLE payments ADD COLUMN amount DOUBLE PRECISION"),
        "ERROR",
        "payments.amount is DOUBLE",
        "ALTER TABLE payments",
        SERVERS,
    ),
    "a date as text": Case(
        ("ALTER TABLE invoices DROP COLUMN invoice_date", "ALTER TABLE invoices ADD COLUMN invoice_date VARCHAR(10)"),
        "ERROR",
        "whose values are not compared as dates",
        "make it DATE",
        SERVERS,
    ),
    "a date that is none": Case(
        ("UPDATE invoices SET invoice_date = '31.01.2025' WHERE id = 1",),
        "ERROR",
        "every_date_is_valid: 1 violation, for example tenant_id 1",
        on=("sqlite",),
    ),
    "a status that the policy does not name": Case(
        ("UPDATE payments SET status = 'bounced' WHERE id = 1",),
        "ERROR",
        "every_payment_status_is_known: 1 violation",
        "Name the status in the policy",
    ),
    "a column that marks deleted rows": Case(
        ("ALTER TABLE payments ADD COLUMN is_deleted SMALLINT", "UPDATE payments SET is_deleted = 1 WHERE id = 1"),
        "ERROR",
        "no_row_is_deleted_by_an_unknown_column: 1 violation",
        "deletion_columns",
    ),
    "the same column without a row": Case(
        ("ALTER TABLE payments ADD COLUMN is_deleted SMALLINT",),
        "note",
        "payments.is_deleted looks as if it marked rows without effect",
        'deletion_columns = ["payments.is_deleted"]',
    ),
    "an amount with too many decimals": Case(
        (
            "ALTER TABLE payments RENAME COLUMN amount TO old",
            "ALTER TABLE payments ADD COLUMN amount NUMERIC(14, 4)",
            "UPDATE payments SET amount = 1.2345 WHERE id = 1",
        ),
        "ERROR",
        "every_amount_fits_the_currency: 1 violation",
    ),
    "a column that is too narrow": Case(
        (
            "ALTER TABLE meters DROP COLUMN balance",
            "ALTER TABLE meters ADD COLUMN balance NUMERIC(4, 2)",
        ),
        "ERROR",
        "meters.balance",
        on=SERVERS,
    ),
    "a constraint that the results violate": Case(
        ("ALTER TABLE meters ADD CONSTRAINT never_much CHECK (balance < 1)",),
        "ERROR",
        "never_much",
        on=SERVERS,
    ),
    "a constraint that they fulfil": Case(
        ("ALTER TABLE meters ADD CONSTRAINT not_negative CHECK (balance >= 0)",),
        "note",
        "of meters is evaluated before a step writes",
        on=SERVERS,
    ),
    "a trigger": Case(
        ("CREATE TRIGGER counts AFTER UPDATE ON payments BEGIN SELECT 1; END",),
        "WARN",
        "The trigger counts of payments (AFTER UPDATE, each row) runs when a step writes",
        on=("sqlite",),
    ),
    "a trigger of MySQL": Case(
        ("CREATE TRIGGER counts AFTER UPDATE ON payments FOR EACH ROW SET @counted = 1",),
        "WARN",
        "The trigger counts of payments (AFTER UPDATE, each row) runs when a step writes",
        on=("mysql",),
    ),
    "a trigger of SQLite that alters what is written": Case(
        ("CREATE TRIGGER alters BEFORE UPDATE ON meters BEGIN UPDATE meters SET balance = 0 WHERE id = NEW.id; END",),
        "WARN",
        ALTERS,
        on=("sqlite",),
    ),
    "a trigger of PostgreSQL that alters what is written": Case(
        (
            "CREATE FUNCTION alters() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN NEW.balance := 0; RETURN NEW; END $$",
            "CREATE TRIGGER alters BEFORE UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION alters()",
        ),
        "WARN",
        ALTERS,
        on=("postgresql",),
    ),
    "a trigger of MySQL that alters what is written": Case(
        ("CREATE TRIGGER alters BEFORE UPDATE ON meters FOR EACH ROW SET NEW.balance = 0",),
        "WARN",
        ALTERS,
        on=("mysql",),
    ),
    "a tenant with an illegal id": Case(
        (
            "ALTER TABLE tenants RENAME TO old_tenants",
            "CREATE TABLE tenants (id VARCHAR(20), name VARCHAR(20))",
            "INSERT INTO tenants VALUES ('no id', 'Bad'), ('1', 'Good')",
        ),
        "ERROR",
        "customers.tenant_id is INTEGER, but tenants.id is VARCHAR(20)",
        on=SERVERS,
    ),
    "ids of two collations": Case(
        (
            *(f"ALTER TABLE {table} MODIFY {column} VARCHAR(20)" for table, column in IDS),
            "ALTER TABLE payments MODIFY customer_id VARCHAR(20) COLLATE utf8mb4_unicode_ci",
        ),
        "ERROR",
        "payments.customer_id has the collation utf8mb4_unicode_ci, but customers.id has utf8mb4_general_ci, so that "
        "they cannot be compared",
        "COLLATE utf8mb4_general_ci",
        ("mysql",),
    ),
    "an index that is missing": Case(
        ("DROP INDEX ix_payments_tenant_id",),
        "note",
        "payments has no index on tenant_id, so that it is read whole for each tenant",
        "CREATE INDEX ix_payments_tenant_id ON payments (tenant_id)",
        ("postgresql",),
    ),
    "a storage engine without transactions": Case(
        ("ALTER TABLE bills ENGINE = MyISAM",),
        "ERROR",
        "bills has the storage engine MyISAM, which has no transactions",
        "ALTER TABLE bills ENGINE = InnoDB",
        ("mysql",),
    ),
}


def test_a_database_that_fits_has_no_errors(shell: CommandLine) -> None:
    said = shell("check-database")
    assert said.status == 0, said.printed
    assert "No errors" in said.words
    found = json.loads(shell("check-database", "--json").printed)
    assert found["tenants"] == 3
    assert [one["name"] for one in found["tables"]][:2] == ["tenants", "customers"]
    assert {one["status"] for one in found["statuses"] if one["table"] == "payments"} >= {"completed"}
    assert {one["treatment"] for one in found["bill_types"]} == {"charge", "brought forward"}
    flags = {(one["table"], one["column"]): one for one in found["flags"]}
    assert flags["meter_assignments", "is_active"]["meaning"] == "active"
    assert flags["meter_assignments", "is_active"]["rows_set"] > 0
    assert flags["payments", "deleted_at"]["meaning"] == "deleted"


ON_ENGINES = [
    pytest.param(engine, one, marks=[pytest.mark.server] if engine != "sqlite" else [])
    for one, case in CASES.items()
    for engine in case.on
]


@pytest.mark.slow
@pytest.mark.parametrize(("engine_name", "case"), ON_ENGINES, indirect=["engine_name"])
def test_what_must_be_known_of_a_database_is_found(shell: CommandLine, case: str) -> None:
    shell.change(*CASES[case].statements)
    ended = shell("check-database", "--json")
    found = json.loads(ended.printed)["findings"]
    wanted = CASES[case]
    mine = [one for one in found if one["level"] == wanted.level and wanted.what in one["what"]]
    assert mine, found
    assert any(wanted.fix in one["fix"] for one in mine), mine
    assert ended.status == int(any(one["level"] == "ERROR" for one in found))
    said = shell("check-database")
    assert said.status == ended.status
    assert wanted.what in said.words
    assert ("--suggest' drafts a mapping" in said.words) == ("missing" in case and wanted.level == "ERROR")
    if wanted.level == "ERROR":  # what it calls an error, a preview refuses too
        assert shell("migrate-meter-financials", "--dry-run").status != 0
