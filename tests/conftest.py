"""Fixtures that every test may ask for: databases, on each engine."""

import gc
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import meter_assets.engines  # noqa: F401  # registers how engines compile our SQL constructs
from meter_assets.migration import temporary_tables
from tests.support.command_line import CommandLine, on_small_tenants
from tests.support.databases import empty_tables
from tests.support.engines import NewDatabase
from tests.support.mariadb import MariaDbServer, start_mariadb
from tests.support.replay import (  # noqa: F401  (hooks)
    pytest_configure,
    pytest_report_header,
    pytest_runtest_makereport,
)
from tests.support.servers import PostgresServer, start_postgres

pytest.register_assert_rewrite("tests.support.rules")  # its assertions are those of the tables of rules

# How many examples properties are tried on: `pytest --hypothesis-profile=NAME`.
for _name, _examples in {"fast": 5, "default": 12, "thorough": 500}.items():
    hypothesis.settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        print_blob=True,
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
    )
hypothesis.settings.register_profile(
    "mutants",  # the same examples for each mutant, and no time spent on the smallest one that catches it
    parent=hypothesis.settings.get_profile("fast"),
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile("default")

NEEDS_A_SERVER = frozenset({"postgres_server", "postgres_url", "mariadb_server", "mariadb_url"})
TABLES = ("steps/", "invariants/", "test_undo", "test_every")
ENGINES = (
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.server),
    pytest.param("mysql", marks=pytest.mark.server),
)
ON_EVERY_ENGINE = ("tests/rules/", "tests/engines/")
"""The folders of whose tests `./dev test` runs each on every engine, as if they were marked `every_engine`."""
_URLS = {"postgresql": "postgres_url", "mysql": "mariadb_url"}
_SERVERS = {"postgresql": "postgres_server", "mysql": "mariadb_server"}


_read_scripts: Any = ScriptDirectory.from_config
_scripts: dict[str | None, ScriptDirectory] = {}


def _scripts_read_once(config: Config) -> ScriptDirectory:
    """Return the migrations of Dagster's storage, which it reads from some hundred files whenever it opens a file."""
    location = config.get_main_option("script_location")
    if location not in _scripts:
        _scripts[location] = _read_scripts(config)
    return _scripts[location]


ScriptDirectory.from_config = _scripts_read_once  # type: ignore[method-assign]


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays for all tests: the modules of Dagster are many.

    What is compiled during the tests stays too, so that looking for garbage often finds none.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def pytest_sessionfinish() -> None:
    """Spare it the last looks as well: the process ends."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a server, so that `-m "not server"` leaves it out, and what is for longer runs only."""
    if "MUTANT_UNDER_TEST" in os.environ:  # which is set by mutmut, that gives tests in no order: the cheapest first
        items.sort(key=lambda item: (*("tests/rules/" + kind not in item.nodeid for kind in TABLES), item.nodeid))
    left_out = [one for one in items if _leaves_out(one)]
    items[:] = [one for one in items if one not in left_out]
    for item in items:
        chosen, called = item.get_closest_marker("by_default"), getattr(item, "callspec", None)
        if chosen and called and called.params["engine_name"] not in chosen.args:
            item.add_marker(pytest.mark.thorough)
        if NEEDS_A_SERVER & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)
    for item in _on_other_engines([item for item in items if not item.get_closest_marker("thorough")]):
        item.add_marker(pytest.mark.other_engine)


