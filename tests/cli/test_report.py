"""The command `report`: its numbers are those of SQL, and whatever was changed since is found."""

import html
import io
import json
import os
import re
import stat
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from meter_assets.formatting import show_money
from meter_assets.reports.report.words import WORDS
from tests.support.command_line import ALSO_HEALTHY, BROKEN, HEALTHY, CommandLine

MIGRATE = ("migrate-meter-financials", "--yes", "--reason", "go-live <b>2026</b>")
ARTEFACT = re.compile(r"\d+\.\d*(0{6,}[1-9]|9{6,})")
"""What a float makes of an amount."""


def money(shell: CommandLine, amount: str, rows: str) -> Decimal:
    """Return the sum of an amount over rows, without the float of SQLite."""
    ((cents,),) = shell.rows(f"SELECT COALESCE(SUM(ROUND(({amount}) * 100)), 0) FROM {rows}")
    return Decimal(cents) / 100


def row_of(page: str, title: str) -> list[str]:
    """Return the cells of the first row of a page that has this text as its first or second cell."""
    for row in re.findall(r"<tr>(.*?)</tr>", page):
        cells = [html.unescape(one) for one in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        if title in cells[:2]:
            return cells
    raise AssertionError(title)


def migrated(shell: CommandLine, name: str = "report.html", *tenants: str) -> tuple[Path, str]:
    """Migrate a tenant, and return the path and the text of a report."""
    for tenant in tenants or (HEALTHY,):
        assert shell(*MIGRATE, "--tenant", tenant).status == 0
    path = shell.folder / name
    ended = shell("report", *(f"--tenant={one}" for one in tenants or (HEALTHY,)), "--out", str(path))
    assert ended.status == 0, ended.printed
    return path, path.read_text("utf-8") if name.endswith("html") else ""


@pytest.mark.every_engine
@pytest.mark.slow
def test_the_numbers_are_those_of_sql(shell: CommandLine, engine_name: str) -> None:
    """On each engine: sums of money, rows by rule, who and why; then a verification, and a changed journal."""
    path, page = migrated(shell)
    of_tenant = f"WHERE tenant_id = {HEALTHY}"
    backed_up = money(shell, "balance - overpayment", f"customer_balances_backup {of_tenant}")
    owed = money(shell, "balance - overpayment", f"meters {of_tenant}")
    assert row_of(page, "customers, in the backup")[-1] == show_money(backed_up)
    assert row_of(page, "meters, as stored now")[-1] == show_money(owed)
    assert row_of(page, "meters, before the migration")[-1] == "0.00"
    charges = money(shell, "amount", f"invoices {of_tenant}")
    assert row_of(page, "charges of counted invoices")[-1] == show_money(charges)
    assert row_of(page, "billed less paid")[-1] == row_of(page, "on meters, or without a meter")[-1] == show_money(owed)
    journal = "meter_migration_payment_meter_ids"
    for rule, count in shell.rows(f"SELECT rule, COUNT(*) FROM {journal} {of_tenant} GROUP BY rule"):
        joined = f"{journal} JOIN payments ON payments.id = payment_id"
        amount = money(shell, "payments.amount", f"{joined} WHERE {journal}.tenant_id = {HEALTHY} AND rule = '{rule}'")
        words = html.escape(WORDS[rule])
        assert f"<td>{rule}</td><td>{words}</td><td class=money>{count:,}</td><td>amount (unchanged)</td>" in page
        assert f">{show_money(amount)}</td>" in page
    (run_id,) = {one[0] for one in shell.rows("SELECT run_id FROM meter_migration_runs")}
    assert run_id in page
    assert "go-live &lt;b&gt;2026&lt;/b&gt;" in page
    assert not ARTEFACT.search(re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    assert {show_money(backed_up), show_money(owed)} <= set(texts)
    assert not re.search(r'(?:src|href)="(?!#)|url\((?!#)|@import', page)
    assert shell("report", "--verify", str(path)).status == 0
    shell.change(f"UPDATE meter_migration_meter_balances SET balance_after = balance_after + 1 {of_tenant}")
    ended = shell("report", "--verify", str(path))
    assert (ended.status, "do NOT verify" in ended.words) == (1, True)
    assert f"Tenant {HEALTHY}" in ended.words


@pytest.mark.slow
def test_any_changed_digit_is_found(on_sqlite: CommandLine) -> None:
    path, page = migrated(on_sqlite)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    refused = on_sqlite("report", "--out", str(path))
    assert (refused.status, "exists already" in refused.words) == (2, True)
    digits = [found.start() for found in re.finditer(r"\d", page)]
    for at in (*digits[:: len(digits) // 40], *(page.index(one) for one in re.findall(r"[0-9a-f]{64}", page))):
        other = "1" if page[at] != "1" else "2"
        path.write_text(page[:at] + other + page[at + 1 :], "utf-8")
        ended = on_sqlite("report", "--verify", str(path))
        assert (ended.status, "was changed since it was written" in ended.words) == (1, True), page[at - 20 : at + 20]
    path.write_text(page, "utf-8")
    assert on_sqlite("report", "--verify", str(path)).status == 0
    assert on_sqlite("report", "--out", str(path), "--force").status == 0


@pytest.mark.slow
def test_the_workbook_has_exact_amounts_and_verifies(on_sqlite: CommandLine) -> None:
    """Also after it was saved again; not after a changed cell, or a number format that shows another digit."""
    meters = [one[0] for one in on_sqlite.rows(f"SELECT id FROM meters WHERE tenant_id = {HEALTHY}")]
    customer = on_sqlite.rows(f"SELECT id FROM customers WHERE tenant_id = {HEALTHY}")[0][0]
    on_sqlite.change(f"UPDATE customers SET balance = 9.95, overpayment = 0, name = '=1+1' WHERE id = {customer}")
    path, _ = migrated(on_sqlite, "report.xlsx")
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        cells = [one for name in archive.namelist() for one in re.findall(rb"<v>([^<]*)</v>", archive.read(name))]
    assert b"9.95" in cells
    assert not [one for one in cells if ARTEFACT.search(one.decode())]
    book = load_workbook(path)
    assert {"Summary", "Rules", "Money", "Conservation", "Causes", "Checks", "Runs", "Digest"} <= set(book.sheetnames)
    rules = {(row[1], row[5]): row[4] for row in book["Rules"].iter_rows(min_row=2, values_only=True)}
    assert rules["meter_balances", "balance"] <= len(meters)
    assert "'=1+1" in {row[3] for row in book["Differences"].iter_rows(values_only=True)}
    assert not [one for sheet in book for row in sheet.iter_rows() for one in row if one.data_type == "f"]
    assert on_sqlite("report", "--verify", str(path)).status == 0
    book.save(path)
    assert on_sqlite("report", "--verify", str(path)).status == 0
    book["Money"]["C2"].number_format = '"1,000.00"'
    book.save(path)
    assert on_sqlite("report", "--verify", str(path)).status == 1
    book = load_workbook(io.BytesIO(content))
    book["Money"]["C2"].value += 1
    book.save(path)
    assert on_sqlite("report", "--verify", str(path)).status == 1


@pytest.mark.slow
def test_the_workbook_of_a_tenant_without_records_verifies(on_sqlite: CommandLine) -> None:
    """Its digest is a dash, which is a sign and no formula."""
    path = on_sqlite.folder / "none.xlsx"
    assert on_sqlite("report", "--tenant", HEALTHY, "--out", str(path)).status == 0
    ended = on_sqlite("report", "--verify", str(path))
    assert (ended.status, "records and journals verify." in ended.words) == (0, True), ended.printed
    signs = [row[1] for row in load_workbook(path)["Conservation"].iter_rows(min_row=2, values_only=True)]
    assert {"+", "-", "="} <= set(signs)


@pytest.mark.slow
def test_one_report_over_all_tenants(on_sqlite: CommandLine) -> None:
    """Also of one that is not migrated; later runs are no change; the text of the database is escaped."""
    on_sqlite.change(
        f"UPDATE tenants SET name = '<script>alert(1)</script>' WHERE id = {BROKEN}",
        f"UPDATE customers SET balance = balance + 7.01, name = '<img src=x>' WHERE tenant_id = {BROKEN}",
    )
    for tenant in (HEALTHY, ALSO_HEALTHY):
        assert on_sqlite(*MIGRATE, "--tenant", tenant).status == 0
    path = on_sqlite.folder / "all.html"
    before = on_sqlite.contents()
    assert on_sqlite("report", "--out", str(path)).status == 0
    assert on_sqlite.contents() == before
    page = path.read_text("utf-8")
    assert page.count("<section id=") == 3
    assert [row_of(page, one)[2] for one in (HEALTHY, ALSO_HEALTHY, BROKEN)] == ["yes", "yes", "no"]
    backed_up, owed = (Decimal(one.replace(",", "")) for one in row_of(page, "all")[4:6])
    parts = json.loads(on_sqlite("differences", "--json").printed)["tenants"]
    assert backed_up == sum(Decimal(one["backed_up_net"]) for one in parts)
    assert owed == sum(Decimal(one["meters_net"]) for one in parts)
    assert "Not migrated: the amounts are those that a migration would lead to." in page
    assert "Money would be conserved. Of 42 checks of the rows as they are now, " in page
    assert "No payment is left for review. No step run is recorded." in page
    assert "1 tenant is not migrated: its amounts are those that a migration would lead to." in page
    assert "<script>alert" not in page
    assert "<img" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert on_sqlite(*MIGRATE, "--tenant", BROKEN).status == 0
    ended = on_sqlite("report", "--verify", str(path))
    assert (ended.status, "Further step runs were recorded" in ended.words) == (0, True)
    on_sqlite.change(f"DELETE FROM meter_migration_chain WHERE tenant_id = {ALSO_HEALTHY}")
    ended = on_sqlite("report", "--verify", str(path))
    assert (ended.status, "does not contain the expected digest" in ended.words) == (1, True)


@pytest.mark.slow
def test_decisions_are_in_the_report_with_who_decided(on_sqlite: CommandLine) -> None:
    """And the payments that are left."""
    (customer, meter), *_, (_, other) = on_sqlite.rows(
        f"SELECT customer_id, meter_id FROM meter_assignments WHERE tenant_id = {HEALTHY} ORDER BY id"
    )
    payment = f"{HEALTHY}, {customer}, 12.34, 'paid', '2024-03-09 08:00:00'"
    on_sqlite.change(
        "INSERT INTO meter_assignments (id, tenant_id, customer_id, meter_id, is_active) "
        f"VALUES (9001, {HEALTHY}, {customer}, {other}, 1)",
        "INSERT INTO payments (id, tenant_id, customer_id, amount, status, paid_at) "
        f"VALUES (9001, {payment}), (9002, {payment})",
    )
    file = on_sqlite.folder / "decided.csv"
    file.write_text(f"payment_id,meter_id,decided_by,note\n9001,{meter},Anna <i>,by phone\n", "utf-8")
    assert on_sqlite("review", "import", str(file), "--tenant", HEALTHY).status == 0
    _, page = migrated(on_sqlite)
    assert [row_of(page, "9001")[at] for at in (1, 3, 5)] == ["12.34", "Anna <i>", "by phone"]
    assert "Anna &lt;i&gt;" in page
    assert "1 payment left for review." in page


@pytest.mark.slow
def test_money_of_several_runs_and_of_later_changes(on_sqlite: CommandLine) -> None:
    """Before the first run, after the newest one, and as stored now; a rollback leaves nothing in force."""
    of_tenant = f"WHERE tenant_id = {HEALTHY}"
    on_sqlite.change(f"UPDATE meters SET balance = 0.10, overpayment = 0 {of_tenant}")
    before = money(on_sqlite, "balance - overpayment", f"meters {of_tenant}")
    migrated(on_sqlite)
    payment, meter = on_sqlite.rows(f"SELECT id, meter_id FROM payments {of_tenant} ORDER BY id")[0]
    on_sqlite.change(f"UPDATE payments SET amount = amount + 3.30 WHERE id = {payment}")
    recomputed = ("migrate-customer-balances-to-meters", "--yes", "--tenant", HEALTHY)
    assert on_sqlite(*recomputed).status == 0
    after = money(on_sqlite, "balance - overpayment", f"meters {of_tenant}")
    on_sqlite.change(f"UPDATE meters SET balance = balance + 1 WHERE id = {meter}")
    path = on_sqlite.folder / "later.html"
    assert on_sqlite("report", "--tenant", HEALTHY, "--out", str(path)).status == 0
    page = path.read_text("utf-8")
    rows = ("meters, before the migration", "meters, as the migration left them", "meters, as stored now")
    assert [row_of(page, one)[-1] for one in rows] == [show_money(one) for one in (before, after, after + 1)]
    assert row_of(page, "difference of both sums")[-1] == "-1.00"
    assert "Money is NOT conserved: -1.00." in page
    on_sqlite.change(f"UPDATE meters SET balance = ROUND(balance - 1, 2) WHERE id = {meter}")
    assert on_sqlite("rollback", "--yes", "--tenant", HEALTHY).status == 1, "the changed payment is skipped"
    assert on_sqlite("report", "--tenant", HEALTHY, "--out", str(path), "--force").status == 0
    page = path.read_text("utf-8")
    assert "Nothing that was changed is in force." in page
    assert row_of(page, "meters, as stored now")[-1] == show_money(before)
    assert page.count(", rolls back ") == 1


def test_what_is_no_report_is_refused(on_sqlite: CommandLine) -> None:
    path = on_sqlite.folder / "other"
    for content in (b"", b"<html>", b"PK\x03\x04", b'<meta name="meter-assets-digest" content="12">'):
        path.write_bytes(content)
        ended = on_sqlite("report", "--verify", str(path))
        assert (ended.status, "is not a report" in ended.words) == (2, True), content
    for arguments, says in {
        ("--verify", "missing.html"): "is not a report: No such file",
        ("--out", "report.pdf"): "must end in .html or .xlsx",
        (): "Name a file to write with --out, or a report with --verify",
        ("--verify", "other", "--tenant", "1"): "name only the file",
        ("--out", "report.html", "--tenant", "77"): "No such tenant: 77",
        ("--out", f"{'x' * 300}.html"): "File name too long",
        ("--out", "other/report.html"): "other/report.html: Not a directory",
    }.items():
        refused = on_sqlite("report", *arguments)
        assert (refused.status, says in refused.words) == (2, True), refused.printed
