"""The name of the code location under which Dagster's pages list the jobs of this package.

The tag for runs of the command line needs it: without the tag, the pages of jobs and the timeline do not list them. The
name differs between deployments: a workspace file sets it, `-m` uses the name of the module. Add here what the command
line must know about the pages' own view of the code.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from meter_assets.runtime import run_tags

MODULE = "meter_assets.definitions"
WORKSPACE_FILE = "workspace.yaml"
REPOSITORY = "__repository__"
"""The name that Dagster gives to the definitions of a module."""
_A_SENSOR = "tenant_partitions"


def repository_tag(instance: dg.DagsterInstance) -> Mapping[str, str]:
    """Return the tag by which Dagster's pages list a run of the command line under its job."""
    return {run_tags.REPOSITORY: f"{REPOSITORY}@{_name(instance)}"}


def _name(instance: dg.DagsterInstance) -> str:
    """Return the name that the daemon used last; before its first tick, the one that `meter-assets ui` would use."""
    known = [state for state in instance.all_instigator_state() if state.instigator_name == _A_SENSOR]
    if known:
        newest = max(known, key=_last_tick)
        return str(newest.origin.repository_origin.code_location_origin.location_name)
    return next(_of_workspace(Path(WORKSPACE_FILE)), MODULE)


def _last_tick(state: Any) -> float:
    return float(getattr(state.instigator_data, "last_tick_timestamp", None) or 0)


def _of_workspace(file: Path) -> Iterator[str]:
    """Yield the names under which a workspace file loads our module."""
    if not file.exists():
        return
    loaded = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    for entry in loaded.get("load_from") or ():
        module = entry.get("python_module") if isinstance(entry, dict) else None
        if isinstance(module, dict) and module.get("module_name") == MODULE:
            yield str(module.get("location_name") or MODULE)
        elif module == MODULE:
            yield MODULE
