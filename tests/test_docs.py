"""The docs say what is so: a page for every check, its SQL finds what the check finds, and what they name is there."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from
from pydantic import BaseModel
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    CursorResult,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    delete,
    text,
)
from sqlalchemy.types import TypeEngine

from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import BillingSchema, billing_tables
from meter_assets.cli.main import main
from meter_assets.definitions import build_definitions
from meter_assets.demo.faults import FAULTS
from meter_assets.demo.generator import DemoSize, fill, make_tables
from meter_assets.migration.database import BillingDatabase
from meter_assets.rules.invariants import INVARIANTS, Group, Invariant, of_group
from meter_assets.rules.steps import STEPS, guarded_step
from meter_assets.settings import TABLES, Launchpad, Watching
from tests.support import databases
from tests.support.oracle import Database, Row
from tests.support.repeated_debt import repeated_debts
from tests.support.strategies import billing_databases

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CHECKS = DOCS / "checks"
SECTIONS = ["What it means", "How to look", "How to fix", "Which command"]
INVARIANT_NAMES = [one.name for one in INVARIANTS]
FAULTY, CLEAN = 1, 2
SCHEMA = billing_tables(money=Numeric(22, 4), steps=tuple(STEPS.values()))
"""The usual tables, but with room for amounts that no currency has."""


# Reading the pages


def page(name: str) -> str:
    return (CHECKS / f"{name}.md").read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """Return what stands under one heading of a check's page."""
    return page(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(markdown: str, language: str) -> list[str]:
    """Return the blocks of code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", markdown, flags=re.DOTALL | re.MULTILINE)


LOOK = {name: blocks(section(name, "How to look"), "sql")[0] for name in INVARIANT_NAMES}


# What the SQL of the pages finds, and what the invariants themselves find


@dataclass
class Found:
    """The rows that violate each invariant, by their ids: as its page's SQL and as the invariant's evidence show them.

    Of each row, what both show under the same name.
    """

    by_page: dict[str, dict[Any, Any]] = field(default_factory=dict)
    by_law: dict[str, dict[Any, Any]] = field(default_factory=dict)


def find(
    connection: Connection, schema: BillingSchema, tenant_id: Any, invariants: Sequence[Invariant] = INVARIANTS
) -> Found:
    relations, found = billing_relations(schema, Policy(), tenant_id), Found()
    for invariant in invariants:
        listed = by_id(invariant, connection.execute(text(LOOK[invariant.name]), {"tenant": tenant_id}))
        broken = by_id(invariant, connection.execute(invariant.violations(relations)))
        found.by_page[invariant.name] = {key: in_common(row, broken.get(key, {})) for key, row in listed.items()}
        found.by_law[invariant.name] = {key: in_common(row, listed.get(key, {})) for key, row in broken.items()}
    return found


def by_id(invariant: Invariant, result: CursorResult[Any]) -> dict[Any, Mapping[str, Any]]:
    rows = [dict(row) for row in result.mappings()]
    found: dict[Any, Mapping[str, Any]] = {row[invariant.subject]: row for row in rows}
    assert len(found) == len(rows), f"{invariant.name} names a row twice"
    return found


def in_common(row: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What a row shows that the other shows too; text in a column of money is shown as it is by the page only."""
    numbers = (int, float, Decimal)
    return {
        name: f"{value:.4f}" if isinstance(value, numbers) and name not in ("id", "is_active") else value
        for name, value in row.items()
        if name in other and isinstance(value, numbers) == isinstance(other[name], numbers)
    }


@dataclass(frozen=True)
class Books:
    """A database of two tenants, one of them with every fault of the catalogue, and what was found of them when."""

    database: BillingDatabase
    schema: BillingSchema = field(repr=False)
    found: Mapping[str, Found] = field(repr=False)


@pytest.fixture(scope="module")
def books(empty_billing_url: str) -> Books:
    """Both tenants before and after their migration, and the faulty one with what goes wrong afterwards."""
    database, found = BillingDatabase(empty_billing_url), {}
    with database.transaction() as connection:
        make_tables(connection, SCHEMA)
        fill(connection, SCHEMA, DemoSize(tenants=2, customers=4, months=3), seed=1)
        schema = SCHEMA.make_own_tables(connection)
    databases.migrate(database, CLEAN)
    with database.transaction() as connection:
        for fault in FAULTS.values():
            fault.inject(connection, schema, FAULTY)
        found["before"] = find(connection, schema, FAULTY)
    databases.migrate(database, FAULTY, allow_invalid=True)
    with database.snapshot() as connection:
        found["after"] = find(connection, schema, FAULTY)
        found["clean"] = find(connection, schema, CLEAN)
    with database.transaction() as connection:
        go_wrong_since(connection)
        found["since"] = find(connection, schema, FAULTY)
        for turn in range(4):
            with connection.begin_nested() as savepoint:
                become_odd(connection, turn)
                found[f"odd {turn}"] = find(connection, schema, FAULTY)
                savepoint.rollback()
    return Books(database, schema, found)


def go_wrong_since(connection: Connection) -> None:
    """What no fault of the catalogue makes, or what the migration has fixed."""
    typed = connection.dialect.name == "postgresql"
    no_number, no_day, not_set = ("NaN", "infinity", "-infinity") if typed else ("12,50", "31/01/2024", "")
    newest = "SELECT max(id) FROM {} WHERE tenant_id = 1 AND status = '{}'"
    for statement in (
        *(() if typed else ("UPDATE meter_assignments SET is_active = 't' WHERE id = 1",)),
        f"UPDATE payments SET paid_at = '{no_day}' WHERE id = 1",
        f"UPDATE payments SET deleted_at = '{not_set}' WHERE id = 2",
        f"UPDATE invoices SET invoice_date = '{no_day}' WHERE id = 1",
        f"UPDATE customers SET balance = '{no_number}' WHERE id = 1",
        f"UPDATE meters SET balance = '{no_number}' WHERE id = 2",
        "UPDATE payments SET amount = 39.115 WHERE id = 6",
        "UPDATE invoice_bills SET amount = 71.5649 WHERE id = 11",
        "UPDATE invoices SET amount = 40.005, total_amount = 40.005 WHERE id = 37",
        f"UPDATE payments SET amount = '{no_number}' WHERE id = ({newest.format('payments', 'failed')})",
        f"UPDATE invoices SET total_amount = '{no_number}' WHERE id = ({newest.format('invoices', 'draft')})",
        f"UPDATE invoice_bills SET amount = '{no_number}' WHERE id = (SELECT min(id) FROM invoice_bills)",
        "UPDATE meters SET balance = balance + 5 WHERE id = (SELECT min(id) FROM meters WHERE tenant_id = 1)",
        "UPDATE meters SET balance = 7, overpayment = 7 WHERE id IN (SELECT max(id) FROM meters GROUP BY tenant_id)",
        "UPDATE invoices SET amount = amount + 1, total_amount = total_amount + 1 WHERE id IN"
        " (SELECT min(id) FROM invoices WHERE tenant_id = 1 GROUP BY lower(status))",
        "DELETE FROM customer_balances_backup WHERE customer_id IN (SELECT min(id) FROM customers GROUP BY tenant_id)",
    ):
        connection.exec_driver_sql(statement)


def become_odd(connection: Connection, turn: int) -> None:
    """Rows of both tenants with a status in capitals, without status or amount, deleted, or with debt of no known type.

    In turn, of a kind each.
    """
    no_number = "NaN" if connection.dialect.name == "postgresql" else "12,50"
    every_table = ("payments", "invoices", "invoice_bills", "meters", "customers", "meter_assignments", "bills")
    changes = (
        [(table, "status = upper(status)", 1) for table in ("payments", "invoices")],
        [
            *((table, "status = NULL", 2) for table in ("payments", "invoices")),
            *((table, "amount = NULL", 3) for table in ("payments", "invoices", "invoice_bills")),
            *((table, f"amount = '{no_number}'", 11) for table in ("payments", "invoices")),
            *(("meters", f"{column} = NULL", 2) for column in ("balance", "overpayment")),
        ],
        [(table, "deleted_at = '2024-12-31 12:00:00'", 2) for table in every_table],
        [("bills", "bill_type = ' Misc'", 4), ("invoice_bills", "amount = 40", 92)],
    )
    for table, change, every in changes[turn]:
        connection.exec_driver_sql(f"UPDATE {table} SET {change} WHERE id / {every} * {every} = id")


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.name)
def test_the_sql_of_a_page_finds_the_rows_that_the_check_finds(books: Books, invariant: Invariant) -> None:
    for when, found in books.found.items():
        assert found.by_page[invariant.name] == found.by_law[invariant.name], when
    if invariant.name not in cannot_be_found(books):
        assert any(found.by_page[invariant.name] for found in books.found.values()), (
            "no state of the books shows that it finds"
        )
    assert not books.found["clean"].by_page[invariant.name]