def _on_other_engines(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Return the tests that `./dev test` leaves out: it runs most on one engine only, which their name chooses."""
    for name, one_on_each in _by_engine(items).items():
        chosen = one_on_each[zlib.crc32(name.encode()) % len(one_on_each)]
        if not name.startswith(ON_EVERY_ENGINE) and not chosen.get_closest_marker("every_engine"):
            yield from (item for item in one_on_each if item is not chosen)


def _by_engine(items: list[pytest.Item]) -> dict[str, list[pytest.Item]]:
    """Return the tests that differ in their engine alone, by what they are called without it."""
    found: dict[str, list[pytest.Item]] = {}
    for item in items:
        called = getattr(item, "callspec", None)
        if called and "engine_name" in called.params:
            case = called.id.replace(called.params["engine_name"], "", 1)
            found.setdefault(f"{item.nodeid.partition('[')[0]}[{case}]", []).append(item)
    return found


def _leaves_out(item: pytest.Item) -> bool:
    """Return whether a test is not about the engine of its parameters: it is marked `not_on` that engine."""
    excluded, called = item.get_closest_marker("not_on"), getattr(item, "callspec", None)
    return bool(excluded and called and called.params.get("engine_name") in excluded.args)


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """Give each test the usual umask: a process that opens our Dagster instance keeps another."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _temporary_tables_for_few_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every other test compute its few rows into temporary tables too, as a run does for many rows."""
    if zlib.crc32(request.node.nodeid.encode()) % 2:
        monkeypatch.setattr(temporary_tables, "FEW_ROWS", 0)


@pytest.fixture(scope="session")
def same_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the folder of every test is, one after the other."""
    return tmp_path_factory.mktemp("tests")


@pytest.fixture
def tmp_path(same_folder: Path) -> Iterator[Path]:
    """A folder that is empty at first, under one name for all tests.

    What has been compiled for a database is kept by its URL, so that tests whose databases have the same need not
    compile it again.
    """
    folder = same_folder / "test"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test needs it; one for each worker of pytest-xdist."""
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database, which is dropped afterwards."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDbServer]:
    """A MariaDB server, started when the first test needs it; one for each worker of pytest-xdist."""
    server = start_mariadb()
    yield server
    server.stop()


@pytest.fixture
def mariadb_url(mariadb_server: MariaDbServer) -> Iterator[str]:
    """The URL of a fresh MariaDB database, which is dropped afterwards."""
    with mariadb_server.database() as url:
        yield url


@pytest.fixture(scope="session", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def billing_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database on each engine in turn."""
    return _sqlite_url(tmp_path) if engine_name == "sqlite" else request.getfixturevalue(_URLS[engine_name])


@pytest.fixture(scope="session")
def new_database(
    engine_name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NewDatabase:
    """Makes fresh databases on each engine in turn, for a test that needs one for each example."""
    if engine_name != "sqlite":
        return request.getfixturevalue(_SERVERS[engine_name]).database  # type: ignore[no-any-return]
    return lambda: nullcontext(_sqlite_url(tmp_path_factory.mktemp("database")))


@pytest.fixture(scope="module")
def empty_billing_url(new_database: NewDatabase) -> Iterator[str]:
    """The URL of a database on each engine in turn that a module's tests share: what they load they roll back."""
    with new_database() as url:
        yield url


@pytest.fixture(scope="module")
def connection(empty_billing_url: str) -> Iterator[Connection]:
    """A connection to a database without rows; each case or example loads its rows and rolls them back."""
    from tests.support.rules import SCHEMA  # only once its assertions are rewritten

    with empty_tables(empty_billing_url, SCHEMA) as made:
        yield made


def _sqlite_url(folder: Path) -> str:
    path = folder / "billing.db"
    path.touch()  # a database that is not there is an error, and not made in passing
    return f"sqlite:///{path}"


@pytest.fixture
def shell(billing_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on three small, clean tenants, on each engine in turn."""
    return on_small_tenants(tmp_path, billing_url, monkeypatch)


@pytest.fixture
def on_postgresql(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on three small, clean tenants on PostgreSQL."""
    return on_small_tenants(tmp_path, postgres_url, monkeypatch)


@pytest.fixture
def on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on three small, clean tenants in a SQLite file."""
    return on_small_tenants(tmp_path, _sqlite_url(tmp_path), monkeypatch)
