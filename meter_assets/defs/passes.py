"""A pass over all migrated tenants: evaluates every invariant, and stores a result of each check for each tenant.

The job `watch_migrated_tenants` executes a pass, and so do checks that are executed without a partition. Add here what
a pass stores in Dagster; which tenants it evaluates is decided in `monitoring.watch`.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import dagster as dg
from pydantic import ValidationError
from sqlalchemy import URL, make_url

from meter_assets.defs import metadata
from meter_assets.defs.resources import BillingResource, PolicyResource
from meter_assets.defs.results import FIRST_CHANGE, evidence, other_policy, place, sentence
from meter_assets.migration.database import BillingDatabase
from meter_assets.migration.evaluation import InvariantResult
from meter_assets.migration.snapshot import tried_again
from meter_assets.monitoring.watch import Baseline, Pass, Watched, watch
from meter_assets.rules.invariants import Group, Severity
from meter_assets.rules.steps import guarded_step
from meter_assets.runtime.event_log import partitions_without_result, store_evaluations
from meter_assets.runtime.materializations import Materializations, latest_materializations

NAMED = 20
"""How many failing tenants are named in the result over all tenants."""
Context = dg.OpExecutionContext | dg.AssetCheckExecutionContext


@tried_again
def run_pass(context: Context, billing: BillingResource, policy: PolicyResource, *, full: bool) -> Pass:
    """Evaluate the migrated tenants in one snapshot: all of them, or only those that may have changed.

    A quick pass also evaluates the tenants whose newest execution of a check has no result.
    """
    database, scope = billing.database, billing.scope
    tenants = [tenant for tenant in database.every_tenant() if scope.includes(tenant.key)]
    earlier = _kept_baseline(context, database)
    assets = [scope.key(guarded_step(group)) for group in Group]
    unknown = frozenset() if full else partitions_without_result(context.instance, assets)
    with database.snapshot() as connection:
        schema = database.schema(connection)
        return watch(connection, schema, tenants, policy.policy(), earlier, full=full, also=unknown)


def store_pass(context: Context, database: BillingDatabase, found: Pass, targets: Materializations) -> bool:
    """Store the results and the baseline of a pass, unless a pass with a later snapshot has stored its own."""
    newest = _kept_baseline(context, database)
    if newest is not None and newest.at > found.baseline.at:
        return False
    assets = {group: dg.AssetKey(guarded_step(group)) for group in Group}
    store_evaluations(context.instance, context.run, list(_evaluations(database, found, targets, assets)))
    kept = {baseline_key(database): found.baseline.model_dump_json()}
    context.instance.daemon_cursor_storage.set_cursor_values(kept)
    return True


# The baseline that one pass stores for the next. It is stored in Dagster: a role that watches may only read the billing
# database.


def baseline_key(database: BillingDatabase) -> str:
    """Return the key of the baseline in Dagster: the same for every role that watches a database."""
    url = make_url(database.url)
    place = URL.create(url.get_backend_name(), host=url.host, port=url.port, database=url.database)
    return f"meter_assets/watching/{place.render_as_string()}"


def _kept_baseline(context: Context, database: BillingDatabase) -> Baseline | None:
    key = baseline_key(database)
    kept = context.instance.daemon_cursor_storage.get_cursor_values({key}).get(key)
    try:
        return None if kept is None else Baseline.model_validate_json(kept)
    except ValidationError as error:
        context.log.warning(
            f"The baseline that the last pass stored in Dagster as {key} cannot be read ({error.error_count()} values "
            "are missing or invalid). This pass evaluates every tenant and stores a new baseline; every violation "
            "is reported as known since this pass."
        )
        return None


# The check results of a tenant


def errors_of(watched: Watched) -> list[InvariantResult]:
    """Return the violated invariants of severity ERROR."""
    return [one for one in watched.results if one.severity is Severity.ERROR and not one.passed]


def _evaluations(
    database: BillingDatabase,
    found: Pass,
    targets: Materializations,
    assets: Mapping[Group, dg.AssetKey],
    only: Collection[str] | None = None,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the results of every tenant, or only those of some checks, as results of the checks of these assets."""
    url = database.url  # masked once for all of them
    for watched in found.watched:
        where = place(watched.tenant.name, url)
        for result in watched.results:
            if only is None or result.name in only:
                asset = assets[Group(result.group)]
                target = targets.get((asset.to_user_string(), watched.tenant.key))
                yield _evaluation(watched, result, asset, target, where)


