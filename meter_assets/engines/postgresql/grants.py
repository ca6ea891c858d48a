"""The minimal rights of a role that previews, migrates, monitors or rolls back, as SQL for the owner of the tables.

`grants` reads from the server where the tables are, and returns the script. The script also creates our own tables, so
that the role needs no right to create tables. `obstacles_of` returns the rights to write that the current role lacks.
Add here every right that a new statement needs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, MetaData, Table, bindparam, func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from meter_assets.billing.own_tables import BACKUP, RECORDS, RUNS, JournaledStep, not_written
from meter_assets.billing.schema import BillingSchema, added_columns
from meter_assets.engines.base import Purpose
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import shown, visible

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_QUOTED = _DIALECT.identifier_preparer


@dataclass(frozen=True)
class Place:
    """A database's name, the schema in which each table is found by its name alone, and the schema of new tables."""

    database: str
    schemas: Mapping[str, str]
    new: str

    def __call__(self, table: Table) -> Table:
        """Return a table with its full name."""
        return table.to_metadata(MetaData(), schema=table.schema or self.schemas.get(table.name, self.new))


def place_of(connection: Connection, schema: BillingSchema) -> Place:
    """Read from the server where it finds the tables; its search_path need not start with public."""
    names = [table.name for table in (*schema.stored.values(), *schema.own.values())]
    found = connection.execute(
        text(
            "SELECT c.relname, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relname IN :names AND pg_table_is_visible(c.oid)"
        ).bindparams(bindparam("names", names, expanding=True))
    )
    schemas = {row.relname: row.nspname for row in found}
    database, new = connection.execute(text("SELECT current_database(), current_schema()")).one()
    return Place(database, schemas, new or "public")


def grants(connection: Connection, schema: BillingSchema, purpose: Purpose, role: str) -> str:
    """Return the statements that grant an existing role the rights for one purpose in this database.

    Raises InvalidSettings for an empty name, and for a name that cannot be printed in one line.
    """
    if not role.strip():
        raise InvalidSettings(
            f"The role's name is {role!r}, which is empty. Name an existing role: 'meter-assets grants {purpose} ROLE'."
        )
    place = place_of(connection, schema)
    for what, one in {"role": role, "database": place.database, **_schemas(schema, place)}.items():
        if visible(one) != one:
            raise InvalidSettings(
                f"The name of the {what}, {shown(one)}, has characters that cannot be printed, such as line "
                "breaks. They could change the printed statement. Give it another name."
            )
    name, database = _QUOTED.quote(role), _QUOTED.quote(place.database)
    tables, own = (_named_in_full(one, place) for one in (schema.stored, schema.own))
    every = [*tables.values(), *own.values()]
    spaces = sorted({_QUOTED.quote_schema(str(table.schema)) for table in every})
    lines = [f"-- For {name}, to {purpose.verb}. Run it as the owner of the billing tables."]
    if spaces != ["public"]:
        lines.append(f"-- The role finds them only if its search_path has {', '.join(spaces)}, as yours has.")
    lines += _own_tables(own)
    lines += [f"{one};" for one in added_columns(own, schema.to_add, _DIALECT)]
    lines.append(f"GRANT CONNECT ON DATABASE {database} TO {name};")
    lines.append(f"GRANT USAGE ON SCHEMA {', '.join(spaces)} TO {name};")
    lines += [f"REVOKE {what} FROM {name};" for what in _no_longer_needed(purpose, tables, own)]
    lines += [f"GRANT {what} TO {name};" for what in _reads(schema, tables, own)]
    if schema.read_elsewhere:
        lines.append(f"-- Grant SELECT also on what the mapping reads for {', '.join(schema.read_elsewhere)}.")
    if purpose.writes:
        lines.append(f"GRANT TEMPORARY ON DATABASE {database} TO {name};  -- for steps in batches")
        lines += [f"GRANT {what} TO {name};" for what in _writes(schema, tables, own, purpose)]
    return "\n".join(lines) + "\n"


def _schemas(schema: BillingSchema, place: Place) -> dict[str, str]:
    tables = (*schema.stored.values(), *schema.own.values())
    return {f"schema of {table.name}": str(place(table).schema) for table in tables}


def _named_in_full(tables: Mapping[str, Table], place: Place) -> dict[str, Table]:
    return {name: place(table) for name, table in tables.items()}


def _own_tables(own: Mapping[str, Table]) -> Iterator[str]:
    """Create the missing ones of our own tables, so that no role needs the right to create tables."""
    for table in own.values():
        yield str(CreateTable(table, if_not_exists=True).compile(dialect=_DIALECT)).strip() + ";"
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            yield str(CreateIndex(index, if_not_exists=True).compile(dialect=_DIALECT)).strip() + ";"


