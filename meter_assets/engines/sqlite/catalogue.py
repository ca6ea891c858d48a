"""Reads from SQLite's catalogue which billing tables are views, and which triggers and constraints apply to writing.

SQLite keeps the CREATE statements as text, so this module reads that text. Add here a further fact or problem that only
SQLite's catalogue tells; what reflection tells is in `billing.reflection`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, func, inspect, literal_column, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import ReflectedUniqueConstraint

from meter_assets.billing.catalogue import (
    READ_BY,
    Catalogue,
    MissingIndex,
    RowConstraint,
    RowsConstraint,
    Trigger,
    columns_in,
    renamed,
    words,
)
from meter_assets.billing.schema import BillingSchema
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
_QUOTE = sqlite.dialect().identifier_preparer.quote
_SEPARATE_CHECK = "a CHECK of SQLite belongs to the table: create the table again without it"
_SEPARATE_KEY = "a UNIQUE of SQLite belongs to the table: create the table again without it"

Objects = Mapping[tuple[str, str], tuple[str, str]]
"""By type and name: the table that the object belongs to, and its CREATE statement without comments."""


def read_catalogue(connection: Connection, schema: BillingSchema) -> Examined:
    """Return what the catalogue says about the billing tables, and every problem."""
    rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").all()
    objects = {(row.type, row.name): (row.tbl_name, _COMMENTS.sub(" ", row.sql or "")) for row in rows}
    names = {table: name for table, (_, name) in schema.places.items()}
    written = {table: set(columns.values()) for table, columns in schema.columns_of_steps.items()}
    catalogue = Catalogue(
        views=frozenset(table for table, name in names.items() if ("view", name) in objects),
        expressions=tuple(_expressions(schema, objects)),
        triggers=tuple(_triggers(objects, written, names)),
        row_constraints=tuple(_checks(connection, schema, objects, written)),
        rows_constraints=tuple(_keys(connection, schema, objects, written)),
        missing_indexes=tuple(_missing_indexes(connection, schema, objects)),
    )
    return Examined(catalogue, list(_problems(objects, set(written), names)))


def _missing_indexes(connection: Connection, schema: BillingSchema, objects: Objects) -> Iterator[MissingIndex]:
    """Yield large tables without the index by which their rows are found; small ones are read fast without it."""
    for table, column in READ_BY.items():
        _, name = schema.places.get(table, (None, ""))
        if ("table", name) not in objects or "WITHOUT" in words(objects["table", name][1].upper()):
            continue
        there = schema.stored.get(table)
        if there is None or column not in there.c:
            continue
        last = connection.scalar(select(func.max(literal_column("rowid"))).select_from(text(_QUOTE(name))))
        if (last or 0) >= _ROWS_OF_A_LARGE_TABLE and there.c[column].name not in _first_columns(connection, name):
            yield MissingIndex(table, column, of_large_table=True)


def _first_columns(connection: Connection, table: str) -> set[str]:
    """Return the columns with which the indexes of a table begin, those of keys and constraints too."""
    indexes = connection.exec_driver_sql(
        "SELECT i.name FROM pragma_index_list(?) AS l JOIN pragma_index_info(l.name) AS i WHERE i.seqno = 0 "
        "AND l.partial = 0",
        (table,),
    )
    return {str(name) for name in indexes.scalars()}


def _problems(objects: Objects, written: set[str], names: Mapping[str, str]) -> Iterator[str]:
    known = {name.lower(): name for kind, name in objects if kind in ("table", "view")}
    for table, name in names.items():
        if name == table and name in known and known[name] != name:
            yield f"{shown(known[name])} is not read, since its name has upper-case letters (ALTER TABLE ... RENAME TO)"
        if ("view", name) not in objects:
            continue
        if table in written:
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
    for table, there in schema.stored.items():
        _, statement = objects.get(("table", there.name), ("", ""))
        for column in (there.c[name].name for name in schema.generated(table)):
            kind = r"(?:\w+(?:\s*\([^()]*\))?\s+)*?"
            start = re.search(rf"[(,]\s*[\"`\[]?{column}[\"`\]]?\s+{kind}AS\s*\(", statement, re.IGNORECASE)
            if start is not None:
                names = schema.logical_names(table)
                yield table, names.get(column, column), renamed(_up_to_its_end(statement[start.end() :]), names)


def _up_to_its_end(expression: str) -> str:
    """Return the text before the parenthesis that closes one outside it."""
    depth = 0
    for at, one in enumerate(expression):
        depth += (one == "(") - (one == ")")
        if depth < 0:
            return expression[:at]
    return expression


def _triggers(objects: Objects, written: Mapping[str, set[str]], names: Mapping[str, str]) -> Iterator[Trigger]:
    for (kind, name), (of_table, statement) in objects.items():
        found = _TRIGGER.search(statement.split("BEGIN")[0]) if kind == "trigger" else None
        if found is None:
            continue
        columns = words(found[2] or "")
        of = f" OF {', '.join(columns)}" if columns else ""
        for table in written:
            if names[table] == of_table and (not columns or written[table].intersection(columns)):
                timing = f"{(found[1] or 'BEFORE').upper()} UPDATE{of}, each row"
                yield Trigger(table, name, timing, statement[found.end() :])


def _checks(
    connection: Connection, schema: BillingSchema, objects: Objects, written: Mapping[str, set[str]]
) -> Iterator[RowConstraint]:
    for table, columns in written.items():
        there = schema.stored[table]
        _, statement = objects.get(("table", there.name), ("", ""))
        if "CHECK" not in map(str.upper, words(statement)):
            continue
        names = {column.name: column.key for column in there.c}
        for found in inspect(connection).get_check_constraints(there.name):
            read = columns_in(found["sqltext"], names)
            if columns.intersection(read):
                name = found["name"] or f"CHECK of {', '.join(read)}"
                definition = f"CHECK ({found['sqltext']})"
                condition = renamed(found["sqltext"], schema.logical_names(table))
                logical = tuple(names[one] for one in read)
                yield RowConstraint(table, name, definition, condition, logical, _SEPARATE_CHECK)


def _keys(
    connection: Connection, schema: BillingSchema, objects: Objects, written: Mapping[str, set[str]]
) -> Iterator[RowsConstraint]:
    for table, columns in written.items():
        there, logical = schema.stored[table].name, schema.logical_names(table)
        _, statement = objects.get(("table", there), ("", ""))
        if "UNIQUE" in map(str.upper, words(statement)):
            found: Sequence[ReflectedUniqueConstraint] = inspect(connection).get_unique_constraints(there)
            for one in found:
                names = one["column_names"]
                definition = f"UNIQUE ({', '.join(names)})"
                if columns.intersection(names):
                    read = tuple(logical.get(name, name) for name in names)
                    elements = tuple((name, "=") for name in read)
                    yield RowsConstraint(
                        table, one["name"] or definition, definition, elements, "", read, _SEPARATE_KEY
                    )
        for (kind, name), (of_table, statement) in objects.items():
            unique = _UNIQUE_INDEX.search(statement) if kind == "index" and of_table == there else None
            if unique is None:
                continue
            inside = tuple(sorted(set(words(f"{unique[1]} {unique[2] or ''}"))))
            if columns.intersection(inside):
                elements = tuple((renamed(one, logical), "=") for one in _split(unique[1]))
                read = tuple(logical.get(one, one) for one in inside)
                only = renamed(unique[2] or "", logical)
                yield RowsConstraint(table, name, statement.strip(), elements, only, read, f'DROP INDEX "{name}"')


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
