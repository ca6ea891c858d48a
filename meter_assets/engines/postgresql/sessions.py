"""The settings of our transactions on PostgreSQL, and which session of the server executes one.

A URL, a role, a database, or another client of a pooler may have set anything. So each transaction sets, for itself,
what our statements depend on: through a pooler, the next transaction may be in another session. Add a setting to
`_SETTINGS` if a statement of ours depends on it. Only time-outs in the options of the URL are kept. Locks are in
`locks`.
"""

import re
from typing import Any

from psycopg2.extensions import PYDATE, PYDATETIME, PYDATETIMETZ, new_type, register_type
from sqlalchemy import Connection, Engine, event, func, select

MINUTES_TO_WAIT_FOR_A_LOCK = 5
"""A statement that waits longer for a lock fails, and its transaction is rolled back."""
_BEGIN = "meter-assets: begins each transaction"
_SETTINGS = {
    # What text means, and what the server writes.
    "TimeZone": "'UTC'",
    "DateStyle": "'ISO, YMD'",
    "IntervalStyle": "'postgres'",
    "bytea_output": "'hex'",
    "extra_float_digits": "1",
    "transform_null_equals": "off",
    # A query that a policy would filter fails (42501), instead of reading only some rows.
    "row_security": "off",
    # PostgreSQL cannot know how many rows a rule selects, takes it for one, and would compute a subquery again for
    # every row of another: minutes for a tenant of a few hundred rows. What we join, we join whole. And compiling our
    # large queries takes longer than running them.
    "enable_nestloop": "off",
    "jit": "off",
}
# A step is one transaction, however long it takes. What may not last long are locks, so we do not wait for ever.
_TIME_OUTS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": f"'{MINUTES_TO_WAIT_FOR_A_LOCK}min'",
}
_TIME_OUTS_SINCE_17 = {"transaction_timeout": "0"}
_OPTION = re.compile(r"(?:-c\s*|--)([\w-]+)\s*=")
"""A setting in the options of a URL, such as `-c lock_timeout=2s` or `--lock-timeout=2s`."""
_TEMPORARY = "pg_temp"
_SERVERS = "pg_catalog"
# The value that the URL, the role or the database gave this session, whatever an earlier client of a pooler has set.
# The temporary schema would be the first one if it were not named. No function or operator here can be replaced by
# another role's.
_GIVEN_SCHEMAS = f"""
SET LOCAL statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', pg_catalog.concat(
        reset_val, CASE reset_val OPERATOR(pg_catalog.<>) '' WHEN true THEN ', ' END, '{_TEMPORARY}'
    ), true) FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'search_path';
SELECT pg_catalog.current_schemas(false), (
    SELECT n.nspname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) CAST(pg_catalog.to_regclass('tenants') AS oid)
)"""


def prepare(engine: Engine) -> None:
    """Let each transaction of an engine set what our statements depend on, in one statement."""

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        for kind in _TIMES:
            register_type(kind, connection)
        record.info[_BEGIN] = _settings_of(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # SET takes no snapshot: what a transaction does first may be to lock tables, or to choose its isolation level.
        connection.exec_driver_sql(connection.info[_BEGIN])


def _settings_of(connection: Any) -> str:
    """Return the statement that begins each transaction of a new connection of the driver.

    Time-outs that the options of the URL set are left as they are: who gives a URL may be less patient than we are.
    """
    time_outs = {**_TIME_OUTS, **(_TIME_OUTS_SINCE_17 if connection.server_version >= 170000 else {})}
    chosen = {name.replace("-", "_").lower() for name in _OPTION.findall(connection.info.options or "")}
    settings = {
        **_SETTINGS,
        **{name: "DEFAULT" if name in chosen else value for name, value in time_outs.items()},
        # How the driver encodes and quotes text, which it decides when it connects.
        "client_encoding": f"'{connection.encoding}'",
        "standard_conforming_strings": connection.get_parameter_status("standard_conforming_strings") or "on",
        "search_path": ", ".join(_schemas(connection)),
    }
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())


def _schemas(connection: Any) -> list[str]:
    """Return where to look for tables, each quoted: the schema of `tenants` first, temporary tables last.

    So a temporary table cannot hide a table of the database, and no function of another role one of the server's.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN_SCHEMAS)
        given, of_tenants = cursor.fetchone()
    connection.rollback()
    named = [name for name in given if name != _SERVERS and not name.startswith(f"{_TEMPORARY}_")]
    named.sort(key=lambda name: name != of_tenants)
    return [*('"{}"'.format(name.replace('"', '""')) for name in named), _TEMPORARY]


# Dates that Python cannot hold


def _or_text(kind: Any) -> Any:
    """Return a conversion that returns the server's text for a time that Python cannot hold."""

    def convert(value: str | None, cursor: Any) -> Any:
        if value is not None and value.endswith("infinity"):  # the driver has a last day of its own for it
            return value
        try:
            return kind(value, cursor)
        except (ValueError, OverflowError):
            return value

    return convert


_TIMES = tuple(
    new_type(kind.values, f"{kind.name}_OR_TEXT", _or_text(kind)) for kind in (PYDATE, PYDATETIME, PYDATETIMETZ)
)


# Which session executes a transaction


def session_of(connection: Connection) -> int:
    """Return the id of the server's process that executes the current transaction."""
    return int(connection.scalars(select(func.pg_backend_pid())).one())
