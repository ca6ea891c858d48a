"""Payments for review: listed, exported, decided in a file, moved by the next run, and moved back by a rollback."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from meter_assets.billing.own_tables import DECISIONS
from tests.support.command_line import CommandLine, command_line_in, on_small_tenants
from tests.support.databases import tenant
from tests.support.small_billing import SmallBilling, as_text, as_uuid

JOURNAL = "meter_migration_payment_meter_ids"
FOR_REVIEW, ORPHAN, ENDED = "several_active_meters", "orphan_payment", "customer_without_active_meter"
pytestmark = pytest.mark.slow


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on each engine: tenant 1 has a payment for review and two unresolved ones, tenant 2 has one."""
    monkeypatch.setenv("COLUMNS", "240")
    faults = (FOR_REVIEW, 1), (ORPHAN, 1), (ENDED, 1), (FOR_REVIEW, 2)
    return on_small_tenants(tmp_path / "work", billing_url, monkeypatch, *faults)


def waiting(shell: CommandLine, key: str = "1") -> list[dict[str, Any]]:
    """Return the payments of a tenant that wait for a decision."""
    ended = shell("review", "list", "--tenant", key, "--json")
    assert ended.status == 0, ended.printed
    found = json.loads(ended.printed)
    (one,) = found["tenants"]
    assert found["undecided"] == len(one["items"])
    items: list[dict[str, Any]] = one["items"]
    return items


def decide(shell: CommandLine, *rows: tuple[Any, ...], headings: str = "payment_id,meter_id,decided_by,note") -> Path:
    """Write decisions to a file."""
    path = shell.folder / "decisions.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([headings.split(","), *rows])
    return path


def meters_of_payments(shell: CommandLine, *payments: Any) -> list[Any]:
    listed = ", ".join(map(str, payments))
    return [row[1] for row in shell.rows(f"SELECT id, meter_id FROM payments WHERE id IN ({listed}) ORDER BY id")]


def migrate(shell: CommandLine, *options: str) -> int:
    return shell("migrate-meter-financials", "--yes", "--tenant", "1", *options).status


@pytest.mark.parametrize("batches", [(), ("--batch-size", "1")], ids=["whole", "batches"])
def test_a_decision_moves_a_payment_and_a_rollback_moves_it_back(shell: CommandLine, batches: tuple[str, ...]) -> None:
    assert migrate(shell, *batches) == 1, "unresolved payments block the tenant"
    review, orphan, ended = waiting(shell)
    assert [one["rule"] for one in (review, orphan, ended)] == [
        "first_active_meter",
        "customer_missing",
        "customer_without_active_meter",
    ]
    first, second = (one["meter_id"] for one in review["candidates"])
    assert review["meter_id"] == first
    ids = [one["payment_id"] for one in (review, orphan, ended)]
    third = ended["candidates"][0]["meter_id"]
    path = decide(shell, (ids[0], second, "Ann", "by phone"), (ids[1], first), (ids[2], third))
    made = shell("review", "import", str(path), "--tenant", "1", "--decided-by", "Bob")
    assert made.status == 0, made.printed
    assert "Recorded: 3 decisions (3 payments to move to another meter, 0 to leave as they are)." in made.words
    assert shell.rows("SELECT decided_by, note FROM meter_migration_decisions ORDER BY payment_id") == [
        ("Ann", "by phone"),
        ("Bob", None),
        ("Bob", None),
    ]
    assert waiting(shell) == []
    assert len(waiting(shell, "2")) == 1

    assert migrate(shell, *batches) == 0
    assert list(map(str, meters_of_payments(shell, *ids))) == [second, first, third]
    rules = shell.rows("SELECT DISTINCT rule FROM meter_migration_payment_meter_ids WHERE rule = 'decision'")
    assert rules == [("decision",)]
    balances = shell.rows(f"SELECT overpayment FROM meters WHERE id = {second}")
    assert [int(one) for (one,) in balances] == [40]
    validated = shell("validate-meter-financial-data", "--tenant", "1", "--check", "payments")
    assert "no_payment_meter_needs_review" not in validated.printed
    assert migrate(shell) == 0
    again = shell.rows("SELECT count(*) FROM meter_migration_payment_meter_ids WHERE rule = 'decision'")
    assert again == [(3,)], "a decision is carried out once"

    runs = json.loads(shell("history", "--tenant", "1", "--json").printed)["runs"]
    deciding = next(run["run_id"] for run in reversed(runs) if run["outcome"] == "succeeded")
    assert shell("rollback", "--yes", "--tenant", "1", "--run", deciding, *batches).status == 0
    assert meters_of_payments(shell, *ids) == [int(first), None, None]
    assert migrate(shell) == 0, "the decisions are still there, and taken again"
    assert list(map(str, meters_of_payments(shell, ids[0]))) == [second]
    assert shell("rollback", "--yes", "--tenant", "1", *batches).status == 0
    assert meters_of_payments(shell, *ids) == [None, None, None]


