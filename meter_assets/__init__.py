"""meter-assets: move a utility-billing database from balances per customer to balances per meter."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("meter-assets")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+source"


def __getattr__(name: str) -> Any:
    """Return the component, which is imported when it is asked for: other modules do not load Dagster."""
    if name == "MeterMigration":
        from meter_assets.components import MeterMigration

        return MeterMigration
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what there is, with the component: Dagster's command line lists it from here."""
    return [*globals(), "MeterMigration"]
