"""Validates values of a run config that Dagster's config types cannot: bounds of numbers, and policies that are text.

`MeterAssetsInstance` calls `require_valid_values` before it creates a run, so that an invalid config does not become a
run. It reads no environment: a web server may have another one than the runs. Add a function here for a field with
bounds. Which databases and folders a run config may name is in `defs.launchpad`.
"""

from collections.abc import Mapping
from typing import Any

from meter_assets.billing.policy import Policy
from meter_assets.errors import InvalidSettings
from meter_assets.migration.batch_size import AUTO

MOST_ROWS = 1_000_000_000


def require_valid_values(run_config: Mapping[str, Any]) -> None:
    """Raise InvalidSettings for an invalid number of rows, UnknownPolicy for an invalid policy."""
    batch_sizes(run_config)
    for name, resource in _mapping(run_config.get("resources")).items():
        if name == "policy" or name.startswith("policy_"):  # of a database with a name
            given = _mapping(_mapping(resource).get("config"))
            # A null is refused by the run: Dagster completes a config with nulls where a default is null.
            Policy.from_values(
                {key: one for key, one in given.items() if key in Policy.model_fields and one is not None}
            )


def batch_sizes(run_config: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of rows per transaction of each step that is to run in batches.

    Raises InvalidSettings for an invalid number.
    """
    found = {}
    for step, op in _mapping(run_config.get("ops")).items():
        size = _mapping(_mapping(op).get("config")).get("batch_size")
        if isinstance(size, int):
            if not 1 <= size <= MOST_ROWS and size != AUTO:
                raise InvalidSettings(
                    f"batch_size of {step} is {size}; expected a number of rows from 1 to {MOST_ROWS}, or {AUTO} for "
                    "as many as the load of the server allows. Nothing was changed."
                )
            found[step] = size
    return found


def _mapping(given: Any) -> Mapping[str, Any]:
    """Return a part of a run config as a mapping; empty if Dagster will report that it is none."""
    return given if isinstance(given, Mapping) else {}
