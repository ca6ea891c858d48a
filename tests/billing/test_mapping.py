"""Mappings that cannot be used: each is one sentence that names the line and what was expected, with exit status 2."""

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import REAL, make_url
from sqlalchemy.dialects.mysql import FLOAT

from meter_assets.billing.engine_types import types_of
from meter_assets.billing.mapping import OWN_PREFIX, line_of
from tests.support.command_line import PROJECT, CommandLine, command_line_in
from tests.support.example_databases import load
from tests.support.mariadb import MariaDbServer

EXAMPLE = PROJECT / "examples" / "one_utility"
FAULTS: dict[str, tuple[str, str, str]] = {
    # what is replaced in the mapping, by what, and the words of the sentence
    "a misspelt column": (
        'name = "full_name"',
        'name = "ful_name"',
        "mapping.toml, line 10: [tables.customers.columns]: name is ful_name, which the table consumers does not have, "
        "expected one of consumer_no, full_name, owes.",
    ),
    "a misspelt table": (
        'table = "consumers"',
        'table = "consumer"',
        "mapping.toml, line 4: [tables.customers]: the database has no table consumer, expected one of consumers, "
        "devices, invoice_heads, invoice_rows, receipts, services.",
    ),
    "an unknown schema": (
        'table = "consumers"',
        'schema = "nowhere"\ntable = "consumers"',
        "mapping.toml, line 4: [tables.customers]: the database has no table nowhere.consumers, expected one of its",
    ),
    "an unknown table of ours": (
        "[tables.customers]",
        "[tables.customer]",
        "mapping.toml, line 4: [tables.customer]: there is no such table, expected one of tenants, customers, meters,",
    ),
    "an unknown key": (
        'table = "consumers"',
        'tabel = "consumers"',
        "mapping.toml, line 5: [tables.customers]: unknown key tabel, expected one of table, schema, select, each, "
        "numbered_by_tenant, where, absent, results, columns.",
    ),
    "a wrong type": (
        'table = "consumers"',
        "table = 5",
        "mapping.toml, line 5: [tables.customers]: table is 5, expected a text.",
    ),
    "a column of a wrong type": (
        'id = "consumer_no"',
        "id = 5",
        'mapping.toml, line 8: [tables.customers]: column id is 5, expected the name of a column, { sql = "..." } or '
        "false.",
    ),
    "an unknown type": (
        'tenant_id = { sql = "1" }\nname',
        'tenant_id = { sql = "1", type = "number" }\nname',
        "mapping.toml, line 9: [tables.customers]: column tenant_id has the type 'number', expected one of integer, "
        "money, text, date, boolean, uuid.",
    ),
    "an unknown key of a column": (
        'tenant_id = { sql = "1" }\nname',
        'tenant_id = { sql = "1", kind = "integer" }\nname',
        "mapping.toml, line 9: [tables.customers]: column tenant_id has the unknown key kind, expected sql and type.",
    ),
    "a table and a SELECT": (
        'table = "consumers"',
        'table = "consumers"\nselect = "SELECT 1"',
        "mapping.toml, line 6: [tables.customers]: table and select exclude each other, expected one of them.",
    ),
    "a condition beside a SELECT": (
        "[tables.customers]",
        'where = "1 = 1"\n\n[tables.customers]',
        "mapping.toml, line 4: [tables.tenants]: where applies to a table only, expected it inside the SELECT.",
    ),
    "a result that no step writes": (
        'results = ["balance", "overpayment"]',
        'results = ["status"]',
        "mapping.toml, line 16: [tables.meters]: results has status, expected some of balance, overpayment, "
        "total_billed, total_paid, last_invoice_date.",
    ),
    "a template without its place": (
        "SELECT 1 AS id, 'Water works' AS name\"",
        'SELECT 1 AS id, \'Water works\' AS name"\neach = ["north"]',
        "mapping.toml, line 2: [tables.tenants]: the SELECT does not have {each}, expected it where each name is put.",
    ),
    "a template with a name that is SQL": (
        "SELECT 1 AS id, 'Water works' AS name\"",
        "SELECT 1 AS id, '{each}' AS name\"\neach = [\"x' FROM y --\"]",
        'mapping.toml, line 3: [tables.tenants]: each has "x\' FROM y --", expected a name of letters,',
    ),
    "results that are no list": (
        'results = ["balance", "overpayment"]',
        'results = "balance"',
        "mapping.toml, line 16: [tables.meters]: results is 'balance', expected a list of columns.",
    ),
    "SQL that does not parse": (
        "CASE WHEN owes > 0 THEN owes ELSE 0.00 END",
        "CASE WHEN owes > 0 THEN owes",
        "mapping.toml, line 11: [tables.customers]: the database does not accept the SQL of balance: ",
    ),
    "SQL with a column that is not there": (
        "CASE WHEN owes > 0 THEN owes ELSE 0.00 END",
        "owed + 0.00",
        "mapping.toml, line 11: [tables.customers]: the database does not accept the SQL of balance: ",
    ),
    "SQL with a parenthesis too many": (
        "CASE WHEN owes > 0 THEN owes ELSE 0.00 END",
        "owes) FROM consumers --",
        "mapping.toml, line 11: [tables.customers]: the SQL has a parenthesis without its counterpart.",
    ),
    "two statements": (
        "SELECT 1 AS id, 'Water works' AS name",
        "SELECT 1 AS id, 'Water works' AS name; DELETE FROM receipts",
        "mapping.toml, line 2: [tables.tenants]: the SQL has several statements, expected one without a semicolon.",
    ),
    "a SELECT that does not parse": (
        "SELECT 1 AS id, 'Water works' AS name",
        "SELEC 1 AS id",
        "mapping.toml, line 1: [tables.tenants]: the database does not accept the SQL of the SELECT: ",
    ),
    "a statement that is no SELECT": (
        "SELECT 1 AS id, 'Water works' AS name",
        "DELETE FROM receipts",
        "mapping.toml, line 1: [tables.tenants]: the database does not accept the SQL of the SELECT: ",
    ),
    "a SELECT without a column": (
        "SELECT 1 AS id, 'Water works' AS name",
        "SELECT 1 AS id",
        "no column tenants.name (",
    ),
    "a cycle": (
        "SELECT 1 AS id, 'Water works' AS name",
        "SELECT tenant_id AS id, 'Water works' AS name FROM meter_migration_results_of_meters",
        "which is computed from the billing tables: a cycle. Expected tables of the billing software.",
    ),
    "a column that nothing gives": (
        'results = ["meter_id"]',
        "",
        'map it in [tables.payments.columns], or keep it in a table of ours: results = ["meter_id"]',
    ),
    "TOML that is none": ("[tables.tenants]", "[tables.tenants", "which is not TOML: "),
}