def cannot_be_found(books: Books) -> tuple[str, ...]:
    """Return the checks that find nothing in these tables, or in the values that the engine accepts."""
    typed = books.database.engine.dialect.name == "postgresql"
    return (*(case.invariant for case in LOOSE), *(["every_flag_is_true_or_false"] if typed else []))


def test_the_sql_finds_a_bill_type_by_its_name_and_by_its_amounts(books: Books) -> None:
    found = [one for state in books.found.values() for one in state.by_page["every_bill_type_has_one_meaning"].items()]
    assert {(bill_type, row["problem"]) for bill_type, row in found} == {
        ("arrears", "its name looks like debt brought forward"),
        ("misc", "its lines equal what their meters owed before"),
    }


ODD_VALUES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "sqlite": {
        "payments.paid_at": (
            *("", "0", "now", "31/01/2024", "2024-1-5", "2024-02-30", "2024-01-31 25:00", "2024-01-31T10:00:00Z"),
            *("2024-01-31 23:00+02:00", "0000-00-00", "0001-01-01", "9999-12-31 23:59:59", "10000-01-01"),
            *(0, 20240131, 2460000.5, b"2024-01-31"),
        ),
        "meter_assignments.is_active": ("t", "f", "true", "FALSE", "", "1", 2, -1, 0.5, b"1"),
        "meters.total_paid": ("12,50", "", "1e3", " 7 ", "NaN", 9e999, b"7"),
        "payments.amount": (
            *(0.1 + 0.2, 0.005, 0.0001, 0.00001, -0.015, "0.005", "6,375", "", 1234567.894, 1234567.89),
            *(900719925474.09, 900719925474.1, -900719925475, 1e15, 9e999, -9e999, None),
        ),
    },
    "postgresql": {
        "payments.paid_at": ("infinity", "-infinity", "20240-01-31", "0044-03-15 BC", "9999-12-31 23:59:59.999999"),
        "invoices.invoice_date": (
            "infinity",
            "5874897-12-31",
            "10000-01-01",
            "9999-12-31",
            "0001-01-01",
            "0001-12-31 BC",
        ),
        "meters.total_paid": ("NaN", "-1"),
        "payments.amount": ("0.3", "0.005", "0.0001", "NaN", "92233720368547758.07", "-92233720368547758.08", None),
    },
}
"""Values at the edge of what a page's SQL must find: one row after the other gets one of them."""


