"""The Dagster UI as a data engineer uses it: by clicking, in a real browser, before the real `meter-assets ui`.

`./dev screenshots` takes the pictures of the README again.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FloatRect, Page, ViewportSize, expect

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.billing.policy import Policy
from meter_assets.reports.preview import preview
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import MIGRATION, STEPS
from meter_assets.runtime.run_tags import UI_USER_TAG
from meter_assets.runtime.ui_users import HEADER_VARIABLE, NOBODY
from tests.support.browser import ROOT, Stack, browser_page, running_ui
from tests.support.processes import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.xdist_group("browser"),
]
HEALTHY, ALSO_HEALTHY, BROKEN, UNUSUAL = "1", "2", "3", "4"
LINEAGE = "/locations/meter_assets/asset-groups/meter_migration/lineage"
FAILED_CHECK = "every_invoice_line_is_complete"
PASSED_CHECK = "every_counted_invoice_adds_up"
CONSERVED = "money_is_conserved"
MINUTES = 60_000
SMALL_WINDOW: ViewportSize = {"width": 1280, "height": 800}
PICTURES_WANTED = bool(os.environ.get("METER_ASSETS_SCREENSHOTS"))
expect.set_options(timeout=MINUTES / 2)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests here: it takes long to start. Each test uses tenants or assets of its own."""
    folder = tmp_path_factory.mktemp("stack")
    if PICTURES_WANTED:  # which show the URL of the database
        folder = Path("/tmp/demo")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (folder / ".env").write_text(f"{HEADER_VARIABLE}=X-Forwarded-User\n")
    with running_ui(folder) as running:
        yield running


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    """The page of a user whom a proxy names."""
    with browser_page() as opened:
        opened.set_extra_http_headers({"X-Forwarded-User": "ada"})
        yield opened


def picture(page: Page, name: str, height: int | None = None) -> None:
    """Keep a screenshot for the README, or of its upper part, if that was asked for."""
    if PICTURES_WANTED:
        page.wait_for_timeout(1500)  # animations
        size = page.viewport_size or SMALL_WINDOW
        upper: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
        page.screenshot(path=Path(ROOT, "docs", f"{name}.png"), clip=upper)


def materialize(page: Page, button: str, *tenants: str) -> None:
    """Press a button to materialize, pick tenants as partitions, launch, and wait until that was taken."""
    page.get_by_role("button", name=button).first.click()
    page.get_by_text("Select a partition or create one").click()
    for tenant in tenants:
        # A partition's entry says its key twice: as its name, and as its range.
        page.get_by_role("menuitem").filter(has_text=re.compile(rf"^\s*{tenant}\s*{tenant}\s*$")).click()
    page.keyboard.press("Escape")
    page.get_by_text("Launch runs to materialize").first.click()
    page.get_by_role("button", name=re.compile("^Launch")).last.click()
    expect(page.get_by_text(re.compile("^(Launched run|Created backfill)")).first).to_be_visible()


def open_partition(page: Page, stack: Stack, asset: str, tenant: str, status: str) -> None:
    """Open an asset's page at a tenant's partition and wait until it has a status."""
    address = f"{stack.url}/assets/{asset}?view=partitions&partition={tenant}"
    page.goto(address)
    heading = page.get_by_text(status, exact=True).first
    for _ in range(12):
        try:
            expect(heading).to_be_visible(timeout=10_000)
            return
        except AssertionError:
            page.goto(address)
    expect(heading).to_be_visible()


def cells(page: Page, first: str) -> list[str]:
    """Return what stands beside a row's first cell, in the innermost table that has such a row."""
    row = page.locator("tr", has=page.locator("td", has_text=re.compile(rf"^\s*{first}\s*$"))).last
    expect(row).to_be_visible()
    return [text.strip() for text in row.locator("td").all_inner_texts()[1:] if text.strip()]


def test_the_graph_shows_every_asset_and_the_partitions_of_the_tenants(stack: Stack, page: Page) -> None:
    for address, drawn in (
        (LINEAGE, {*STEPS, *REQUIRED_COLUMNS} - {"tenants"}),
        ("/assets/migration_preview?view=lineage", {"migration_preview", *REQUIRED_COLUMNS}),
    ):
        page.goto(f"{stack.url}{address}")
        for asset in drawn:
            expect(page.get_by_text(asset, exact=True).first).to_be_visible()
    page.goto(f"{stack.url}/assets/meter_balances?view=partitions")
    expect(page.get_by_text("Missing (5)")).to_be_visible(timeout=2 * MINUTES)


