"""Days and their order on every engine. Beside `money`, the only place that knows engines apart in a query."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, case
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class day(FunctionElement[date]):  # a SQL construct: used and named as a function
    """The day of a date or a point in time."""

    name = "day"
    type = Date()
    inherit_cache = True


@compiles(day)
def _cast_to_date(element: FunctionElement[date], compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS DATE)"


@compiles(day, "sqlite")
def _date_of_text(element: FunctionElement[date], compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite keeps dates as text, and CAST .. AS DATE would make a number of them.
    return f"date({compiler.process(element.clauses, **kw)})"


def nulls_last(column: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return ORDER BY terms that put nulls last on every engine (by themselves, engines disagree)."""
    return case((column.is_(None), 1), else_=0), column


def as_type_of(target: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value so that what is written compares equal to it: a point in time loses its hours in a date."""
    return day(value) if isinstance(target.type, Date) and not isinstance(value.type, Date) else value