def test_the_sql_of_the_pages_reads_odd_values_as_the_checks_do(books: Books) -> None:
    with books.database.connection() as connection, connection.begin() as transaction:
        for place, values in ODD_VALUES[connection.dialect.name].items():
            table, _, column = place.partition(".")
            ids = connection.execute(text(f"SELECT id FROM {table} WHERE tenant_id = {FAULTY} ORDER BY id")).scalars()
            for row_id, value in zip(ids.all(), values, strict=False):
                change = text(f"UPDATE {table} SET {column} = :value WHERE id = :id")
                connection.execute(change, {"value": value, "id": row_id})
        # Not of the others: their sums overflow.
        found = find(connection, books.schema, FAULTY, of_group(Group.values))
        assert found.by_page == found.by_law
        transaction.rollback()


def loose_tables() -> BillingSchema:
    """Return the usual tables without keys, some of them with a column that may delete."""
    usual, metadata = billing_tables(), MetaData()
    tables = {
        name: Table(name, metadata, *(Column(column.key, column.type) for column in table.c))
        for name, table in usual.tables.items()
    }
    kinds: Mapping[str, TypeEngine[Any]] = {
        "customers": Boolean(),
        "payments": Integer(),
        "bills": Text(),
        "invoice_bills": DateTime(),
    }
    for name, kind in kinds.items():
        tables[name].append_column(Column("is_deleted", kind))
    return BillingSchema(tables)