def test_a_refused_launch_says_why(stack: Stack, page: Page) -> None:
    """As if the browser had not come through the proxy, whose log-in names the user. The dialog can be used again."""
    page.set_extra_http_headers({})
    page.goto(f"{stack.url}/assets/migration_preview")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Select a partition or create one").click()
    page.get_by_role("menuitem").filter(has_text=re.compile(rf"^\s*{HEALTHY}\s*{HEALTHY}\s*$")).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Launch")).last.click()
    expect(page.get_by_text(NOBODY)).to_be_visible()
    page.get_by_role("button", name="OK").click()
    page.set_extra_http_headers({"X-Forwarded-User": "ada"})
    page.get_by_role("button", name=re.compile("^Launch")).last.click()
    expect(page.get_by_text(re.compile("^(Launched run|Created backfill)")).first).to_be_visible()
    assert stack.newest_run().tags[UI_USER_TAG] == "ada"


def test_a_preview_is_made_by_clicking_and_its_numbers_are_on_the_page(stack: Stack, page: Page) -> None:
    tenant = next(one for one in stack.database.tenants() if one.key == ALSO_HEALTHY)
    foreseen = preview(stack.database, tenant, Policy())
    page.goto(f"{stack.url}/assets/migration_preview")
    materialize(page, "Materialize", ALSO_HEALTHY)
    open_partition(page, stack, "migration_preview", ALSO_HEALTHY, "Materialized")

    assert cells(page, "rows_that_would_change") == [f"{sum(step.changed for step in foreseen.steps)}"]
    for step in foreseen.steps:
        counts = (step.examined, step.changed, step.already_correct.rows, step.for_review, step.left_unresolved)
        assert cells(page, step.step.replace("_", " ")) == [f"{count:,}" for count in counts], step.step
    picture(page, "preview")


def test_a_failing_tenant_is_blocked_with_its_evidence_and_another_is_migrated(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}{LINEAGE}")
    expect(page.get_by_text("meter_balances", exact=True).first).to_be_visible()
    materialize(page, "Materialize all", HEALTHY, BROKEN)
    open_partition(page, stack, "meter_balances", HEALTHY, "Materialized")
    expect(page.get_by_text("balance_minor_units").first).to_be_visible()
    open_partition(page, stack, "invoice_amounts", BROKEN, "Materialized")
    page.goto(f"{stack.url}/assets/meter_balances?view=partitions&partition={BROKEN}")
    expect(page.get_by_text("Materialized (1)")).to_be_visible()
    expect(page.get_by_text("Materialized", exact=True)).not_to_be_visible()

    page.goto(f"{stack.url}/assets/invoice_amounts?view=checks&checkDetail={FAILED_CHECK}")
    expect(page.get_by_text("3 rows violate this invariant").first).to_be_visible()
    expect(page.get_by_role("cell", name="bill_of_other_tenant").first).to_be_visible()
    expect(page.get_by_role("cell", name="what_to_do")).to_be_visible()
    picture(page, "failed-check")
    page.set_viewport_size({"width": 1700, "height": 1290})
    page.goto(f"{stack.url}{LINEAGE}")
    expect(page.get_by_text("meter_balances", exact=True).first).to_be_visible()
    picture(page, "asset-graph")


TOO_WIDE = """() => [...document.querySelectorAll('table')].map(table => {
    let edge = window.innerWidth;
    for (let around = table.parentElement; around; around = around.parentElement)
        if (getComputedStyle(around).overflowX !== 'visible')
            edge = Math.min(edge, around.getBoundingClientRect().right);
    return [Math.round(table.getBoundingClientRect().right - edge), table.innerText.slice(0, 200)];
}).filter(([pixels]) => pixels > 0)"""
"""Finds the tables that are cut off, or need scrolling, at the right; returns by how many pixels, and their text."""


def too_wide(page: Page) -> list[object]:
    """Return the tables that are too wide once the page has its final layout."""
    page.wait_for_timeout(1000)
    found: list[object] = page.evaluate(TOO_WIDE)
    for _ in range(20):
        if found:
            page.wait_for_timeout(500)
            found = page.evaluate(TOO_WIDE)
    return found


