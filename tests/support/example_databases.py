"""The databases of the examples, as tests load them."""

from pathlib import Path

from meter_assets.migration.database import BillingDatabase


def database_file(example: Path, engine: str) -> Path | None:
    """Return the SQL of an example for an engine; None if it is not for that engine."""
    only, every = example / f"database.{engine}.sql", example / "database.sql"
    return only if only.exists() else every if every.exists() else None


def load(url: str, file: Path) -> None:
    """Run the statements of a file, in each of which a semicolon ends a line."""
    with BillingDatabase(url).transaction() as connection:
        for statement in file.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))