@dataclass(frozen=True)
class Loose:
    """Changes of the demo's rows in tables without keys, and the places that a check then names."""

    invariant: str
    statements: tuple[str, ...]
    places: tuple[str, ...]


LOOSE = (
    Loose(
        "every_row_has_its_own_id",
        (
            "INSERT INTO payments SELECT * FROM payments WHERE id IN (2, 3, 8)",
            "INSERT INTO payments SELECT * FROM payments WHERE id = 2",
            "INSERT INTO meters (id, tenant_id) SELECT id, tenant_id FROM meters WHERE id = 1",
            "INSERT INTO invoices SELECT * FROM invoices WHERE id IN (2, 7)",
            "INSERT INTO invoice_bills SELECT * FROM invoice_bills WHERE id IN (1, 20)",
            "UPDATE customers SET id = NULL WHERE id = 2",
            "UPDATE meter_assignments SET id = 1 WHERE tenant_id = 2 AND id = 3",
        ),
        (
            *("payments.id of 2", "payments.id of 3", "customers.id of null", "meters.id of 1", "invoices.id of 2"),
            *(f"invoice_bills.id of {line}" for line in (1, 4, 5, 6, 7)),
        ),
    ),
    Loose(
        "no_row_is_deleted_by_an_unknown_column",
        (
            "UPDATE customers SET is_deleted = (id <> 1)",
            "UPDATE payments SET is_deleted = 1 - id WHERE id < 4",
            "UPDATE bills SET is_deleted = CASE id WHEN 1 THEN ' NO ' WHEN 2 THEN '' ELSE '0000-00-00' END",
            "UPDATE bills SET is_deleted = 'yes' WHERE id = 3",
            "UPDATE invoice_bills SET is_deleted = '2024-12-31 12:00:00' WHERE id IN (1, 2, 3, 20)",
            "UPDATE invoice_bills SET deleted_at = '2024-12-31 12:00:00' WHERE id = 2",
        ),
        (
            *("customers.is_deleted of 2", "payments.is_deleted of 2", "payments.is_deleted of 3"),
            *("bills.is_deleted of 3", "invoice_bills.is_deleted of 1", "invoice_bills.is_deleted of 3"),
        ),
    ),
)


@pytest.mark.parametrize("case", LOOSE, ids=lambda case: case.invariant)
def test_the_sql_of_a_page_finds_what_only_loose_tables_hold(billing_url: str, case: Loose) -> None:
    database, schema = BillingDatabase(billing_url), loose_tables()
    with database.transaction() as connection:
        make_tables(connection, schema)
        fill(connection, schema, DemoSize(tenants=2, customers=4, months=3), seed=1)
        for statement in case.statements:
            connection.exec_driver_sql(statement)
        found = find(connection, schema, FAULTY, [one for one in INVARIANTS if one.name == case.invariant])
    assert found.by_page == found.by_law
    assert set(found.by_page[case.invariant]) == set(case.places)


@pytest.mark.slow
@given(rows=billing_databases(), at=integers(0, 5), decimals=sampled_from([2, 4]))
def test_the_sql_of_the_pages_finds_what_the_checks_find_on_any_database(
    books: Books, rows: Database, at: int, decimals: int
) -> None:
    assert_finds_the_same(books, with_decimals(rows, decimals), rows["tenants"][at % len(rows["tenants"])]["id"])


@pytest.mark.slow
@given(rows=repeated_debts())
def test_the_sql_of_the_pages_finds_debt_that_is_repeated(books: Books, rows: Database) -> None:
    assert_finds_the_same(books, rows, FAULTY)