def test_tables_fit_a_small_window(stack: Stack, page: Page) -> None:
    """After the launches of the tests before."""
    page.set_viewport_size(SMALL_WINDOW)
    checks = f"invoice_amounts?view=checks&checkDetail={FAILED_CHECK}"
    pages = {f"{step}?view=partitions&partition={HEALTHY}": "largest_changes" for step in MIGRATION}
    preview_of = f"migration_preview?view=partitions&partition={ALSO_HEALTHY}"
    for address, shows in {**pages, preview_of: "balance_bases", checks: "first_violations"}.items():
        page.goto(f"{stack.url}/assets/{address}")
        expect(page.get_by_text(shows).first).to_be_visible()
        assert too_wide(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= SMALL_WINDOW["width"]


def test_the_page_of_a_failed_run_ends_with_the_rows_and_the_remedy(stack: Stack, page: Page) -> None:
    page.set_viewport_size(SMALL_WINDOW)
    (run,) = stack.failed_runs(BROKEN)
    page.goto(f"{stack.url}/runs/{run.run_id}")
    remedy = next(one.remedy for one in INVARIANTS if one.name == FAILED_CHECK)
    expect(page.get_by_text(f"What to do: {remedy}").last).to_be_in_viewport()
    expect(page.get_by_text(f"{FAILED_CHECK}: 3 rows violate it, such as").last).to_be_in_viewport()
    expect(page.get_by_text("Stack Trace")).to_have_count(0)
    assert too_wide(page) == []


def test_the_description_of_a_check_is_its_page(stack: Stack, page: Page) -> None:
    page.set_viewport_size(SMALL_WINDOW)
    page.goto(f"{stack.url}/assets/invoice_amounts?view=checks&checkDetail={FAILED_CHECK}")
    for heading in ("What it means", "How to look", "How to fix", "Which command"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator("code", has_text="JOIN invoice_bills").first).to_be_visible()
    assert too_wide(page) == []
    assert page.evaluate(TOO_WIDE.replace("'table'", "'pre, code'")) == [], "the page is as wide as its longest line"


def test_a_check_has_a_status_of_its_own_for_each_tenant(stack: Stack, page: Page) -> None:
    """After the launch of the test before: one failed, one passed, the others not looked at."""
    page.goto(f"{stack.url}/assets/invoice_amounts?view=checks&checkDetail={FAILED_CHECK}")
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
    page.get_by_text("Partitions", exact=True).last.click()
    for found in ("Failed (1)", "Passed (1)", "Missing (3)"):
        expect(page.get_by_text(found, exact=True)).to_be_visible()
    for others, of_one in ((("Passed", "Missing"), BROKEN), (("Failed", "Passed"), HEALTHY)):
        for status in others:  # shown, or not shown any more
            page.get_by_text(re.compile(rf"^{status} \(")).click()
        listed = page.get_by_text(re.compile(r"^[1-5]$"))
        expect(listed.filter(has_not_text=of_one)).to_have_count(0)
        expect(listed.first).to_have_text(of_one)


def test_the_overview_has_a_row_for_each_tenant_and_links(stack: Stack, page: Page) -> None:
    """After the launches of the tests before: one migrated, one previewed, one blocked, two not begun."""
    page.set_viewport_size(SMALL_WINDOW)
    page.goto(f"{stack.url}/assets/tenant_overview")
    page.get_by_role("button", name="Materialize").first.click()
    expect(page.get_by_text(re.compile("seconds? ago")).first).to_be_visible(timeout=2 * MINUTES)
    page.reload()  # Dagster's page itself keeps the metadata of before
    expect(page.get_by_text("tenants_in_all").first).to_be_visible()
    expect(page.get_by_text("5 tenants: 2 not begun, 1 blocked, 1 would succeed, 1 migrated").first).to_be_visible()
    for tenant in stack.database.tenants():
        expect(page.get_by_role("cell", name=re.compile(f'^{tenant.key} "{tenant.name}"')).first).to_be_visible()
    assert f"blocked by {FAILED_CHECK.replace('_', ' ')}" in " ".join(cells(page, f'{BROKEN} "[^"]+"'))
    assert too_wide(page) == []
    page.set_viewport_size({**SMALL_WINDOW, "height": 1900})
    picture(page, "overview", 1460)
    page.get_by_role("link", name=re.compile("^(View run|[0-9a-f]{8})")).last.click()
    page.wait_for_url(re.compile("/runs/"))


def test_a_preview_that_would_fail_is_red_in_the_list_of_checks(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/assets/migration_preview")
    materialize(page, "Materialize", BROKEN)
    open_partition(page, stack, "migration_preview", BROKEN, "Materialized")
    page.goto(f"{stack.url}/assets/migration_preview?view=checks&checkDetail=preview_would_succeed")
    expect(page.get_by_text(f"The migration would fail: it would violate {FAILED_CHECK} (3).").first).to_be_visible()
    page.get_by_text("Partitions", exact=True).last.click()
    expect(page.get_by_text("Failed (1)", exact=True)).to_be_visible()
    assert too_wide(page) == []


def test_execute_all_evaluates_every_migrated_tenant(stack: Stack, page: Page) -> None:
    """After the launches of the tests before: one tenant is migrated."""
    before = stack.newest_run().run_id
    page.goto(f"{stack.url}/assets/meter_balances?view=checks&checkDetail=money_is_conserved")
    page.get_by_role("button", name="Execute all").click()
    until(lambda: stack.newest_run().run_id != before and stack.newest_run().is_finished, "the run has ended", 120)
    run = stack.newest_run()
    page.goto(f"{stack.url}/runs/{run.run_id}")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    found = {one.partition: one.description for one in stack.evaluations(run.run_id) if one.check_name == CONSERVED}
    assert found[None] == "Passes for every migrated tenant (1)."


def test_a_rollback_starts_as_a_dry_run(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/locations/meter_assets/jobs/rollback_meter_financials/playground")
    expect(page.locator(".CodeMirror").first).to_contain_text("dry_run: true")


def test_runs_of_the_command_line_are_in_the_list_of_their_job(stack: Stack, page: Page) -> None:
    ended = stack.meter_assets("validate-meter-financial-data", "--tenant", ALSO_HEALTHY)
    assert ended.returncode in (0, 1), ended.stderr
    run_id = stack.newest_run().run_id
    page.goto(f"{stack.url}/locations/meter_assets/jobs/validate_meter_financial_data/runs")
    expect(page.get_by_text(run_id[:8]).first).to_be_visible()
    page.goto(f"{stack.url}/jobs")
    row = page.locator("a", has_text="validate_meter_financial_data").first
    expect(row).to_be_visible()


def test_the_validation_is_launched_for_a_tenant_from_the_launchpad(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/locations/meter_assets/jobs/validate_meter_financial_data/playground")
    page.get_by_text("Edit tags").first.click()
    page.get_by_placeholder("Tag Key").fill("dagster/partition")
    page.get_by_placeholder("Tag Value").fill(HEALTHY)
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=2 * MINUTES)
    found = stack.evaluations(page.url.partition("/runs/")[2][:36])
    assert sorted(one.check_name for one in found) == sorted(one.name for one in INVARIANTS)
    assert {one.partition for one in found} == {HEALTHY}


def test_differences_by_cause_and_the_statements_are_a_click_away(stack: Stack, page: Page) -> None:
    """Of the demo's tenant with unusual rows: the page of its balances names the causes, and links to statements."""
    assert stack.meter_assets("migrate-meter-financials", "--yes", "--tenant", UNUSUAL).returncode == 0
    with stack.database.snapshot() as connection:
        disagreeing = connection.exec_driver_sql("SELECT id FROM customers WHERE balance = 480").scalar_one()
        number = connection.exec_driver_sql(
            "SELECT meter_number FROM meters WHERE tenant_id = 4 ORDER BY id LIMIT 1"
        ).scalar_one()
    open_partition(page, stack, "meter_balances", UNUSUAL, "Materialized")
    assert cells(page, "unexplained")[:2] == ["-480.00", "1"]
    expect(page.get_by_text("opening balance on another meter").first).to_be_visible()
    picture(page, "differences")
    with page.context.expect_page() as opened:
        page.locator('a[href^="/meter-assets/statement"]').first.click()
    statements = opened.value
    expect(statements.get_by_role("heading", name="Meters of tenant")).to_be_visible()
    statements.get_by_placeholder("id or name").fill(str(disagreeing))
    statements.get_by_role("button", name="Show").click()
    expect(statements.get_by_text("The customer's balance in the backup: 480.00")).to_be_visible()
    statements.get_by_placeholder("id or name").fill("")
    statements.get_by_placeholder("id or number").fill(number)
    statements.get_by_role("button", name="Show").click()
    expect(statements.get_by_text("The stored balance is the same").first).to_be_visible()
    picture(statements, "statement")
    statements.close()
