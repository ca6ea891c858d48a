"""The tour of `meter-assets demo`: creates the demo database, previews and migrates it, and says what to look at next.

Add here what the demo shows. Its data is in the package `demo`.
"""

from pathlib import Path

from sqlalchemy import inspect

from meter_assets import settings
from meter_assets.cli.session import Session, open_session
from meter_assets.cli.terminal import Terminal
from meter_assets.demo.database import BROKEN_TENANT, Demo, fixing_statement, make_demo
from meter_assets.demo.generator import DemoSize
from meter_assets.errors import InvalidSettings
from meter_assets.foreign_text import named
from meter_assets.migration.database import BillingDatabase
from meter_assets.private_files import make_file, make_folder


def tour(size: DemoSize, seed: int, *, fresh: bool) -> int:
    """Show the whole product on made-up data. Returns the exit status: 0 if only the tenant made to fail has failed.

    Raises InvalidSettings where the database that the environment names is not empty.
    """
    terminal = Terminal()
    database = settings.billing_database()
    _make(terminal, database, size, seed, fresh=fresh)
    with open_session(live=True) as session:
        terminal.heading("1. Preview of all tenants: what would change. Nothing is written.")
        session.preview(brief=True)
        terminal.heading("2. The migration, tenant by tenant")
        session.migrate("migrate_meter_financials")
        _explain(terminal, session)
    failed = {run.tenant.key for run in session.runs if not run.succeeded}
    return int(bool(failed - {str(BROKEN_TENANT)}))


def _make(terminal: Terminal, database: BillingDatabase, size: DemoSize, seed: int, *, fresh: bool) -> None:
    path = database.file
    ours = path == settings.demo_database_path()
    if fresh and not ours:
        raise InvalidSettings(
            f"--fresh would delete {database.url}, which is not the demo's own file. Empty it yourself, or unset "
            f"{settings.DATABASE_URL_VARIABLE}."
        )
    if path is not None:
        _touch(database, path, fresh=fresh)
    with database.transaction() as connection:
        there = inspect(connection).get_table_names()
        if there and ours:
            terminal.print(f"The demo database is there already: {database.url} (--fresh creates it again).")
            return
        if there:
            raise InvalidSettings(
                f"{database.url} is not empty: it has the tables {', '.join(sorted(there)[:5])}, ... . The demo only "
                f"fills an empty database. Name one, or unset {settings.DATABASE_URL_VARIABLE}."
            )
        made = make_demo(connection, size, seed)
        database.backend.analyze_if_never(connection)
    terminal.print(f"Made the demo database {database.url}: {_counts(made)}.")


def _touch(database: BillingDatabase, path: Path, *, fresh: bool) -> None:
    try:
        if path == settings.demo_database_path():
            make_folder(path.parent)
        if fresh:
            path.unlink(missing_ok=True)
        make_file(path)
    except OSError as error:
        raise InvalidSettings(f"Cannot make {database.url}: {error.strerror}. Name another file.") from None


def _counts(made: Demo) -> str:
    return ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in made.rows.items())


def _explain(terminal: Terminal, session: Session) -> None:
    """Say why the tenant that was made to fail has failed, how to fix it, and what to look at."""
    ours = settings.command("meter-assets")
    blocked = next((run for run in session.runs if run.tenant.key == str(BROKEN_TENANT) and not run.succeeded), None)
    if blocked is not None:
        names = ", ".join(one.name for one in blocked.broken)
        terminal.heading(f"3. Why tenant {named(blocked.tenant.key, blocked.tenant.name)} was blocked")
        terminal.print(
            f"Its data breaks {names}: money that cannot be told apart from another tenant's. Its meters are "
            "untouched, and no other tenant had to wait. Fix it, and run it again:"
        )
        with session.database.snapshot() as connection:
            terminal.print(f"  {_command_to_fix(session.database, fixing_statement(connection))}")
        terminal.print(f"  {ours} migrate-meter-financials --tenant {blocked.tenant.key} --yes")
    terminal.heading("What to look at next")
    terminal.print(f"  {ours} ui   # the asset graph, every run, check and preview, at http://127.0.0.1:3000")
    terminal.print(f"  {ours} history")
    terminal.print(f"  {ours} migrate-meter-financials --dry-run --tenant 2 --export preview")


def _command_to_fix(database: BillingDatabase, statement: str) -> str:
    code = database.python_for(statement)
    if code is None:
        return f"{statement};   -- in {database.url}"
    return f'{settings.command("python3")} -c "{code}"'