def _mapping() -> str:
    """Return the mapping of the example, from its first table on."""
    return (EXAMPLE / "mapping.toml").read_text(encoding="utf-8").partition("\n\n")[2]


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on the database of an example."""
    load(billing_url, EXAMPLE / "database.sql")
    return command_line_in(tmp_path, billing_url, monkeypatch)


def test_a_mapping_that_cannot_be_used_is_one_sentence_with_its_line(
    shell: CommandLine, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    text = _mapping()
    for name, (old, new, words) in FAULTS.items():
        with subtests.test(name):
            assert old in text
            (tmp_path / "mapping.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
            shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
            ended = shell("migrate-meter-financials", "--dry-run")
            assert ended.status == 2, ended.printed
            assert words in ended.words
            assert "Traceback" not in ended.printed


def test_a_missing_file_is_one_sentence(shell: CommandLine) -> None:
    shell.environment["METER_ASSETS_CONFIG"] = "nowhere.toml"
    ended = shell("migrate-meter-financials", "--dry-run")
    assert ended.status == 2
    assert "METER_ASSETS_CONFIG names nowhere.toml, which cannot be read: No such file or directory." in ended.words


ODD_SQL = """
[tables.customers]
table = "consumers"
where = "full_name NOT LIKE '%:gone' -- those who left"