def assert_finds_the_same(books: Books, rows: Database, tenant_id: int) -> None:
    with books.database.connection() as connection, connection.begin() as transaction:
        for table in (*books.schema.tables.values(), *books.schema.own.values()):
            connection.execute(delete(table))
        databases.load(connection, books.schema, rows)
        if rows.get("customer_balances_backup"):
            databases.load_backup(connection, books.schema, rows)
        found = find(connection, books.schema, tenant_id)
        assert found.by_page == found.by_law
        transaction.rollback()


def with_decimals(rows: Database, decimals: int) -> Database:
    """Return drawn rows, which have cents, with so many decimals."""

    def smaller(row: Row) -> Row:
        return {
            name: value.scaleb(2 - decimals) if isinstance(value, Decimal) else value for name, value in row.items()
        }

    return {table: [smaller(row) for row in found] for table, found in rows.items()}


# What the pages say to do


def fixes(name: str) -> list[str]:
    return [one for one in blocks(section(name, "How to fix"), "sql") if not one.startswith("SELECT")]


FIXES = [(name, statement) for name in INVARIANT_NAMES for statement in fixes(name)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "statement"), FIXES, ids=[f"{name}-{at}" for at, (name, _) in enumerate(FIXES)])
def test_what_a_page_says_to_do_mends_a_row(books: Books, name: str, statement: str) -> None:
    """One row at least of those found, of which the others may be broken otherwise, once the tenant is run again."""
    invariant = next(one for one in INVARIANTS if one.name == name)
    if name in cannot_be_found(books):
        pytest.skip("no row of these tables violates it on this engine")
    with books.database.connection() as connection, connection.begin() as transaction:
        rows = [dict(row) for row in connection.execute(text(LOOK[name]), {"tenant": FAULTY}).mappings()]
        assert rows
        assert any(
            is_mended(connection, books.schema, invariant, row, statement, values)
            for row in rows
            for values in parameters(connection, statement, row)
        )
        transaction.rollback()


