"""What Dagster loads, pinned: assets, dependencies, checks, jobs; the sensor; what a launch without sense is told."""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import EnumType
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.metadata.metadata_set import TableMetadataSet
from dagster._core.storage.tags import MAX_RETRIES_TAG
from sqlalchemy import inspect, text

from meter_assets.billing.columns import MONEY_COLUMNS, OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from meter_assets.billing.own_tables import RUNS
from meter_assets.billing.policy import Policy
from meter_assets.definitions import build_definitions
from meter_assets.defs import metadata
from meter_assets.defs.check_pages import LONGEST_LINE
from meter_assets.defs.differences import difference_metadata
from meter_assets.defs.migration_preview import CHECK as PREVIEW_CHECK
from meter_assets.defs.partitions import TENANTS
from meter_assets.defs.resources import BillingResource, policy_resource
from meter_assets.defs.tenant_partitions import tenant_partitions
from meter_assets.migration.database import BillingDatabase
from meter_assets.reports.differences.by_customer import CauseOfDifference, Difference, TenantDifferences
from meter_assets.reports.differences.causes import Cause
from meter_assets.reports.narrow import WIDEST, width
from meter_assets.reports.tables import Grid
from meter_assets.rules.invariants import INVARIANTS, Group, Severity
from meter_assets.rules.steps import STEPS
from meter_assets.runtime import run_tags
from tests.support.check_pages import LOOK
from tests.support.command_line import HEALTHY, make_small_tenants

TABLES = {
    "tenants",
    "customers",
    "meters",
    "meter_assignments",
    "bills",
    "invoices",
    "invoice_bills",
    "payments",
}
DEPENDENCIES = {
    "payment_meter_ids": {
        "customer_balances_backup",
        "payments",
        "invoices",
        "customers",
        "meters",
        "meter_assignments",
    },
    "invoice_amounts": {"customer_balances_backup", "invoices", "invoice_bills", "bills"},
    "customer_balances_backup": {"customers"},
    "meter_balances": {"payment_meter_ids", "invoice_amounts", "customer_balances_backup", "meters"},
    "customer_balances": {"meter_balances", "meter_assignments", "customers"},
    "migration_preview": TABLES,
}
WRITES = {
    "payment_meter_ids": "payments",
    "invoice_amounts": "invoices",
    "customer_balances_backup": "customer_balances_backup",
    "meter_balances": "meters",
    "customer_balances": "customers",
    "migration_preview": "nothing",
}
GUARDED = {
    Group.values: "customer_balances_backup",
    Group.payments: "payment_meter_ids",
    Group.invoices: "invoice_amounts",
    Group.backup: "customer_balances_backup",
    Group.balances: "meter_balances",
}
MIGRATED = {"payment_meter_ids", "invoice_amounts", "customer_balances_backup", "meter_balances"}
CHECKS = {f"{asset}_checks" for asset in MIGRATED}
JOBS = {
    "migrate_meter_financials": MIGRATED | CHECKS,
    "migrate_meter_financials_without_validation": MIGRATED,
    "preview_meter_financials": {"migration_preview"},
    "validate_meter_financial_data": CHECKS,
    "sync_customer_balances": {"customer_balances"},
    "rollback_meter_financials": {"undo_steps"},
    "migrate_many_tenants": {"migrate_tenants"},
    "watch_migrated_tenants": {"judge_migrated_tenants"},
    "delete_old_watching_runs": {"delete_runs_that_watched"},
}
"""Per job, the assets that it materializes and the checks that it executes."""


def policy_of(**values: Any) -> dict[str, Any]:
    """Return the run config with these policies."""
    return {"resources": {"policy": {"config": values}}}


def told_to(step: str, **config: Any) -> dict[str, Any]:
    """Return the run config that tells a step, or another op, this."""
    return {"ops": {step: {"config": config}}}


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = tmp_path / "billing.db"
    path.touch()
    make_small_tenants(f"sqlite:///{path}")
    return f"sqlite:///{path}"


