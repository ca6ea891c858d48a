"""The minimal rights of a user of MySQL or MariaDB, as SQL for an administrator.

The script also creates our own tables, so that the user needs no right to create tables. `obstacles_of` returns the
rights to write that the current user lacks. Add here every right that a new statement needs.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, MetaData, Table, text
from sqlalchemy.schema import CreateTable

from meter_assets.billing.own_tables import BACKUP, RECORDS, JournaledStep, not_written
from meter_assets.billing.schema import BillingSchema, added_columns
from meter_assets.engines.base import Purpose
from meter_assets.engines.mysql.temporary_tables import is_mariadb
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import shown, visible

_GRANT = re.compile(r"GRANT (.*) ON (?:TABLE )?(\S+) TO ", re.DOTALL)
_ONE_RIGHT = re.compile(r"([A-Z][A-Z ]*[A-Z])(?: \(([^)]*)\))?")
_SETTINGS = text("SHOW GLOBAL VARIABLES WHERE variable_name IN ('read_only', 'log_bin', 'binlog_format', 'wsrep_on')")
_RIGHTS_ABOVE_READ_ONLY = ("SUPER", "READ_ONLY ADMIN", "READ ONLY ADMIN", "CONNECTION_ADMIN", "ALL PRIVILEGES")


def account(role: str) -> str:
    """Return a user's name as GRANT takes it: 'name'@'host', or 'name' of any host, or a role."""
    name, at, host = role.rpartition("@") if "@" in role else (role, "", "")
    return _literal(name) + (f"@{_literal(host)}" if at else "")


def _literal(value: str) -> str:
    return "'{}'".format(value.strip("'").replace("\\", "\\\\").replace("'", "''"))


def grants(connection: Connection, schema: BillingSchema, purpose: Purpose, role: str) -> str:
    """Return the statements that grant an existing user the rights for one purpose in this database.

    Raises InvalidSettings for an empty name, and for a name that cannot be printed in one line.
    """
    if not role.strip():
        raise InvalidSettings(
            f"The role's name is {role!r}, which is empty. Name an existing role: 'meter-assets grants {purpose} ROLE'."
        )
    database = str(connection.scalar(text("SELECT DATABASE()")))
    for what, one in {"role": role, "database": database}.items():
        if visible(one) != one:
            raise InvalidSettings(
                f"The name of the {what}, {shown(one)}, has characters that cannot be printed, such as line "
                "breaks. They could change the printed statement. Give it another name."
            )
    printed = _Printed(connection, schema, database)
    name = account(role)
    lines = [f"-- For {name}, to {purpose.verb}. Run it as a user who may grant these rights.", *printed.own_tables()]
    lines += [f"GRANT {what} TO {name};" for what in printed.reads()]
    lines.append(f"GRANT CREATE TEMPORARY TABLES ON {printed.every_table} TO {name};")
    if purpose.writes:
        lines += [f"GRANT {what} TO {name};" for what in printed.writes(purpose)]
    return "\n".join(lines) + "\n"


class _Printed:
    """The statements about one database."""

    def __init__(self, connection: Connection, schema: BillingSchema, database: str) -> None:
        self._dialect, self._is_mariadb = connection.dialect, is_mariadb(connection)
        self._schema, self._database = schema, database
        self.every_table = f"{self._backquoted(database)}.*"

    def _backquoted(self, name: str) -> str:
        # In the quotes that a client reads, whatever its sql_mode is.
        return "`{}`".format(name.replace("`", "``"))

    def _named(self, table: Table) -> str:
        return f"{self._backquoted(table.schema or self._database)}.{self._backquoted(table.name)}"

    def own_tables(self) -> Iterator[str]:
        """Create the missing ones of our own tables, with their indexes."""
        for table in self._schema.own.values():
            placed = table.to_metadata(MetaData(), schema=self._database)
            indexes = sorted(placed.indexes, key=lambda one: str(one.name))
            created = str(CreateTable(placed, if_not_exists=True).compile(dialect=self._dialect)).strip()
            inside = "".join(
                f", KEY {self._backquoted(str(one.name))} ({', '.join(self._backquoted(c.name) for c in one.columns)})"
                for one in indexes
            )
            head, _, options = created.rpartition("\n)")
            yield (head + inside + "\n)" + options).replace('"', "`") + ";"
        to_add = self._schema.to_add
        own = {name: self._schema.own[name].to_metadata(MetaData(), schema=self._database) for name in to_add}
        for added in added_columns(own, to_add, self._dialect):
            yield added.replace('"', "`") + ";"

    def reads(self) -> Iterator[str]:
        """Return the rights to read: columns of the billing tables, and our own tables."""
        for name, table in self._schema.stored.items():
            # Only a right on the whole table shows its definition: on MySQL it must be SELECT.
            whole = not self._is_mariadb or name in self._schema.mapped  # whose SQL may read any column
            if not whole:
                yield f"SELECT ({self._columns(self._schema.selected_columns(name))}) ON {self._named(table)}"
            yield f"{'SELECT' if whole else 'SHOW VIEW'} ON {self._named(table)}"
            if whole and self._is_mariadb:
                yield f"SHOW VIEW ON {self._named(table)}"
        for table in self._schema.own.values():
            yield f"SELECT ON {self._named(table)}"

    def writes(self, purpose: Purpose) -> Iterator[str]:
        """Return the rights to write: columns of the billing tables, and inserts into our own tables."""
        schema, own = self._schema, self._schema.own
        updating = [step for step in schema.steps if step.target != BACKUP and schema.written_columns(step)]
        for step in updating:
            columns = schema.physical(step.target, _updated(schema, step))
            yield f"UPDATE ({self._columns(columns)}) ON {self._named(schema.table(step.target))}"
        # A row's version consists of all its values, and only this right shows the triggers.
        for target in dict.fromkeys(step.target for step in updating if step.target not in schema.results):
            yield f"SELECT, TRIGGER ON {self._named(schema.table(target))}"
        rolls_back = purpose is Purpose.rollback
        unwritten = {*not_written(to_roll_back=rolls_back), *({BACKUP} if rolls_back else ())}
        for name, table in own.items():
            if name not in unwritten:
                yield f"INSERT ON {self._named(table)}"
        if rolls_back:
            yield f"DELETE ON {self._named(own[BACKUP])}"
        yield f"LOCK TABLES ON {self.every_table}"

    def _columns(self, names: Iterable[str]) -> str:
        return ", ".join(map(self._backquoted, names))