@pytest.mark.every_engine
def test_a_later_decision_counts_and_keep_signs_off(shell: CommandLine) -> None:
    assert migrate(shell) == 1
    review, orphan, _ = waiting(shell)
    first, second = (one["meter_id"] for one in review["candidates"])
    for meter, left in ((second, 2), ("keep", 2), ("", 2)):
        path = decide(
            shell, (review["payment_id"], meter, "Ann", meter), (orphan["payment_id"], "", "", "no answer yet")
        )
        made = shell("review", "import", str(path), "--tenant", "1")
        assert made.status == 0, made.printed
        assert "Skipped rows: 1 without a decision." in made.words
        assert len(waiting(shell)) == left
    assert "1 recorded before" not in made.words, "it has another note"
    assert "1 recorded before" in shell("review", "import", str(path), "--tenant", "1").words
    rows = shell.rows("SELECT number, meter_id FROM meter_migration_decisions ORDER BY number")
    assert rows == [(1, int(second)), (2, int(first)), (3, int(first))]
    migrate(shell)
    assert meters_of_payments(shell, review["payment_id"]) == [int(first)]


@pytest.mark.every_engine
def test_a_decision_is_withdrawn_before_a_run_and_not_after_it(shell: CommandLine) -> None:
    """The payment is undecided again, and gets its meter by a rule; nothing is deleted."""
    review, orphan, *_ = waiting(shell)
    payment, second = review["payment_id"], review["candidates"][1]["meter_id"]
    withdraw = payment, "Withdraw", "Bob", "wrong customer"

    def given(*row: Any, dry_run: bool = False) -> tuple[int, str]:
        made = shell("review", "import", str(decide(shell, row)), "--tenant", "1", *["--dry-run"] * dry_run)
        return made.status, made.words

    status, words = given(*withdraw)
    assert (status, f"payment {payment} has no decision that could be withdrawn" in words) == (1, True)
    for meter in (second, "keep"):
        assert given(payment, meter, "Ann")[0] == 0
        assert len(waiting(shell)) == 2
        status, words = given(*withdraw)
        assert (status, "0 to leave as they are, 1 undecided again" in words) == (0, True), words
        assert len(waiting(shell)) == 3
    assert "1 recorded before" in given(*withdraw)[1]
    assert given(orphan["payment_id"], second, "Ann")[0] == 0
    migrate(shell)
    rows = shell.rows(f"SELECT rule, decision_seen FROM {JOURNAL} WHERE payment_id = {payment}")
    assert rows == [("first_active_meter", None)]
    assert "decision" not in shell("explain", review["candidates"][0]["meter_id"], "--tenant", "1").words
    assert "Ann" not in shell("report", "--tenant", "1", "--out", "report.html").words
    assert given(payment, second, "Ann")[0] == 0
    migrate(shell)
    status, words = given(*withdraw)
    assert (status, f"a run has carried out the decision about payment {payment}" in words) == (1, True)
    assert shell("verify", "--tenant", "1").status == 0
    assert shell("rollback", "--yes", "--tenant", "1").status == 0
    assert given(*withdraw)[0] == 0
    assert [row[0] for row in shell.rows(f"SELECT withdrawn FROM {DECISIONS} WHERE payment_id = {payment}")] == [
        *(None, 1) * 3,
    ]
    assert shell("verify", "--tenant", "1").status == 0


