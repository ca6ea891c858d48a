"""Reads from SQLite's catalogue which billing tables are views, and which triggers and constraints apply to writing.

SQLite keeps the CREATE statements as text, so this module reads that text. Add here a further fact or problem that only
SQLite's catalogue tells; what reflection tells is in `billing.reflection`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, inspect
from sqlalchemy.engine.interfaces import ReflectedUniqueConstraint

from meter_assets.billing.catalogue import (
    READ_BY,
    Catalogue,
    MissingIndex,
    RowConstraint,
    RowsConstraint,
    Trigger,
    columns_in,
    words,
)
from meter_assets.billing.own_tables import BACKUP
from meter_assets.billing.schema import REQUIRED_COLUMNS, BillingSchema
from meter_assets.engines.base import Examined
from meter_assets.foreign_text import shown

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_PLAIN_VIEW = re.compile(r"\bSELECT\b[^()]*\bFROM\s+[\"'`\[]?(\w+)[\"'`\]]?(\s+(AS\s+)?\w+)?\s*;?\s*$", re.IGNORECASE)
_HIDES = {"WHERE", "JOIN", "LIMIT", "DISTINCT", "GROUP", "HAVING", "UNION", "INTERSECT", "EXCEPT", "WITH"}
_TRIGGER = re.compile(
    r"\bTRIGGER\b.*?\b(?:(BEFORE|AFTER|INSTEAD\s+OF)\s+)?UPDATE(?:\s+OF\s+([^()]*?))?\s+ON\b", re.IGNORECASE | re.DOTALL
)
_UNIQUE_INDEX = re.compile(
    r"\bUNIQUE\s+INDEX\b.*?\bON\s+\S+\s*\((.*?)\)\s*(?:WHERE\s+(.*?))?;?\s*$", re.IGNORECASE | re.DOTALL
)
_ROWS_OF_A_LARGE_TABLE = 100_000
_SEPARATE_CHECK = "a CHECK of SQLite belongs to the table: create the table again without it"
_SEPARATE_KEY = "a UNIQUE of SQLite belongs to the table: create the table again without it"

Objects = Mapping[tuple[str, str], tuple[str, str]]
"""By type and name: the table that the object belongs to, and its CREATE statement without comments."""


def read_catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return what the catalogue says about the billing tables, and every problem."""
    rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").all()
    objects = {(row.type, row.name): (row.tbl_name, _COMMENTS.sub(" ", row.sql or "")) for row in rows}
    written: dict[str, set[str]] = {}
    for step in schema.steps:
        if step.target != BACKUP and step.target in schema.tables:
            written.setdefault(step.target, set()).update(step.columns)
    catalogue = Catalogue(
        views=frozenset(name for name in REQUIRED_COLUMNS if ("view", name) in objects),
        expressions=tuple(_expressions(schema, objects)),
        triggers=tuple(_triggers(objects, written)),
        row_constraints=tuple(_checks(connection, schema, objects, written)),
        rows_constraints=tuple(_keys(connection, objects, written)),
        missing_indexes=tuple(_missing_indexes(connection, objects)),
    )
    return Examined(catalogue, list(_problems(objects, set(written))))


def _missing_indexes(connection: Connection, objects: Objects) -> Iterator[MissingIndex]:
    """Yield large tables without the index by which their rows are found; small ones are read fast without it."""
    for table, column in READ_BY.items():
        if ("table", table) not in objects or "WITHOUT" in words(objects["table", table][1].upper()):
            continue
        last = connection.exec_driver_sql(f"SELECT max(rowid) FROM {table}").scalar()
        if (last or 0) >= _ROWS_OF_A_LARGE_TABLE and column not in _first_columns(connection, table):
            yield MissingIndex(table, column, of_large_table=True)


def _first_columns(connection: Connection, table: str) -> set[str]:
    """Return the columns with which the indexes of a table begin, those of keys and constraints too."""
    indexes = connection.exec_driver_sql(
        "SELECT i.name FROM pragma_index_list(?) AS l JOIN pragma_index_info(l.name) AS i WHERE i.seqno = 0 "
        "AND l.partial = 0",
        (table,),
    )
    return {str(name) for name in indexes.scalars()}


def _problems(objects: Objects, written: set[str]) -> Iterator[str]:
    known = {name.lower(): name for kind, name in objects if kind in ("table", "view")}
    for name in REQUIRED_COLUMNS:
        if name in known and known[name] != name:
            yield f"{shown(known[name])} is not read, since its name has upper-case letters (ALTER TABLE ... RENAME TO)"
        if ("view", name) not in objects:
            continue
        if name in written:
            yield f"{name} is a view, which SQLite cannot update (rename it, and name the table {name})"
        elif not _is_plain(name, objects):
            yield (
                f"{name} is a view that may hide rows (name the table {name}, or make the view select columns of one "
                "table only)"
            )


