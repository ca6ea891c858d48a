"""The databases of the examples, as tests load them."""

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

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


def expected(example: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the balances that were worked out by hand: balance and overpayment, by tenant and meter."""
    with (example / "expected.csv").open(encoding="utf-8", newline="") as file:
        return {(row["tenant"], row["meter"]): (row["balance"], row["overpayment"]) for row in csv.DictReader(file)}


_ENGINES = ("sqlite", "postgresql", "mysql")
CASES = [
    pytest.param(engine, path.parent, marks=[pytest.mark.server] if engine != "sqlite" else [])
    for path in sorted(FOLDER.glob("*/mapping.toml"))
    for engine in _ENGINES
    if database_file(path.parent, engine) is not None
]


def _on_one_engine() -> Iterator[Any]:
    """Yield the cases, of each example all but one as thorough ones: its engine is the next one that its SQL is for."""
    for place, (_, cases) in enumerate(groupby(CASES, key=lambda case: case.values[1])):
        found = list(cases)
        for at, case in enumerate(found):
            further = [] if at == place % len(found) else [pytest.mark.thorough]
            yield pytest.param(*case.values, marks=[*case.marks, *further])


on_one_engine = pytest.mark.parametrize(
    ("engine_name", "example"),
    list(_on_one_engine()),
    indirect=["engine_name"],
    ids=lambda one: getattr(one, "name", one),
)
"""For what does not depend on the engine: each example on one of its engines, and on all of them if thorough."""
on_every_engine = pytest.mark.parametrize(
    ("engine_name", "example"), CASES, indirect=["engine_name"], ids=lambda one: getattr(one, "name", one)
)