def parameters(connection: Connection, statement: str, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a person might fill in: the ids of the row itself, and rows of the tenant to choose from."""
    wanted = set(re.findall(r":(\w+)", statement))
    chosen = {"tenant": FAULTY, "amount": 40, "brought_forward": 0, "date": "2024-01-31", "active": 1}
    of_row = {name: row[name] for name in wanted & set(row) - {"amount", "meter_id", "bill_id"}}
    tables = {"meter_id": "meters", "bill_id": "bills"}
    free = [name for name in tables if name in wanted]
    if not free:
        yield {name: {**chosen, **of_row}[name] for name in wanted}
    for name in free:
        for found in connection.execute(text(f"SELECT id FROM {tables[name]} WHERE tenant_id = {FAULTY}")).scalars():
            yield {one: {**chosen, **of_row, name: found}[one] for one in wanted}


def is_mended(
    connection: Connection,
    schema: BillingSchema,
    invariant: Invariant,
    row: Mapping[str, Any],
    statement: str,
    values: Mapping[str, Any],
) -> bool:
    with connection.begin_nested() as savepoint:
        touched = connection.execute(text(statement), values).rowcount
        relations = billing_relations(schema, Policy(), FAULTY)
        for step in ("payment_meter_ids", "invoice_amounts"):
            relations = relations.after(STEPS[step].compute(relations))
        left = connection.execute(invariant.violations(relations)).mappings()
        fixed = touched == 1 and row[invariant.subject] not in [one[invariant.subject] for one in left]
        savepoint.rollback()
    return fixed


# The pages themselves


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.name)
def test_every_check_has_its_page(invariant: Invariant) -> None:
    content = page(invariant.name)
    assert content.startswith(f"# {invariant.name}\n\n> {invariant.description}\n")
    assert re.findall(r"^## (.*)$", content, flags=re.MULTILINE) == SECTIONS
    blocked = [name for name, step in STEPS.items() if invariant in (*step.guards.values, *step.guards.before)]
    which = "every step" if len(blocked) == len(STEPS) else " and ".join(f"`{step}`" for step in blocked)
    words = f"{which} of the tenant" if blocked else "nothing"
    facts = (invariant.severity, invariant.group, f"`{guarded_step(invariant.group)}`")
    assert f"| {' | '.join(facts)} | {words} |" in content
    assert invariant.blocks == ("meter_balances" in blocked)
    assert set(re.findall(r":(\w+)", re.sub(r"'[^']*'", "", LOOK[invariant.name]))) == {"tenant"}
    assert "--tenant" in section(invariant.name, "Which command")


def test_the_table_of_checks_has_every_check_and_no_page_is_left_over() -> None:
    content = (CHECKS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \| (\w+) \|", content, flags=re.MULTILINE)
    assert listed == [(one.name, one.severity, one.group) for one in INVARIANTS]
    former = {name for one in INVARIANTS for name in one.former_names}
    assert {path.stem for path in CHECKS.glob("*.md")} == {"README", *INVARIANT_NAMES, *former}


PAGES = [*(ROOT / f"{one}.md" for one in ("README", "CHANGELOG", "CONTRIBUTING")), *sorted(DOCS.rglob("*.md"))]
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(path: Path) -> set[str]:
    """Return what a link into a page may name: its headings, as they are turned into anchors."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]
    return {one if plain.index(one) == at else f"{one}-{plain[:at].count(one)}" for at, one in enumerate(plain)}


@every_page
def test_links_lead_somewhere(path: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def in_blocks(content: str) -> Iterator[list[str]]:
    """Return the words of every command line of ours in blocks of code for a shell."""
    for block in blocks(content, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "podman":  # of which ours is an image
                continue
            found = [at for at, word in enumerate(words) if word.endswith("meter-assets")]
            if found:
                yield words[found[0] + 1 :]


def without_output(words: list[str]) -> list[str]:
    """Return a command's words up to where a shell does something with what it prints."""
    ends = [at for at, word in enumerate(words) if word in (">", "|", "&&", ";", ">>")]
    return words[: min(ends, default=len(words))]


@every_page
def test_commands_can_be_given_as_they_stand(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    for words in in_blocks(content):
        name, *arguments = without_output(words)
        command = main.commands[name]
        command.make_context(name, arguments)  # as click parses it, without running it
    for words in (quoted.split()[1:] for quoted in re.findall(r"`(?:\S*/)?(meter-assets [^`]+)`", content)):
        command = main.commands[words[0]]
        options = {option for one in command.params for option in one.opts}
        assert {word for word in words if word.startswith("--")} - {"--help"} <= options, words


def test_every_environment_variable_is_in_the_table_once() -> None:
    read = {
        name
        for path in (ROOT / "meter_assets").rglob("*")
        if path.suffix in (".py", ".yaml")
        for name in re.findall(r"METER_ASSETS_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))
    }
    told = [name for name, _ in rows_of("Environment variables")]
    assert read <= set(told)
    assert len(told) == len(set(told))


def test_every_setting_is_in_its_table_with_its_default() -> None:
    models: Sequence[tuple[str, type[BaseModel]]] = (
        ("policy", Policy),
        ("watching", Watching),
        ("launchpad", Launchpad),
    )
    assert {name for name, _ in models} == set(TABLES)
    for name, model in models:
        defaults = {key: as_toml(one.default) for key, one in model.model_fields.items()}
        assert dict(rows_of(f"`[{name}]`")) == defaults


def rows_of(heading: str) -> list[tuple[str, str]]:
    """Return the first two columns of the table under a heading of the page for operators, without their quotes."""
    content = (DOCS / "operating.md").read_text(encoding="utf-8")
    table = re.split(r"^##+ ", content.split(f" {heading}\n")[1], flags=re.MULTILINE)[0]
    return re.findall(r"^\| `(.+?)` \| `?(.*?)`? \|", table, flags=re.MULTILINE)


def as_toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(as_toml(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_the_picture_of_the_system_names_what_there_is() -> None:
    content = (DOCS / "system.md").read_text(encoding="utf-8")
    repository = build_definitions().get_repository_def()
    schedules, sensors = repository.schedule_defs, repository.sensor_defs
    jobs = [name for name in repository.job_names if not name.startswith("__")]
    for name in (*SCHEMA.own, *(one.name for one in schedules), *(one.name for one in sensors), *jobs):
        assert f"`{name}`" in content, name
