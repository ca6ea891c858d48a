"""Components for Dagster projects of others: YAML by which they add the graph. See `migration`."""

from meter_assets.components.migration import MeterMigration

__all__ = ["MeterMigration"]
