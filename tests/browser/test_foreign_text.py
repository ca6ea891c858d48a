"""A database whose every text is an attacker's, on the pages of Dagster: it requests, launches and links nothing.

The payloads are in `tests.support.foreign`. Everything that shows foreign text is made by the command line and by
jobs, on the instance of a real `dagster dev`; then a real browser opens every page, and all that it requests is
recorded.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import dagster as dg
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from meter_assets.cli.runner import QUIET
from meter_assets.definitions import build_definitions
from meter_assets.rules.invariants import INVARIANTS
from meter_assets.rules.steps import STEPS, guarded_step
from meter_assets.settings import CONFIG_VARIABLE, DATABASE_URL_VARIABLE
from tests.support.browser import Stack, browser_page, running_ui
from tests.support.command_line import CommandLine
from tests.support.foreign import WORD, change_what_was_written, name_statuses, poison, refuse_with

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.xdist_group("browser"),
]
DRIFTED, UNDONE, BLOCKED, REFUSED, PREVIEWED = "1", "2", "3", "4", "5"
expect.set_options(timeout=30_000)
COMMANDS = (
    f"migrate-meter-financials --dry-run --tenant {DRIFTED} --tenant {PREVIEWED}",
    f"migrate-meter-financials --yes --tenant {DRIFTED} --tenant {UNDONE} --tenant {BLOCKED} --tenant {REFUSED}",
    f"validate-meter-financial-data --tenant {UNDONE}",
)
ROLLBACKS = (f"rollback --dry-run --tenant {UNDONE}", f"rollback --yes --tenant {UNDONE}")
OWN_REQUESTS = re.compile(
    r"/(_next|assets|runs|jobs|locations|overview|automation|favicon|logs|server_info|icons|Dagster)"
)
FOUND = """() => ({
    links: [...document.querySelectorAll('a, iframe, object, embed, form, base, link, meta[http-equiv=refresh]')]
        .map(one => new URL(one.href || one.src || one.data || one.action || '/', location.href))
        .filter(address => /trap/i.test(address.href) || !(address.origin === location.origin ||
            address.protocol === 'vscode:' ||
            /(^|\\.)dagster\\.io$|(^|\\.)dagster\\.cloud$|^github\\.com$/.test(address.hostname)))
        .map(address => address.href),
    images: [...document.images].map(one => one.src.slice(0, 200))
        .filter(address => !new URL(address).pathname.startsWith('/_next/')),
    made: document.querySelectorAll('[onload], [onerror], script:not([src]):not([nonce]):not([id])').length,
    ran: typeof trapped !== 'undefined',
})"""


@dataclass
class Watched:
    """A page of the browser, and what it requested that is not Dagster's own."""

    page: Page
    stack: Stack
    strange: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    """What stood on each page that was opened."""

    def __post_init__(self) -> None:
        """Begin to watch."""
        self.page.on("request", self._request)
        self.page.on("dialog", lambda one: self.dialogs.append(one.message))

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("data", "blob"):
            is_own = WORD not in request.url
        elif f"{address.scheme}://{address.netloc}" != self.stack.url:
            is_own = False
        elif address.path == "/graphql":
            is_own = request.method == "POST" and "query" not in address.query and not _writes(request)
        else:
            is_own = request.method == "GET" and (address.path == "/" or bool(OWN_REQUESTS.match(address.path)))
        if not is_own:
            self.strange.append(f"{request.method} {request.url[:200]}")

    def open(self, path: str, shows: str, *, click: Sequence[str] = ()) -> None:
        """Open a page, wait until it shows something, open its dialogs, and look for what payloads have made."""
        self.page.goto(f"{self.stack.url}{path}")
        expect(self.page.get_by_text(re.compile(shows)).first).to_be_visible()
        self.page.wait_for_timeout(500)  # for what a page does in idle time, such as making links
        self._look(path)
        for words in click:
            self._open_dialogs(path, words)

    def _open_dialogs(self, path: str, words: str) -> None:
        buttons = self.page.get_by_text(words, exact=True)
        closes = self.page.get_by_role("button", name=re.compile("^(Close|Done|OK)$"))
        for at in range(min(buttons.count(), 2)):
            self._open_dialog(buttons.nth(at), closes)
            self._look(f"{path} {words} {at}")
            closes.last.click()
            expect(closes).to_have_count(0)

    def _open_dialog(self, button: Locator, closes: Locator) -> None:
        """Click until the dialog is there: while a page redraws its log, a click may be lost."""
        for _ in range(5):
            button.click()
            try:
                expect(closes.last).to_be_visible(timeout=5_000)
                return
            except AssertionError:
                continue
        raise AssertionError("The dialog did not open.")

    def _look(self, where: str) -> None:
        found = self.page.evaluate(FOUND)
        assert found == {"links": [], "images": [], "made": 0, "ran": False}, where
        self.seen[where] = self.page.locator("body").inner_text()


