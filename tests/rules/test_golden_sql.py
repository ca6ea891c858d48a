"""The SQL of every change on each engine, pinned, so that a change of it is seen and read before it is accepted.

`METER_ASSETS_UPDATE_GOLDEN=1 pytest tests/rules/test_golden_sql.py` writes the files in tests/golden again.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Dialect, Select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from meter_assets.billing.change import Change
from meter_assets.billing.policy import Policy
from meter_assets.billing.relations import billing_relations
from meter_assets.billing.schema import billing_tables
from meter_assets.engines.mysql.compiler import correct
from meter_assets.rules.steps import STEPS
from tests.support.databases import OWN_TABLES

GOLDEN = Path(__file__).parent / "golden"
DIALECTS: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
    "mysql": mysql.dialect(),
}
correct(DIALECTS["mysql"])
BREAKS = re.compile(r"(?<!OUTER) (?=(?:LEFT OUTER JOIN|JOIN|WHERE|GROUP BY|WHEN|ELSE|AND) )")


def _readable(statement: Select[tuple[object, ...]], dialect: Dialect) -> str:
    """Return a statement with its values in it, broken into lines."""
    text = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    return "\n".join(line.rstrip() for line in BREAKS.sub("\n", text).splitlines())


def _assert_golden(name: str, engine: str, change: Change) -> None:
    """Fail unless a dialect compiles what a change examines as in a golden file."""
    parts = {"examined": change.examined}
    found = "\n\n".join(f"-- {part}\n{_readable(one, DIALECTS[engine])};" for part, one in parts.items()) + "\n"
    file = GOLDEN / engine / f"{name}.sql"
    if os.environ.get("METER_ASSETS_UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8"), f"{file.name} has changed; read the change, then see above"


@pytest.mark.parametrize("engine", DIALECTS)
@pytest.mark.parametrize("name", STEPS)
def test_the_sql_is_what_it_was(name: str, engine: str) -> None:
    _assert_golden(name, engine, STEPS[name].compute(billing_relations(billing_tables(), Policy(), 1)))


@pytest.mark.parametrize("engine", DIALECTS)
def test_the_sql_with_decisions_is_what_it_was(engine: str) -> None:
    schema = replace(billing_tables(steps=tuple(STEPS.values())), own_tables_present=frozenset(OWN_TABLES))
    change = STEPS["payment_meter_ids"].compute(billing_relations(schema, Policy(), 1))
    _assert_golden("payment_meter_ids_with_decisions", engine, change)
