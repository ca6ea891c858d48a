"""Copies the billing tables into a database of their own, which is removed afterwards.

The source is a billing database or a dump of one. It is read in one snapshot and never written. Add here what happens
before or after the rows are copied; how an engine copies them is in `engines`.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from meter_assets.billing.mapping import DEFAULT_NAMES, DatabaseMapping
from meter_assets.billing.policy import Policy
from meter_assets.copying.as_read import copy_as_read
from meter_assets.copying.masks import copies_of
from meter_assets.engines import ENGINES, parse_url
from meter_assets.engines.base import DatabaseEngine, Scratch
from meter_assets.errors import InvalidSettings
from meter_assets.migration.database import BillingDatabase

Told = Callable[[str, int], None]
"""Takes the name of a table, and the number of its rows that are copied so far."""


@dataclass
class Copy:
    """A copy of the billing tables, and how it was made."""

    url: str
    """The URL of the copy, with its password."""
    shown_url: str
    rows: dict[str, int] = field(default_factory=dict)
    """The number of copied rows of each table."""
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    masked: tuple[str, ...] = ()
    """The columns with other values than in the source, each as table.column."""
    lacks: list[str] = field(default_factory=list)
    """What the tables of the source have and those of the copy lack, each a clause."""
    triggers: list[str] = field(default_factory=list)
    """The triggers of the source, which the copy lacks."""
    seconds_to_restore: float | None = None
    seconds: float = 0.0


@contextmanager
def copied(
    source: BillingDatabase | Path,
    into: str | None,
    policy: Policy,
    folder: Path,
    *,
    mapping: DatabaseMapping = DEFAULT_NAMES,
    keep: bool,
    told: Told,
) -> Iterator[Copy]:
    """Copy the billing tables of a database or of a dump, and remove the copy in the end, unless it is to be kept.

    `mapping` is how a dump names its tables. The copy has the usual names, whatever the source has.

    It is removed in any case if an exception (also Ctrl-C) leaves the context. `into` is the URL of the database for
    the copy, `folder` a private folder for files. Raises InvalidSettings, CopyFailed, OSError for a dump that cannot
    be read, and what `BillingDatabase.snapshot` and `schema` raise.
    """
    engine = source.backend if isinstance(source, BillingDatabase) else _engine_of(source)
    wanted = _parsed(into, engine)
    scratch = _claim(source, engine, wanted, folder)
    restored: Scratch | None = None
    try:
        started = time.monotonic()
        target = BillingDatabase(_with_password(scratch.url))
        copy = Copy(_with_password(scratch.url), target.url)
        if isinstance(source, BillingDatabase):
            database = source
        else:
            restored = engine.restore(source, folder, wanted)
            database = BillingDatabase(_with_password(restored.url), mapping=mapping)
            copy.seconds_to_restore = time.monotonic() - started if restored.created else None
        _copy(engine, database, target, policy, copy, told)
        if restored is not None:
            engine.release_scratch(restored)
            restored = None
        yield copy
    except BaseException:
        if restored is not None:
            engine.release_scratch(restored)
        engine.release_scratch(scratch)
        raise
    if keep:
        _unlock(scratch)
    else:
        engine.release_scratch(scratch)


def _engine_of(dump: Path) -> DatabaseEngine:
    """Return the engine of a dump. Raises InvalidSettings for a file that no engine can read."""
    try:
        found = next((engine for engine in ENGINES.values() if engine.is_dump(dump)), None)
    except OSError as error:
        raise InvalidSettings(f"The dump {dump} cannot be read: {error.strerror}.") from None
    if found is None:
        raise InvalidSettings(
            f"{dump} is not a dump that can be read. Expected what pg_dump writes (in the format custom, directory, "
            "tar or plain, not compressed by another program), or a copy of a SQLite file."
        )
    return found


def _parsed(into: str | None, engine: DatabaseEngine) -> URL | None:
    if into is None:
        return None
    other, url = parse_url(into, "--into")
    if other is not engine:
        raise InvalidSettings(
            f"--into names a database of {other.NAME}, expected one of {engine.NAME}: a copy is on the same engine."
        )
    return url


def _claim(source: BillingDatabase | Path, engine: DatabaseEngine, wanted: URL | None, folder: Path) -> Scratch:
    file = source.file if isinstance(source, BillingDatabase) else source
    if wanted is None and file is not None and file.is_file():
        _require_space(file, folder)
    if isinstance(source, Path):
        return engine.claim_scratch(wanted, folder, None)
    with source.snapshot() as connection:
        return engine.claim_scratch(wanted, folder, connection)


def _require_space(file: Path, folder: Path) -> None:
    size, free = file.stat().st_size, shutil.disk_usage(folder).free
    if free < size:
        raise InvalidSettings(
            f"The copy of {file} needs up to {size:,} bytes, and {folder.parent} has {free:,} free. Set the variable "
            "TMPDIR to a folder with more space."
        )


def _copy(
    engine: DatabaseEngine, source: BillingDatabase, target: BillingDatabase, policy: Policy, copy: Copy, told: Told
) -> None:
    started = time.monotonic()

    def report(table: str, rows: int) -> None:
        copy.rows[table] = rows
        told(table, rows)

    with source.snapshot() as reading:
        schema = source.schema(reading)
        tables = copies_of(schema, policy)
        copy.columns = {one.name: one.columns for one in tables}
        copy.masked = tuple(f"{one.name}.{column}" for one in tables for column in sorted(one.masked))
        copy.triggers = [str(one) for one in schema.catalogue.triggers]
        with target.transaction() as writing:
            copy_tables = copy_as_read if schema.mapped else engine.copy_tables
            copy.lacks = copy_tables(reading, writing, schema, tables, report)
    copy.seconds = time.monotonic() - started


def _with_password(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _unlock(scratch: Scratch) -> None:
    if scratch.lock is not None:
        scratch.lock.release()