def _writes(request: Request) -> bool:
    return re.search(r"(^|\})\s*mutation\b", str(json.loads(request.post_data or "{}").get("query", ""))) is not None


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack on a database full of payloads, of which everything was made that shows them."""
    with pytest.MonkeyPatch.context() as patch, running_ui(tmp_path_factory.mktemp("stack")) as running:
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setenv(DATABASE_URL_VARIABLE, f"sqlite:///{running.database.file}")
        patch.setenv(CONFIG_VARIABLE, str(name_statuses(running.folder, running.url)))
        with running.database.transaction() as connection:
            poison(connection, running.url)
            refuse_with(connection, int(REFUSED), running.url)
        with chdir(running.folder):
            _make_everything(running)
        yield running


def _make_everything(stack: Stack) -> None:
    """Preview, migrate, validate, watch, roll back: so that every kind of metadata, log line and failure is there."""
    shell = CommandLine(stack.folder, f"sqlite:///{stack.database.file}")
    for command in COMMANDS:
        shell(*command.split())
    with stack.database.transaction() as connection:
        change_what_was_written(connection, int(UNDONE), stack.url)
        connection.exec_driver_sql(f"UPDATE meters SET balance = balance + 1 WHERE tenant_id = {DRIFTED}")
    with shell.instance() as instance:
        watching = build_definitions().resolve_job_def("watch_migrated_tenants")
        assert watching.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False).success
    for command in ROLLBACKS:
        assert shell(*command.split()).status == 1, "rows were skipped"


@pytest.fixture(scope="module")
def runs(stack: Stack) -> list[dg.DagsterRun]:
    """The runs that were made before the browser looked."""
    return _runs(stack)


def _runs(stack: Stack) -> list[dg.DagsterRun]:
    with chdir(stack.folder), CommandLine(stack.folder, "").instance() as instance:
        return list(instance.get_runs())


@pytest.fixture(scope="module")
def watched(stack: Stack, runs: list[dg.DagsterRun]) -> Iterator[Watched]:
    with browser_page() as page:
        page.set_default_timeout(30_000)
        yield Watched(page, stack)


def test_no_page_of_an_asset_obeys_a_name(stack: Stack, watched: Watched) -> None:
    for partition in (DRIFTED, PREVIEWED):
        path = f"/assets/migration_preview?view=partitions&partition={partition}"
        watched.open(path, "rows_that_would_change", click=("[Show JSON]", "[Show Markdown]"))
        assert WORD in watched.seen[path]
    watched.open("/assets/migration_preview", "rows_that_would_change")
    for asset in STEPS:
        if asset != "customer_balances":
            watched.open(f"/assets/{asset}?view=events", "rows_restored|rows_changed", click=("[Show JSON]",))
            watched.open(f"/assets/{asset}?view=partitions&partition={DRIFTED}", "rows_changed")
    assert_nothing_was_obeyed(watched)


def test_no_page_of_a_check_obeys_a_name(stack: Stack, watched: Watched) -> None:
    failed = {one.check_name for one in _failed_checks(stack) if WORD in str(one.metadata)}
    assert len(failed) > 3
    for name in failed:
        asset = next(guarded_step(one.group) for one in INVARIANTS if one.name == name)
        watched.open(f"/assets/{asset}?view=checks&checkDetail={name}", "this invariant|How to")
    assert any(WORD in shown for path, shown in watched.seen.items() if "checkDetail" in path)
    assert_nothing_was_obeyed(watched)


def _failed_checks(stack: Stack) -> list[dg.AssetCheckEvaluation]:
    return [one for run in _runs(stack) for one in stack.evaluations(run.run_id) if not one.passed]


def test_no_page_of_a_run_obeys_a_name(stack: Stack, watched: Watched, runs: list[dg.DagsterRun]) -> None:
    for run in runs:
        watched.open(f"/runs/{run.run_id}", "RUN_(SUCCESS|FAILURE)", click=("View full message",))
    shown = [text for path, text in watched.seen.items() if path.startswith("/runs/")]
    assert sum(WORD in text for text in shown) > 5
    watched.open("/runs", "rollback_meter_financials")
    assert_nothing_was_obeyed(watched)


def test_nothing_was_launched_but_what_the_tests_made(
    stack: Stack, runs: list[dg.DagsterRun], watched: Watched
) -> None:
    assert len(watched.seen) > 15, "pages were opened"
    assert {one.run_id for one in _runs(stack)} == {one.run_id for one in runs}
    with sqlite3.connect(stack.database.file or "") as connection:
        assert connection.execute("SELECT count(*) FROM payments WHERE status LIKE '%trap%'").fetchone()[0] > 50
    connection.close()


def assert_nothing_was_obeyed(watched: Watched) -> None:
    assert watched.strange == []
    assert watched.dialogs == []