def _no_longer_needed(purpose: Purpose, tables: Mapping[str, Table], own: Mapping[str, Table]) -> Iterator[str]:
    """Revoke what version 1.0.0 granted: whole tables, the outcome of ended runs, and rows of the backup."""
    yield f"SELECT ON {', '.join(map(_named, tables.values()))}"
    if purpose is Purpose.migrate:
        yield f"UPDATE ON {_named(own[RUNS])}"
        yield f"DELETE ON {_named(own[BACKUP])}"


def _reads(schema: BillingSchema, tables: Mapping[str, Table], own: Mapping[str, Table]) -> Iterator[str]:
    """Return the rights to read: columns of the billing tables, and our own tables."""
    for name, table in tables.items():
        # SQL of a mapping may read any column of its table.
        columns = None if name in schema.mapped else schema.selected_columns(name)
        yield f"{'SELECT' if columns is None else _columns('SELECT', columns)} ON {_named(table)}"
    yield f"SELECT ON {', '.join(map(_named, own.values()))}"


def _writes(
    schema: BillingSchema, tables: Mapping[str, Table], own: Mapping[str, Table], purpose: Purpose
) -> Iterator[str]:
    """Return the rights to write: columns of the billing tables, and inserts, but no updates, into our own tables.

    Only a rollback may delete rows: it moves them out of the backup.
    """
    updating = [step for step in schema.steps if step.target != BACKUP and schema.written_columns(step)]
    for step in updating:
        columns = schema.physical(step.target, schema.written_columns(step))
        written = own[schema.results[step.target].name] if step.target in schema.results else tables[step.target]
        yield f"{_columns('UPDATE', columns)} ON {_named(written)}"
    rolls_back = purpose is Purpose.rollback
    unwritten = {*not_written(to_roll_back=rolls_back), *({BACKUP} if rolls_back else ())}
    added_to = [name for name in own if name not in unwritten]
    yield f"INSERT ON {', '.join(_named(own[name]) for name in added_to)}"
    if rolls_back:
        yield f"DELETE ON {_named(own[BACKUP])}"
    # A batch reads the version that PostgreSQL gives to each row.
    versioned = {step.target for step in updating} - schema.catalogue.views - set(schema.results)  # a view has none
    yield from (f"SELECT (xmin) ON {_named(tables[name])}" for name in sorted(versioned))


def _columns(right: str, columns: Iterable[str]) -> str:
    return f"{right} ({', '.join(map(_QUOTED.quote, columns))})"


def _named(table: Table) -> str:
    return _QUOTED.format_table(table)


def obstacles_of(
    connection: Connection, schema: BillingSchema, steps: Sequence[JournaledStep], to_roll_back: bool
) -> list[str]:
    """Return why this role could not migrate, or roll back, each a clause."""
    rights = list(_rights(schema, steps, to_roll_back))
    is_standby, reads_only = func.pg_is_in_recovery(), func.current_setting("default_transaction_read_only") == "on"
    asked = select(is_standby, reads_only, func.current_user(), *(right for _, right in rights))
    standby, read_only, role, *allowed = connection.execute(asked).one()
    if standby:
        return ["the server is a standby"]
    if read_only:
        return [f"transactions of role {role} are read-only by default"]
    return [f"role {role} may not {what}" for (what, _), is_so in zip(rights, allowed, strict=True) if not is_so]


def _rights(
    schema: BillingSchema, steps: Sequence[JournaledStep], to_roll_back: bool
) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """Yield each right that a live run needs, and the SQL expression that checks it."""
    for step in steps:
        if step.target == BACKUP or (step.target in schema.results and not schema.has_results(step.target)):
            continue
        written = _named(schema.table(step.target)) if schema.written_columns(step) else step.target
        for column in schema.physical(step.target, schema.written_columns(step)):
            yield f"update {step.target}.{column}", func.has_column_privilege(written, column, "UPDATE")
    # A rollback moves rows of the backup to those that are retired.
    others = {BACKUP} if to_roll_back else set()
    for name in sorted(schema.own_tables_present - others - not_written(to_roll_back=to_roll_back)):
        yield f"insert into {name}", func.has_table_privilege(name, "INSERT")
    if to_roll_back and BACKUP in schema.own_tables_present:
        yield f"delete from {BACKUP}", func.has_table_privilege(BACKUP, "DELETE")
    if missing := set(RECORDS if to_roll_back else schema.own) - schema.own_tables_present:
        yield f"create {', '.join(sorted(missing))}", func.has_schema_privilege(func.current_schema(), "CREATE")
    for name in () if to_roll_back else sorted(schema.to_add):
        owner = text("(SELECT relowner FROM pg_catalog.pg_class WHERE oid = to_regclass(:of))").bindparams(of=name)
        yield f"add columns to {name}, which is its owner's right", func.pg_has_role(owner, "USAGE")
