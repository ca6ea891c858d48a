"""meter-assets: move a utility-billing database from balances per customer to balances per meter."""

from typing import Any

from meter_assets.version import __version__ as __version__


def __getattr__(name: str) -> Any:
    """Return the component, which is imported when it is asked for: other modules do not load Dagster."""
    if name == "MeterMigration":
        from meter_assets.components import MeterMigration

        return MeterMigration
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what there is, with the component: Dagster's command line lists it from here."""
    return [*globals(), "MeterMigration"]
