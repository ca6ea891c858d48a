"""What a PostgreSQL role needs to preview, to migrate, or to monitor, and no more: as SQL for the tables' owner.

Pure: returns text. With these, no role of ours owns or makes a table: the script makes our own tables too.
"""

from collections.abc import Iterator
from enum import StrEnum

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from meter_assets.schema import BACKUP, JOURNALED, RUNS, BillingSchema

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_QUOTED = _DIALECT.identifier_preparer


class Purpose(StrEnum):
    """What a role is for."""

    preview = "preview"
    migrate = "migrate"
    monitor = "monitor"


def grants(schema: BillingSchema, purpose: Purpose, role: str, database: str) -> str:
    """Return the statements that let a role, which exists, do one thing in this database."""
    name = _QUOTED.quote(role)
    lines = [f"-- For {name}, to {purpose}. Run it as the owner of the billing tables."]
    lines += _own_tables(schema)
    space = schema.tables["tenants"].schema or "public"
    lines.append(f"GRANT CONNECT ON DATABASE {_QUOTED.quote(database)} TO {name};")
    lines.append(f"GRANT USAGE ON SCHEMA {_QUOTED.quote_schema(space)} TO {name};")
    every = [*schema.tables.values(), *schema.own.values()]
    lines.append(f"GRANT SELECT ON {', '.join(map(_named, every))} TO {name};")
    if purpose is Purpose.migrate:
        lines.append(f"GRANT TEMPORARY ON DATABASE {_QUOTED.quote(database)} TO {name};  -- for steps in batches")
        lines += [f"GRANT {what} TO {name};" for what in _writes(schema)]
    return "\n".join(lines) + "\n"


def _own_tables(schema: BillingSchema) -> Iterator[str]:
    """Make our own tables where they are missing: then no role has to be allowed to make tables."""
    for table in schema.own.values():
        yield str(CreateTable(table, if_not_exists=True).compile(dialect=_DIALECT)).strip() + ";"
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            yield str(CreateIndex(index, if_not_exists=True).compile(dialect=_DIALECT)).strip() + ";"


def _writes(schema: BillingSchema) -> Iterator[str]:
    """The columns that steps write; journals can be added to, not altered; a rollback takes rows out of the backup."""
    for step, (table, _, _) in JOURNALED.items():
        if table != BACKUP:
            columns = ", ".join(map(_QUOTED.quote, schema.written_columns(step)))
            yield f"UPDATE ({columns}) ON {_named(schema.tables[table])}"
        yield f"INSERT ON {_named(schema.journal(step))}"
    yield f"INSERT, DELETE ON {_named(schema.own[BACKUP])}"
    yield f"INSERT, UPDATE ON {_named(schema.own[RUNS])}"


def _named(table: Table) -> str:
    return _QUOTED.format_table(table)
