"""The databases of the examples, as tests load them."""

from pathlib import Path

import pytest

from meter_assets.migration.database import BillingDatabase
from tests.support.command_line import PROJECT

FOLDER = PROJECT / "examples"


def database_file(example: Path, engine: str) -> Path | None:
    """Return the SQL of an example for an engine; None if it is not for that engine."""
    only, every = example / f"database.{engine}.sql", example / "database.sql"
    return only if only.exists() else every if every.exists() else None


def load(url: str, file: Path) -> None:
    """Run the statements of a file, in each of which a semicolon ends a line."""
    with BillingDatabase(url).transaction() as connection:
        for statement in file.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))


_ENGINES = ("sqlite", "postgresql", "mysql")
CASES = [
    pytest.param(engine, path.parent, marks=[pytest.mark.server] if engine != "sqlite" else [])
    for path in sorted(FOLDER.glob("*/mapping.toml"))
    for engine in _ENGINES
    if database_file(path.parent, engine) is not None
]
on_every_engine = pytest.mark.parametrize(
    ("engine_name", "example"), CASES, indirect=["engine_name"], ids=lambda one: getattr(one, "name", one)
)
