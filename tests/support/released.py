"""Databases and Dagster storages as a released version left them, rebuilt from the dumps in tests/upgrade.

Add here how a dump becomes a database again; what a version did to it is in the script that made the dump.
"""

import hashlib
import json
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from meter_assets.billing.columns import REQUIRED_COLUMNS
from meter_assets.migration.database import BillingDatabase
from tests.support.databases import contents

FOLDER = Path(__file__).parents[1] / "upgrade"
PLACE = {"sqlite": "sqlite:////srv/billing/billing.db", "postgresql": "postgresql://127.0.0.1:5432/billing"}
"""What stands in the dumps for the place of the billing database."""
DAGSTER_FILES = {"dagster_runs": "history/runs.db", "dagster_events": "history/runs/index.db"}


def load_dump(url: str, script: Path) -> BillingDatabase:
    """Return an empty billing database after it was filled from a dump."""
    database = BillingDatabase(url)
    connection = database.engine.raw_connection()
    try:
        cursor = connection.cursor()
        run = cursor.executescript if database.file else cursor.execute
        run(script.read_text(encoding="utf-8"))
        connection.commit()
    finally:
        connection.close()
    return database


def digests(database: BillingDatabase) -> dict[str, str]:
    """Return a digest of the rows of each billing table, as the driver gives them."""
    rows = {name: found for name, found in sorted(contents(database).items()) if name in REQUIRED_COLUMNS}
    return {name: hashlib.sha256(json.dumps(found).encode()).hexdigest() for name, found in rows.items()}


@dataclass(frozen=True)
class Released:
    """What a version left and showed; `version` is as in the names of the files."""

    version: str
    engine: str

    @property
    def shown(self) -> dict[str, Any]:
        """What the version showed of its billing database and of Dagster's storage."""
        return self._shown(self.engine)

    @property
    def alerts_cursor(self) -> str:
        """The cursor of the sensor of alerts that goes with Dagster's storage, of which there is one dump."""
        return str(self._shown("sqlite")["alerts_cursor"])

    def fill_instance(self, folder: Path, url: str) -> None:
        """Make the folder of a Dagster instance, with the version's dagster.yaml, of a billing database at this URL."""
        (folder / "history" / "runs").mkdir(parents=True)
        shutil.copy(self._file("dagster.yaml"), folder / "dagster.yaml")
        for name, path in DAGSTER_FILES.items():
            with sqlite3.connect(folder / path) as connection:
                connection.executescript(self._file(f"{name}.sql").read_text(encoding="utf-8"))
            connection.close()
        with sqlite3.connect(folder / DAGSTER_FILES["dagster_runs"]) as connection:
            connection.execute("DELETE FROM kvs")
            kept = {key.replace(PLACE[self.engine], _place(url)): one for key, one in self.shown["baseline"].items()}
            connection.executemany("INSERT INTO kvs (key, value) VALUES (?, ?)", kept.items())
        connection.close()

    def database(self, url: str) -> BillingDatabase:
        """Return the billing database as the version left it."""
        return load_dump(url, self._file(f"{self.engine}.sql"))

    def _shown(self, engine: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._file(f"{engine}.json").read_text(encoding="utf-8"))
        return found

    def _file(self, name: str) -> Path:
        return FOLDER / f"version_{self.version}.{name}"


def _place(url: str) -> str:
    """Return a URL without the driver and the user, as version 1.1.0 names a database in Dagster's storage."""
    given = make_url(url)
    server = f"{given.host}:{given.port}/" if given.host else "/"
    return f"{given.get_backend_name()}://{server}{given.database}"
