"""The SQL of every change, per engine, as files that are read and reviewed: `tests/golden/<engine>/<change>.sql`.

They are what the default policy asks for tenant 1 of a database with the default tables. A difference means that what
is asked of a customer's database has changed. If that is meant, write the files anew, and read their difference:

    METER_ASSETS_WRITE_GOLDEN_SQL=1 python -m pytest tests/test_golden_sql.py

Files that belong to no change any more are removed by hand: a test names them.
"""

import os
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Dialect, Select, make_url

from meter_assets.changes import CHANGES
from meter_assets.policy import Policy
from meter_assets.relations import billing_relations
from meter_assets.schema import billing_tables

GOLDEN = Path(__file__).parent / "golden"
WRITE = "METER_ASSETS_WRITE_GOLDEN_SQL"
ENGINES: dict[str, Dialect] = {
    "postgresql": make_url("postgresql+psycopg2://").get_dialect()(),
    "sqlite": make_url("sqlite://").get_dialect()(),
}
EVERY = list(product(ENGINES, CHANGES))


def sql_of(engine: str, change_name: str) -> str:
    """Return the text of a change's golden file."""
    change = CHANGES[change_name](billing_relations(billing_tables(), 1), Policy.from_values({}))
    return (
        f"-- {change.name} of tenant 1 on {engine}: the rows that differ\n\n{_literal(change.rows, engine)};\n\n\n"
        f"-- the outcome of every row looked at\n\n{_literal(change.outcomes, engine)};\n"
    )


def _literal(statement: Select[Any], engine: str) -> str:
    compiled = statement.compile(dialect=ENGINES[engine], compile_kwargs={"literal_binds": True})
    return _broken_into_lines(str(compiled))


_TEXT = "'(?:[^']|'')*'"
_CLAUSES = "FROM|WHERE|LEFT OUTER JOIN|JOIN|GROUP BY|HAVING|ORDER BY|UNION ALL|SELECT"
_CONDITIONS = "AND|WHEN|ELSE"
_PIECES = re.compile(rf"({_TEXT}|[()]|, |\b(?:{_CLAUSES}|{_CONDITIONS}|CASE|END)\b)")
_STEP = 4


@dataclass
class _Parentheses:
    """What is open: a query, indented by so much and within so many CASEs, or anything else, which stays on a line."""

    is_query: bool
    indent: int = 0
    cases: int = 0


def _broken_into_lines(sql: str) -> str:
    """Give each clause, column and condition of a query a line of its own; nothing but white space is changed."""
    lines, levels = [""], [_Parentheses(is_query=True)]

    def begin_line(indent: int) -> None:
        lines.append(" " * indent)

    pieces = [piece for piece in _PIECES.split(" ".join(sql.split())) if piece]
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        inner = levels[-1]
        if piece == "(":
            outer = len(lines[-1]) - len(lines[-1].lstrip())
            levels.append(_Parentheses(following == "SELECT", outer + _STEP))
        elif piece == ")" and levels.pop().is_query:
            begin_line(inner.indent - _STEP)
        elif inner.is_query and piece in _CLAUSES.split("|"):
            begin_line(inner.indent)
        elif inner.is_query and piece in _CONDITIONS.split("|"):
            begin_line(inner.indent + _STEP * (1 + inner.cases))
        inner.cases += (piece == "CASE") - (piece == "END")
        lines[-1] += piece
        if piece == ", " and inner.is_query:
            begin_line(inner.indent + _STEP)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def test_breaking_sql_into_lines_changes_nothing_but_white_space() -> None:
    sql = (
        "SELECT a, f(b, 'x, (SELECT') AS c, CASE WHEN (a = 1) THEN 2 ELSE 3 END AS d "
        "FROM (SELECT 1 AS a, 2 AS b) AS t WHERE a = 1 AND (b = 2 AND a IN (1, 2))"
    )
    assert _broken_into_lines(sql).splitlines() == [
        "SELECT a,",
        "    f(b, 'x, (SELECT') AS c,",
        "    CASE",
        "        WHEN (a = 1) THEN 2",
        "        ELSE 3 END AS d",
        "FROM (",
        "    SELECT 1 AS a,",
        "        2 AS b",
        ") AS t",
        "WHERE a = 1",
        "    AND (b = 2 AND a IN (1, 2))",
    ]
    assert "".join(_broken_into_lines(sql).split()) == "".join(sql.split())


@pytest.mark.parametrize(("engine", "change_name"), EVERY)
def test_the_sql_of_a_change_is_the_one_that_was_reviewed(engine: str, change_name: str) -> None:
    file = GOLDEN / engine / f"{change_name}.sql"
    if os.environ.get(WRITE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(sql_of(engine, change_name), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == sql_of(engine, change_name), f"Read this module's docstring. See {file}"


def test_every_golden_file_is_of_a_change() -> None:
    found = {file.relative_to(GOLDEN).with_suffix("").as_posix() for file in GOLDEN.rglob("*.*")}
    assert found == {f"{engine}/{change_name}" for engine, change_name in EVERY}
