"""The types of a copy's columns: domains, enumerations and types of extensions are created in the copy too.

Add a kind of type here when a billing column that is read may have it.
"""

from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects import postgresql

from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted

_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
_TYPE = text(
    """
SELECT t.typtype AS kind, t.typname AS name, n.nspname = 'pg_catalog' AS is_built_in, t.typbasetype AS base,
    t.typtypmod AS modifier, t.typnotnull AS required, e.extname AS extension,
    pg_catalog.format_type(t.oid, CAST(:modifier AS integer)) AS in_full,
    ARRAY(SELECT pg_catalog.quote_literal(l.enumlabel) FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid
        ORDER BY l.enumsortorder) AS labels,
    ARRAY(SELECT pg_catalog.pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint c
        WHERE c.contypid = t.oid AND c.contype = 'c' ORDER BY c.conname) AS conditions
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.objid = t.oid AND d.deptype = 'e'
    AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE t.oid = :oid
"""
)


class TypesOfCopy:
    """The types that a copy needs, and the statements that create them."""

    def __init__(self, source: Connection) -> None:
        """Take a connection to the database whose tables are copied."""
        self._source = source
        self._known: dict[int, str] = {}
        self._statements: list[str] = []

    def new_statements(self) -> list[str]:
        """Return the statements since the last call, in the order in which they must be executed."""
        found, self._statements = self._statements, []
        return found

    def name_of(self, oid: int, modifier: int, column: str) -> str:
        """Return a type as a column of the copy names it. Raises InvalidSettings for one that cannot be copied."""
        found = self._source.execute(_TYPE, {"oid": oid, "modifier": modifier}).one()
        if found.is_built_in:
            return str(found.in_full)
        if oid not in self._known:
            self._known[oid] = _QUOTE(found.name)
            self._statements += self._created_by(found, column)
        return self._known[oid]

    def _created_by(self, found: Row[Any], column: str) -> list[str]:
        if found.extension:
            return [f"CREATE EXTENSION IF NOT EXISTS {_QUOTE(found.extension)}"]
        if found.kind == "e":
            return [f"CREATE TYPE {_QUOTE(found.name)} AS ENUM ({', '.join(found.labels)})"]
        if found.kind == "d":
            base = self.name_of(found.base, found.modifier, column)
            parts = [*(["NOT NULL"] if found.required else []), *found.conditions]
            return [f"CREATE DOMAIN {_QUOTE(found.name)} AS {' '.join((base, *parts))}"]
        raise InvalidSettings(
            f"{column} has the type {quoted(found.in_full)}, which a copy cannot have. Restore a dump into another "
            "database yourself, and migrate that database: the page 'An operator's day' says how."
        )