def test_a_payment_that_is_kept_where_a_decision_moved_it_stays_there(shell: CommandLine) -> None:
    """Also after a rollback: the run after it does not move it to the meter of the rule for review."""
    review, *_ = waiting(shell)
    second, payment = review["candidates"][1]["meter_id"], review["payment_id"]
    explained: list[str] = []
    for meter, who in ((second, "Ann"), ("keep", "Bob")):
        path = decide(shell, (payment, meter, who, "by phone"))
        assert shell("review", "import", str(path), "--tenant", "1").status == 0
        migrate(shell)
        explained.append(shell("explain", second, "--tenant", "1").words)
    assert shell("rollback", "--yes", "--tenant", "1").status == 0
    assert meters_of_payments(shell, payment) == [None]
    migrate(shell)
    assert list(map(str, meters_of_payments(shell, payment))) == [second]
    for words in explained:
        assert "decision: Ann decided so on 20" in words
        assert ': "by phone" Billed' in words
    assert ["Bob left it there on 20" in words for words in explained] == [False, True]
    shell.change(f"UPDATE meters SET deleted_at = '2024-01-01 00:00:00' WHERE id = {second}")
    kept = shell("review", "import", str(decide(shell, (payment, "keep", "Cy"))), "--tenant", "1")
    assert (kept.status, f"payment {payment} is on meter {second}, which is deleted" in kept.words) == (1, True)


@pytest.mark.by_default("sqlite")
def test_who_signed_off_a_payment_for_review_is_explained(shell: CommandLine) -> None:
    migrate(shell)
    review, *_ = waiting(shell)
    first, second = (one["meter_id"] for one in review["candidates"])

    def decided(meter: str) -> str:
        path = decide(shell, (review["payment_id"], meter, "Ann"))
        assert shell("review", "import", str(path), "--tenant", "1").status == 0
        return shell("explain", first, "--tenant", "1").words

    assert f"customer {review['customer_id']}; for review" in shell("explain", first, "--tenant", "1").words
    assert "; Ann left it there on 20" in decided("keep")
    assert f"; Ann decided on meter {second} on 20" in decided(second)


@pytest.mark.by_default("sqlite")
def test_a_meter_of_another_customer_is_pointed_out(shell: CommandLine) -> None:
    review, orphan, _ = waiting(shell)
    listed = ", ".join(one["meter_id"] for one in review["candidates"])
    ((other,),) = shell.rows(f"SELECT min(id) FROM meters WHERE tenant_id = 1 AND id NOT IN ({listed})")
    path = decide(shell, (review["payment_id"], other), (orphan["payment_id"], other))
    for option in ("--dry-run", "--decided-by=Ann"):
        made = shell("review", "import", str(path), "--tenant", "1", option)
        assert made.status == 0, made.printed
        assert "1 decision with a meter that was never assigned to the customer of the payment." in made.words
        assert f"line 2: payment {review['payment_id']}, meter {other}" in made.words


@pytest.mark.by_default("sqlite")
def test_rows_of_other_tenants_are_skipped_if_the_tenants_exist(shell: CommandLine) -> None:
    """A program that writes numbers as 1.0 means the same tenant, payment and meter."""
    review, *_ = waiting(shell)
    payment, meter = review["payment_id"], review["candidates"][1]["meter_id"]
    headings = "tenant_id,payment_id,meter_id"
    path = decide(shell, ("1.0", f"{payment}.0", f"{meter}.0"), ("2", 1, 1), headings=headings)
    made = shell("review", "import", str(path), "--tenant", "1", "--dry-run")
    assert "Valid: 1 decision (1 payment to move" in made.words
    assert "Skipped rows: 1 of other tenants." in made.words
    path = decide(shell, ("99", payment, meter), headings=headings)
    refused = shell("review", "import", str(path), "--tenant", "1")
    assert (refused.status, "line 2: no tenant has the id 99" in refused.words) == (1, True)


