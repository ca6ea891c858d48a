"""Loads the modules of `defs/` with Dagster's own loader, and adds what all definitions share.

`definitions` builds the definitions of the environment's database from it, `components` those of a component. Add here
what all assets get. Assets, jobs, schedules and sensors themselves belong in `defs/`: nothing here names them.
"""

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

import meter_assets.defs
from meter_assets.billing.policy import Policy
from meter_assets.errors import MeterAssetsError
from meter_assets.version import __version__


def load_definitions(folder: ModuleType = meter_assets.defs) -> dg.Definitions:
    """Return the definitions that Dagster's loader finds in a package, without resources.

    An object that several modules import is one definition, and is returned once. Raises InvalidSettings if a module
    raises it.
    """
    found = _found_in(folder)
    return dg.Definitions(
        assets=_each_once(found.assets),
        asset_checks=_each_once(found.asset_checks),
        jobs=_each_once(found.jobs),
        schedules=_each_once(found.schedules),
        sensors=_each_once(found.sensors),
    )


def _found_in(folder: ModuleType) -> dg.Definitions:
    root = Path(meter_assets.__file__).parent.parent
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)  # caused by functions that the loader itself calls
            return dg.ComponentTree.from_module(defs_module=folder, project_root=root).build_defs(Path())
    except Exception as error:
        if isinstance(error.__cause__, MeterAssetsError):  # hidden in a drawing of the folder that does not help users
            raise error.__cause__ from None
        raise


def complete(
    loaded: dg.Definitions, resources: Mapping[str, Any], policy: Policy, executor: dg.ExecutorDefinition | None
) -> dg.Definitions:
    """Return the definitions with resources, code versions and links to the code. None means the default executor."""
    version = code_version(policy)
    return dg.Definitions(
        assets=[_versioned(one, version) for one in _with_links_to_code(loaded.assets or ())],
        asset_checks=loaded.asset_checks,
        jobs=loaded.jobs,
        schedules=loaded.schedules,
        sensors=loaded.sensors,
        resources=resources,
        executor=executor,
    )


def code_version(policy: Policy) -> str:
    """Return the code version of the assets: the software's version, and a digest of the policy's values.

    Dagster shows an asset as changed if its latest materialization has another code version; it starts no run for this.
    The digest covers only the operator's choices. It contains no URL, password or data of a database.
    """
    digest = hashlib.sha256(policy.model_dump_json().encode()).hexdigest()
    return f"{__version__}+policy.{digest[:12]}"


def _each_once(found: Iterable[Any] | None) -> list[Any]:
    return list({id(one): one for one in found or ()}.values())


def _versioned(asset: Any, version: str) -> Any:
    """Return an asset with a code version. A billing table, which is never materialized, is returned unchanged."""
    if not isinstance(asset, dg.AssetsDefinition):
        return asset
    return asset.map_asset_specs(lambda spec: spec.replace_attributes(code_version=version))


def _with_links_to_code(assets: Iterable[Any]) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # if this API changes, only the links are lost
        return list(dg.with_source_code_references(list(assets)))
