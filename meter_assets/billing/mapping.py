"""The mapping: from which table or SELECT each billing table is read, under which names, and where results are kept.

It is read from the tables [tables.NAME] of the configuration file. A table that it does not mention has the names that
`schema` lists. Add here a further key of the file. How a mapping becomes SQL is in `sources`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.errors import InvalidMapping

OWN_PREFIX = "meter_migration_"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_LITERAL_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)


class Kind(StrEnum):
    """The type of a computed column, where the database does not tell it."""

    integer = "integer"
    money = "money"
    text = "text"
    date = "date"
    boolean = "boolean"
    uuid = "uuid"


@dataclass(frozen=True)
class MappedColumn:
    """What a logical column is: a column of the table, or computed by SQL. If neither, the table has no such column."""

    column: str | None = None
    sql: str | None = None
    kind: Kind | None = None
    at: str = field(default="", compare=False)
    """Where the file says so: "billing.toml, line 12"."""


@dataclass(frozen=True)
class MappedTable:
    """How one billing table is read and written."""

    name: str
    """Its logical name."""
    table: str | None = None
    schema: str | None = None
    """The schema of the table; None: where the server looks first."""
    select: str | None = None
    """The SELECT that it is read from, instead of a table."""
    where: str | None = None
    """The condition of its rows."""
    absent: bool = False
    """Whether the database has nothing of the kind: it is read as a table without rows."""
    columns: tuple[tuple[str, MappedColumn], ...] = ()
    results: tuple[str, ...] = ()
    """The written columns that are kept in a table of our own."""
    numbered_by_tenant: bool = False
    """Whether the SELECT returns rows of several tenants with the same ids, each id once for a tenant."""
    at: str = field(default="", compare=False)

    @property
    def by_name(self) -> Mapping[str, MappedColumn]:
        """The mapped columns by their logical names."""
        return dict(self.columns)

    @property
    def results_table(self) -> str:
        """The name of our table with the results, if it has any."""
        return f"{OWN_PREFIX}results_of_{self.name}"


@dataclass(frozen=True)
class DatabaseMapping:
    """The tables of a database that differ from the default ones."""

    tables: tuple[MappedTable, ...] = ()

    def of(self, table: str) -> MappedTable | None:
        """Return how a billing table is mapped; None for one that has the default names."""
        return next((one for one in self.tables if one.name == table), None)

    @property
    def digest(self) -> str:
        """The hash of what is read and written where; it does not depend on the file, nor on the order in it."""
        tables = []
        for table in sorted(self.tables, key=lambda one: one.name):
            columns = {name: {**asdict(column), "at": ""} for name, column in table.columns}
            tables.append({**asdict(table), "columns": columns, "results": sorted(table.results), "at": ""})
        return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()

    @property
    def results_tables(self) -> tuple[str, ...]:
        """The names of our own tables that keep results."""
        return tuple(one.results_table for one in self.tables if one.results)


DEFAULT_NAMES = DatabaseMapping()
"""The mapping of a database with the default names."""


class _Reader:
    """Reads one table of the file, and says where something is wrong."""

    def __init__(self, path: str, text: str, keys: tuple[str, ...]) -> None:
        self._path, self._text, self._keys = path, text, keys

    def at(self, *keys: str) -> str:
        return f"{self._path}, line {line_of(self._text, (*self._keys, *keys))}"

    def error(self, what: str, *keys: str) -> InvalidMapping:
        return InvalidMapping(self.at(*keys), f"[{'.'.join(self._keys)}]", what)

    def text(self, values: Mapping[str, Any], key: str) -> str | None:
        value = values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{key} is {value!r}, expected a text", key)
        return value.strip()

    def sql(self, value: str, *keys: str) -> str:
        """Return SQL that can stand between parentheses. Raises InvalidMapping for more than one statement."""
        sql = value.strip().removesuffix(";").rstrip()
        bare = _LITERAL_OR_COMMENT.sub("''", sql)
        if ";" in bare:
            raise self.error("the SQL has several statements, expected one without a semicolon", *keys)
        if bare.count("(") != bare.count(")") or (bare.find(")") < bare.find("(") and ")" in bare):
            raise self.error("the SQL has a parenthesis without its counterpart", *keys)
        if OWN_PREFIX in sql.lower():
            raise self.error(
                f"the SQL reads a table {OWN_PREFIX}..., which is computed from the billing tables: a cycle. Expected "
                "tables of the billing software",
                *keys,
            )
        return sql


def mapping_from_values(values: Mapping[str, Any], path: str, text: str) -> DatabaseMapping:
    """Return the mapping from the table `tables` of the configuration file; `text` is the content of that file.

    Raises InvalidMapping, which names the line and what was expected.
    """
    tables = []
    for name, given in values.items():
        reader = _Reader(path, text, ("tables", name))
        if name not in REQUIRED_COLUMNS:
            raise reader.error(f"there is no such table, expected one of {', '.join(REQUIRED_COLUMNS)}")
        if not isinstance(given, dict):
            raise reader.error(f"it is {given!r}, expected a table with its keys")
        tables.append(_table(reader, name, given))
    return DatabaseMapping(tuple(tables))


KEYS = ("table", "schema", "select", "each", "numbered_by_tenant", "where", "absent", "results", "columns")
_EACH = "{each}"


def _table(reader: _Reader, name: str, given: Mapping[str, Any]) -> MappedTable:
    for key in given:
        if key not in KEYS:
            raise reader.error(f"unknown key {key}, expected one of {', '.join(KEYS)}", key)
    table, schema = reader.text(given, "table"), reader.text(given, "schema")
    select, where = reader.text(given, "select"), reader.text(given, "where")
    absent = given.get("absent", False)
    if not isinstance(absent, bool):
        raise reader.error(f"absent is {absent!r}, expected true or false", "absent")
    sources = [key for key in ("table", "select", "absent") if given.get(key)]
    if len(sources) > 1:
        raise reader.error(f"{' and '.join(sources)} exclude each other, expected one of them", sources[1])
    if select is not None or absent:
        for key in ("schema", "where", "columns"):
            if key in given:
                raise reader.error(f"{key} applies to a table only, expected it inside the SELECT", key)
    select = None if select is None else _for_each(reader, reader.sql(select, "select"), given.get("each"))
    numbered = given.get("numbered_by_tenant", False)
    if not isinstance(numbered, bool) or (numbered and select is None):
        raise reader.error(
            f"numbered_by_tenant is {numbered!r}, expected true or false, beside a SELECT", "numbered_by_tenant"
        )
    where = None if where is None else reader.sql(where, "where")
    columns = given.get("columns", {})
    if not isinstance(columns, dict):
        raise reader.error(f"columns is {columns!r}, expected a table [tables.{name}.columns]", "columns")
    return MappedTable(
        name,
        table,
        schema,
        select,
        where,
        absent,
        tuple((key, _column(reader, key, value)) for key, value in columns.items()),
        _results(reader, name, given.get("results", [])),
        numbered,
        reader.at(),
    )


def _for_each(reader: _Reader, select: str, names: Any) -> str:
    """Return a SELECT for each of these names, such as the schema of a tenant, put together."""
    if names is None:
        return select
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise reader.error(f"each is {names!r}, expected a list of names", "each")
    wrong = [one for one in names if not _NAME.fullmatch(one)]
    if wrong:
        raise reader.error(f"each has {wrong[0]!r}, expected a name of letters, digits, '_' and '-'", "each")
    if _EACH not in select:
        raise reader.error(f"the SELECT does not have {_EACH}, expected it where each name is put", "select")
    return "\nUNION ALL\n".join(select.replace(_EACH, one) for one in dict.fromkeys(names))


def _column(reader: _Reader, name: str, given: Any) -> MappedColumn:
    keys, at = ("columns", name), reader.at("columns", name)
    if given is False:
        return MappedColumn(at=at)
    if isinstance(given, str) and given.strip():
        return MappedColumn(given, at=at)
    expected = 'expected the name of a column, { sql = "..." } or false'
    if not isinstance(given, dict) or not isinstance(given.get("sql"), str) or not given["sql"].strip():
        raise reader.error(f"column {name} is {given!r}, {expected}", *keys)
    others = sorted(set(given) - {"sql", "type"})
    if others:
        raise reader.error(f"column {name} has the unknown key {others[0]}, expected sql and type", *keys)
    kind = given.get("type")
    if kind is not None and kind not in list(Kind):
        raise reader.error(f"column {name} has the type {kind!r}, expected one of {', '.join(Kind)}", *keys)
    return MappedColumn(None, reader.sql(given["sql"], *keys), None if kind is None else Kind(kind), at)


RESULTS: Mapping[str, tuple[str, ...]] = {
    "meters": ("balance", "overpayment", "total_billed", "total_paid", "last_invoice_date"),
    "invoices": ("amount", "balance_brought_forward", "total_amount"),
    "payments": ("meter_id",),
    "customers": ("balance", "overpayment"),
}
"""The columns that a step writes, which a table of ours can keep."""


def _results(reader: _Reader, name: str, given: Any) -> tuple[str, ...]:
    possible = RESULTS.get(name, ())
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise reader.error(f"results is {given!r}, expected a list of columns", "results")
    wrong = [one for one in given if one not in possible]
    if wrong:
        expected = f"expected some of {', '.join(possible)}" if possible else "no step writes this table"
        raise reader.error(f"results has {wrong[0]}, {expected}", "results")
    return tuple(dict.fromkeys(given))


_HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def line_of(text: str, keys: Sequence[str]) -> int:
    """Return the line of a TOML file in which a key is set, or the nearest that contains it; lines count from 1."""
    found, most, current = 1, 0, tuple[str, ...]()
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            current = _split(header[1])
        elif not key:
            continue
        at = current if header else (*current, *_split(key[1])) if key else current
        if tuple(keys[: len(at)]) == at and len(at) > most:
            found, most = number, len(at)
    return found


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