@pytest.fixture
def defs(url: str) -> dg.Definitions:
    return build_definitions({"billing": BillingResource(url=url)})


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions(str(TENANTS.name), ["1", "2", "3"])
        yield made


def test_the_graph_has_these_assets_and_dependencies(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert found == {**{table: set() for table in TABLES}, **DEPENDENCIES, "tenant_overview": set()}
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == {*DEPENDENCIES, "tenant_overview"}


def test_every_asset_is_partitioned_by_tenant_described_owned_and_tagged(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for name in DEPENDENCIES:
        node = graph.get(dg.AssetKey(name))
        assert node.partitions_def == TENANTS, name
        assert node.description, name
        assert node.owners, name
        assert node.tags["writes"] == WRITES[name], name
        assert node.backfill_policy is None, "any policy makes backfills lose the partition of check results"


def test_the_column_schemas_have_what_is_read_or_written_and_of_which_type(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    schemas = {
        key.to_user_string(): {column.name: column for column in schema.columns}
        for key in graph.get_all_asset_keys()
        if (schema := TableMetadataSet.extract(graph.get(key).metadata).column_schema)
    }
    assert schemas.keys() == TABLES | set(WRITES) - {"migration_preview"}
    for table in TABLES:
        assert set(schemas[table]) == {*REQUIRED_COLUMNS[table], *OPTIONAL_COLUMNS.get(table, ())}
    for step, table, columns in ((one.name, one.target, one.columns) for one in STEPS.values()):
        assert set(columns) <= set(schemas[step])
        assert all(schemas[step][name].description for name in columns), step
        if table in TABLES:
            assert [schemas[step][name] for name in columns] == [schemas[table][name] for name in columns]
    kinds = {f"{table}.{name}": column.type for table in TABLES for name, column in schemas[table].items()}
    assert {name for name, kind in kinds.items() if kind == "decimal"} == {
        f"{table}.{name}" for table, names in MONEY_COLUMNS.items() for name in names
    }
    assert (kinds["invoices.invoice_date"], kinds["meter_assignments.is_active"]) == ("date", "boolean")
    assert (kinds["payments.paid_at"], kinds["payments.meter_id"]) == ("timestamp", "id")


def test_every_invariant_is_a_partitioned_check_of_its_asset_and_blocks_if_it_is_an_error(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert {key.name for key in graph.asset_check_keys} == {one.name for one in INVARIANTS} | {PREVIEW_CHECK}
    preview = graph.get(dg.AssetCheckKey(dg.AssetKey("migration_preview"), PREVIEW_CHECK))
    assert (preview.blocking, preview.partitions_def) == (False, TENANTS)
    for invariant in INVARIANTS:
        spec = graph.get(dg.AssetCheckKey(dg.AssetKey(GUARDED[invariant.group]), invariant.name))
        assert spec.blocking == (invariant.severity is Severity.ERROR), invariant.name
        assert spec.partitions_def == TENANTS, invariant.name
        said = str(spec.description)
        assert " ".join(LOOK[invariant.name].split()) in " ".join(said.split()), "the SQL that lists the rows"
        code = "".join(re.findall(r"^```\w+\n(.*?)^```", said, flags=re.MULTILINE | re.DOTALL))
        assert max(map(len, code.splitlines())) <= LONGEST_LINE, "the page would be as wide as the line"
        assert "#### How to fix" in said
        assert not re.search(r"\]\([^)\s]*\.md", said), "a link to a file, which is dead in the UI"


def test_the_jobs_are_these(defs: dg.Definitions) -> None:
    jobs = [job for job in defs.resolve_all_job_defs() if job.name != "__ASSET_JOB"]
    assert {job.name: set(job.graph.node_names()) for job in jobs} == JOBS
    assert all(job.executor_def.name == "in_process" for job in jobs)
    assert all(job.description for job in jobs)


def test_the_sensor_adds_new_tenants_and_removes_those_that_are_gone(url: str, instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions(str(TENANTS.name), ["gone"])
    with BillingDatabase(url).transaction() as connection:
        connection.execute(text("INSERT INTO tenants (id, name) VALUES (7, 'New')"))
    with dg.build_sensor_context(instance=instance, resources={"billing": BillingResource(url=url)}) as context:
        result = tenant_partitions(context)
    assert isinstance(result, dg.SensorResult)
    requests = {type(one).__name__: one.partition_keys for one in result.dynamic_partitions_requests or ()}
    assert requests == {"AddDynamicPartitionsRequest": ["7"], "DeleteDynamicPartitionsRequest": ["gone"]}


def test_the_sensor_says_what_is_wrong_and_goes_on(instance: dg.DagsterInstance) -> None:
    resources = {"billing": BillingResource(url="sqlite:////nowhere/billing.db")}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        result = tenant_partitions(context)
    assert isinstance(result, dg.SensorResult)
    assert "does not exist" in str(result.skip_reason)


@pytest.mark.slow
def test_meter_balances_refuses_in_a_later_run_too(
    url: str, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    with BillingDatabase(url).transaction() as connection:
        connection.execute(text("UPDATE invoices SET meter_id = NULL WHERE id = 1"))
    job = defs.resolve_job_def("migrate_meter_financials")
    first = job.execute_in_process(instance=instance, partition_key=HEALTHY, raise_on_error=False)
    assert not first.success
    later = job.get_subset(asset_selection={dg.AssetKey("meter_balances")}, asset_check_selection=set())
    refused = later.execute_in_process(instance=instance, partition_key=HEALTHY, raise_on_error=False)
    failure = refused.failure_data_for_node("meter_balances")
    assert failure is not None
    assert failure.user_failure_data is not None
    told = str(failure.user_failure_data.description)
    assert "meter_balances of tenant 1 was refused, nothing was changed" in told
    assert "every_counted_invoice_has_a_meter: 1 violation, such as" in told
    allowed = later.execute_in_process(
        instance=instance,
        partition_key=HEALTHY,
        run_config={"ops": {"meter_balances": {"config": {"allow_invalid": True}}}},
    )
    assert allowed.success


@pytest.mark.slow
def test_whatever_is_launched_without_a_tenant_fails_with_a_sentence_and_is_not_tried_again(
    defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Every job with assets, and every asset; also once there is something to read of another tenant."""
    defs.resolve_job_def("migrate_meter_financials").execute_in_process(instance=instance, partition_key=HEALTHY)
    of_assets = {name for name, nodes in JOBS.items() if nodes <= DEPENDENCIES.keys() | CHECKS and not nodes <= CHECKS}
    jobs = [defs.resolve_job_def(name) for name in of_assets]
    assert len(jobs) == 4
    everything = defs.resolve_job_def("__ASSET_JOB")
    launches: list[tuple[dg.JobDefinition, list[dg.AssetKey], str]] = [(job, [], f"The job {job.name}") for job in jobs]
    launches += [(everything, [dg.AssetKey(name)], name) for name in DEPENDENCIES]
    launches += [(everything, [dg.AssetKey(name) for name in MIGRATED], "customer_balances_backup and 3 more")]
    for job, assets, named in launches:
        result = job.execute_in_process(instance=instance, asset_selection=assets, raise_on_error=False)
        (error,) = [event.job_failure_data.error for event in result.all_events if event.is_job_failure]
        assert error is not None
        assert error.message.startswith(f"{named} was launched without a tenant. Nothing was changed.")
        assert not error.stack
        assert instance.get_runs(limit=1)[0].tags[MAX_RETRIES_TAG] == "0"


@pytest.mark.slow
def test_a_check_shows_how_many_rows_break_it_which_and_what_to_do(
    url: str, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    with BillingDatabase(url).transaction() as connection:
        connection.execute(text("UPDATE invoices SET meter_id = NULL WHERE id IN (1, 2)"))
    job = defs.resolve_job_def("validate_meter_financial_data")
    result = job.execute_in_process(instance=instance, tags={run_tags.PARTITION: HEALTHY}, raise_on_error=False)
    name = "every_counted_invoice_has_a_meter"
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == name]
    assert (found.passed, found.partition, found.severity) == (False, HEALTHY, dg.AssetCheckSeverity.ERROR)
    assert found.metadata["violations"].value == 2
    table = found.metadata["first_violations"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["invoice id"] for record in table.records] == ["1", "2"]
    assert "invoices.meter_id" in str(found.metadata["what_to_do"].value)


@pytest.mark.slow
def test_a_materialization_tells_rows_by_rule_money_and_the_largest_changes(
    defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = defs.resolve_job_def("migrate_meter_financials").execute_in_process(
        instance=instance, partition_key=HEALTHY
    )
    assert result.success
    for name in MIGRATED:
        (event,) = result.asset_materializations_for_node(name)
        assert {"rows_changed", "rows", "money", "largest_changes", "duration_seconds"} <= set(event.metadata), name
        plotted = [key for key in event.metadata if key.endswith("_minor_units")]
        assert plotted
        assert all(len(key) <= len("brought_forward_minor_units") for key in plotted), "they would overprint"
        assert "hundredths" in str(defs.resolve_asset_graph().get(dg.AssetKey(name)).description)
        money = [value for key, value in event.metadata.items() if isinstance(value, dg.FloatMetadataValue)]
        assert money == [event.metadata["duration_seconds"]], "money is never shown as a float"


@pytest.mark.slow
def test_customer_balances_follow_the_meters_on_request(
    url: str, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    sync = defs.resolve_job_def("sync_customer_balances")
    refused = sync.execute_in_process(instance=instance, partition_key=HEALTHY, raise_on_error=False)
    failure = refused.failure_data_for_node("customer_balances")
    assert failure is not None
    assert failure.user_failure_data is not None
    told = str(failure.user_failure_data.description)
    assert "every_customer_has_a_backup: " in told
    assert "'meter-assets migrate-meter-financials --tenant 1'" in told
    assert "allow_invalid" not in told, "this step has no such option"
    defs.resolve_job_def("migrate_meter_financials").execute_in_process(instance=instance, partition_key=HEALTHY)
    with BillingDatabase(url).transaction() as connection:
        connection.execute(text("UPDATE customers SET balance = 12345 WHERE tenant_id = 1"))
    assert sync.execute_in_process(instance=instance, partition_key=HEALTHY).success
    with BillingDatabase(url).snapshot() as connection:
        assert connection.scalar(text("SELECT count(*) FROM customers WHERE tenant_id = 1 AND balance = 12345")) == 0


@pytest.mark.parametrize(
    "config", [{"balance_basis": "totals"}, {"basis": "invoice_totals"}, {"uncounted_payment_statuses": "failed"}]
)
def test_a_policy_that_there_is_not_is_refused_at_launch(
    config: dict[str, str], defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    job = defs.resolve_job_def("migrate_meter_financials")
    run_config = {"resources": {"policy": {"config": config}}}
    with pytest.raises(dg.DagsterInvalidConfigError) as error:
        job.execute_in_process(instance=instance, partition_key=HEALTHY, run_config=run_config)
    assert next(iter(config)) in str(error.value)


MIGRATE, PREVIEW = "migrate_meter_financials", "preview_meter_financials"
SENSELESS: dict[str, tuple[str, dict[str, Any], str]] = {
    "tolerance": (MIGRATE, policy_of(tolerance="much"), "Policy 'tolerance' cannot be 'much'"),
    "null for a choice": (
        MIGRATE,
        policy_of(balance_basis=None),
        "its values are: charges_and_opening_balance, invoice",
    ),
    "null for a list": (MIGRATE, policy_of(uncounted_invoice_statuses=None), "expected a list of strings"),
    "null for a number": (PREVIEW, policy_of(tolerance=None), "expected a number of currency units, 0 or more"),
    "no rows in a batch of a later step": (MIGRATE, told_to("meter_balances", batch_size=0), "is 0; expected a number"),
    "too many rows": (MIGRATE, told_to("payment_meter_ids", batch_size=10**30), "from 1 to 1000000000"),
    "no such step": (PREVIEW, told_to("migration_preview", steps=["meters"]), "There is no step 'meters'."),
    "no step": (PREVIEW, told_to("migration_preview", steps=[]), "No step is named. Name each step once"),
    "a step twice": (
        PREVIEW,
        told_to("migration_preview", steps=[*STEPS, *STEPS]),
        "meter_balances is named twice.",
    ),
    "too many days": (
        "delete_old_watching_runs",
        told_to("delete_runs_that_watched", keep_days=10**8),
        "must be from 1 to 36500. Nothing was deleted.",
    ),
    "a URL that is none": (
        PREVIEW,
        {"resources": {"billing": {"config": {"url": "billing"}}}},
        "METER_ASSETS_DATABASE_URL (or url in the run config) does not name a database",
    ),
}


@pytest.mark.parametrize(("job", "config", "sentence"), SENSELESS.values(), ids=SENSELESS.keys())
def test_what_has_no_sense_is_refused_in_a_sentence_before_anything_is_written(
    job: str, config: dict[str, Any], sentence: str, url: str, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    found = defs.resolve_job_def(job)
    partition = HEALTHY if found.partitions_def else None
    ended = found.execute_in_process(
        instance=instance, partition_key=partition, run_config=config, raise_on_error=False
    )
    assert not ended.success
    assert sentence in what_is_told(ended)
    with BillingDatabase(url).snapshot() as connection:
        assert not inspect(connection).has_table(RUNS)


def what_is_told(ended: dg.ExecuteInProcessResult) -> str:
    """Return the sentence of the first failure: of a step, or of the run where no step has begun."""
    (error,) = [event.job_failure_data.error for event in ended.all_events if event.is_job_failure]
    assert error is not None
    assert (error.stack, error.cause, error.context) == ([], None, None)
    return str(error.message)


NULLS = {
    "preview": (
        PREVIEW,
        told_to("migration_preview", steps=None, evaluate_invariants=None, judge_invariants=None, export_dir=None),
    ),
    "step": (MIGRATE, told_to("meter_balances", batch_size=None, allow_invalid=None)),
    "watching": ("watch_migrated_tenants", told_to("judge_migrated_tenants", full=None)),
    "retention": ("delete_old_watching_runs", told_to("delete_runs_that_watched", keep_days=None)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("job", "config"), NULLS.values(), ids=NULLS.keys())
def test_null_is_as_good_as_not_said(
    job: str, config: dict[str, Any], defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    found = defs.resolve_job_def(job)
    partition = HEALTHY if found.partitions_def else None
    assert found.execute_in_process(instance=instance, partition_key=partition, run_config=config).success


@pytest.mark.slow
@pytest.mark.parametrize("migrated", [False, True])
def test_a_preview_of_customer_balances_foretells_a_refusal(
    migrated: bool, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    if migrated:
        defs.resolve_job_def(MIGRATE).execute_in_process(instance=instance, partition_key=HEALTHY)
    previewed = defs.resolve_job_def(PREVIEW).execute_in_process(
        instance=instance,
        partition_key=HEALTHY,
        run_config=told_to("migration_preview", steps=["customer_balances"]),
    )
    (event,) = previewed.asset_materializations_for_node("migration_preview")
    live = defs.resolve_job_def("sync_customer_balances").execute_in_process(
        instance=instance, partition_key=HEALTHY, raise_on_error=False
    )
    assert live.success == migrated
    assert event.metadata["would_fail"].value != migrated
    assert str(event.metadata["invariants_afterwards"].value).endswith(" of 10 would pass")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "evaluates"),
    [
        ({}, True),
        ({"evaluate_invariants": False}, False),
        ({"judge_invariants": False}, False),
        ({"evaluate_invariants": False, "judge_invariants": True}, True),
    ],
    ids=["default", "new name", "deprecated name", "both names"],
)
def test_a_preview_accepts_both_names_for_evaluating_invariants(
    config: dict[str, bool], evaluates: bool, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    previewed = defs.resolve_job_def(PREVIEW).execute_in_process(
        instance=instance, partition_key=HEALTHY, run_config=told_to("migration_preview", **config)
    )
    (event,) = previewed.asset_materializations_for_node("migration_preview")
    assert ("invariants_afterwards" in event.metadata) == evaluates


def test_the_policy_resource_documents_every_policy() -> None:
    made = policy_resource(Policy(tolerance="5.00"))  # type: ignore[arg-type]
    assert made.policy() == Policy(tolerance="5.00")  # type: ignore[arg-type]
    fields = type(made).model_fields
    assert set(Policy.model_fields) <= set(fields)
    for name, policy in Policy.model_fields.items():
        kind: Any = policy.annotation
        values: list[Any] = list(kind) if isinstance(kind, EnumType) else []
        assert fields[name].description
        assert all(f"({value})" in str(fields[name].description) for value in values), name


@pytest.mark.slow
def test_a_preview_shows_whose_it_is_with_which_policy_and_tables_that_need_no_click(
    defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    previewed = defs.resolve_job_def(PREVIEW).execute_in_process(
        instance=instance, partition_key=HEALTHY, run_config=policy_of(tolerance="5.00")
    )
    (event,) = previewed.asset_materializations_for_node("migration_preview")
    shown = {key: value for key, value in event.metadata.items() if isinstance(value, dg.TableMetadataValue)}
    headings = {key: [column.name for column in value.schema.columns] for key, value in shown.items()}
    assert str(event.metadata["tenant"].value).startswith(f"{HEALTHY} ")
    assert {"policy": "tolerance", "value": "5.00"} in [record.data for record in shown["policy"].records]
    assert headings["meter_balances: largest"][:3] == ["id", "meter number", "balance"]
    assert headings["meter_balances: rows"][-2:] == ["rows", "net before"]
    assert all(width(grid_of(value)) <= WIDEST for value in shown.values())
    markdown = [key for key, value in event.metadata.items() if isinstance(value, dg.MarkdownMetadataValue)]
    assert markdown == [], "nothing that a browser would load or link"


def test_the_largest_differences_show_their_amounts_in_columns() -> None:
    """A narrow table has what does not fit in its last column: the name and the causes, and no figure."""
    part = CauseOfDifference(cause=Cause.payment_not_counted, amount=Decimal("-246.96"), rows=["payment 12"])
    sides: dict[str, Any] = {"backed_up_net": Decimal("1234.56"), "meters_net": Decimal("987.60")}
    one = Difference(kind="customer", id="7", name="Willowmere Water", causes=[part], **sides)
    found = TenantDifferences(
        tenant="1", name="T", planned=False, differing=1, uncertain=0, by_cause=[], largest=[one], **sides
    )
    shown = difference_metadata(found)["largest_differences"]
    grid = grid_of(shown)
    assert width(grid) <= WIDEST
    assert dict(zip(grid.headings, grid.rows[0], strict=True)) == {
        "of": "customer 7",
        "before → now": "1,234.56 → 987.60",
        "difference": "-246.96",
        "more": "name: Willowmere Water, causes: payment not counted -246.96 (payment 12)",
    }


def grid_of(value: dg.TableMetadataValue) -> Grid:
    headings = tuple(column.name for column in value.schema.columns)
    return Grid("", headings, tuple(tuple(str(one.data[name]) for name in headings) for one in value.records))


def test_metadata_values_are_built_in_one_module() -> None:
    """Dagster's pages render Markdown, so that no other module may decide what it shows of a name."""
    package = Path(metadata.__file__).parent.parent
    built = re.compile(r"MetadataValue\.(?!_)[a-z]|\b(Markdown|Text|Json|Url|Path|Table)MetadataValue\(")
    found = {path.name for path in package.rglob("*.py") if built.search(path.read_text(encoding="utf-8"))}
    assert found == {"metadata.py"}
    assert set(re.findall(r"MetadataValue\.(\w+)", Path(metadata.__file__).read_text(encoding="utf-8"))) == {
        "asset",
        "dagster_run",
        "text",
        "table",
        "json",
        "url",  # of our own statements: the key of a partition, encoded
    }