def _evaluation(
    watched: Watched, result: InvariantResult, asset: dg.AssetKey, target: Any, where: dict[str, Any]
) -> dg.AssetCheckEvaluation:
    entries = evidence(result) | other_policy(watched.policy_differences) | where
    if not result.passed:
        entries["known_since"] = watched.since[result.name]
        if watched.first_change is not None and _has_first_change(watched, result):
            entries[FIRST_CHANGE] = metadata.text(watched.first_change)
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=result.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity[result.severity],
        description=result.description if result.passed else _drifted(watched, result),
        metadata=entries,
        partition=watched.tenant.key,
        target_materialization_data=target,
    )


def _has_first_change(watched: Watched, result: InvariantResult) -> bool:
    return watched.first_change is not None and result.subject == "meter_id" and result in errors_of(watched)


def _drifted(watched: Watched, result: InvariantResult) -> str:
    """Describe a violation: since when it is known, and which command would fix it. Nothing is corrected here."""
    parts = [sentence(result), f"Known since {watched.since[result.name]}."]
    if result.group == Group.balances and result.severity is Severity.ERROR:
        command = f"meter-assets migrate-customer-balances-to-meters --tenant {watched.tenant.key}"
        parts.append(
            f"Nothing was corrected. If invoices and payments are correct, '{command}' recomputes the balances."
        )
    return " ".join(parts)


# Checks that are executed without a partition


def judge_all(
    context: dg.AssetCheckExecutionContext,
    billing: BillingResource,
    policy: PolicyResource,
    checks: Mapping[str, dg.AssetKey],
) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
    """Evaluate some checks for all migrated tenants, store a result for each tenant, and yield one over all of them.

    This is what "Execute all" on the Checks tab of an asset launches. Dagster converts an AssetCheckResult only if the
    run has a partition, so evaluations are yielded.
    """
    (asset,) = set(checks.values())
    targets = latest_materializations(context.instance, [asset.to_user_string()])
    found = run_pass(context, billing, policy, full=True)
    evaluations = list(_evaluations(billing.database, found, targets, dict.fromkeys(Group, asset), checks))
    store_evaluations(context.instance, context.run, evaluations)
    for name in checks:
        yield dg.Output(None, output_name=f"{asset.to_python_identifier()}_{name}")
        yield _over_all(name, asset, [one for one in evaluations if one.check_name == name])


def _over_all(name: str, asset: dg.AssetKey, found: list[dg.AssetCheckEvaluation]) -> dg.AssetCheckEvaluation:
    failing = [one for one in found if not one.passed]
    keys = ", ".join(str(one.partition) for one in failing[:NAMED])
    more = f" and {len(failing) - NAMED} more" if len(failing) > NAMED else ""
    said = (
        f"Fails for {len(failing):,} of {len(found):,} migrated tenants: {keys}{more}. The result of each tenant is in "
        "its partition of this check."
    )
    severity = Severity.ERROR if any(one.severity is dg.AssetCheckSeverity.ERROR for one in failing) else Severity.WARN
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=name,
        passed=not failing,
        severity=dg.AssetCheckSeverity[severity],
        description=said if failing else f"Passes for every migrated tenant ({len(found):,}).",
        metadata={"tenants_judged": len(found), "tenants_failing": len(failing)},
        blocking=severity is Severity.ERROR,
    )
