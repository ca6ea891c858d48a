"""`Catalogue`: what a database's own catalogue says about the billing tables beyond their columns and keys.

It lists in which schema each table was found, which tables are views, and which triggers and constraints apply when a
step writes. Each engine reads it in its own module (`engines.base`, method `catalogue`); nothing here reads. Add here
a field for a further fact that a step, a report or a header needs. What makes a database unsuitable is not here: the
engine returns it as a list of problems beside the catalogue.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from meter_assets.foreign_text import quoted

EXAMINED = "examined_rows"
"""The alias of the rows in the SQL of a constraint, where a column needs one."""
_LITERALS = re.compile(r"'(?:[^']|'')*'")
_LITERAL = re.compile(r"('(?:[^']|'')*')")
_WORDS = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*)')


@dataclass(frozen=True)
class Trigger:
    """A trigger or a rule that the database runs when a step updates a billing table."""

    table: str
    name: str
    timing: str
    """When it runs: "BEFORE UPDATE, each row"."""
    text: str = field(default="", repr=False, compare=False)
    """What it does, as the database shows it, in its own names; empty if this role may not see it."""

    def __str__(self) -> str:
        """Return it in words."""
        return f"{quoted(self.name)} of {self.table} ({self.timing})"


@dataclass(frozen=True)
class RowConstraint:
    """A condition on one row of a billing table: CHECK, NOT NULL, a domain's condition, or a foreign key."""

    table: str
    name: str
    definition: str
    """It as the database shows it: "CHECK (balance < 100)"."""
    condition: str
    """SQL over the columns of one of the `EXAMINED` rows, which violates it if it is false; true and null are valid."""
    columns: tuple[str, ...]
    """The columns of the table that it reads."""
    fix: str
    """The statement that removes it."""


@dataclass(frozen=True)
class RowsConstraint:
    """A condition on two rows of a billing table: a unique key, or an exclusion constraint."""

    table: str
    name: str
    definition: str
    elements: tuple[tuple[str, str], ...]
    """SQL over the columns of one row, and the operator that must not hold for all elements of two rows."""
    only: str
    """SQL over the columns of one row: only rows for which it is true are compared. Empty: all rows."""
    columns: tuple[str, ...]
    """The words of its SQL, among them the columns of the table that it reads."""
    fix: str
    """The statement that removes it."""


READ_BY: Mapping[str, str] = {
    **dict.fromkeys(("customers", "meters", "meter_assignments", "bills", "invoices", "payments"), "tenant_id"),
    "invoice_bills": "invoice_id",
}
"""The column by which the rows of one tenant are found in each billing table."""


@dataclass(frozen=True)
class MissingIndex:
    """A billing table without an index that begins with the column by which its rows are found."""

    table: str
    column: str
    of_large_table: bool
    """Whether the table has so many rows that reading all of them for each tenant takes long."""

    def __str__(self) -> str:
        """Return what is missing, and the statement that creates it."""
        return (
            f"{self.table} ({self.column}): CREATE INDEX ix_{self.table}_{self.column} ON {self.table} ({self.column})"
        )


@dataclass(frozen=True)
class Catalogue:
    """What a database's catalogue says about the billing tables."""

    schemas: tuple[tuple[str, str], ...] = ()
    """Each billing table with the schema in which it was found; empty for an engine without schemas."""
    namesakes: tuple[tuple[str, str], ...] = ()
    """Billing tables with a further schema of the search path that has a table of this name too."""
    views: frozenset[str] = frozenset()
    """The billing tables that are views."""
    inherited: frozenset[str] = frozenset()
    """The billing tables that others inherit from (no partitions): their keys say nothing about the rows of those."""
    expressions: tuple[tuple[str, str, str], ...] = ()
    """Generated columns whose SQL reflection does not tell: table, column, and the SQL that computes it."""
    renewed: tuple[tuple[str, str], ...] = ()
    """Columns that the database sets to the current time whenever a row is updated, each with its table."""
    triggers: tuple[Trigger, ...] = ()
    row_constraints: tuple[RowConstraint, ...] = ()
    rows_constraints: tuple[RowsConstraint, ...] = ()
    missing_indexes: tuple[MissingIndex, ...] = ()

    @cached_property
    def constraint_columns(self) -> Mapping[str, frozenset[str]]:
        """The columns of each table that its constraints read."""
        found: dict[str, set[str]] = {}
        every: list[RowConstraint | RowsConstraint] = [*self.row_constraints, *self.rows_constraints]
        for one in every:
            found.setdefault(one.table, set()).update(one.columns)
        return {table: frozenset(columns) for table, columns in found.items()}

    def triggers_of(self, table: str) -> tuple[Trigger, ...]:
        """Return the triggers and rules that run when a step updates this table."""
        return tuple(one for one in self.triggers if one.table == table)

    def renewed_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table that the database sets to the current time whenever a row is updated."""
        return tuple(column for of, column in self.renewed if of == table)

    def has_index(self, table: str) -> bool:
        """Return whether the rows of a tenant, or the lines of an invoice, are found by an index."""
        return all(one.table != table for one in self.missing_indexes)

    @property
    def slow(self) -> str | None:
        """Which large tables are read whole for each tenant, as one line, with the statements that change that."""
        large = [str(one) for one in self.missing_indexes if one.of_large_table]
        return f"Read whole for each tenant, because they have no index: {'; '.join(large)}" if large else None

    @property
    def where(self) -> str | None:
        """Where the tables were found, as one line; None for an engine without schemas."""
        if not self.schemas:
            return None
        names = dict.fromkeys(schema for _, schema in self.schemas)
        if len(names) == 1 and not self.namesakes:
            return f"schema {quoted(next(iter(names)))}"
        also: dict[str, list[str]] = {}
        for table, schema in self.namesakes:
            also.setdefault(table, []).append(quoted(schema))
        parts = []
        for table, schema in self.schemas:
            others = f" (not the one in {', '.join(also[table])})" if table in also else ""
            parts.append(f"{table} in {quoted(schema)}{others}")
        return ", ".join(parts)


def columns_in(expression: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Return which of these columns occur in a SQL expression; names in its literals do not count."""
    found = set(words(expression))
    return tuple(column for column in columns if column in found)


def renamed(expression: str, names: Mapping[str, str]) -> str:
    """Return a SQL expression with other names of columns; the text of its literals stays."""
    if all(one == other for one, other in names.items()):
        return expression

    def rename(found: re.Match[str]) -> str:
        name = (found[1] or found[2]).replace('""', '"')
        if name not in names:
            return found[0]
        return '"{}"'.format(names[name].replace('"', '""'))

    parts = _LITERAL.split(expression)
    return "".join(part if part.startswith("'") else _WORDS.sub(rename, part) for part in parts)


def words(expression: str) -> Sequence[str]:
    """Return the names and keywords of a SQL expression, without those in its literals."""
    return [(inside or word).replace('""', '"') for inside, word in _WORDS.findall(_LITERALS.sub("''", expression))]


NOTHING_SPECIAL = Catalogue()
"""The catalogue of tables without schemas, triggers and constraints, such as those that a demo creates."""
