"""The definitions that Dagster loads: everything in `defs/`, with the resources and the policy of the environment.

Add an asset, a check, a job, a schedule or a sensor as a module of `defs/`: there is no list of them. How the folder is
loaded is in `loading`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from meter_assets import settings
from meter_assets.defs.resources import BillingResource, policy_resource
from meter_assets.loading import complete, load_definitions
from meter_assets.runtime.own_instance import require_own_code_server


def build_definitions(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions; the given resources (billing, policy) replace those of the environment."""
    settings.launchpad()  # reports an invalid value before anything is launched
    policy = settings.policy()
    chosen = {"billing": BillingResource(), "policy": policy_resource(policy), **(resources or {})}
    # The SQL does the work: a process per step would only add its start-up.
    return complete(load_definitions(), chosen, policy, dg.in_process_executor)


require_own_code_server()
defs = build_definitions()