def test_an_invalid_row_keeps_all_rows_out(shell: CommandLine) -> None:
    (before,) = shell.rows("SELECT min(id) FROM payments WHERE tenant_id = 1")
    (other,) = shell.rows("SELECT min(id) FROM payments WHERE tenant_id = 2")
    (foreign,) = shell.rows("SELECT min(id) FROM meters WHERE tenant_id = 2")
    (gone,) = shell.rows("SELECT max(id) FROM meters WHERE tenant_id = 1")
    (mine,) = shell.rows("SELECT min(id) FROM meters WHERE tenant_id = 1")
    shell.change(
        f"UPDATE payments SET meter_id = {mine[0]} WHERE id = {before[0]}",
        f"UPDATE meters SET deleted_at = '2024-01-01 00:00:00' WHERE id = {gone[0]}",
    )
    review, orphan, ended = (one["payment_id"] for one in waiting(shell))
    path = decide(
        shell,
        (review, mine[0], "Ann", 'with "quotes",\r\nand two lines'),
        (999_999, mine[0]),
        (other[0], mine[0]),
        (before[0], mine[0]),
        (orphan, 999_999),
        (orphan, foreign[0]),
        (orphan, gone[0]),
        (review, mine[0]),
        ("seven", mine[0]),
        (ended, "M-1"),
        ("", mine[0]),
        (10**30, mine[0]),
    )
    ended_with = shell("review", "import", str(path), "--tenant", "1")
    assert ended_with.status == 1
    told = [
        line.partition("decisions.csv, ")[2] for line in ended_with.printed.splitlines() if "decisions.csv, " in line
    ]
    assert told == [
        "line 4: no payment has the id 999999",
        f"line 5: payment {other[0]} is of tenant 2, not of tenant 1",
        f"line 6: payment {before[0]} has meter {mine[0]}, which the migration has not written: it never changes that",
        "line 7: no meter has the id 999999",
        f"line 8: meter {foreign[0]} is of tenant 2, not of tenant 1",
        f"line 9: meter {gone[0]} is deleted",
        f"line 10: payment {review} is decided in line 2 already",
        "line 11: the id of a payment is a number, and seven is not",
        "line 12: no meter of tenant 1 has the id M-1",
        "line 13: no payment_id",
        f"line 14: no payment has the id {10**30}",
    ]
    assert "have 11 problems, named above. Nothing was recorded." in ended_with.words
    assert len(waiting(shell)) == 3
    assert shell("review", "import", str(path), "--tenant", "1", "--dry-run").status == 1


@pytest.mark.parametrize("name", ["review.csv", "review.xlsx"])
def test_an_export_that_is_filled_in_can_be_imported(shell: CommandLine, name: str) -> None:
    (newest,) = shell.rows(
        "SELECT max(customer_id) FROM meter_assignments WHERE tenant_id = 1 AND customer_id <>"
        " (SELECT max(id) FROM customers WHERE tenant_id = 1)"
    )
    shell.change(
        f"UPDATE customers SET name = '=HYPERLINK(1)' WHERE id = {newest[0]}",
        "UPDATE meters SET meter_number = '+4' WHERE tenant_id = 1 AND id = (SELECT * FROM"
        f" (SELECT max(meter_id) FROM meter_assignments WHERE customer_id = {newest[0]}) one)",
    )
    review, *_ = waiting(shell)
    made = shell("review", "export", name)
    assert made.status == 0, made.printed
    assert "4 payments of 3 tenants written to review" in made.words
    assert shell("review", "export", name).status == 2, "it may have decisions"
    assert shell("review", "export", name, "--force").status == 0
    rows = filled_in(shell.folder / name, review["payment_id"], "+4")
    assert rows[0]["customer_name"] == "'=HYPERLINK(1)"
    assert (rows[0]["amount"], rows[0]["rule"]) == ("40.00", "first_active_meter")
    assert "(+4)" in rows[0]["candidate_meters"], "the cell does not begin with it"
    imported = shell("review", "import", name, "--tenant", "1")
    assert imported.status == 0, imported.printed
    assert "Recorded: 1 decision (1 payment to move" in imported.words
    assert "3 without a decision" in imported.words
    recorded = shell.rows("SELECT meter_id, decided_by, note FROM meter_migration_decisions")
    assert recorded == [(int(review["candidates"][1]["meter_id"]), "=Ann", "x; y")]