def obstacles_of(
    connection: Connection, schema: BillingSchema, steps: Sequence[JournaledStep], to_roll_back: bool
) -> list[str]:
    """Return why this user, or this server, could not migrate or roll back, each a clause."""
    name, user = connection.execute(text("SELECT DATABASE(), CURRENT_USER()")).one()
    is_on = {str(row[0]).lower(): str(row[1]).upper() for row in connection.execute(_SETTINGS)}
    rights = _Rights(connection, name)
    if is_on.get("read_only") == "ON" and not rights.any_of(_RIGHTS_ABOVE_READ_ONLY):
        return ["the server is read-only: perhaps a replica"]
    if is_on.get("wsrep_on") == "ON":
        return ["the server is a node of a Galera cluster, which may refuse a transaction after it was written"]
    if is_on.get("log_bin") == "ON" and is_on.get("binlog_format") == "STATEMENT":
        return [
            "the server's binlog_format is STATEMENT, which cannot replicate what we write "
            "(SET GLOBAL binlog_format = 'ROW')"
        ]
    return [
        f"user {user} may not {what}"
        for what, right, table, column in _needed(schema, steps, to_roll_back)
        if not rights.has(right, table, column)
    ]


def _needed(
    schema: BillingSchema, steps: Sequence[JournaledStep], to_roll_back: bool
) -> Iterator[tuple[str, str, str, str]]:
    """Yield each right that a live run needs: in words, its name, and the table and the column that it is for."""
    writing = [step for step in steps if step.target != BACKUP and schema.written_columns(step)]
    for step in writing:
        if step.target in schema.results and not schema.has_results(step.target):
            continue
        written = _place(schema.table(step.target))
        for column in schema.physical(step.target, _updated(schema, step)):
            yield f"update {step.target}.{column}", "UPDATE", written, column
    for target in dict.fromkeys(step.target for step in writing if step.target not in schema.results):
        yield f"see the triggers of {target} (GRANT TRIGGER)", "TRIGGER", _place(schema.table(target)), ""
    # A rollback moves rows of the backup to those that are retired.
    others = {BACKUP} if to_roll_back else set()
    for name in sorted(schema.own_tables_present - others - not_written(to_roll_back=to_roll_back)):
        yield f"insert into {name}", "INSERT", name, ""
    if to_roll_back and BACKUP in schema.own_tables_present:
        yield f"delete from {BACKUP}", "DELETE", BACKUP, ""
    if missing := sorted(set(RECORDS if to_roll_back else schema.own) - schema.own_tables_present):
        yield f"create {', '.join(missing)}", "CREATE", missing[0], ""
    for name in () if to_roll_back else sorted(schema.to_add):
        yield f"add columns to {name}", "ALTER", name, ""
    yield "create temporary tables", "CREATE TEMPORARY TABLES", "", ""


def _updated(schema: BillingSchema, step: JournaledStep) -> tuple[str, ...]:
    """Return the columns that a statement of a step sets: also those that would be renewed if it did not."""
    return (*schema.written_columns(step), *schema.catalogue.renewed_columns(step.target))


def _place(table: Table) -> str:
    """Return the name of a table as `_Rights` finds it: with its database, if that is another one."""
    return table.name if table.schema is None else f"{table.schema}.{table.name}"


class _Rights:
    """The rights of the current user, from its own grants and those of its current role."""

    def __init__(self, connection: Connection, database: str) -> None:
        self._database = database
        self._found = [str(row[0]) for row in connection.execute(text("SHOW GRANTS"))]

    def any_of(self, rights: Iterable[str]) -> bool:
        """Return whether the user has one of these rights on the whole server."""
        return any(self._is_granted(right, "", "", only="*.*") for right in rights)

    def has(self, right: str, table: str, column: str) -> bool:
        """Return whether the user has a right on a table, or on a column of it."""
        return self._is_granted(right, table, column)

    def _is_granted(self, right: str, table: str, column: str, only: str = "") -> bool:
        for statement in self._found:
            found = _GRANT.match(statement)
            place = found[2].replace("`", "").replace('"', "").replace("\\_", "_") if found else ""
            if found is None or not self._covers(place, table) or (only and place != only):
                continue
            for one in _ONE_RIGHT.finditer(found[1]):
                columns = [name.strip(' `"') for name in (one[2] or "").split(",") if name]
                if one[1] in (right, "ALL PRIVILEGES", "ALL") and (not columns or column in columns):
                    return True
        return False

    def _covers(self, place: str, table: str) -> bool:
        database, _, name = table.rpartition(".")
        database = database or self._database
        return place in ("*.*", f"{database}.*", f"{database}.{name}") or (
            "%" in place and re.fullmatch(re.escape(place.partition(".")[0]).replace("%", ".*"), database) is not None
        )
