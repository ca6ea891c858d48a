"""Copies of a database of MySQL or MariaDB for a rehearsal: none are made, and whoever asks for one is told what to do.

Add here how a copy is made, once it is; see the modules of this name of the other engines.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from sqlalchemy import URL, Connection

from meter_assets.billing.schema import BillingSchema
from meter_assets.engines.base import Scratch, TableCopy
from meter_assets.errors import InvalidSettings

_INSTEAD = (
    "meter-assets cannot make a copy of a MySQL or MariaDB database. Restore a backup of it into another database "
    "yourself (mariadb-dump or mysqldump, with --single-transaction), set METER_ASSETS_DATABASE_URL to that database, "
    "and migrate it."
)


def is_dump(path: Path) -> bool:
    """Return False: no dump is restored."""
    return False


def restore(dump: Path, folder: Path, into: URL | None) -> NoReturn:
    """Raise InvalidSettings."""
    raise InvalidSettings(_INSTEAD)


def claim_scratch(into: URL | None, folder: Path, billing: Connection | None) -> NoReturn:
    """Raise InvalidSettings."""
    raise InvalidSettings(_INSTEAD)


def release_scratch(scratch: Scratch) -> None:
    """Do nothing: no rehearsal has created anything."""


def copy_tables(
    source: Connection,
    target: Connection,
    schema: BillingSchema,
    copies: Sequence[TableCopy],
    copied: Callable[[str, int], None],
) -> NoReturn:
    """Raise InvalidSettings."""
    raise InvalidSettings(_INSTEAD)
