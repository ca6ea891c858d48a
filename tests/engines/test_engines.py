"""What each engine answers, as tables of cases; and that only engines know which engine it is."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import REAL, BigInteger, Date, DateTime, Float, Numeric, String, text
from sqlalchemy.dialects.mysql import DOUBLE, FLOAT
from sqlalchemy.dialects.postgresql import MONEY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

import meter_assets
from meter_assets.billing.engine_types import DateText, types_of
from meter_assets.engines import ENGINES, failure_of, is_conflict, is_kept_waiting, parse_url, sqlite
from meter_assets.engines.base import Failure
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import BillingDatabase

SOURCES = Path(meter_assets.__file__).parent
LOOKS_UP_THE_NAME = "billing/engine_types.py"
"""Where engines have registered their types: it looks them up by the dialect's name, and knows no name."""
TO_NUMERIC = "ALTER TABLE {table} ALTER COLUMN {column} TYPE numeric(14, 2)"
FRACTION = "a binary fraction, which cannot hold money exactly"
TO_DECIMAL = "ALTER TABLE {table} MODIFY COLUMN {column} decimal(14, 2)"


# Knowledge of engines


def test_only_engines_know_which_engine_it_is() -> None:
    """Others ask the engine; a comparison elsewhere would have an `else` that means some engine."""
    knows = re.compile(r"dialect\.name|sqlite_path|\.with_variant\(\S+, \"|@compiles\(\w+, ")
    outside = (path for path in SOURCES.rglob("*.py") if not path.is_relative_to(SOURCES / "engines"))
    found = {str(path.relative_to(SOURCES)) for path in outside if knows.search(path.read_text(encoding="utf-8"))}
    assert found == {LOOKS_UP_THE_NAME}


def test_engines_do_not_import_each_other() -> None:
    for name in ENGINES:
        others = [f"engines.{other}" for other in ENGINES if other != name]
        for path in (SOURCES / "engines" / name).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            assert not [one for one in others if one in source], path


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "",
        "billing.db",
        "mysql://user:s3cret@host",
        "mariadb+asyncmy://user:s3cret@host/billing",
        "oracle://user:s3cret@host/billing",
        "postgresql+asyncpg://user:s3cret@host/billing",
        "postgresql://user:s3cret@host:port/billing",
    ],
)
def test_a_url_of_no_engine_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        BillingDatabase(url)
    assert "s3cret" not in str(refused.value)
    assert str(refused.value).startswith("METER_ASSETS_DATABASE_URL")


@pytest.mark.parametrize(
    ("url", "engine", "file"),
    [
        ("sqlite:////srv/billing.db", "sqlite", Path("/srv/billing.db")),
        ("sqlite+pysqlite:////srv/a/../billing.db", "sqlite", Path("/srv/billing.db")),
        ("postgresql://user@host/billing", "postgresql", None),
        ("postgres://user@host/billing", "postgresql", None),
        ("postgresql+psycopg2://user@host/billing", "postgresql", None),
        ("mysql://user@host/billing", "mysql", None),
        ("mariadb://user@host/billing", "mysql", None),
        ("mariadb+pymysql://user@host:3307/billing", "mysql", None),
    ],
)
def test_a_url_names_its_engine(url: str, engine: str, file: Path | None) -> None:
    found, parsed = parse_url(url)
    assert found is ENGINES[engine]
    assert found.NAME == engine == parsed.get_backend_name()
    assert found.file(parsed) == file


# Types


@pytest.mark.parametrize(
    ("engine", "kind", "digits"),
    [
        ("sqlite", Numeric(14, 2), None),
        ("postgresql", Numeric(14, 2), (14, 2)),
        ("postgresql", Numeric(9), (9, 0)),
        ("postgresql", Numeric(), None),
        ("postgresql", BigInteger(), None),
        ("mysql", Numeric(14, 2), (14, 2)),
        ("mysql", Numeric(9), (9, 0)),
        ("mysql", BigInteger(), None),
    ],
)
def test_how_many_digits_a_column_keeps(engine: str, kind: TypeEngine[Any], digits: tuple[int, int] | None) -> None:
    assert ENGINES[engine].capacity(kind) == digits


