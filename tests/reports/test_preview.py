"""The dry run foretells the live run to the row and the cent, and leaves no trace.

What the steps decide is evaluated in `test_rules` and `test_apply`; here the preview is held against the live run, and
against plain Python where the live run has nothing to say.
"""

import csv
from collections import defaultdict
from copy import deepcopy
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter_assets.billing.columns import MONEY_COLUMNS
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.policy import BalanceBasis, Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.demo.generator import DemoSize, fill
from meter_assets.errors import InvalidSettings
from meter_assets.migration.evaluation import evaluate
from meter_assets.migration.step_report import StepReport
from meter_assets.reports import tables as render
from meter_assets.reports.preview import preview
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import MIGRATION, STEPS
from tests.support import oracle
from tests.support.databases import contents, journal_of, migrate, start_over, tenant
from tests.support.oracle import ChangedRow, Database, Row
from tests.support.strategies import billing_databases, policies

SCHEMA = billing_tables()
DEFAULT = Policy.from_values({})
ON_A_THIRD = settings(max_examples=settings().max_examples // 3)  # of the profile's: each is whole migrations
DATABASES = st.booleans().flatmap(lambda yes: billing_databases(backups=yes))
KNOWN = {"customer_id", "customer_name", "invoice_id", "invoice_number", "meter_id", "meter_number"}
DECISION = ("decision_seen", "decided_by_seen", "note_seen")  # of step 1; of these databases no payment was decided on
"""The columns of a CSV file by which a person recognizes a row."""
MONEY = frozenset(name for names in MONEY_COLUMNS.values() for name in names)
WRITTEN = {**{step.name: step.columns for step in STEPS.values()}, BACKUP: ("balance", "overpayment")}


def comparable(shown: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return rows of text with numbers as numbers: money may be shown as 0 or as 0.00."""
    return [{key: _number_or_text(value) for key, value in row.items()} for row in shown]


def _number_or_text(value: str) -> Decimal | str:
    try:
        return Decimal(value)
    except InvalidOperation:
        return value


def said_of(report: StepReport) -> dict[str, Any]:
    """Return all that a report says, comparable."""
    return {**report.model_dump(), "largest": comparable(report.largest), "review": comparable(report.review)}


def exported(folder: Path, step: str) -> list[dict[str, Any]]:
    """Return the rows of a step's CSV file, money as numbers, in the order of their ids."""
    with (folder / "1" / f"{step}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: _from_csv(key, value) for key, value in row.items() if key not in KNOWN} for row in rows]


def _from_csv(column: str, value: str) -> Any:
    is_money = column.removesuffix("_before").removesuffix("_after") in MONEY
    return Decimal(value) if is_money and value else value


def as_exported(row_id: Any, row: ChangedRow, step: str) -> dict[str, Any]:
    """Return a journal row of tenant 1 as its CSV file should have it, money as numbers."""
    values = {
        f"{name}_{side}": _as_csv(getattr(row, side)[name]) for name in WRITTEN[step] for side in ("before", "after")
    }
    without_decision = dict.fromkeys(DECISION, "") if step == "payment_meter_ids" else {}
    return {"tenant_id": "1", "id": str(row_id), **values, "rule": row.rule, **without_decision}


def _as_csv(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    return "" if value is None else str(value)


def statuses_of(rows: Database, policy: Policy) -> dict[tuple[str, str | None], tuple[bool, int, Decimal]]:
    """Return, per table and status of tenant 1 as it is shown: whether it counts, its rows and its money."""
    books = oracle.Books(rows, 1, policy)
    found: dict[tuple[str, str | None], list[tuple[bool, Decimal]]] = defaultdict(list)
    for row in books.own("payments"):
        found["payments", _shown(row["status"])].append((books.counts_payment(row), row["amount"] or Decimal(0)))
    for row in books.own("invoices"):
        found["invoices", _shown(row["status"])].append((books.counts_invoice(row), row["total_amount"] or Decimal(0)))
    return {
        key: (all(counted for counted, _ in same), len(same), sum((money for _, money in same), Decimal(0)))
        for key, same in found.items()
    }


def _shown(status: str | None) -> str | None:
    return status and status.replace("\t", r"\t")


def billed_on(basis: BalanceBasis, rows: Database, policy: Policy) -> dict[int, Decimal]:
    """Return what each meter of tenant 1 is billed on a basis, in a database whose invoices are right."""
    nothing_stored = deepcopy(rows)
    for meter in nothing_stored["meters"]:
        meter["total_billed"] = None
    changes = oracle.meter_balances(nothing_stored, 1, policy.model_copy(update={"balance_basis": basis}))
    return {meter_id: row.after["total_billed"] for meter_id, row in changes.rows.items()}


# The preview and the live run


@pytest.mark.slow
@pytest.mark.every_engine
@ON_A_THIRD
@given(rows=DATABASES, policy=policies())
def test_the_live_run_does_what_the_preview_said_and_the_preview_leaves_no_trace(
    billing_url: str, rows: Database, policy: Policy
) -> None:
    """Every figure of every step, every exported row, every result; also where a live run must be made to go on."""
    database = start_over(billing_url, SCHEMA, rows)
    before = contents(database)
    with TemporaryDirectory() as folder:
        foreseen = preview(database, tenant(1), policy, export=Path(folder))
        assert contents(database) == before
        files = {step: exported(Path(folder), step) for step in MIGRATION}

    made = migrate(database, 1, policy, run_id="live", allow_invalid=True)

    assert [one.step for one in foreseen.steps] == list(MIGRATION)
    for step, report in made.items():
        assert said_of(foreseen.step(step)) == said_of(report), step
    with database.snapshot() as connection:
        for step in MIGRATION:
            journal = journal_of(connection, SCHEMA, step, "live")
            assert files[step] == [as_exported(row_id, journal[row_id], step) for row_id in sorted(journal)], step
        relations = billing_relations(database.schema(connection), policy, 1)
        results = evaluate(connection, INVARIANTS, relations)
    assert foreseen.results is not None
    for said, found in zip(foreseen.results, results, strict=True):
        assert (said.name, said.violations) == (found.name, found.violations)
        assert comparable(said.samples) == comparable(found.samples), said.name


@pytest.mark.slow
@ON_A_THIRD
@given(rows=DATABASES, policy=policies())
def test_statuses_and_both_balance_bases_are_what_plain_python_counts(
    billing_url: str, rows: Database, policy: Policy
) -> None:
    database = start_over(billing_url, SCHEMA, rows)
    foreseen = preview(database, tenant(1), policy, validate=False)

    tallies = {(one.table, one.status): (one.counted, one.rows, one.money) for one in foreseen.statuses}
    assert tallies == statuses_of(rows, policy)
    assert len(tallies) == len(foreseen.statuses)

    migrated, _ = oracle.migrated(rows, 1, policy)
    by_charges, by_totals = (billed_on(basis, migrated, policy) for basis in BalanceBasis)
    differing = {meter_id for meter_id in by_charges if by_charges[meter_id] != by_totals[meter_id]}
    bases = foreseen.bases
    assert bases.meters == len(differing)
    assert bases.charges_and_opening_balance == sum(by_charges[meter_id] for meter_id in differing)
    assert bases.invoice_totals == sum(by_totals[meter_id] for meter_id in differing)
    largest = sorted(differing, key=lambda meter_id: (-abs(by_charges[meter_id] - by_totals[meter_id]), meter_id))
    assert [int(row["id"]) for row in bases.largest] == largest[: len(bases.largest)]
    for row in bases.largest:
        assert Decimal(row["charges_and_opening_balance"]) == by_charges[int(row["id"])]
        assert Decimal(row["invoice_totals"]) == by_totals[int(row["id"])]


# A database that can be read at a glance


def carried_forward() -> Database:
    """A meter billed 1,000.00, and then another 500.00 with the 1,000.00 brought forward; no amount is stored yet."""
    months = {1: (date(2024, 1, 31), "1000.00", "0.00"), 2: (date(2024, 2, 29), "500.00", "1000.00")}
    customer = {"name": "Customer", "balance": Decimal("1500.00"), "overpayment": Decimal("0.00")}
    meter = {"meter_number": "M-1", "balance": Decimal("0.00"), "overpayment": Decimal("0.00")}
    rows: dict[str, list[Row]] = {
        "customers": [{"id": 1, **customer}],
        "meters": [{"id": 1, **meter}],
        "meter_assignments": [{"id": 1, "customer_id": 1, "meter_id": 1, "is_active": True}],
        "bills": [{"id": 1, "bill_type": "WATER"}, {"id": 2, "bill_type": "BALANCE"}],
        "invoices": [
            {"id": month, "customer_id": 1, "meter_id": 1, "invoice_number": f"INV-{month}", "invoice_date": day}
            for month, (day, _, _) in months.items()
        ],
        "invoice_bills": [
            {"id": 10 * month + bill, "invoice_id": month, "bill_id": bill, "amount": Decimal(amount)}
            for month, (_, *amounts) in months.items()
            for bill, amount in enumerate(amounts, start=1)
        ],
    }
    of_tenant_1 = {table: [{**row, "tenant_id": 1} for row in found] for table, found in rows.items()}
    return {"tenants": [{"id": 1, "name": "Tenant 1"}], **of_tenant_1}


def test_both_figures_are_shown_where_the_balance_bases_differ(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, carried_forward())
    foreseen = preview(database, tenant(1), DEFAULT)
    assert foreseen.step("meter_balances").sums["balance"].after == Decimal("1500.00")
    bases = foreseen.bases
    assert bases.meters == 1
    assert bases.charges_and_opening_balance == Decimal("1500.00")
    assert bases.invoice_totals == Decimal("2500.00")
    assert comparable(bases.largest) == [
        {"id": 1, "meter_number": "M-1", "charges_and_opening_balance": 1500, "invoice_totals": 2500}
    ]
    assert not foreseen.would_fail


@pytest.mark.slow
def test_a_preview_after_the_migration_says_that_nothing_would_change(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, carried_forward())
    migrate(database, 1)
    assert [step.changed for step in preview(database, tenant(1), DEFAULT).steps] == [0, 0, 0, 0]


@pytest.mark.slow
def test_without_validation_the_preview_says_the_same_but_judges_nothing(billing_url: str) -> None:
    database = start_over(billing_url, SCHEMA, carried_forward())
    evaluated, quick = (preview(database, tenant(1), DEFAULT, validate=validate) for validate in (True, False))
    assert quick.results is None
    assert quick == evaluated.model_copy(update={"results": None})


def test_a_tenant_that_would_fail_is_previewed_through_all_steps(billing_url: str) -> None:
    rows = carried_forward()
    rows["invoice_bills"][0]["bill_id"] = None
    foreseen = preview(start_over(billing_url, SCHEMA, rows), tenant(1), DEFAULT)
    assert foreseen.would_fail
    assert [step.step for step in foreseen.steps] == list(MIGRATION)
    assert foreseen.step("invoice_amounts").unresolved["bill_missing"].rows == 1
    broken = {result.name: result.violations for result in foreseen.results or () if not result.passed}
    assert broken["every_invoice_line_is_complete"] == 1


# What is shown of changed rows


def test_changed_rows_are_shown_without_what_tells_nothing() -> None:
    paid = {"paid_before": "", "paid_after": "9.00", "overpayment_before": "0.00", "overpayment_after": "0.00"}
    row = {"id": "1", "meter_number": "M-1", "note": "", "balance_before": "0.00", "balance_after": "5.00", **paid}
    row["rule"] = "charges_and_opening_balance"
    few = render.changed_rows("Largest", [row] * 3)
    assert few.headings == ("id", "meter_number", "balance_before", "balance_after", "paid_after", "rule")
    assert len(few.rows) == 3
    assert render.changed_rows("Largest", []).rows == ()


def test_the_largest_changes_move_the_most_money_even_if_the_total_stays(billing_url: str) -> None:
    rows = carried_forward()
    stored = {1: ("980.00", "0.00", "980.00"), 2: ("1500.00", "0.00", "1500.00")}
    for invoice in rows["invoices"]:
        amounts = zip(("amount", "balance_brought_forward", "total_amount"), stored[invoice["id"]], strict=True)
        invoice.update({name: Decimal(amount) for name, amount in amounts})
    largest = preview(start_over(billing_url, SCHEMA, rows), tenant(1), DEFAULT).step("invoice_amounts").largest
    moved = [(row["id"], row["total_amount_before"], row["total_amount_after"]) for row in largest]
    assert [(key, Decimal(before), Decimal(after)) for key, before, after in moved] == [
        ("2", Decimal(1500), Decimal(1500)),  # 1,000.00 of its amount become debt brought forward
        ("1", Decimal(980), Decimal(1000)),
    ]


# The export


def test_rows_are_exported_in_batches_and_none_is_lost_between(
    billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_assets.reports.export.ROWS_AT_A_TIME", 3)
    database = start_over(billing_url, SCHEMA, {})
    with database.transaction() as connection:
        fill(connection, SCHEMA, DemoSize(tenants=1, customers=10, months=1), seed=1)
    foreseen = preview(database, tenant(1), DEFAULT, validate=False, export=tmp_path)
    found = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert found == sorted((*(f"{step}.csv" for step in MIGRATION), "manifest.json"))
    for step in foreseen.steps:
        ids = [int(row["id"]) for row in exported(tmp_path, step.step)]
        assert ids == sorted(set(ids))
        assert len(ids) == step.changed
    assert foreseen.step("payment_meter_ids").changed > 3


def test_exported_rows_have_numbers_and_names_and_one_form_of_zero(billing_url: str, tmp_path: Path) -> None:
    rows = carried_forward()
    paid = {"id": 7, "tenant_id": 1, "customer_id": 1, "amount": Decimal("40.00"), "status": "completed"}
    rows["payments"] = [{**paid, "invoice_id": 2}, {**paid, "id": 8, "invoice_id": None}]
    preview(start_over(billing_url, SCHEMA, rows), tenant(1), DEFAULT, export=tmp_path)
    found = {}
    for step in MIGRATION:
        with (tmp_path / "1" / f"{step}.csv").open(encoding="utf-8", newline="") as file:
            found[step] = list(csv.DictReader(file))
    customer = {"customer_id": "1", "customer_name": "Customer"}
    assert [{name: row[name] for name in KNOWN - {"meter_id"}} for row in found["payment_meter_ids"]] == [
        {**customer, "invoice_id": "2", "invoice_number": "INV-2", "meter_number": "M-1"},
        {**customer, "invoice_id": "", "invoice_number": "", "meter_number": "M-1"},
    ]
    for row in found["invoice_amounts"]:
        assert row.items() >= {**customer, "meter_id": "1", "meter_number": "M-1"}.items()
    assert [row["invoice_number"] for row in found["invoice_amounts"]] == ["INV-1", "INV-2"]
    assert [row["balance_brought_forward_after"] for row in found["invoice_amounts"]] == ["0.00", "1000.00"]
    assert [row["customer_name"] for row in found["customer_balances_backup"]] == ["Customer"]
    (meter,) = found["meter_balances"]
    assert meter["meter_number"] == "M-1"
    assert (meter["overpayment_before"], meter["overpayment_after"]) == ("0.00", "0.00")


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_exported(billing_url: str, tmp_path: Path) -> None:
    database = start_over(billing_url, SCHEMA, carried_forward())
    occupied = tmp_path / "a file"
    occupied.write_text("")
    with pytest.raises(InvalidSettings, match=r"Cannot export to .*a file/1: .*Name a folder that can be written"):
        preview(database, tenant(1), DEFAULT, export=occupied)
    assert occupied.read_text() == ""