[tables.customers.columns]
id = "consumer_no"
tenant_id = { sql = "1 /* one */" }
name = { sql = "CASE WHEN full_name LIKE 'A%' THEN '12:30 100%' ELSE '(:name; ''' END -- names" }
balance = { sql = "CASE WHEN owes > 0 THEN owes ELSE 0.00 END" }
overpayment = { sql = "CASE WHEN owes < 0 THEN -owes ELSE 0.00 END" }
"""


@pytest.mark.slow
def test_sql_may_have_percents_colons_quotes_and_comments(shell: CommandLine, tmp_path: Path) -> None:
    text = _mapping()
    before, rest = text.split("[tables.customers]")
    text = before + ODD_SQL + "\n[tables.meters]" + rest.split("[tables.meters]", 1)[1]
    (tmp_path / "mapping.toml").write_text(text, encoding="utf-8")
    shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
    migrated = shell("migrate-meter-financials", "--yes")
    assert migrated.status == 0, migrated.printed
    assert [row[0] for row in shell.rows("SELECT balance FROM customer_balances_backup ORDER BY customer_id")] == [
        70,
        0,
    ]


def test_a_step_that_can_write_nothing_is_refused(shell: CommandLine, tmp_path: Path) -> None:
    text = _mapping()
    changed = text.replace('results = ["meter_id"]', "").replace(
        'paid_at = "booked"', 'paid_at = "booked"\nmeter_id = { sql = "NULL", type = "integer" }'
    )
    (tmp_path / "mapping.toml").write_text(changed, encoding="utf-8")
    shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
    words = "payment_meter_ids has nothing to write: the database has none of payments.meter_id"
    for command in (
        ("migrate-meter-financials", "--dry-run"),
        ("migrate-meter-financials", "--yes"),
        ("check-database",),
    ):
        ended = shell(*command)
        assert ended.status in (1, 2), ended.printed
        assert words in ended.words
        assert 'results = ["meter_id"] in [tables.payments]' in ended.words


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("tables", "meters"), 4),
        (("tables", "meters", "table"), 5),
        (("tables", "meters", "columns", "id"), 8),
        (("tables", "meters", "columns", "other"), 7),
        (("tables", "bills", "columns", "id"), 12),
        (("tables", "none"), 1),
    ],
)
def test_the_line_of_a_key_is_found(keys: tuple[str, ...], line: int) -> None:
    text = '[policy]\ntolerance = 1\n\n[tables.meters]\ntable = "m"\n\n[tables.meters.columns]\n"id" = "no"\n'
    text += "# a comment\n\n[tables.bills]\ncolumns = { id = 'x' }\n"
    assert line_of(text, keys) == line


@pytest.mark.slow
def test_ids_that_are_said_to_be_unique_within_a_tenant_are_checked(shell: CommandLine, tmp_path: Path) -> None:
    twice = "SELECT 1 AS id, 1 AS tenant_id, 'Ada' AS name, 70.00 AS balance, 0.00 AS overpayment"
    text = _mapping()
    before, after = text.index("[tables.customers]"), text.index("[tables.meters]")
    changed = f'[tables.customers]\nselect = "{twice} UNION ALL {twice}"\nnumbered_by_tenant = true\n\n'
    (tmp_path / "mapping.toml").write_text(text[:before] + changed + text[after:], encoding="utf-8")
    shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
    for command in (("check-database",), ("migrate-meter-financials", "--yes")):
        ended = shell(*command)
        assert ended.status == 1, ended.printed
        assert "every_row_has_its_own_id: 1 violation" in ended.words


@pytest.mark.slow
@pytest.mark.parametrize(("amount", "status"), [("0.1 + 0.2", 0), ("40.005", 1), ("40.00001", 1)])
def test_money_in_doubles_is_read_exactly_or_refused(
    shell: CommandLine, tmp_path: Path, amount: str, status: int
) -> None:
    shell.change("ALTER TABLE receipts ADD COLUMN in_double DOUBLE PRECISION")
    shell.change(f"UPDATE receipts SET in_double = CASE WHEN receipt_id = 1001 THEN {amount}e0 ELSE paid END")
    text = _mapping().replace('amount = "paid"', 'amount = { sql = "CAST(in_double AS DECIMAL(20, 6))" }')
    (tmp_path / "mapping.toml").write_text(text, encoding="utf-8")
    shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
    ended = shell("migrate-meter-financials", "--yes")
    assert ended.status == status, ended.printed
    if status:
        assert "every_amount_fits_the_currency: 1 violation" in ended.words
    else:
        ((balance,),) = shell.rows("SELECT balance FROM meter_migration_results_of_meters WHERE id = 11")
        assert Decimal(str(balance)) == Decimal("109.70")


REALS = ("12345.67", "40.009", "40.005", "131071.99", "131072.01", "262144.5", "-0.01")


@pytest.mark.not_on("sqlite")  # whose floats have 64 bits
@pytest.mark.parametrize(
    ("amount", "status"), [(one, int(one in ("40.009", "40.005", "131072.01", "262144.5"))) for one in REALS]
)
def test_money_in_32_bits_is_read_to_the_cent_or_refused(
    shell: CommandLine, tmp_path: Path, amount: str, status: int
) -> None:
    dialect = shell.database.engine.dialect
    of_32_bits = FLOAT() if dialect.name == "mysql" else REAL()
    shell.change(f"ALTER TABLE receipts ADD COLUMN in_real {of_32_bits.compile(dialect)}")
    shell.change(f"UPDATE receipts SET in_real = CASE WHEN receipt_id = 1001 THEN {amount} ELSE paid END")
    sql = types_of(dialect).of_fraction("in_real", of_32_bits)
    (tmp_path / "mapping.toml").write_text(_mapping().replace('amount = "paid"', f'amount = {{ sql = "{sql}" }}'))
    shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
    ended = shell("migrate-meter-financials", "--yes")
    assert ended.status == status, ended.printed
    if status:
        assert "every_amount_fits_the_currency: 1 violation" in ended.words
        return
    ((balance, overpayment),) = shell.rows(
        f"SELECT balance, overpayment FROM {OWN_PREFIX}results_of_meters WHERE id = 11"
    )
    assert balance - overpayment == Decimal("110.00") - Decimal(amount)


@pytest.mark.every_engine
@pytest.mark.not_on("sqlite")  # which reads 12 of 12,50 and says nothing
@pytest.mark.parametrize("written", ["12,50", "12.50 EUR", "n/a"])
def test_money_in_text_is_read_whole_or_not_at_all(shell: CommandLine, tmp_path: Path, written: str) -> None:
    shell.change("ALTER TABLE receipts ADD COLUMN in_text VARCHAR(20)")
    shell.change(f"UPDATE receipts SET in_text = CASE WHEN receipt_id = 1001 THEN '{written}' ELSE '1.00' END")
    sql = "CAST(in_text AS DECIMAL(20, 6))"
    (tmp_path / "mapping.toml").write_text(_mapping().replace('amount = "paid"', f'amount = {{ sql = "{sql}" }}'))
    shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
    into = make_url(shell.url).set(database="a_copy").render_as_string(hide_password=False)
    for command in (
        ("migrate-meter-financials", "--dry-run"),
        ("migrate-meter-financials", "--yes"),
        ("rehearse", "--into", into),
    ):
        ended = shell(*command)
        assert ended.status == 1, ended.printed
        assert written in ended.words


@pytest.mark.not_on("sqlite", "postgresql")  # whose to_date ends the statement
def test_a_day_in_text_that_is_none_is_not_null(shell: CommandLine, tmp_path: Path) -> None:
    shell.change("ALTER TABLE receipts ADD COLUMN on_day VARCHAR(20) DEFAULT '31.01.2025'")
    sql = "STR_TO_DATE(on_day, '%d.%m.%Y')"
    text = _mapping().replace('paid_at = "booked"', f'paid_at = {{ sql = "{sql}" }}')
    (tmp_path / "mapping.toml").write_text(text)
    shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
    assert shell("migrate-meter-financials", "--dry-run").status == 0
    for written, said in (
        ("32.01.2025", "Incorrect datetime value: '32.01.2025'"),
        ("31.02.2025", "every_date_is_valid"),
    ):
        shell.change(f"UPDATE receipts SET on_day = '{written}' WHERE receipt_id = 1001")
        ended = shell("migrate-meter-financials", "--dry-run")
        assert (ended.status, said in ended.words) == (1, True), ended.printed


def test_postgresql_keeps_no_cents_of_a_real(on_postgresql: CommandLine, tmp_path: Path) -> None:
    shell = on_postgresql
    shell.change("ALTER TABLE payments ALTER COLUMN amount TYPE real")
    shell.environment["METER_ASSETS_CONFIG"] = str(tmp_path / "mapping.toml")
    said = "payments.amount, a REAL, of which PostgreSQL keeps 6 digits as a number, without its cents"
    for table in (
        '[tables.payments.columns]\namount = { sql = "CAST(amount AS DECIMAL(20, 6))" }\n',
        '[tables.payments]\nselect = "SELECT *, CAST(amount AS numeric) AS paid FROM payments"\n',
    ):
        (tmp_path / "mapping.toml").write_text(table)
        ended = shell("migrate-meter-financials", "--dry-run")
        assert (ended.status, said in ended.words) == (2, True), ended.printed
    (tmp_path / "mapping.toml").write_text("")
    ended = shell("migrate-meter-financials", "--dry-run")
    assert "USING amount::double precision::numeric" in ended.words


def test_tables_of_another_database_of_the_server_are_mapped(
    mariadb_server: MariaDbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mariadb_server.database() as billing, mariadb_server.database() as home:
        load(billing, EXAMPLE / "database.sql")
        place = make_url(billing).database
        text = _mapping().replace("\ntable = ", f'\nschema = "{place}"\ntable = ')
        text = text.replace("FROM devices", f"FROM {place}.devices")
        (tmp_path / "mapping.toml").write_text(text, encoding="utf-8")
        shell = command_line_in(tmp_path, home, monkeypatch)
        shell.environment["METER_ASSETS_CONFIG"] = "mapping.toml"
        for command in (("check-database",), ("migrate-meter-financials", "--yes"), ("rollback", "--yes")):
            ended = shell(*command)
            assert ended.status == 0, ended.printed
