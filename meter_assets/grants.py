"""What a PostgreSQL role needs to preview, to migrate, or to monitor, and no more: as SQL for the tables' owner.

Asks the server where the tables are, and returns text. With these, no role of ours owns or makes a table: the script
makes our own tables too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, MetaData, Table, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from meter_assets.errors import InvalidSettings
from meter_assets.schema import BACKUP, ENDED_WITH, JOURNALED, RUNS, BillingSchema

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_QUOTED = _DIALECT.identifier_preparer


class Purpose(StrEnum):
    """What a role is for."""

    preview = "preview"
    migrate = "migrate"
    monitor = "monitor"


@dataclass(frozen=True)
class Place:
    """A database's name, and in which of its schemas a name without one is found: that of each table, or a new one."""

    database: str
    schemas: Mapping[str, str]
    new: str

    def __call__(self, table: Table) -> Table:
        """Return a table as it is named in full."""
        return table.to_metadata(MetaData(), schema=self.schemas.get(table.name, self.new))


def place_of(connection: Connection, schema: BillingSchema) -> Place:
    """Ask the server where it finds the tables: by its search_path, which need not begin with public."""
    names = [table.name for table in (*schema.tables.values(), *schema.own.values())]
    found = connection.execute(
        text(
            "SELECT c.relname, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relname IN :names AND pg_table_is_visible(c.oid)"
        ).bindparams(bindparam("names", names, expanding=True))
    )
    schemas = {row.relname: row.nspname for row in found}
    database, new = connection.execute(text("SELECT current_database(), current_schema()")).one()
    return Place(database, schemas, new or "public")


def grants(schema: BillingSchema, place: Place, purpose: Purpose, role: str) -> str:
    """Return the statements that let a role, which exists, do one thing in this database.

    Raises InvalidSettings for a role without a name.
    """
    if not role.strip():
        raise InvalidSettings(
            f"The role is {role!r}, which names none. Name one that exists: 'meter-assets grants {purpose} ROLE'."
        )
    name, database = _QUOTED.quote(role), _QUOTED.quote(place.database)
    tables, own = (_named_in_full(one, place) for one in (schema.tables, schema.own))
    every = [*tables.values(), *own.values()]
    spaces = sorted({_QUOTED.quote_schema(str(table.schema)) for table in every})
    lines = [f"-- For {name}, to {purpose}. Run it as the owner of the billing tables."]
    if spaces != ["public"]:
        lines.append(f"-- The role finds them only if its search_path has {', '.join(spaces)}, as yours has.")
    lines += _own_tables(own)
    lines.append(f"GRANT CONNECT ON DATABASE {database} TO {name};")
    lines.append(f"GRANT USAGE ON SCHEMA {', '.join(spaces)} TO {name};")
    lines.append(f"GRANT SELECT ON {', '.join(map(_named, every))} TO {name};")
    if purpose is Purpose.migrate:
        lines.append(f"GRANT TEMPORARY ON DATABASE {database} TO {name};  -- for steps in batches")
        lines += [f"GRANT {what} TO {name};" for what in _writes(schema, tables, own)]
    return "\n".join(lines) + "\n"


def _named_in_full(tables: Mapping[str, Table], place: Place) -> dict[str, Table]:
    return {name: place(table) for name, table in tables.items()}


def _own_tables(own: Mapping[str, Table]) -> Iterator[str]:
    """Make our own tables where they are missing: then no role has to be allowed to make tables."""
    for table in own.values():
        yield str(CreateTable(table, if_not_exists=True).compile(dialect=_DIALECT)).strip() + ";"
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            yield str(CreateIndex(index, if_not_exists=True).compile(dialect=_DIALECT)).strip() + ";"


def _writes(schema: BillingSchema, tables: Mapping[str, Table], own: Mapping[str, Table]) -> Iterator[str]:
    """The columns that steps write; journals can be added to, not altered; a rollback takes rows out of the backup."""
    for step, (table, _, _) in JOURNALED.items():
        if table != BACKUP:
            yield f"{_update(*schema.written_columns(step))} ON {_named(tables[table])}"
        yield f"INSERT ON {_named(own[schema.journal(step).name])}"
    yield f"INSERT, DELETE ON {_named(own[BACKUP])}"
    yield f"INSERT, {_update(*ENDED_WITH)} ON {_named(own[RUNS])}"


def _update(*columns: str) -> str:
    return f"UPDATE ({', '.join(map(_QUOTED.quote, columns))})"


def _named(table: Table) -> str:
    return _QUOTED.format_table(table)