@pytest.mark.parametrize(
    ("engine", "kind", "why"),
    [
        ("sqlite", Numeric(14, 2), None),
        ("sqlite", Float(), None),
        ("sqlite", Numeric(14, 5), "and on SQLite money is exact to 4 decimals only"),
        ("postgresql", Numeric(14, 2), None),
        ("postgresql", Numeric(14, 3), None),
        (
            "postgresql",
            Float(),
            f"{FRACTION} ({TO_NUMERIC}; it rounds to cents)",
        ),
        (
            "postgresql",
            REAL(),
            "a binary fraction of 32 bits, which has no whole cents from 131,072 on "
            f"({TO_NUMERIC} USING {{column}}::double precision::numeric)",
        ),
        (
            "mysql",
            FLOAT(),
            f"a binary fraction of 32 bits, which has no whole cents from 131,072 on ({TO_DECIMAL})",
        ),
        ("mysql", DOUBLE(), f"{FRACTION} ({TO_DECIMAL}; it rounds to cents)"),
        ("postgresql", String(), f"which is no number ({TO_NUMERIC} USING {{column}}::text::numeric)"),
        (
            "postgresql",
            MONEY(),
            f"whose decimals depend on the server's lc_monetary ({TO_NUMERIC} USING {{column}}::numeric)",
        ),
        (
            "postgresql",
            BigInteger(),
            "which does not say whether it counts whole units or minor units, such as cents (if units: "
            f"{TO_NUMERIC}; if cents: {TO_NUMERIC} USING {{column}} / 100.0)",
        ),
    ],
)
def test_which_types_cannot_hold_money(engine: str, kind: TypeEngine[Any], why: str | None) -> None:
    assert types_of(_dialect(engine)).why_no_money(kind) == why


@pytest.mark.parametrize(
    ("engine", "kind", "read"),
    [
        ("sqlite", Date(), DateText),
        ("sqlite", DateTime(), String),
        ("sqlite", Numeric(14, 2), Numeric),
        ("postgresql", Date(), Date),
        ("postgresql", DateTime(), DateTime),
    ],
)
def test_with_which_type_a_column_is_read(engine: str, kind: TypeEngine[Any], read: type[Any]) -> None:
    assert type(types_of(_dialect(engine)).as_read(kind)) is read


def _dialect(engine: str) -> Any:
    url = "sqlite:////srv/billing.db" if engine == "sqlite" else f"{engine}://user@host/billing"
    return BillingDatabase(url).engine.dialect


# Errors of drivers


@contextmanager
def failing() -> Iterator[list[DBAPIError]]:
    caught: list[DBAPIError] = []
    with pytest.raises(DBAPIError) as raised:
        yield caught
    caught.append(raised.value)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("40001", Failure.CONFLICT),
        ("40P01", Failure.CONFLICT),
        ("55P03", Failure.KEPT_WAITING),
        ("42501", Failure.REFUSED),
        ("25006", Failure.REFUSED),
        ("42P01", Failure.SCHEMA),
        ("42703", Failure.SCHEMA),
        ("0A000", Failure.SCHEMA),
        ("22012", Failure.DATA),
        ("23514", Failure.DATA),
        ("44000", Failure.DATA),
        ("P0001", Failure.DATA),
        ("53100", Failure.RESOURCES),
        ("54000", Failure.RESOURCES),
        ("40002", Failure.CONFLICT),
        ("55006", Failure.KEPT_WAITING),
        ("55000", Failure.SCHEMA),
        ("25P02", Failure.ENDED),
        ("57014", Failure.ENDED),
        ("08006", Failure.ENDED),
        ("58030", Failure.INTERNAL),
        ("XX001", Failure.INTERNAL),
        ("38000", None),
    ],
)
def test_what_an_error_of_postgresql_means(postgres_url: str, code: str, failure: Failure | None) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$"
    with failing() as caught, BillingDatabase(postgres_url).engine.connect() as connection:
        connection.execute(text(raising))
    assert failure_of(caught[0]) is failure
    assert is_conflict(caught[0]) is (failure is Failure.CONFLICT)
    assert is_kept_waiting(caught[0]) is (failure is Failure.KEPT_WAITING)


def test_what_an_error_of_sqlite_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "SECONDS_UNTIL_BUSY", 0.05)
    path = tmp_path / "billing.db"
    path.touch()
    database = BillingDatabase(f"sqlite:///{path}")
    with failing() as caught, database.reader.connect() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    assert failure_of(caught[0]) is Failure.REFUSED
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with failing() as caught, database.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert failure_of(caught[0]) is Failure.BUSY
    other.close()
    with failing() as caught, database.engine.connect() as connection:
        connection.execute(text("SELECT * FROM missing"))
    assert failure_of(caught[0]) is Failure.SCHEMA
    for statement in ("SELECT abs(-9223372036854775808)", "INSERT INTO t VALUES (0)"):
        with failing() as caught, database.engine.connect() as connection:
            connection.execute(text("CREATE TEMP TABLE t (x INTEGER CHECK (x > 0))"))
            connection.execute(text(statement))
        assert failure_of(caught[0]) is Failure.DATA
    with failing() as caught, database.engine.connect() as connection:
        connection.execute(text("SELECT CAST(X'FC' AS TEXT)")).all()
    assert failure_of(caught[0]) is Failure.UNREADABLE
    path.write_text("no database" * 1000)
    with failing() as caught, database.reader.connect() as connection:
        connection.execute(text("SELECT * FROM sqlite_master"))
    assert failure_of(caught[0]) is Failure.NO_DATABASE


def test_another_error_has_no_meaning() -> None:
    assert failure_of(ValueError("40001")) is None
