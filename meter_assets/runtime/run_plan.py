"""Reads the execution plan of the current run: which assets depend on the step that is running.

Add a function here for another question about the plan of a run. What its events say is in `run_events`.
"""

import dagster as dg


def assets_after(context: dg.AssetCheckExecutionContext) -> list[dg.AssetKey]:
    """Return the assets that this run would materialize only after the current step succeeds, in their order.

    The plan has exactly the dependencies by which Dagster skips assets after a failing check.
    """
    # The plan and the assets of its steps: no public API as of 1.13 says what a run executes.
    step = context.op_execution_context.get_step_execution_context()
    plan, layer = step.execution_plan, step.job.get_definition().asset_layer
    deps, chosen = plan.get_all_step_deps(), context.run.step_keys_to_execute
    waiting, found = {step.step.key}, []
    for one in plan.get_all_steps_in_topo_order():
        if one.key not in waiting and waiting & deps[one.key]:
            waiting.add(one.key)
            definition = layer.get_assets_def_for_node(one.node_handle)
            if definition is not None and (chosen is None or one.key in chosen):
                found += list(definition.keys)
    return found


def checks_of_run(context: dg.AssetCheckExecutionContext) -> frozenset[dg.AssetCheckKey] | None:
    """Return the checks that this run evaluates; None if it materializes assets too, between its checks."""
    step = context.op_execution_context.get_step_execution_context()
    layer, chosen = step.job.get_definition().asset_layer, context.run.step_keys_to_execute
    found: set[dg.AssetCheckKey] = set()
    for one in step.execution_plan.get_all_steps_in_topo_order():
        definition = layer.get_assets_def_for_node(one.node_handle)
        if definition is None or (chosen is not None and one.key not in chosen):
            continue
        if definition.keys:
            return None
        found.update(definition.check_keys)
    selected = context.run.asset_check_selection
    return frozenset(found.intersection(selected) if selected else found)  # the launchpad selects none: it means all
