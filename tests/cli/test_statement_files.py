"""The command `statements`: the files for a call centre, and what would be posted, which plain SQL then posts."""

import csv
import re
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from meter_assets.cli import statements
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.call_centre import figures as customer_figures
from meter_assets.reports.call_centre import statement_files
from tests.support.command_line import ALSO_HEALTHY, HEALTHY, CommandLine, command_line_in
from tests.support.databases import contents
from tests.support.small_billing import SmallBilling

MIGRATE = ("migrate-meter-financials", "--yes", "--tenant", HEALTHY)
RECOMPUTE = ("migrate-customer-balances-to-meters", "--yes", "--tenant", HEALTHY)
SIDES = "balance, overpayment"
BACKED_UP = f"FROM customer_balances_backup WHERE tenant_id = {HEALTHY}"
ASSIGNED = f"FROM meter_assignments WHERE tenant_id = {HEALTHY}"
EVIL = "=cmd()<script>alert(1)</script>"


class Page(HTMLParser):
    """The links, the ids and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.ids += [str(values["id"])] if "id" in values else []
        self.links += [str(values["href"])] if "href" in values else []

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def rows_in(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def customers_of(shell: CommandLine) -> list[int]:
    return [row[0] for row in shell.rows(f"SELECT id FROM customers WHERE tenant_id = {HEALTHY} ORDER BY id")]


def with_old_defects(shell: CommandLine) -> None:
    """Let old balances differ: two by a known cause, one by none, one of a customer without a meter."""
    (meter, customer), (other_meter, other), *_ = shell.rows(
        f"SELECT meter_id, customer_id FROM meter_assignments WHERE tenant_id = {HEALTHY} ORDER BY id"
    )
    payment = "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount, status, paid_at) VALUES "
    shell.change(
        f"{payment} (9001, {HEALTHY}, {customer}, {meter}, 12.34, 'reversed', '2024-03-09 08:00:00')",
        f"UPDATE customers SET balance = balance - 12.34 WHERE id = {customer}",
        f"{payment} (9003, {HEALTHY}, {other}, {other_meter}, 7.77, 'paid', '2024-03-09 08:00:00')",
        f"UPDATE customers SET balance = balance + 0.01 WHERE id = {customers_of(shell)[-1]}",
        f"INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (9000, {HEALTHY}, '{EVIL}', 5, 0)",
    )


def nets(shell: CommandLine) -> dict[int, tuple[Decimal, Decimal]]:
    """Return, per customer, the backed-up net and that of the meters, from plain rows."""
    old = {key: money(*sides) for key, *sides in shell.rows(f"SELECT customer_id, {SIDES} {BACKED_UP}")}
    meters = {key: money(*sides) for key, *sides in shell.rows(f"SELECT id, {SIDES} FROM meters")}
    made: dict[int, dict[int, bool]] = {}
    for customer, meter, is_active in shell.rows(f"SELECT customer_id, meter_id, is_active {ASSIGNED}"):
        of_customer = made.setdefault(customer, {})
        of_customer[meter] = of_customer.get(meter, False) or bool(is_active)
    now = {}
    for customer in old:
        of_customer = made.get(customer, {})
        chosen = [meter for meter, is_active in of_customer.items() if is_active or not any(of_customer.values())]
        now[customer] = sum((meters[one] for one in chosen), Decimal())
    return {key: (old[key], now[key]) for key in customers_of(shell)}


def money(balance: object, overpayment: object) -> Decimal:
    """Return a net in exact cents: SQLite has floats. A null is 0."""
    return sum((sign * round(Decimal(str(one or 0)), 2) for sign, one in ((1, balance), (-1, overpayment))), Decimal())


def post(shell: CommandLine, rows: list[dict[str, str]], on: str) -> None:
    """Post the rows of a file as people would: a debit as an invoice, a credit as a payment."""
    for number, row in enumerate(rows, start=8000):
        amount = Decimal(row["amount"])
        whose = f"({number}, {HEALTHY}, {row['customer_id']}, {row['meter_id']}"
        if row["kind"] == "debit":
            shell.change(
                "INSERT INTO invoices (id, tenant_id, customer_id, meter_id, invoice_number, invoice_date, amount, "
                f"balance_brought_forward, total_amount, status) VALUES {whose}, 'A-{number}', '{on}', {amount}, 0, "
                f"{amount}, 'open')"
            )
        else:
            columns = "id, tenant_id, customer_id, meter_id, amount, status, paid_at"
            shell.change(f"INSERT INTO payments ({columns}) VALUES {whose}, {-amount}, 'paid', '{on}')")


@pytest.mark.every_engine
@pytest.mark.slow
def test_posting_the_adjustments_leads_to_the_old_figures(shell: CommandLine) -> None:
    """The file is the same before and after the migration; once it is posted, customers owe the old figures."""
    with_old_defects(shell)
    planned = shell("statements", "--tenant", HEALTHY, "--adjustments", "planned.csv")
    assert (planned.status, "as it would be after the migration" in planned.words) == (0, True)
    assert shell(*MIGRATE).status == 0
    before = contents(shell.database)
    ended = shell("statements", "--tenant", HEALTHY, "--adjustments", "adjust.csv")
    assert contents(shell.database) == before, "nothing was written"
    assert Path("adjust.csv").read_text() == Path("planned.csv").read_text()
    rows = rows_in(Path("adjust.csv"))
    old = nets(shell)
    assert {int(row["customer_id"]) for row in rows} == {key for key, (was, now) in old.items() if was != now}
    for row in rows:
        was, now = old[int(row["customer_id"])]
        assert (Decimal(row["old_net"]), Decimal(row["new_net"]), Decimal(row["amount"])) == (was, now, was - now)
    postable = [row for row in rows if not row["not_postable"]]
    assert [row["customer_id"] for row in rows if row["not_postable"]] == ["9000"]
    debits, credits = (
        sum((abs(Decimal(row["amount"])) for row in postable if row["kind"] == kind), Decimal())
        for kind in ("debit", "credit")
    )
    assert debits > 0
    assert credits > 0
    assert f"{len(postable)} postings in adjust.csv: debits {debits}, credits {credits}" in ended.words
    assert "1 row of the file cannot be posted (together 5.00)" in ended.words
    assert rows[0]["reason"] == "uncounted_row_in_old_balance 12.34"
    assert rows[0]["rows"] == "payment 9001"

    post(shell, postable, on="2024-06-30")
    assert shell(*RECOMPUTE).status == 0
    again = shell("statements", "--tenant", HEALTHY, "--adjustments", "again.csv")
    assert "Adjustments: 0 postings in again.csv" in again.words
    found = nets(shell)
    assert {key for key, (was, now) in found.items() if was != now} == {9000}
    assert {key: was for key, (was, _) in found.items()} == {key: was for key, (was, _) in old.items()}


@pytest.mark.slow
def test_business_since_the_backup_stays(on_sqlite: CommandLine) -> None:
    """The backup is older than these rows: they are left out, before the migration and after it."""
    shell = on_sqlite
    with_old_defects(shell)
    assert shell("backfill-payment-meter-ids", "--yes", "--tenant", HEALTHY).status == 0, "which makes the backup"
    shell("statements", "--tenant", HEALTHY, "--adjustments", "before.csv")
    first, second, *_ = shell.rows(
        f"SELECT meter_id, customer_id FROM meter_assignments WHERE tenant_id = {HEALTHY} ORDER BY id"
    )
    since = {first[1]: Decimal("-1.11"), second[1]: Decimal("-2.22")}
    for number, (meter, customer) in enumerate((first, second), start=9101):
        shell.change(
            "INSERT INTO payments (id, tenant_id, customer_id, meter_id, amount, status, paid_at) VALUES "
            f"({number}, {HEALTHY}, {customer}, {meter}, {-since[customer]}, 'paid', '2124-03-09 08:00:00')"
        )
    planned = shell("statements", "--tenant", HEALTHY, "--adjustments", "planned.csv")
    assert "as it would be after the migration" in planned.words
    assert shell(*MIGRATE).status == 0
    ended = shell("statements", "--tenant", HEALTHY, "--adjustments", "after.csv")
    assert "Business since the backup stays, and is left out: of 2 customers." in ended.words
    amounts = {row["customer_id"]: row["amount"] for row in rows_in(Path("before.csv"))}
    rows = rows_in(Path("after.csv"))
    assert rows == rows_in(Path("planned.csv"))
    assert {row["customer_id"]: row["amount"] for row in rows} == amounts
    for row in rows:
        left_out = since.get(int(row["customer_id"]), Decimal())
        assert Decimal(row["since_the_backup"]) == left_out
        assert Decimal(row["old_net"]) == Decimal(row["new_net"]) + Decimal(row["amount"]) - left_out
    post(shell, [row for row in rows if not row["not_postable"]], on="2124-04-01")
    assert shell(*RECOMPUTE).status == 0
    owed = {key: was + since.get(key, 0) for key, (was, _) in nets(shell).items() if key != 9000}
    assert {key: now for key, (_, now) in nets(shell).items() if key != 9000} == owed
    rest = shell("statements", "--tenant", HEALTHY, "--adjustments", "rest.csv", "--posted", "after.csv")
    assert "Left out: 2 customers whose row was posted." in rest.words
    assert [row["customer_id"] for row in rows_in(Path("rest.csv"))] == ["9000"]


@pytest.mark.every_engine
@pytest.mark.slow
def test_pages_and_csv_have_every_customer_with_figures_and_causes(shell: CommandLine) -> None:
    """Text of the database is escaped, files are private, and nothing is loaded from elsewhere."""
    with_old_defects(shell)
    for state in ("planned", "migrated"):
        for form in ("html", "csv"):
            before = contents(shell.database)
            assert shell("statements", "--tenant", HEALTHY, "--out", state, "--format", form).status == 0
            assert contents(shell.database) == before
        if state == "planned":
            assert shell(*MIGRATE).status == 0
    old, ids = nets(shell), customers_of(shell)
    path = Path("migrated") / f"{HEALTHY}.html"
    assert path.stat().st_mode & 0o777 == 0o600
    page = Page(path)
    assert [one for one in page.ids if one.startswith("customer-")] == [f"customer-{one}" for one in ids]
    assert set(page.links) == {f"#customer-{one}" for one in ids}
    assert "script" not in page.tags
    assert EVIL in page.text
    assert "the old figure counts a reversed, pending, draft or deleted row: 12.34 (payment 9001)" in page.words
    assert "The customer has no meter." in page.words
    assert "the stored balance is another one" not in page.words
    assert (
        page.tags.count("details")
        == shell.rows(f"SELECT COUNT(*) FROM meter_assignments WHERE tenant_id = {HEALTHY} AND is_active")[0][0]
    )
    whole = path.read_text(encoding="utf-8")
    assert re.search(r"https?://|src=|@import|url\(", whole) is None
    planned = Page(Path("planned") / f"{HEALTHY}.html")
    assert "the new balances are those that a migration would lead to" in planned.words
    assert "invoice: it pays" in planned.words, "the rules by which payments would come to their meters"
    entries = [text[text.index("Customer ") :] for text in (page.words, planned.words)]
    assert figures_in(entries[0]) == figures_in(entries[1])

    rows = rows_in(Path("migrated") / f"{HEALTHY}.csv")
    assert rows == rows_in(Path("planned") / f"{HEALTHY}.csv")
    by_customer: dict[int, list[dict[str, str]]] = {}
    for row in rows:
        by_customer.setdefault(int(row["customer_id"]), []).append(row)
    assert list(by_customer) == ids
    for key, of_customer in by_customer.items():
        owed = sum(
            (Decimal(row["new_balance"]) - Decimal(row["new_overpayment"]) for row in of_customer if row["meter_id"]),
            Decimal(),
        )
        for row in of_customer:
            assert (Decimal(row["old_net"]), Decimal(row["new_net"])) == old[key] == (old[key][0], owed)
            assert Decimal(row["difference"]) == owed - old[key][0]
            assert bool(row["causes"]) == (owed != old[key][0])
    assert by_customer[9000][0]["customer_name"] == f"'{EVIL}"


def figures_in(text: str) -> list[str]:
    """Return every amount of money of a text, in its order."""
    return re.findall(r"-?[\d,]+\.\d\d", text)


@pytest.mark.slow
def test_many_customers_get_pages_and_one_that_lists_them(
    on_sqlite: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = on_sqlite
    monkeypatch.setattr(statement_files, "CUSTOMERS_ON_A_PAGE", 2)
    monkeypatch.setattr(customer_figures, "CUSTOMERS_AT_A_TIME", 2)
    monkeypatch.setattr(statements, "SECONDS_BETWEEN_LINES", 0.0)
    ids = customers_of(shell)
    count = (len(ids) + 1) // 2
    ended = shell("statements", "--tenant", HEALTHY, "--out", "pages")
    assert f"{HEALTHY}.html and {count} pages" in ended.words
    assert f"statements: {len(ids)} of {len(ids)} customers" in ended.words
    index = Page(Path("pages") / f"{HEALTHY}.html")
    names = [f"{HEALTHY}.page-{number:04}.html" for number in range(1, count + 1)]
    assert index.links == [f"{names[at // 2]}#customer-{one}" for at, one in enumerate(ids)]
    for at, name in enumerate(names):
        page = Page(Path("pages") / name)
        assert [one for one in page.ids if one] == [f"customer-{one}" for one in ids[2 * at : 2 * at + 2]]
        assert page.links[0] == f"{HEALTHY}.html"
    monkeypatch.setattr(statement_files, "CUSTOMERS_ON_A_PAGE", 500)
    assert shell("statements", "--tenant", HEALTHY, "--out", "pages").status == 2
    assert shell("statements", "--tenant", HEALTHY, "--out", "pages", "--force").status == 0
    assert [one.name for one in Path("pages").iterdir()] == [f"{HEALTHY}.html"], "pages of the earlier export are gone"


@pytest.mark.slow
def test_named_customers_and_refusals(on_sqlite: CommandLine) -> None:
    shell = on_sqlite
    with_old_defects(shell)
    first, *_, last = customers_of(shell)
    several = ("--customer", str(last), "--customer", str(first), "--customer", EVIL)
    done = shell("statements", "--tenant", HEALTHY, *several, "--out", "some", "--adjustments", "some.csv")
    assert done.status == 0
    assert Page(Path("some") / f"{HEALTHY}.html").ids == [f"customer-{one}" for one in (last, first)]
    assert [row["customer_id"] for row in rows_in(Path("some.csv"))] == [str(last), str(first)]
    Path("file").write_text("")
    Path("unwritable").mkdir()
    Path("link").symlink_to("unwritable")
    Path("excel.csv").write_text("\ufeff" + Path("some.csv").read_text(encoding="utf-8"), encoding="utf-8")
    again = shell("statements", "--tenant", HEALTHY, *several, "--adjustments", "rest.csv", "--posted", "excel.csv")
    assert (again.status, "Left out: 1 customer whose row was posted." in again.words) == (0, True)
    Path("cut.csv").write_text(Path("some.csv").read_text(encoding="utf-8")[:-20], encoding="utf-8")
    Path("linked.csv").symlink_to("some.csv")
    out, posted = ("--out", "other"), ("--adjustments", "a.csv", "--posted")
    same = ("--adjustments", "linked.csv", "--posted", "./some.csv", "--force")
    for arguments, says in {
        ("--tenant", "77", *out): "No such tenant: 77",
        ("--tenant", HEALTHY, "--customer", "none", *out): "Tenant 1 has no customer none",
        ("--tenant", HEALTHY, "--out", "file"): "Cannot export to file",
        ("--tenant", HEALTHY, "--out", "file/below"): "Cannot export to file/below: Not a directory",
        ("--tenant", HEALTHY, "--out", "link"): "Cannot export to link",
        ("--tenant", HEALTHY, "--adjustments", "file/below.csv"): "Cannot export to file/below.csv",
        ("--tenant", HEALTHY, "--adjustments", "some.csv"): "some.csv exists already. Nothing was written.",
        ("--tenant", HEALTHY, "--out", "some"): f"some/{HEALTHY}.html exists already",
        ("--tenant", HEALTHY): "Name a folder with --out, or a file with --adjustments, or both.",
        ("--tenant", ALSO_HEALTHY, "--adjustments", "some"): "is a directory",
        ("--tenant", HEALTHY, *out, "--posted", "some.csv"): "--posted needs --adjustments.",
        ("--tenant", HEALTHY, *posted, "none.csv"): "Cannot read none.csv: No such file",
        ("--tenant", HEALTHY, *posted, "file"): "file is not a file that --adjustments",
        ("--tenant", HEALTHY, *posted, "cut.csv"): "cut.csv is not complete: row 2 has not 14 cells.",
        ("--tenant", ALSO_HEALTHY, *posted, "some.csv"): "some.csv has no row of tenant 2, but of tenant 1.",
        ("--tenant", HEALTHY, *same): "--adjustments and --posted name the same file, linked.csv",
        ("--tenant", HEALTHY, *out, "--format", "csv", "--adjustments", "other/1.csv"): "the file of the statements",
    }.items():
        refused = shell("statements", *arguments)
        assert (refused.status, says in refused.words) == (2, True), refused.printed
    assert not Path("other").exists()
    assert shell("statements", "--tenant", HEALTHY, "--adjustments", "some.csv", "--force").status == 0


@pytest.mark.slow
def test_customers_who_came_or_went_since_the_backup(on_sqlite: CommandLine) -> None:
    """A new one has no agreed figure; what one who is gone owed cannot be posted."""
    shell = on_sqlite
    with_old_defects(shell)
    assert shell(*MIGRATE).status == 0
    shell.change(
        "UPDATE customers SET deleted_at = '2024-07-01' WHERE id = 9000",
        f"INSERT INTO customers (id, tenant_id, name, balance, overpayment) VALUES (9500, {HEALTHY}, 'New', 0, 0)",
        f"UPDATE meter_assignments SET customer_id = 9500 WHERE customer_id = {customers_of(shell)[0]}",
    )
    done = shell("statements", "--tenant", HEALTHY, "--out", "out", "--adjustments", "all.csv")
    assert done.status == 0
    assert "Old balance: no backup. New balance:" in Page(Path("out") / f"{HEALTHY}.html").words
    rows = {row["customer_id"]: row for row in rows_in(Path("all.csv"))}
    assert (rows["9000"]["amount"], rows["9000"]["not_postable"]) == ("5.00", "the customer no longer exists")
    assert "9500" not in rows
    refused = shell("statements", "--tenant", HEALTHY, "--customer", "9000", "--out", "one")
    assert (refused.status, f"Customer 9000 of tenant {HEALTHY} is deleted." in refused.words) == (2, True)


@pytest.mark.every_engine
@pytest.mark.by_default("sqlite")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("ids", "literal", "changed"),
    [
        ("VARCHAR(20)", lambda of: f"'{of:04}'", "11"),
        ("BIGINT", lambda of: str(2**62 + of), "4.61168601842739E+18"),
    ],
    ids=["zeros first", "beyond 15 digits"],
)
def test_a_spreadsheet_that_changes_ids_lets_nobody_be_posted_twice(
    ids: str,
    literal: Callable[[int], str],
    changed: str,
    billing_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It keeps the digits of the file; where it has changed them, in a file of an earlier version, that is refused."""
    billing = SmallBilling(ids=ids, literal=literal)
    with BillingDatabase(billing_url).transaction() as connection:
        for statement in billing.statements():
            connection.exec_driver_sql(statement)
    shell = command_line_in(tmp_path / "folder", billing_url, monkeypatch)
    tenant, customer = (literal(of).strip("'") for of in (1, 11))
    write = ("statements", "--tenant", tenant, "--adjustments")
    assert shell(*write, "a.csv").status == 0
    (row,) = rows_in(Path("a.csv"))
    assert (row["customer_id"], row["amount"]) == (f"'{customer}", "-10.00")
    before = Path("a.csv").read_text(encoding="utf-8")
    for name, cell in {"b": f"'{customer}", "c": customer, "d": changed}.items():
        Path(f"{name}.csv").write_text(before.replace(f"'{customer}", cell), encoding="utf-8")
        again = shell(*write, f"rest-{name}.csv", "--posted", f"{name}.csv")
        if cell == changed:
            assert (again.status, f"has a row of customer {changed}, whom tenant" in again.words) == (2, True)
            assert not Path(f"rest-{name}.csv").exists()
        else:
            assert "Left out: 1 customer whose row was posted." in again.words
            assert rows_in(Path(f"rest-{name}.csv")) == []
