"""Components that add the asset graph to other Dagster projects by YAML: see `migration`.

Add a component as a module here, and export it below so that `dg` finds it.
"""

from meter_assets.components.migration import MeterMigration

__all__ = ["MeterMigration"]
