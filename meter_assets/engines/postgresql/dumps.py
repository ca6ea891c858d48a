"""Reads dumps that pg_dump wrote, with PostgreSQL's own programs, into a database that is dropped afterwards.

Custom, directory and tar formats are read by pg_restore, a plain one by psql. Add another format here.
"""

import re
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, text
from sqlalchemy.dialects import postgresql

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.engines import urls
from meter_assets.engines.base import Scratch
from meter_assets.engines.postgresql.scratch import connected, create, drop, exists, mark, marked_in
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import quoted, shown
from meter_assets.private_files import written

_CUSTOM, _TAR, _COMPRESSED = b"PGDMP", b"toc.dat\0", b"\x1f\x8b"
_PLAIN = re.compile(rb"\s*(--(?! MariaDB| MySQL)|\\restrict|SET |BEGIN)")
_START = 300
_WITHOUT = ("owner", "privileges", "publications", "subscriptions", "security-labels", "tablespaces")
"""What a copy does not need, and what needs roles or folders that this server may not have."""
_OF_OWNERS = re.compile(r'role "[^"]*" does not exist|must be (member of|able to SET ROLE)')
"""The errors of a plain dump that concern only who owns a table: the copy needs none of its owners."""
_LONGEST_NAME = 63
_SUFFIX = "_restored"
_SHOWN_ERRORS = 2
_ERRORS, _PASSWORDS = "errors.txt", "passwords"
_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
_SCHEMAS = text(
    """
SELECT n.nspname AS schema FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY(CAST(:tables AS name[])) AND c.relkind = ANY('{r,p,v,m,f}'::"char"[])
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
GROUP BY n.nspname ORDER BY bool_or(c.relname = 'tenants') DESC, count(*) DESC, n.nspname
"""
)


def is_dump(path: Path) -> bool:
    """Return whether a file, or a folder, is a dump of pg_dump in one of its formats."""
    if path.is_dir():
        return (path / "toc.dat").is_file()
    start = _start_of(path)
    return start.startswith((_CUSTOM, _TAR)) or bool(_PLAIN.match(start))


def restore(dump: Path, folder: Path, into: URL | None) -> Scratch:
    """Restore a dump into a new database beside `into`, which has its name and a suffix.

    Raises InvalidSettings if a program is missing, the database cannot be created, or the dump cannot be restored.
    """
    if into is None:
        raise InvalidSettings(
            f"The dump {dump} is of a PostgreSQL database: a rehearsal of it needs --into URL, a database for the copy "
            "on a server where it can be restored."
        )
    plain = dump.is_file() and not _start_of(dump).startswith((_CUSTOM, _TAR))
    program = _find("psql" if plain else "pg_restore", dump)
    url = into.set(database=f"{str(into.database)[: _LONGEST_NAME - len(_SUFFIX)]}{_SUFFIX}")
    _create(url)
    restored = Scratch(url, created=True)
    try:
        errors = folder / _ERRORS
        with errors.open("wb") as file:
            target = f"--dbname={_with_password_in_a_file(url, folder)}"
            command = [program, *_options(plain=plain), target, *(["--file"] if plain else []), str(dump.resolve())]
            status = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file
            ).returncode
        _require_success(status, errors.read_text(errors="replace"), dump, program, plain=plain)
        _let_tables_be_found(url)
    except BaseException:
        drop(url)
        raise
    finally:
        for name in (_ERRORS, _PASSWORDS):
            (folder / name).unlink(missing_ok=True)
    return restored


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_START)


def _find(program: str, dump: Path) -> str:
    found = shutil.which(program)
    if found is None:
        raise InvalidSettings(
            f"Reading the dump {dump} needs {program}, which is not on the PATH. Install PostgreSQL's client programs, "
            "of the version that wrote the dump or newer; or restore the dump into a database yourself, and name that "
            "in METER_ASSETS_DATABASE_URL."
        )
    return found


def _create(url: URL) -> None:
    """Create the database, in place of one that an interrupted rehearsal left behind."""
    if exists(url):
        with connected(url) as connection:
            ours = marked_in(connection) is not None
        if not ours:
            raise InvalidSettings(
                f"The database {urls.shown(url)}, into which the dump would be restored, exists already and is not of "
                "a rehearsal. Drop or rename it, or name another database with --into."
            )
        drop(url)
    create(url, None)
    with connected(url) as connection:
        mark(connection, url)


def _options(*, plain: bool) -> list[str]:
    if plain:
        return ["--no-psqlrc", "--quiet"]
    return ["--exit-on-error", *(f"--no-{what}" for what in _WITHOUT)]


def _with_password_in_a_file(url: URL, folder: Path) -> str:
    """Return a URL for PostgreSQL's programs. Other users see the arguments of a program, so no password is in it."""
    options = {name: value for name, value in url.query.items() if name != "password"}
    password = url.password or url.query.get("password")
    if password:
        escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
        with written(folder, _PASSWORDS) as file:
            file.write(f"*:*:*:*:{escaped}\n")
        options["passfile"] = str(folder / _PASSWORDS)
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, options)
    return plain.render_as_string(hide_password=False)


def _require_success(status: int, errors: str, dump: Path, program: str, *, plain: bool) -> None:
    """Raise InvalidSettings if the dump was not restored. A plain one names owners, who may be missing here."""
    lines = [one.strip() for one in errors.splitlines() if re.search("error|fatal", one, re.IGNORECASE)]
    if plain:
        lines = [one for one in lines if not _OF_OWNERS.search(one)]
    if not lines and (plain or not status):
        return
    said = "; ".join(quoted(one) for one in lines[:_SHOWN_ERRORS]) or shown(f"exit status {status}")
    raise InvalidSettings(
        f"{Path(program).name} could not restore the dump {dump}: {said}. Fix the cause; or restore the dump into a "
        "database yourself, and name that in METER_ASSETS_DATABASE_URL."
    )


def _let_tables_be_found(url: URL) -> None:
    """Set the search path of the restored database: a dump does not have that of the database or of a role."""
    with connected(url) as connection:
        found = connection.scalars(_SCHEMAS, {"tables": list(REQUIRED_COLUMNS)}).all()
        if found:
            path = ", ".join(_QUOTE(schema) for schema in dict.fromkeys((*found, "public")))
            connection.exec_driver_sql(f"ALTER DATABASE {_QUOTE(str(url.database))} SET search_path = {path}")
