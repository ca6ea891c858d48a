"""What Dagster loads: everything in `defs/`, found by Dagster's own loader, with the resources of the environment.

Add an asset, a check, a job, a schedule or a sensor as a module of `defs/`: no list names it here. What belongs here is
only what all definitions share: resources, the executor and links to the code.
"""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

import meter_assets.defs
from meter_assets import settings
from meter_assets.defs.resources import BillingResource, policy_resource


def load_definitions(folder: ModuleType = meter_assets.defs) -> dg.Definitions:
    """Return what a package of definitions contains, as Dagster's loader finds it, without resources.

    An object that several modules import is the same definition, and is returned once.
    """
    root = Path(meter_assets.__file__).parent.parent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # of functions that the loader itself calls
        found = dg.ComponentTree.from_module(defs_module=folder, project_root=root).build_defs(Path())
    return dg.Definitions(
        assets=_each_once(found.assets),
        asset_checks=_each_once(found.asset_checks),
        jobs=_each_once(found.jobs),
        schedules=_each_once(found.schedules),
        sensors=_each_once(found.sensors),
    )


def build_definitions(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions, with these resources (billing, policy) in place of those of the environment."""
    settings.launchpad()  # a value that cannot be used is told before anything is launched
    chosen = {"billing": BillingResource(), "policy": policy_resource(settings.policy()), **(resources or {})}
    return complete(load_definitions(), chosen)


def complete(loaded: dg.Definitions, resources: Mapping[str, Any]) -> dg.Definitions:
    """Return loaded definitions with their resources, links to the code, and executor."""
    return dg.Definitions(
        assets=_with_links_to_code(loaded.assets or ()),
        asset_checks=loaded.asset_checks,
        jobs=loaded.jobs,
        schedules=loaded.schedules,
        sensors=loaded.sensors,
        resources=resources,
        # The SQL does the work: a process per step would only add its start-up.
        executor=dg.in_process_executor,
    )


def _each_once(found: Iterable[Any] | None) -> list[Any]:
    return list({id(one): one for one in found or ()}.values())


def _with_links_to_code(assets: Iterable[Any]) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # a link is all that is lost, should that change
        return list(dg.with_source_code_references(list(assets)))


defs = build_definitions()