def _is_plain(view: str, objects: Objects) -> bool:
    """Return whether a view selects all rows of one table; a view on a view is plain if both are."""
    _, statement = objects["view", view]
    found = _PLAIN_VIEW.search(statement)
    if found is None or "," in statement[found.start(1) :] or _HIDES & {word.upper() for word in words(statement)}:
        return False
    return ("view", found[1]) not in objects or _is_plain(found[1], objects)


def _expressions(schema: BillingSchema, objects: Objects) -> Iterator[tuple[str, str, str]]:
    """Yield the generated columns with their SQL, which SQLAlchemy's reflection of SQLite does not always find."""
    for table in schema.tables:
        _, statement = objects.get(("table", table), ("", ""))
        for column in schema.generated(table):
            kind = r"(?:\w+(?:\s*\([^()]*\))?\s+)*?"
            start = re.search(rf"[(,]\s*[\"`\[]?{column}[\"`\]]?\s+{kind}AS\s*\(", statement, re.IGNORECASE)
            if start is not None:
                yield table, column, _up_to_its_end(statement[start.end() :])


def _up_to_its_end(expression: str) -> str:
    """Return the text before the parenthesis that closes one outside it."""
    depth = 0
    for at, one in enumerate(expression):
        depth += (one == "(") - (one == ")")
        if depth < 0:
            return expression[:at]
    return expression


def _triggers(objects: Objects, written: Mapping[str, set[str]]) -> Iterator[Trigger]:
    for (kind, name), (table, statement) in objects.items():
        found = _TRIGGER.search(statement.split("BEGIN")[0]) if kind == "trigger" else None
        if found is None or table not in written:
            continue
        columns = words(found[2] or "")
        if columns and not written[table].intersection(columns):
            continue
        of = f" OF {', '.join(columns)}" if columns else ""
        yield Trigger(table, name, f"{(found[1] or 'BEFORE').upper()} UPDATE{of}, each row")


def _checks(
    connection: Connection, schema: BillingSchema, objects: Objects, written: Mapping[str, set[str]]
) -> Iterator[RowConstraint]:
    for table, columns in written.items():
        _, statement = objects.get(("table", table), ("", ""))
        if "CHECK" not in map(str.upper, words(statement)):
            continue
        for found in inspect(connection).get_check_constraints(table):
            read = columns_in(found["sqltext"], schema.tables[table].c.keys())
            if columns.intersection(read):
                name = found["name"] or f"CHECK of {', '.join(read)}"
                definition = f"CHECK ({found['sqltext']})"
                yield RowConstraint(table, name, definition, found["sqltext"], read, _SEPARATE_CHECK)


def _keys(connection: Connection, objects: Objects, written: Mapping[str, set[str]]) -> Iterator[RowsConstraint]:
    for table, columns in written.items():
        _, statement = objects.get(("table", table), ("", ""))
        if "UNIQUE" in map(str.upper, words(statement)):
            found: Sequence[ReflectedUniqueConstraint] = inspect(connection).get_unique_constraints(table)
            for one in found:
                names = one["column_names"]
                definition = f"UNIQUE ({', '.join(names)})"
                if columns.intersection(names):
                    elements = tuple((name, "=") for name in names)
                    name = one["name"] or definition
                    yield RowsConstraint(table, name, definition, elements, "", tuple(names), _SEPARATE_KEY)
    for (kind, name), (table, statement) in objects.items():
        unique = _UNIQUE_INDEX.search(statement) if kind == "index" else None
        if unique is None or table not in written:
            continue
        read = tuple(sorted(set(words(f"{unique[1]} {unique[2] or ''}"))))
        if written[table].intersection(read):
            elements = tuple((one, "=") for one in _split(unique[1]))
            yield RowsConstraint(
                table, name, statement.strip(), elements, unique[2] or "", read, f'DROP INDEX "{name}"'
            )


def _split(elements: str) -> list[str]:
    """Return the elements of an index: the commas between parentheses do not separate them."""
    found, depth = [""], 0
    for one in elements:
        depth += (one == "(") - (one == ")")
        if one == "," and not depth:
            found.append("")
        else:
            found[-1] += one
    return [re.sub(r"\s+(ASC|DESC)\s*$", "", one, flags=re.IGNORECASE).strip() for one in found]