def filled_in(path: Path, payment_id: str, meter: str) -> list[dict[str, str]]:
    """Fill in the first row of an export, as a person does; return its rows."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        rows[0] |= {"meter_id": "", "decided_by": "'=Ann", "note": "x; y", "meter_number": meter}
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, [*reversed(rows[0])])
            writer.writeheader()
            writer.writerows(rows)
        return rows
    book = load_workbook(path)
    sheet = book.active
    headings = [str(cell.value) for cell in sheet[1]]
    given = {"decided_by": "'=Ann", "note": "x; y"}
    for name, value in given.items():
        sheet.cell(2, headings.index(name) + 1, value)
    sheet.cell(1, len(headings) + 1, "meter number")
    sheet.cell(2, len(headings) + 1, "'+4")
    book.save(path)
    values = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    found = [dict(zip(headings, map(str, row), strict=False)) for row in values]
    found[0]["amount"] = f"{float(found[0]['amount']):.2f}"
    return found


IDS_OF_TEXT = ("=1+1", "-5", "@y", "a;-b", "007", "7", "1234567890123456")


@pytest.mark.parametrize("kind", ["text", "uuid"])
@pytest.mark.parametrize("name", ["review.csv", "review.xlsx"])
def test_ids_that_are_no_numbers_come_back_from_an_export(
    billing_url: str, engine_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    """One customer with two active meters, and a payment for review; with ids of text, some that look like formulas."""
    uuids = {"sqlite": "CHAR(36)", "postgresql": "UUID", "mysql": "UUID"}
    ids, literal = ("VARCHAR(60)", as_text) if kind == "text" else (uuids[engine_name], as_uuid)
    books = SmallBilling(ids=ids, literal=literal)
    tenant_id, customer, other = (literal(of) for of in (1, 11, 22))
    shell = command_line_in(tmp_path / "work", billing_url, monkeypatch)
    shell.change(
        *books.statements(),
        f"INSERT INTO meters (id, tenant_id, meter_number) VALUES ({other}, {tenant_id}, '0021')",
        "INSERT INTO meter_assignments (id, tenant_id, customer_id, meter_id, is_active) VALUES "
        f"({literal(32)}, {tenant_id}, {customer}, {other}, true)",
        *(
            f"INSERT INTO payments (id, tenant_id, customer_id, amount) VALUES ('{one}', {tenant_id}, {customer}, 1)"
            for one in IDS_OF_TEXT
            if kind == "text"
        ),
    )
    expected = sorted([literal(72).strip("'"), *(IDS_OF_TEXT if kind == "text" else ())])
    key = tenant_id.strip("'")
    assert sorted(one["payment_id"] for one in waiting(shell, key)) == expected
    assert shell("review", "export", name).status == 0
    fill_in_all(shell.folder / name, other.strip("'"))
    imported = shell("review", "import", name, "--tenant", key)
    assert imported.status == 0, imported.printed
    assert f"Recorded: {len(expected)} decision" in imported.words
    assert waiting(shell, key) == []


def fill_in_all(path: Path, meter: str) -> None:
    """Fill in the meter of every row of an export."""
    if path.suffix == ".csv":
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
        at = rows[0].index("meter_id")
        filled = [rows[0], *([*row[:at], meter, *row[at + 1 :]] for row in rows[1:])]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows(filled)
        return
    book = load_workbook(path)
    sheet = book.active
    at = next(cell.column for cell in sheet[1] if cell.value == "meter_id")
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, at, meter)
    book.save(path)


def test_decisions_wait_for_a_run_that_is_under_way(shell: CommandLine) -> None:
    """The import says which run has locked the tenant, and the import after it succeeds."""
    review, *_ = waiting(shell)
    path = decide(shell, (review["payment_id"], review["candidates"][1]["meter_id"]))
    running = shell.database
    running.lock(tenant(1), "the-run")
    try:
        refused = shell("review", "import", str(path), "--tenant", "1")
        assert refused.status == 1
        assert "the-run" in refused.words
        assert shell("review", "import", str(path), "--tenant", "1", "--dry-run").status == 0
        assert len(waiting(shell)) == 3
    finally:
        running.release()
    assert shell("review", "import", str(path), "--tenant", "1").status == 0
    assert len(waiting(shell)) == 2


def test_the_list_for_people(shell: CommandLine) -> None:
    listed = shell("review", "list", "--limit", "1")
    assert listed.status == 0
    assert 'Tenant 1 "Willowmere Water": 3 payments for a decision' in listed.words
    assert "2 more payments are not shown; --limit 3 shows all." in listed.words
    assert "4 payments for a decision, of 3 tenants." in listed.words
    assert "balance 0.00, no activity" in listed.words
    assert shell("review", "list", "--tenant", "3").words == "0 payments for a decision, of 1 tenant."


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("list", "--tenant", "9"), 2, "No such tenant: 9."),
        (("export", "review.ods"), 2, "the name of the file must end in .csv or .xlsx"),
        (("export", "no/such/link/../review.csv"), 2, "Cannot export to"),
        (("import", "nowhere.csv", "--tenant", "1"), 2, "cannot be read: No such file or directory"),
        (("import", "nowhere.csv"), 2, "Missing option '--tenant'"),
        (("imports", "nowhere.csv"), 2, "Did you mean 'import'?"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    on_sqlite: CommandLine, arguments: tuple[str, ...], status: int, words: str
) -> None:
    if "link" in arguments[-1]:
        (on_sqlite.folder / "no").write_text("a file in the place of a folder", encoding="utf-8")
    ended = on_sqlite("review", *arguments)
    assert (ended.status, words in ended.words) == (status, True), ended.printed
